//! Rates of disks and interfaces. A device that appeared in this window has no rates yet, and one that went is not shown.

use std::collections::BTreeMap;

use super::{Notes, Span, percent, round};
use crate::kernel::disk::DiskReading;
use crate::kernel::network::InterfaceReading;
use crate::kernel::{Reading, Table};
use crate::stats::model::{Disk, Interface};
use crate::stats::sample::Sample;

const APPEARED: &str = "it appeared in this window, and has no rates yet";

/// The rows of a table, or a note. Lines that could not be read are noted as well.
fn rows<'a, Row>(
    place: &str,
    path: &str,
    table: &'a Reading<Table<Row>>,
    notes: &mut Notes,
) -> Option<&'a BTreeMap<String, Row>> {
    let table = notes.take(place, table)?;
    if !table.unread.is_empty() {
        let reason = format!("{path}: not understood and left out: '{}'", table.unread.join("', '"));
        notes.add(&format!("{place}.unread"), reason);
    }
    Some(&table.rows)
}

pub fn disks(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> Option<Vec<Disk>> {
    let disks = rows("disks", "/proc/diskstats", &after.disks, notes)?;
    let before = |name: &str| span.and_then(|span| span.before.disks.as_ref().ok()?.rows.get(name));
    let seconds = span.map(|span| span.seconds).unwrap_or_default();
    for (name, after) in disks.iter().filter(|_| span.is_some()) {
        match before(name) {
            None => notes.add(&format!("disks.{name}"), APPEARED),
            Some(before) if after.reads + after.writes == before.reads + before.writes => {
                notes.add(&format!("disks.{name}.await_milliseconds"), "no read or write ended in this window");
            }
            Some(_) => {}
        }
    }
    Some(disks.iter().map(|(name, after)| disk(name, before(name), after, seconds)).collect())
}

fn disk(name: &str, before: Option<&DiskReading>, after: &DiskReading, seconds: f64) -> Disk {
    let Some(before) = before else { return Disk { device: name.to_owned(), ..Disk::default() } };
    let growth = |counter: fn(&DiskReading) -> u64| counter(after).saturating_sub(counter(before)) as f64;
    let rate = |counter| Some(round(growth(counter) / seconds, 3));
    let done = growth(|disk| disk.reads) + growth(|disk| disk.writes);
    let waited = growth(|disk| disk.read_milliseconds) + growth(|disk| disk.write_milliseconds);
    Disk {
        device: name.to_owned(),
        reads_per_second: rate(|disk| disk.reads),
        writes_per_second: rate(|disk| disk.writes),
        read_bytes_per_second: rate(|disk| disk.read_bytes),
        write_bytes_per_second: rate(|disk| disk.write_bytes),
        await_milliseconds: (done > 0.0).then(|| round(waited / done, 3)),
        queue_depth: Some(round(growth(|disk| disk.weighted_milliseconds) / 1e3 / seconds, 3)),
        utilization: percent(growth(|disk| disk.busy_milliseconds) / 1e3, seconds).map(|share| share.min(100.0)),
    }
}

pub fn network(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> Option<Vec<Interface>> {
    let interfaces = rows("network", "/proc/net/dev", &after.network, notes)?;
    let before = |name: &str| span.and_then(|span| span.before.network.as_ref().ok()?.rows.get(name));
    for (name, interface) in interfaces {
        if span.is_some() && before(name).is_none() {
            notes.add(&format!("network.{name}"), APPEARED);
        }
        if interface.speed_bytes_per_second.is_none() {
            let reason = if name == "lo" {
                "the loopback has no speed".to_owned()
            } else {
                format!(
                    "/sys/class/net/{name}/speed does not tell it: the interface is down, or its driver does not know (a \
                     virtual one can be told: ethtool -s {name} speed 1000 duplex full)"
                )
            };
            notes.add(&format!("network.{name}.speed_bytes_per_second"), reason);
            notes.add(&format!("network.{name}.utilization"), "the speed of the link is not known");
        }
    }
    let seconds = span.map(|span| span.seconds).unwrap_or_default();
    Some(interfaces.iter().map(|(name, after)| interface(name, before(name), after, seconds)).collect())
}

fn interface(name: &str, before: Option<&InterfaceReading>, after: &InterfaceReading, seconds: f64) -> Interface {
    let rate = |counter: fn(&InterfaceReading) -> u64| {
        before.map(|before| round(counter(after).saturating_sub(counter(before)) as f64 / seconds, 3))
    };
    let receive_bytes_per_second = rate(|interface| interface.receive_bytes);
    let transmit_bytes_per_second = rate(|interface| interface.transmit_bytes);
    let busier =
        receive_bytes_per_second.zip(transmit_bytes_per_second).map(|(receive, transmit)| receive.max(transmit));
    Interface {
        interface: name.to_owned(),
        receive_bytes_per_second,
        transmit_bytes_per_second,
        speed_bytes_per_second: after.speed_bytes_per_second,
        utilization: busier
            .zip(after.speed_bytes_per_second)
            .and_then(|(bytes, speed)| percent(bytes, speed as f64))
            .map(|share| share.min(100.0)),
        errors_total: after.errors,
        drops_total: after.drops,
        drops: before.map(|before| after.drops.saturating_sub(before.drops)),
    }
}
