//! The accept queue of a listening socket: connections that are open, but that the program has not taken yet.

mod diag;

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

/// Reads the accept queue of `listen`: from the kernel's socket diagnostics, and where there are none (or below another
/// root) from `/proc/net/tcp` or `tcp6`, which tell neither limit nor drops, and cost milliseconds: they walk all connections.
///
/// # Errors
/// When neither can be read, or no socket listens on the address.
pub fn read(root: &Root, listen: SocketAddr) -> Reading<ListenReading> {
    if root.is_real()
        && let Ok(found) = diag::listening(listen)
    {
        return found
            .ok_or_else(|| ReadError::malformed("NETLINK_SOCK_DIAG", format!("no socket listens on {listen}")));
    }
    from_table(root, listen)
}

fn from_table(root: &Root, listen: SocketAddr) -> Reading<ListenReading> {
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
    use std::time::{Duration, Instant};

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn addresses_of_the_table() {
        assert_eq!(table_address("127.0.0.1:3000".parse().unwrap()), "0100007F:0BB8");
        assert_eq!(table_address("[::1]:80".parse().unwrap()), "00000000000000000000000001000000:0050");
    }

    /// A queue for one connection (the kernel lets one more in than asked), and clients that nobody accepts.
    fn full_queue(address: &str) -> (Socket, SocketAddr, Vec<Socket>) {
        let address: SocketAddr = address.parse().unwrap();
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(1).unwrap();
        let bound = listener.local_addr().unwrap().as_socket().unwrap();
        let clients = (0..6)
            .map(|_| {
                let client = Socket::new(Domain::for_address(bound), Type::STREAM, None).unwrap();
                client.set_nonblocking(true).unwrap();
                let _ = client.connect(&bound.into());
                client
            })
            .collect();
        (listener, bound, clients)
    }

    #[test]
    fn a_full_queue_on_the_running_kernel() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (listener, bound, _clients) = full_queue(address);
            let end = Instant::now() + Duration::from_secs(30);
            let full = |reading: ListenReading| reading.queue == 2 && reading.drops.is_none_or(|drops| drops > 0);
            while !full(read(&Root::real(), bound).unwrap()) {
                assert!(Instant::now() < end, "{:?}", read(&Root::real(), bound));
                std::thread::sleep(Duration::from_millis(10));
            }
            assert_eq!(read(&Root::real(), bound).unwrap().limit, Some(1), "{address}");
            // Both sources say the same.
            assert_eq!(from_table(&Root::real(), bound).unwrap().queue, 2, "{address}");
            drop(listener);
            assert!(read(&Root::real(), bound).unwrap_err().to_string().contains("no socket listens"), "{address}");
        }
    }
}
