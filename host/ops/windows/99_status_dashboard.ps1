# Shows the status of the host. -TailOnFailure adds the last lines of the logs of what is not healthy.
$Root = Resolve-Path "$PSScriptRoot\..\.."
$Options = @($args) -replace '^-TailOnFailure$', '--tail-on-failure'
& "$Root\polytrader.exe" status --once --data-dir "$Root\polytrader-data" @Options
exit $LASTEXITCODE
