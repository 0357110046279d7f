@echo off
rem Stops PolyTrader-Worker, PolyTrader-UI and PolyTrader-API, which cancels all orders. Needs an administrator.
"%~dp0polytrader.exe" service stop %*
exit /b %ERRORLEVEL%
