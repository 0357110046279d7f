# Step 02, repository: nothing to set up; the program is one file.
# install.ps1 does all that is left of the nine steps, each time; arguments are passed on to it.
Write-Output 'Step 02, repository: nothing to set up; the program is one file.'
& "$PSScriptRoot\install.ps1" @args
exit $LASTEXITCODE
