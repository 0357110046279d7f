# Checks the machine, makes the tables of the database and registers the services. Open PowerShell as administrator.
# Arguments are those of "polytrader service install", for example: .\install.ps1 --mode live --passphrase FILE
$Root = Resolve-Path "$PSScriptRoot\..\.."
& "$Root\polytrader.exe" service install --data-dir "$Root\polytrader-data" @args
exit $LASTEXITCODE
