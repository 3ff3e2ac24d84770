//! Values of the options of `webapp cluster`, as they are typed.

use clap::builder::RangedU64ValueParser;

use crate::cli::units;
use crate::cluster::describe::RealMachine;
use crate::cluster::settings::MOST_UNITS;
use crate::cluster::shared::MOST_SERVERS;

/// Percent of one core; `None` is without a quota.
#[derive(Clone, Copy, Debug)]
pub struct UnitCpu(pub Option<u32>);

/// A number of nodes or units.
pub fn units() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=u64::from(MOST_UNITS))
}

/// A number of anything else, at least one.
pub fn count() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=99_999_999)
}

/// A number of store servers.
pub fn servers() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=u64::from(MOST_SERVERS))
}

/// A time of whole seconds, at least one.
pub fn seconds(text: &str) -> Result<u32, String> {
    let duration = units::duration(text)?;
    let seconds = u32::try_from(duration.as_secs()).ok().filter(|seconds| (1..=31_536_000).contains(seconds));
    let whole = seconds.filter(|_| duration.subsec_nanos() == 0);
    whole.ok_or_else(|| format!("'{text}' is not a time of whole seconds up to a year; write for instance 10s or 5m"))
}

/// A number of store servers beside the first.
pub fn replicas() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(0..u64::from(MOST_SERVERS))
}

/// A TCP port.
pub fn port() -> RangedU64ValueParser<u16> {
    RangedU64ValueParser::new().range(1..=65_535)
}

/// The name of a cluster: it is part of paths and of control groups' names.
pub fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=32).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-');
    is_name.then(|| text.to_owned()).ok_or_else(|| "may have up to 32 small letters, digits and dashes".to_owned())
}

/// Percent of one core, or none.
pub fn unit_cpu(text: &str) -> Result<UnitCpu, String> {
    let is_percent = |percent: &u32| (1..=6400).contains(percent);
    match text {
        "none" => Ok(UnitCpu(None)),
        _ => match text.parse().ok().filter(is_percent) {
            Some(percent) => Ok(UnitCpu(Some(percent))),
            None => Err("must be percent of one core from 1 to 6400, or none".to_owned()),
        },
    }
}

/// HOST:PORT of a node.
pub fn backend(text: &str) -> Result<String, String> {
    let is_host = |host: &str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    match text.split_once(':') {
        Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(text.to_owned()),
        _ => Err("must be addresses like 192.168.56.11:3000,192.168.56.12:3000".to_owned()),
    }
}

/// NAME=UNITS:NODE,…, with no node after the colon for an empty machine.
pub fn machine(text: &str) -> Result<RealMachine, String> {
    let read = || {
        let (name, rest) = text.split_once('=')?;
        let (units, nodes) = rest.split_once(':')?;
        let units = units.parse().ok().filter(|units| *units > 0)?;
        let nodes = nodes.split(',').filter(|node| !node.is_empty()).map(str::to_owned).collect();
        Some(RealMachine { name: name.to_owned(), units, nodes })
    };
    read().ok_or_else(|| "must be NAME=UNITS:NODE,…".to_owned())
}

/// NAME=PROCESS.
pub fn named_process(text: &str) -> Result<(String, u32), String> {
    let pair = text.split_once('=').and_then(|(name, pid)| Some((name.to_owned(), pid.parse().ok()?)));
    pair.ok_or_else(|| "must be NAME=NUMBER".to_owned())
}

/// NAME=HOST:PORT.
pub fn named_address(text: &str) -> Result<(String, String), String> {
    let (name, address) = text.split_once('=').ok_or("must be NAME=HOST:PORT")?;
    backend(address).map(|address| (name.to_owned(), address))
}
