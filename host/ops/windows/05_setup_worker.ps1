# Step 05, worker: nothing to set up; it is a part of the program.
# install.ps1 does all that is left of the nine steps, each time; arguments are passed on to it.
Write-Output 'Step 05, worker: nothing to set up; it is a part of the program.'
& "$PSScriptRoot\install.ps1" @args
exit $LASTEXITCODE
