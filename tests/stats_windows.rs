//! The judgement on windows that real nodes recorded while they were driven into a resource
//! (`scripts/test-bottleneck.sh --record`): they stand in where a machine cannot make a resource bind.

#![allow(clippy::unwrap_used)]

use std::fs;

use serde_json::Value;
use webapp::stats::{Bottleneck, Resource, Window, judge};

#[test]
fn recorded_windows_are_judged_as_what_made_them() {
    for resource in Resource::ALL.into_iter().filter(|resource| *resource != Resource::None) {
        let path = format!("{}/tests/windows/{}.json", env!("CARGO_MANIFEST_DIR"), resource.name());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut recorded: Value = serde_json::from_str(&text).unwrap();
        let said: Bottleneck = serde_json::from_value(recorded["bottleneck"].take()).unwrap();
        let window: Window = serde_json::from_value(recorded).unwrap();
        assert_eq!(said.resource, resource, "{path}");
        let judged = judge(&window);
        assert_eq!(
            (judged.resource, judged.utilization, judged.evidence),
            (said.resource, said.utilization, said.evidence),
            "{path}"
        );
    }
}
