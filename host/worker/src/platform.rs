//! The calls that differ between systems.

/// The signals that end a worker: an interruption, and on other systems than Windows SIGTERM. Once registered, they no
/// longer end the process by themselves.
#[derive(Debug)]
pub struct Interrupts {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(unix)]
impl Interrupts {
    /// Registers the signals. Call it inside a runtime.
    ///
    /// # Errors
    /// If they cannot be received.
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next signal. Safe to cancel.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
impl Interrupts {
    /// Registers the signals. Call it inside a runtime.
    ///
    /// # Errors
    /// If they cannot be received.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next signal. Safe to cancel.
    pub async fn next(&mut self) {
        let _interrupted = self.interrupt.recv().await;
    }
}
