//! Results folders of earlier versions are read for good: `fixtures/format-1` is a real one, written by the program of that
//! time (its samples and spectra thinned out), with the ceilings that its own report showed.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use webapp::results::arm::PointKey;
use webapp::results::folder;
use webapp::results::queries;
use webapp::results::run::Level;
use webapp::stats::Resource;

#[test]
fn a_folder_of_format_1_is_read_with_all_its_figures() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    let results = folder::read(&path).unwrap();
    let plan = &results.manifest.plan;
    assert_eq!(results.manifest.format, 1);
    assert_eq!((plan.blocks, results.runs.len()), (2, 22));
    for (arm, units, ceiling) in
        [("vertical", 1, 45.5), ("horizontal", 1, 37.0), ("vertical", 2, 45.0), ("horizontal", 2, 40.0)]
    {
        assert_eq!(queries::ceiling(plan, &results.runs, &PointKey::new(arm, units)), Some(ceiling), "{arm} {units}");
    }
    let deaths: Vec<_> = results.runs.iter().filter(|run| matches!(run.level, Level::Death { .. })).collect();
    assert_eq!(deaths.iter().map(|run| run.load.errors.values().sum::<u64>()).collect::<Vec<_>>(), [39, 0]);
    assert!(deaths.iter().all(|run| run.killed.is_some()));
    assert_eq!(results.runs[0].nodes[0].bottleneck.as_ref().unwrap().resource, Resource::CpuQuota);

    let text = fs::read_to_string(path.join(folder::RUNS)).unwrap();
    for (line, run) in text.lines().zip(&results.runs) {
        let written: Value = serde_json::from_str(line).unwrap();
        let load = serde_json::to_value(&run.load).unwrap();
        for (field, value) in written["load"].as_object().unwrap() {
            // A field that was written as null may be left out now.
            assert_eq!(load.get(field).unwrap_or(&Value::Null), value, "{field}");
        }
    }
}
