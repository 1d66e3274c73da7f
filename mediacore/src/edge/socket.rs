//! Socket addresses as the kernel writes them, and the waking of a sleeping loop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Bytes of one datagram that is taken: as many as an Ethernet carries.
pub const DATAGRAM_MAX: usize = 1_500;
/// Bytes of the longest address we use.
pub const NAME_BYTES: usize = size_of::<libc::sockaddr_in6>();

/// An address in the kernel's form.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct RawName {
    bytes: [u8; 32],
    len: libc::socklen_t,
}

impl RawName {
    /// Room for an address.
    pub const fn empty() -> Self {
        RawName { bytes: [0; 32], len: NAME_BYTES as libc::socklen_t }
    }

    /// From an address. The family is in the machine's byte order, the rest in the network's.
    pub fn new(address: SocketAddr) -> Self {
        let mut bytes = [0; 32];
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        let (family, len) = match address {
            SocketAddr::V4(v4) => {
                bytes[4..8].copy_from_slice(&v4.ip().octets());
                (libc::AF_INET, size_of::<libc::sockaddr_in>())
            }
            SocketAddr::V6(v6) => {
                bytes[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
                bytes[8..24].copy_from_slice(&v6.ip().octets());
                bytes[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
                (libc::AF_INET6, size_of::<libc::sockaddr_in6>())
            }
        };
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        RawName { bytes, len: len as libc::socklen_t }
    }

    /// Where the kernel reads or writes it.
    pub fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.bytes.as_mut_ptr().cast()
    }

    /// How long it is.
    pub fn len(&self) -> libc::socklen_t {
        self.len
    }

    /// The address the kernel wrote.
    pub fn read(&self) -> Option<SocketAddr> {
        read_name(&self.bytes[..NAME_BYTES])
    }
}

/// The address in bytes that the kernel wrote.
pub fn read_name(bytes: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let ip = match family {
        libc::AF_INET => {
            let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Lets the kernel pass only datagrams of this source, or of every source again.
pub fn filter(fd: RawFd, source: Option<SocketAddr>) -> io::Result<()> {
    let mut name = match source {
        Some(source) => RawName::new(source),
        // AF_UNSPEC dissolves the association.
        None => RawName { bytes: [0; 32], len: NAME_BYTES as libc::socklen_t },
    };
    let (address, len) = (name.as_mut_ptr(), name.len());
    // SAFETY: `name` holds `len` initialised bytes and is alive during the call.
    let result = unsafe { libc::connect(fd, address.cast(), len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bytes of the datagram that waits first; zero when none waits, `None` when the kernel does not say.
pub fn bytes_waiting(fd: RawFd) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, which is alive during the call.
    let result = unsafe { libc::ioctl(fd, libc::FIONREAD, &mut bytes) };
    (result == 0).then(|| usize::try_from(bytes).ok()).flatten()
}

/// Wakes a loop that waits for datagrams.
pub struct Wake(OwnedFd);

impl Wake {
    /// A waker.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed; the result is checked before it becomes an owned
        // descriptor.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just made by eventfd and belongs to nobody else.
        Ok(Wake(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Wakes; several calls are one.
    pub fn wake(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: eight initialised bytes, alive during the call. A full counter wakes all the same.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Takes back all wakings.
    pub fn clear(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: eight writable bytes, alive during the call. Nothing to read is no matter.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// For polling.
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_kernels_form() {
        for text in ["192.0.2.7:20000", "[2001:db8::7]:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(RawName::new(address).read(), Some(address));
        }
        assert_eq!(read_name(&[0; 28]), None);
        assert_eq!(read_name(&[2, 0]), None);
    }
}
