//! The calls that differ between systems.

#[cfg(unix)]
pub(crate) use self::unix::ManagerSocket;

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    /// A socket to the manager of services.
    #[derive(Debug)]
    pub(crate) struct ManagerSocket {
        socket: UnixDatagram,
        manager: SocketAddr,
    }

    impl ManagerSocket {
        /// Opens a socket to a manager's address: a path, or a name after `@`.
        pub(crate) fn open(address: &OsStr) -> io::Result<Self> {
            let manager = match address.as_encoded_bytes().strip_prefix(b"@") {
                Some(name) => abstract_address(name)?,
                None => SocketAddr::from_pathname(address)?,
            };
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok(Self { socket, manager })
        }

        pub(crate) fn send(&self, state: &[u8]) -> io::Result<usize> {
            self.socket.send_to_addr(state, &self.manager)
        }
    }

    /// A name outside of the file system, which only Linux has.
    #[cfg(target_os = "linux")]
    fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
        <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
    }

    #[cfg(not(target_os = "linux"))]
    fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// There is no systemd on this system, and so no value of this type.
#[cfg(windows)]
#[derive(Debug)]
pub(crate) enum ManagerSocket {}

#[cfg(windows)]
impl ManagerSocket {
    pub(crate) fn open(_: &std::ffi::OsStr) -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn send(&self, _: &[u8]) -> std::io::Result<usize> {
        match *self {}
    }
}
