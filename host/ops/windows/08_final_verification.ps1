# Step 08, verification: the state of the services, a part of install.ps1.
# install.ps1 does all that is left of the nine steps, each time; arguments are passed on to it.
Write-Output 'Step 08, verification: the state of the services, a part of install.ps1.'
& "$PSScriptRoot\install.ps1" @args
exit $LASTEXITCODE
