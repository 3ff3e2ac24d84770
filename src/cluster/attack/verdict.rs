//! Who refused a request: told from the answer, and from what the firewall wrote down meanwhile.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::results::balancer::BalancerKind;

/// The rules of ours by which a body is found broken, and the engine's own limits.
const OF_ENGINE: [&str; 3] = ["10004", "200002", "200007"];
/// Rules that only count the points of others.
const SUMS: [&str; 2] = ["949110", "980130"];

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttackAnswer {
    /// `None`: the connection was closed without a word.
    pub status: Option<u16>,
    /// Whether a node says that it answered.
    pub by_node: bool,
    /// Whether it is the firewall's own refusal.
    pub by_firewall: bool,
}

impl AttackAnswer {
    /// Reads the bytes of an answer.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status =
            head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|digits| digits.parse().ok());
        let by_node = head.lines().any(|line| line.to_ascii_lowercase().starts_with("x-node:"));
        Self { status, by_node, by_firewall: status == Some(403) && !by_node && body.contains("for an attack") }
    }
}

/// Where a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// A rule of the firewall refused it.
    Rules,
    /// The firewall's engine could not read it.
    Engine,
    /// HAProxy's short list of what it refuses.
    List,
    /// The balancer itself, which takes no such request from anybody.
    Balancer(BalancerKind),
    /// A rule found an attack, and the firewall only looks.
    Detected,
    /// A node answered.
    Node,
}

impl EndedBy {
    /// Whether no node saw it.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Rules | Self::Engine | Self::List | Self::Balancer(_) => true,
            Self::Detected | Self::Node => false,
        }
    }

    /// Who, for a person.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Rules => "the rules",
            Self::Engine => "the engine",
            Self::List => "the list",
            Self::Balancer(BalancerKind::Nginx) => "nginx itself",
            Self::Balancer(BalancerKind::Haproxy) => "HAProxy itself",
            Self::Detected => "nobody (detected)",
            Self::Node => "nobody",
        }
    }
}

/// The rules in lines of the firewall's log, with what they say. One stands there once.
pub fn rules(log: &str) -> BTreeMap<String, String> {
    let field = |line: &str, name: &str| {
        let rest = line.split(&format!("[{name} \"")).nth(1)?;
        Some(rest.split("\"]").next()?.to_owned())
    };
    let lines = log.lines().filter(|line| line.contains("ModSecurity: "));
    lines.filter_map(|line| Some((field(line, "id")?, field(line, "msg").unwrap_or_default()))).collect()
}

/// Who it was. `rules` are those that matched meanwhile.
pub fn end(answer: &AttackAnswer, rules: &BTreeMap<String, String>, kind: BalancerKind) -> EndedBy {
    let by_engine = rules.keys().any(|rule| OF_ENGINE.contains(&rule.as_str()));
    let by_points = rules.contains_key(SUMS[0]);
    let by_ours = rules.keys().any(|rule| rule.len() == 5);
    match kind {
        _ if answer.by_node && (by_points || by_ours) => EndedBy::Detected,
        _ if answer.by_node => EndedBy::Node,
        BalancerKind::Nginx if by_engine => EndedBy::Engine,
        BalancerKind::Nginx if answer.by_firewall => EndedBy::Rules,
        BalancerKind::Haproxy if answer.by_firewall => EndedBy::List,
        BalancerKind::Nginx | BalancerKind::Haproxy => EndedBy::Balancer(kind),
    }
}

/// Without those that only count.
pub fn telling(rules: BTreeMap<String, String>) -> BTreeMap<String, String> {
    rules.into_iter().filter(|(rule, _)| !SUMS.contains(&rule.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"2026/11/26 17:54:00 [info] 1#1: *4 ModSecurity: Warning. detected SQLi using libinjection. [file "/x.conf"] [line "46"] [id "942100"] [rev ""] [msg "SQL Injection"] [data "Matched Data: 1"] [tag "a"] [unique_id "ee"]"#;
    const SUM: &str = r#"[error] 1#1: ModSecurity: Access denied with code 403 (phase 2). [id "949110"] [msg "Inbound Anomaly Score Exceeded"]"#;

    fn found(log: &str) -> BTreeMap<String, String> {
        rules(log)
    }

    #[test]
    fn rules_are_read_from_the_log() {
        let rules = found(&format!("{LINE}\n{LINE}\n{SUM}\nclient closed connection [id \"1\"]\n"));
        assert_eq!(rules.len(), 2);
        assert_eq!(telling(rules), BTreeMap::from([("942100".to_owned(), "SQL Injection".to_owned())]));
    }

    #[test]
    fn who_it_was() {
        let refusal = b"HTTP/1.1 403 Forbidden\r\nServer: nginx\r\n\r\n{\"detail\":\"the firewall takes this request for an attack\"}";
        let node = b"HTTP/1.1 404 Not Found\r\nX-Node: node1\r\n\r\n{}";
        let own = b"HTTP/1.1 400 Bad Request\r\n\r\n<html>";
        let broken =
            r#"ModSecurity: Access denied with code 400 [id "10004"] [msg "The body is not what its type says"]"#;
        for (bytes, log, kind, expected) in [
            (&refusal[..], LINE, BalancerKind::Nginx, EndedBy::Rules),
            (&refusal[..], "", BalancerKind::Nginx, EndedBy::Rules),
            (&refusal[..], "", BalancerKind::Haproxy, EndedBy::List),
            (&own[..], broken, BalancerKind::Nginx, EndedBy::Engine),
            (&own[..], "", BalancerKind::Nginx, EndedBy::Balancer(BalancerKind::Nginx)),
            (&b""[..], "", BalancerKind::Haproxy, EndedBy::Balancer(BalancerKind::Haproxy)),
            (&node[..], LINE, BalancerKind::Nginx, EndedBy::Node),
            (&node[..], SUM, BalancerKind::Nginx, EndedBy::Detected),
        ] {
            assert_eq!(end(&AttackAnswer::parse(bytes), &found(log), kind), expected, "{log}");
        }
        assert_eq!(AttackAnswer::parse(b"HTTP/1.1 200 OK\r\n\r\n").status, Some(200));
        assert_eq!(AttackAnswer::parse(b"garbage").status, None);
    }
}
