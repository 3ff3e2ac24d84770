//! Socket diagnostics over netlink (sock_diag(7), include/uapi/linux/inet_diag.h): the listening sockets of a port, without a
//! walk over all connections.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::ListenReading;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `1 << (INET_DIAG_SKMEMINFO - 1)`: asks for the attribute that holds the drops.
const WANT_MEMORY: u8 = 1 << (INET_DIAG_SKMEMINFO - 1);
const INET_DIAG_SKMEMINFO: u16 = 7;
/// Place of the drops in that attribute (include/uapi/linux/sock_diag.h).
const SK_MEMINFO_DROPS: usize = 8;
const TCP_LISTEN: u32 = 10;
/// `struct nlmsghdr`, `struct inet_diag_sockid` and `struct inet_diag_msg`.
const HEADER: usize = 16;
const SOCKET_ID: usize = 48;
const MESSAGE: usize = 4 + SOCKET_ID + 20;

/// What the sockets that listen on exactly this address have in their queues; `None` where none does.
///
/// # Errors
/// When the kernel has no such diagnostics, or answers with an error.
pub fn listening(address: SocketAddr) -> io::Result<Option<ListenReading>> {
    let mut socket =
        Socket::new(Domain::from(libc::AF_NETLINK), Type::DGRAM, Some(Protocol::from(libc::NETLINK_SOCK_DIAG)))?;
    // The kernel answers at once; should it ever not, the sampler must not hang.
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send(&request(address))?;
    let mut found = None;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = socket.read(&mut buffer)?;
        if collect(&buffer[..length], address, &mut found)? {
            return Ok(found);
        }
    }
}

/// All TCP sockets in the state "listen" on the port: `struct nlmsghdr`, then `struct inet_diag_req_v2`.
fn request(address: SocketAddr) -> Vec<u8> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 } as u8;
    let length = HEADER + 8 + SOCKET_ID;
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, libc::IPPROTO_TCP as u8, WANT_MEMORY, 0]);
    bytes.extend((1_u32 << TCP_LISTEN).to_ne_bytes());
    bytes.extend(address.port().to_be_bytes());
    bytes.resize(length, 0);
    bytes
}

/// Adds up the messages of one datagram; true when the last one has come.
fn collect(mut bytes: &[u8], address: SocketAddr, found: &mut Option<ListenReading>) -> io::Result<bool> {
    let cut = || io::Error::new(io::ErrorKind::InvalidData, "a netlink message is cut short");
    while !bytes.is_empty() {
        let length = word(bytes, 0).map(|length| length as usize).filter(|length| *length >= HEADER).ok_or_else(cut)?;
        let message = bytes.get(..length).ok_or_else(cut)?;
        let body = &message[HEADER..];
        match half(message, 4).map(i32::from) {
            Some(libc::NLMSG_DONE) => return Ok(true),
            Some(libc::NLMSG_ERROR) => {
                let error = word(body, 0).map_or(libc::EPROTO, |code| (code as i32).wrapping_neg());
                return Err(io::Error::from_raw_os_error(error));
            }
            _ => {
                if body.len() < MESSAGE {
                    return Err(cut());
                }
                if local_address(body) == Some(address) {
                    let sum = found.get_or_insert_default();
                    sum.queue += word(body, 56).map_or(0, u64::from);
                    sum.limit = Some(sum.limit.unwrap_or(0) + word(body, 60).map_or(0, u64::from));
                    sum.drops = drops(&body[MESSAGE..]).map(|drops| sum.drops.unwrap_or(0) + drops).or(sum.drops);
                }
            }
        }
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    Ok(false)
}

fn local_address(body: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(body.get(4..6)?.try_into().ok()?);
    let ip = match i32::from(*body.first()?) {
        libc::AF_INET => IpAddr::from(<[u8; 4]>::try_from(body.get(8..12)?).ok()?),
        libc::AF_INET6 => IpAddr::from(<[u8; 16]>::try_from(body.get(8..24)?).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Looks through the attributes (`struct rtattr`: length, kind, content) for the one with the drops.
fn drops(mut attributes: &[u8]) -> Option<u64> {
    loop {
        let (length, kind) = (usize::from(half(attributes, 0)?), half(attributes, 2)?);
        let content = attributes.get(4..length)?;
        if kind == INET_DIAG_SKMEMINFO {
            return word(content, 4 * SK_MEMINFO_DROPS).map(u64::from);
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(offset..offset + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(offset..offset + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    fn listener(port: u16, queue: u32, limit: u32) -> Vec<u8> {
        let mut body = vec![libc::AF_INET as u8, TCP_LISTEN as u8, 0, 0];
        body.extend(port.to_be_bytes());
        body.extend([0, 0, 127, 0, 0, 1]);
        body.resize(56, 0);
        body.extend(queue.to_ne_bytes());
        body.extend(limit.to_ne_bytes());
        body.resize(MESSAGE, 0);
        // Another attribute first, of a length that needs padding; then the one that counts.
        body.extend([5, 0, 5, 0, 9, 0, 0, 0]);
        body.extend([40, 0, 7, 0]);
        body.extend([0; 32]);
        body.extend(3_u32.to_ne_bytes());
        body
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn sockets_of_the_address_are_added_up_and_others_are_not() {
        let address = "127.0.0.1:3000".parse().unwrap();
        let mut bytes = message(SOCK_DIAG_BY_FAMILY, &listener(3000, 2, 128));
        bytes.extend(message(SOCK_DIAG_BY_FAMILY, &listener(3000, 1, 128)));
        bytes.extend(message(SOCK_DIAG_BY_FAMILY, &listener(3001, 9, 128)));
        let mut found = None;
        assert!(!collect(&bytes, address, &mut found).unwrap());
        assert!(collect(&message(libc::NLMSG_DONE as u16, &[0; 4]), address, &mut found).unwrap());
        assert_eq!(found, Some(ListenReading { queue: 3, limit: Some(256), drops: Some(6) }));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let address = "127.0.0.1:3000".parse().unwrap();
        let whole = message(SOCK_DIAG_BY_FAMILY, &listener(3000, 2, 128));
        for length in [1, 15, 16, 40, whole.len() - 1] {
            assert!(collect(&whole[..length], address, &mut None).is_err(), "{length}");
        }
        let refused = message(libc::NLMSG_ERROR as u16, &(-libc::ENOENT).to_ne_bytes());
        assert_eq!(collect(&refused, address, &mut None).unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
}
