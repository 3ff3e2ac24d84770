//! When a TCP socket last received something (`TCP_INFO`, tcp(7); `struct tcp_info` in `linux/tcp.h`).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How long ago a socket last received something, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Data; a FIN is not data.
    pub data_milliseconds: u32,
    /// Any segment that acknowledges something, a FIN too.
    pub segment_milliseconds: u32,
}

/// Reads the times of a TCP socket.
///
/// # Errors
/// Those of getsockopt(2).
pub fn read(socket: BorrowedFd<'_>) -> io::Result<Receipt> {
    // SAFETY: tcp_info is plain data, for which all zeroes is a valid value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the pointer and the length describe `info`, which the kernel fills at most up to the length.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut length)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Receipt { data_milliseconds: info.tcpi_last_data_recv, segment_milliseconds: info.tcpi_last_ack_recv })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::*;

    #[test]
    fn data_and_fin_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.write_all(b"x").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        drop(client);
        std::thread::sleep(Duration::from_millis(20));
        let receipt = read(server.as_fd()).unwrap();
        assert!(receipt.data_milliseconds >= receipt.segment_milliseconds + 150, "{receipt:?}");
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(read(file.as_fd()).is_err());
    }
}
