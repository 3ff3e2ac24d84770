//! Which server of a Redis Cluster has a key: 16,384 slots, and who says to have which. Pure.

use std::collections::BTreeMap;

/// Slots of every cluster.
pub const SLOTS: u16 = 16_384;

/// The slot of a key: CRC16 of it, or of what stands between its first braces (Redis Cluster Specification, "Key distribution
/// model", "Hash tags").
pub fn slot(key: &[u8]) -> u16 {
    crc16(hashed(key)) % SLOTS
}

/// Keys with the same text between braces are in one slot.
fn hashed(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|byte| *byte == b'}') {
        Some(length @ 1..) => &rest[..length],
        Some(0) | None => key,
    }
}

/// CRC-16/XMODEM: polynomial 0x1021, from 0 on.
fn crc16(bytes: &[u8]) -> u16 {
    let step = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ (u16::from(*byte) << 8), step))
}

/// Who has which slots.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// By the last slot of a range: its first one, and HOST:PORT.
    ranges: BTreeMap<u16, (u16, String)>,
    /// Single slots that have moved since.
    moved: BTreeMap<u16, String>,
}

impl Slots {
    /// What `CLUSTER NODES` of the server at `by` says: a line a server, with HOST:PORT@BUS as second word, and its slots from the ninth
    /// on.
    pub fn of_nodes(text: &str, by: &str) -> Self {
        let mut slots = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let Some(address) = words.get(1).and_then(|word| word.split(['@', ',']).next()) else { continue };
            // In brackets are slots that are on their way.
            for range in words.iter().skip(8).filter(|range| !range.starts_with('[')) {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                if let (Ok(first), Ok(last)) = (first.parse(), last.parse()) {
                    slots.ranges.insert(last, (first, named(address, by)));
                }
            }
        }
        slots
    }

    /// HOST:PORT of who has the slot.
    pub fn server(&self, slot: u16) -> Option<&str> {
        if let Some(server) = self.moved.get(&slot) {
            return Some(server);
        }
        let (first, server) = self.ranges.range(slot..).next()?.1;
        (*first <= slot).then_some(server)
    }

    /// That server has the slot now.
    pub fn set(&mut self, slot: u16, server: &str) {
        self.moved.insert(slot, server.to_owned());
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// All servers that have slots.
    pub fn servers(&self) -> Vec<String> {
        let all = self.ranges.values().map(|(_, server)| server).chain(self.moved.values());
        all.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

/// HOST:PORT as the server at `by` said it. Without a host it is that of the server itself, which may not know it (Redis Cluster
/// Specification, "MOVED Redirection").
pub fn named(address: &str, by: &str) -> String {
    match (address.rsplit_once(':'), by.rsplit_once(':')) {
        (Some(("", port)), Some((host, _))) => format!("{host}:{port}"),
        (_, _) => address.to_owned(),
    }
}

/// A server says that a key is elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub enum Redirection {
    /// For good.
    Moved { slot: u16, server: String },
    /// This time, as the slot is on its way.
    Ask { server: String },
}

impl Redirection {
    /// Reads `MOVED 3999 127.0.0.1:6381` and its like.
    pub fn read(refusal: &str) -> Option<Self> {
        let words: Vec<&str> = refusal.split_ascii_whitespace().collect();
        let [word, slot, server] = words[..] else { return None };
        let (slot, server) = (slot.parse().ok()?, server.to_owned());
        match word {
            "MOVED" => Some(Self::Moved { slot, server }),
            "ASK" => Some(Self::Ask { server }),
            _ => None,
        }
    }
}

/// The slots of each of so many servers, as near to the same number as can be: first and last.
pub fn shares(servers: u16) -> Vec<(u16, u16)> {
    let first = |place: u16| (u32::from(place) * u32::from(SLOTS) / u32::from(servers)) as u16;
    (0..servers).map(|place| (first(place), first(place + 1) - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, number) in [("foo", 12_182), ("somekey", 11_058), ("foo{hash_tag}", 2_515), ("bar{hash_tag}", 2_515)]
        {
            assert_eq!(slot(key.as_bytes()), number, "{key}");
        }
        for (key, text) in [("{user}.a", "user"), ("foo{}{bar}", "foo{}{bar}"), ("foo{{bar}}", "{bar"), ("a{b", "a{b")]
        {
            assert_eq!(hashed(key.as_bytes()), text.as_bytes(), "{key}");
        }
    }

    #[test]
    fn servers_say_which_slots_they_have() {
        let text = "07c3 127.0.0.1:30004@31004,host slave e7d1 0 1426238317239 4 connected\n\
                    67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922\n\
                    292f 127.0.0.1:30003@31003 master - 0 1426238318243 3 connected 10923-16382 [93-<-67ed]\n\
                    e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460 16383\n";
        let mut slots = Slots::of_nodes(text, "127.0.0.1:30001");
        for (number, server) in [(0, 30_001), (5_460, 30_001), (5_461, 30_002), (16_382, 30_003), (16_383, 30_001)] {
            assert_eq!(slots.server(number), Some(format!("127.0.0.1:{server}").as_str()), "{number}");
        }
        slots.set(7, "127.0.0.1:30002");
        assert_eq!((slots.server(7), slots.server(8)), (Some("127.0.0.1:30002"), Some("127.0.0.1:30001")));
        assert_eq!(slots.servers().len(), 3);
        // One that met no other does not know its own host.
        let half = Slots::of_nodes("a :1@2 myself,master - 0 0 1 connected 100-200\n\nnonsense", "127.0.0.1:1");
        assert_eq!((half.server(99), half.server(100), half.server(201)), (None, Some("127.0.0.1:1"), None));
    }

    #[test]
    fn redirections_are_understood_and_nothing_else() {
        assert_eq!(
            Redirection::read("MOVED 3999 127.0.0.1:6381"),
            Some(Redirection::Moved { slot: 3999, server: "127.0.0.1:6381".into() })
        );
        assert_eq!(Redirection::read("ASK 1 a:2"), Some(Redirection::Ask { server: "a:2".into() }));
        for text in ["CLUSTERDOWN The cluster is down", "MOVED x a:1", "MOVED 1", "NOPERM no right"] {
            assert_eq!(Redirection::read(text), None, "{text}");
        }
        for (address, full) in [(":2", "a:2"), ("b:2", "b:2"), ("::1:2", "::1:2"), ("2", "2")] {
            assert_eq!(named(address, "a:1"), full, "{address}");
        }
    }

    #[test]
    fn every_slot_has_one_server() {
        for servers in [1, 2, 3, 7, 16] {
            let shares = shares(servers);
            assert_eq!((shares[0].0, shares.last().unwrap().1), (0, SLOTS - 1));
            assert!(shares.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{shares:?}");
            assert!(shares.iter().all(|(first, last)| (last - first).abs_diff(SLOTS / servers) <= 1), "{shares:?}");
        }
    }
}
