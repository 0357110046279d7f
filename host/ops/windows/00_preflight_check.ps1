# Step 00, checks of the machine: polytrader doctor, a part of install.ps1.
# install.ps1 does all that is left of the nine steps, each time; arguments are passed on to it.
Write-Output 'Step 00, checks of the machine: `polytrader doctor`, a part of install.ps1.'
& "$PSScriptRoot\install.ps1" @args
exit $LASTEXITCODE
