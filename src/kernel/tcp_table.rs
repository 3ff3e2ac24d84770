//! All TCP sockets of this network namespace: `/proc/net/tcp` and `tcp6` (proc(5)). It costs milliseconds where there are many.

use super::root::complete_lines;
use super::{Reading, Root};

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its own port.
    pub local_port: u16,
    /// Its peer's address and port, as the kernel writes them: fit to tell one peer from another.
    pub peer: String,
    /// What it does.
    pub state: TcpState,
}

/// What a socket does (include/net/tcp_states.h), as far as somebody here asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// 01: both ends may send.
    Established,
    /// 0A: it takes connections.
    Listen,
    /// Anything else.
    Other,
}

/// Reads both tables. A kernel without IPv6 has only the first.
///
/// # Errors
/// When the first cannot be read.
pub fn read(root: &Root) -> Reading<Vec<Socket>> {
    let mut text = root.read("/proc/net/tcp")?;
    text.push_str(&root.read("/proc/net/tcp6").unwrap_or_default());
    Ok(complete_lines(&text).filter_map(socket).collect())
}

/// `  0: 0100007F:0BB8 00000000:0000 0A …`: number, own address, peer, state. The head line is none.
fn socket(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local_port = u16::from_str_radix(fields.next()?.rsplit_once(':')?.1, 16).ok()?;
    let peer = fields.next()?.to_owned();
    let state = match fields.next()? {
        "01" => TcpState::Established,
        "0A" => TcpState::Listen,
        _ => TcpState::Other,
    };
    Some(Socket { local_port, peer, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let listening = socket("   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000003 00:0 0").unwrap();
        assert_eq!((listening.local_port, listening.state), (3000, TcpState::Listen));
        let open =
            socket("1: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:C001 01 x").unwrap();
        assert_eq!((open.local_port, open.state), (8080, TcpState::Established));
        assert_eq!(open.peer, "00000000000000000000000001000000:C001");
        assert_eq!(socket("  sl  local_address rem_address   st tx_queue rx_queue"), None);
        assert_eq!(socket(""), None);
    }
}
