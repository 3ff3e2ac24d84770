//! `GET /rows?cant=N`: N rows as JSON or as protobuf, compressed or not. The content is the same in each form, and so is the server:
//! what differs is the form alone.
//!
//! The contract is `docs/rows.proto`. The types here are written by hand after it, so that no build needs `protoc`; a test encodes by
//! the contract and compares.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use serde::Serialize;

use crate::http::{Body, ContentCoding, Problem, Reply, Request, Response};

use super::Inner;
use super::format::Format;
use super::query::Query;
use super::work::{run, server_timing};

/// What an answer depends on beside its address.
const VARY: &str = "Accept, Accept-Encoding";

/// The answer.
#[derive(Clone, PartialEq, Message, Serialize)]
struct TableAnswer {
    #[prost(uint64, tag = "1")]
    cant: u64,
    #[prost(message, repeated, tag = "2")]
    result: Vec<Product>,
    #[prost(string, tag = "3")]
    node: String,
}

/// A row.
#[derive(Clone, PartialEq, Message, Serialize)]
struct Product {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(double, tag = "3")]
    price: f64,
    #[prost(uint32, tag = "4")]
    stock: u32,
    #[prost(bool, tag = "5")]
    offered: bool,
    #[prost(uint64, tag = "6")]
    updated_unix_seconds: u64,
}

pub(super) fn handle(app: &Arc<Inner>, request: &Request<'_>, format: Format) -> Result<Reply, Problem> {
    let count = Query::new(request.query).number("cant", app.config.caps.rows)?;
    let coding = request.coding().ok_or_else(|| {
        let detail = "this address answers with gzip or without a coding, which the field Accept-Encoding refuses";
        Problem::new(406, detail).header("Vary", VARY)
    })?;
    let app = app.clone();
    Ok(Reply::Later(Box::new(move |peer| {
        let node = app.config.node.clone();
        match run(&app, peer, move |_| coded(TableAnswer::first(count, node).written(format), coding)) {
            Ok(done) => answer(done.value, format, coding, done.queued, done.worked),
            Err(problem) => problem.into(),
        }
    })))
}

fn answer(body: Vec<u8>, format: Format, coding: ContentCoding, queued: Duration, worked: Duration) -> Response {
    let response = Response::new(200, format.media_type(), Body::Bytes(body)).header("Vary", VARY);
    let response = match coding {
        ContentCoding::Gzip => response.header("Content-Encoding", "gzip"),
        ContentCoding::Identity => response,
    };
    response.header("Server-Timing", server_timing(queued, worked))
}

impl TableAnswer {
    /// The first rows of the table.
    fn first(count: u64, node: String) -> Self {
        Self { cant: count, result: (1..=count).map(Product::of).collect(), node }
    }

    fn written(&self, format: Format) -> Vec<u8> {
        if format == Format::Protobuf {
            return self.encode_to_vec();
        }
        // Near its length, so that it grows once at most.
        let mut body = Vec::with_capacity(64 + 128 * self.result.len());
        // Writing to a Vec cannot fail, and none of these values can.
        let _ = serde_json::to_writer(&mut body, self);
        body.push(b'\n');
        body
    }
}

impl Product {
    const NAMES: [&str; 8] = ["lamp", "table", "chair", "bookcase", "mirror", "carpet", "wardrobe", "desk"];

    /// The row of that id.
    fn of(id: u64) -> Self {
        // The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): neighbours have nothing in common.
        let mixed = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        Self {
            id,
            name: format!("{} {:04x}", Self::NAMES[(mixed % 8) as usize], mixed >> 48),
            price: (100 + (mixed >> 3) % 99_900) as f64 / 100.0,
            stock: (mixed >> 20) as u32 % 500,
            offered: (mixed >> 40).is_multiple_of(4),
            // Within the year 2025.
            updated_unix_seconds: 1_735_689_600 + (mixed >> 24) % 31_536_000,
        }
    }
}

/// The body as it goes out.
fn coded(body: Vec<u8>, coding: ContentCoding) -> Vec<u8> {
    match coding {
        ContentCoding::Identity => body,
        ContentCoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::default());
            // Writing to a Vec cannot fail.
            let _ = encoder.write_all(&body);
            encoder.finish().unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use serde_json::Value;

    use super::*;

    const CONTRACT: &str = include_str!("../../docs/rows.proto");

    /// A field of a message: its type, with `repeated` before it where that is so, its name and its number.
    struct Field {
        kind: String,
        name: String,
        number: u64,
    }

    /// The messages of the contract.
    fn messages() -> BTreeMap<String, Vec<Field>> {
        let mut messages = BTreeMap::new();
        let mut current = String::new();
        for line in CONTRACT.lines().map(|line| line.split("//").next().unwrap().trim()) {
            if let Some(name) = line.strip_prefix("message ") {
                current = name.trim_end_matches('{').trim().to_owned();
                messages.insert(current.clone(), Vec::new());
            } else if let (Some(fields), Some((left, number))) = (messages.get_mut(&current), line.split_once('=')) {
                let (kind, name) = left.trim().rsplit_once(' ').unwrap();
                let number = number.trim().trim_end_matches(';').parse().unwrap();
                fields.push(Field { kind: kind.to_owned(), name: name.to_owned(), number });
            }
        }
        messages
    }

    fn put_varint(mut value: u64, out: &mut Vec<u8>) {
        while value > 0x7f {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    /// Encodes a value by the contract, by hand: protobuf.dev/programming-guides/encoding.
    fn encode(message: &str, value: &Value, messages: &BTreeMap<String, Vec<Field>>) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(value.as_object().unwrap().len(), messages[message].len(), "{message} has other fields");
        for Field { kind, name, number } in &messages[message] {
            let value = &value[name.as_str()];
            let put_bytes = |bytes: &[u8], out: &mut Vec<u8>| {
                put_varint(number << 3 | 2, out);
                put_varint(bytes.len() as u64, out);
                out.extend_from_slice(bytes);
            };
            let put_number = |value: u64, out: &mut Vec<u8>| {
                if value != 0 {
                    put_varint(number << 3, out);
                    put_varint(value, out);
                }
            };
            match kind.as_str() {
                "uint64" | "uint32" => put_number(value.as_u64().unwrap(), &mut out),
                "bool" => put_number(u64::from(value.as_bool().unwrap()), &mut out),
                "string" => put_bytes(value.as_str().unwrap().as_bytes(), &mut out),
                "double" => {
                    put_varint(number << 3 | 1, &mut out);
                    out.extend_from_slice(&value.as_f64().unwrap().to_le_bytes());
                }
                other => {
                    let inner = other.strip_prefix("repeated ").unwrap();
                    for element in value.as_array().unwrap() {
                        put_bytes(&encode(inner, element, messages), &mut out);
                    }
                }
            }
        }
        out
    }

    #[test]
    fn the_types_are_those_of_the_contract() {
        let rows = TableAnswer::first(300, "node1".into());
        let value = serde_json::to_value(&rows).unwrap();
        assert_eq!(rows.written(Format::Protobuf), encode("Rows", &value, &messages()));
    }

    #[test]
    fn both_forms_hold_the_same_and_a_compressed_one_comes_back() {
        for count in [0, 1, 1_000] {
            let rows = TableAnswer::first(count, "node1".into());
            assert_eq!(rows.result.len() as u64, count);
            assert_eq!(TableAnswer::decode(&*rows.written(Format::Protobuf)).unwrap(), rows);
            let json: Value = serde_json::from_slice(&rows.written(Format::Json)).unwrap();
            assert_eq!(json, serde_json::to_value(&rows).unwrap());
            for format in [Format::Json, Format::Protobuf] {
                let body = rows.written(format);
                let mut back = Vec::new();
                let compressed = coded(body.clone(), ContentCoding::Gzip);
                flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut back).unwrap();
                assert_eq!(back, body);
                assert_eq!(coded(body.clone(), ContentCoding::Identity), body);
            }
        }
    }

    #[test]
    fn rows_differ_and_are_the_same_each_time() {
        let rows = TableAnswer::first(1_000, String::new()).result;
        let names: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert!(names.len() > 950, "{}", names.len());
        assert_eq!(rows, TableAnswer::first(1_000, String::new()).result);
        assert!(rows.iter().all(|row| row.price >= 1.0 && row.stock < 500), "{rows:?}");
    }
}
