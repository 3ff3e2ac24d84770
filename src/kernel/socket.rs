//! The accept queue of a listening socket: connections that are open, but that the program has not taken yet.

use std::net::{IpAddr, SocketAddr};

use super::root::complete_lines;
use super::{ReadError, Reading, Root};

/// The accept queue of the sockets that listen on an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenReading {
    /// Connections waiting to be accepted now.
    pub queue: u64,
    /// How many may wait: the smaller of listen(2)'s backlog and `net.core.somaxconn`.
    pub limit: Option<u64>,
    /// Connections these sockets dropped, because the queue was full or for want of memory.
    pub drops: Option<u64>,
}

/// Reads the accept queue of `listen` from `/proc/net/tcp` or `tcp6`; limit and drops are not told there.
///
/// # Errors
/// When the file is missing, or no socket listens on the address.
pub fn read(root: &Root, listen: SocketAddr) -> Reading<ListenReading> {
    let path = if listen.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let text = root.read(path)?;
    let local = table_address(listen);
    let mut queues = complete_lines(&text).filter_map(|line| listening(line, &local)).peekable();
    if queues.peek().is_none() {
        return Err(ReadError::malformed(root.path(path), format!("no socket listens on {listen}")));
    }
    Ok(ListenReading { queue: queues.sum(), limit: None, drops: None })
}

/// `  0: 0100007F:0BB8 00000000:0000 0A 00000000:00000003 …`: address, peer, state (0A listens), send and receive queue.
fn listening(line: &str, local: &str) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    if fields.next()? != local || fields.nth(1)? != "0A" {
        return None;
    }
    u64::from_str_radix(fields.next()?.split_once(':')?.1, 16).ok()
}

/// An address as these tables write it: 32-bit words in the machine's byte order, then the port, in hexadecimal.
fn table_address(address: SocketAddr) -> String {
    let word = |bytes: &[u8]| format!("{:08X}", bytes.try_into().map_or(0, u32::from_ne_bytes));
    let ip = match address.ip() {
        IpAddr::V4(ip) => word(&ip.octets()),
        IpAddr::V6(ip) => ip.octets().chunks(4).map(word).collect(),
    };
    format!("{ip}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn addresses_of_the_table() {
        assert_eq!(table_address("127.0.0.1:3000".parse().unwrap()), "0100007F:0BB8");
        assert_eq!(table_address("[::1]:80".parse().unwrap()), "00000000000000000000000001000000:0050");
    }
}
