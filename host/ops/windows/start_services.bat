@echo off
rem Starts PolyTrader-API, PolyTrader-UI and PolyTrader-Worker. Needs an administrator.
"%~dp0polytrader.exe" service start %*
exit /b %ERRORLEVEL%
