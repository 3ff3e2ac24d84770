//! The fit against published data sets and their published coefficients, and `webapp usl` as its user meets it.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;
use webapp::kernel::clock::thread_cpu_seconds;
use webapp::report::usl::{Fit, FitError, Note, Observation, fit};
use webapp::report::{describe_fit, fit_as_json, points as table};

/// SPEC SDM91 on a Sun SPARCcenter 2000: Gunther, *Guerrilla Capacity Planning*; R package `usl` 3.0, `specsdm91`.
const SPEC_SDM91: [(f64, f64); 7] =
    [(1.0, 64.9), (18.0, 995.9), (36.0, 1652.4), (72.0, 1853.2), (108.0, 1828.9), (144.0, 1775.0), (216.0, 1702.2)];

/// Ray tracing on an SGI Origin 2000: Gunther, *Guerrilla Capacity Planning*; R package `usl`, `raytracer`.
const RAYTRACER: [(f64, f64); 11] = [
    (1.0, 20.0),
    (4.0, 78.0),
    (8.0, 130.0),
    (12.0, 170.0),
    (16.0, 190.0),
    (20.0, 200.0),
    (24.0, 210.0),
    (28.0, 230.0),
    (32.0, 260.0),
    (48.0, 280.0),
    (64.0, 310.0),
];

/// MySQL on a Cisco server, threads 1 to 32: B. Schwartz, *Practical Scalability Analysis with the USL*, 2015.
const CISCO: [f64; 32] = [
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7, 9047.84,
    9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806.0, 12089.37, 12075.41,
    12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
];

fn points(table: &[(f64, f64)]) -> Vec<Observation> {
    table.iter().map(|&(n, throughput)| Observation { n, throughput }).collect()
}

fn close(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected} ± {tolerance}");
}

#[test]
fn spec_sdm91_as_published() {
    let fit = fit(&points(&SPEC_SDM91)).unwrap();
    close(fit.contention.value, 0.02773, 5e-6);
    close(fit.contention.standard_error.unwrap(), 0.00912, 5e-6);
    close(fit.coherency.value, 1.044e-4, 5e-8);
    close(fit.coherency.standard_error.unwrap(), 1.99e-5, 5e-8);
    close(fit.scale.value, 89.99, 6e-3);
    close(fit.scale.standard_error.unwrap(), 14.2, 5e-2);
    close(fit.residual_standard_error.unwrap(), 82.85, 5e-3);
    assert_eq!(fit.degrees_of_freedom, 4);
    close(fit.asymptote.unwrap(), 3245.589, 0.3);
    close(fit.optimum.unwrap(), 36.06401, 0.003);
    close(fit.throughput(fit.optimum.unwrap()), 1542.0, 0.5);
    let peak = fit.peak.unwrap();
    close(peak.n, 96.51956, 0.009);
    close(peak.throughput, 1884.0, 0.5);
    for (&(n, throughput), residual) in SPEC_SDM91.iter().zip([-25.10, -81.66, 111.09, 3.05, -49.99, -46.60, 56.00]) {
        close(throughput - fit.throughput(n), residual, 0.01);
    }
    assert_eq!(fit.notes, [], "seven points with a measured peak need no caution");
}

#[test]
fn spec_sdm91_in_whole_numbers_differs_in_the_last_digit_only() {
    let rounded: Vec<(f64, f64)> = SPEC_SDM91.iter().map(|&(n, throughput)| (n, throughput.round())).collect();
    let fit = fit(&points(&rounded)).unwrap();
    close(fit.contention.value, 0.02773, 1e-5);
    close(fit.contention.standard_error.unwrap(), 0.00912, 3e-5);
    close(fit.coherency.value, 1.044e-4, 1.5e-7);
    close(fit.coherency.standard_error.unwrap(), 1.99e-5, 1e-7);
    close(fit.scale.value, 89.99, 0.01);
    close(fit.scale.standard_error.unwrap(), 14.2, 0.05);
}

#[test]
fn raytracer_first_six_as_published() {
    let fit = fit(&points(&RAYTRACER[..6])).unwrap();
    close(fit.contention.value, 0.02444, 5e-6);
    close(fit.coherency.value, 0.00163, 5e-6);
    close(fit.scale.value, 20.85605, 5e-6);
    assert_eq!(fit.degrees_of_freedom, 3);
    assert!(fit.peak.unwrap().n > 20.0);
    assert!(fit.notes.iter().any(|note| matches!(note, Note::PeakBeyond { .. })));
}

#[test]
fn cisco_as_published() {
    let table: Vec<(f64, f64)> = CISCO.iter().enumerate().map(|(index, &x)| (index as f64 + 1.0, x)).collect();
    let fit = fit(&points(&table)).unwrap();
    // The book's figures come from a solver with a looser tolerance: they agree to about six digits.
    close(fit.contention.value, 0.026_715_91, 1e-7);
    close(fit.coherency.value, 7.690_945e-4, 2e-9);
    close(fit.scale.value, 995.6486, 1e-3);
    close(fit.peak.unwrap().n, 35.57, 0.01);
    close(fit.throughput(35.0), 12_341.75, 0.05);
    close(fit.r_squared.unwrap(), 0.9972, 5e-5);
}

#[test]
fn six_points_of_the_law_itself() {
    let table = [(1.0, 1.0), (2.0, 1.8868), (4.0, 3.0769), (6.0, 3.5294), (8.0, 3.5398), (10.0, 3.3557)];
    let fit = fit(&points(&table)).unwrap();
    close(fit.contention.value, 0.02, 5e-5);
    close(fit.coherency.value, 0.02, 5e-5);
    close(fit.scale.value, 1.0, 5e-4);
}

#[test]
fn the_bend_is_where_ideal_growth_meets_the_highest_value() {
    let table = [(1.0, 1.0), (2.0, 1.8868), (4.0, 3.0769), (6.0, 3.5294), (8.0, 3.5398), (10.0, 3.3557)];
    let with_peak = fit(&points(&table)).unwrap();
    let bend = with_peak.bend.unwrap();
    close(bend.n, with_peak.peak.unwrap().throughput / with_peak.scale.value, 1e-9);
    let [low, high] = bend.interval_95.unwrap();
    assert!(low < bend.n && bend.n < high && high - low < 0.1, "{bend:?}");
    // The interval against one made by hand: shifting the parameters by their errors.
    let at = |contention: f64, coherency: f64| {
        let n = ((1.0 - contention) / coherency).sqrt();
        n / (1.0 + contention * (n - 1.0) + coherency * n * (n - 1.0))
    };
    let (contention, coherency) = (with_peak.contention, with_peak.coherency);
    let widest = at(contention.value - contention.standard_error.unwrap(), coherency.value) - bend.n;
    assert!(widest > 0.0 && widest < high - low, "more contention bends earlier");
    // Contention alone: the curve ends at its asymptote.
    let saturating = fit(&points(&[(1.0, 100.0), (2.0, 160.0), (4.0, 228.57), (8.0, 290.91), (16.0, 336.84)])).unwrap();
    close(saturating.contention.value, 0.25, 1e-3);
    close(saturating.bend.unwrap().n, 4.0, 0.05);
    let linear = fit(&points(&[(1.0, 100.0), (2.0, 220.0), (4.0, 480.0), (8.0, 1100.0)])).unwrap();
    assert_eq!(linear.bend, None, "nothing ends it");
}

#[test]
fn bounds_hold_and_are_named() {
    // Falls faster than full contention allows: contention cannot exceed 1.
    let falling = fit(&points(&[(1.0, 100.0), (2.0, 50.0), (4.0, 20.0), (8.0, 10.0)])).unwrap();
    assert!((0.0..=1.0).contains(&falling.contention.value) && (0.0..=1.0).contains(&falling.coherency.value));
    // Grows faster than n: both at 0, and said.
    let superlinear = fit(&points(&[(1.0, 100.0), (2.0, 220.0), (4.0, 480.0), (8.0, 1100.0)])).unwrap();
    assert_eq!((superlinear.contention.value, superlinear.coherency.value), (0.0, 0.0));
    assert!(superlinear.contention.at_bound && superlinear.coherency.at_bound);
    assert!(superlinear.notes.contains(&Note::Superlinear));
    assert_eq!((superlinear.peak, superlinear.asymptote, superlinear.optimum), (None, None, None));
    // Linear with noise: no bend may be claimed.
    let linear =
        fit(&points(&[(1.0, 100.3), (2.0, 199.0), (4.0, 401.0), (8.0, 797.0), (12.0, 1204.0), (16.0, 1598.0)]));
    let linear = linear.unwrap();
    assert!(linear.notes.contains(&Note::BendUnproven), "{:?}", linear.notes);
    assert!(linear.peak.is_none_or(|peak| peak.n > 16.0));
}

#[test]
fn says_when_there_is_too_little() {
    assert_eq!(fit(&[]), Err(FitError::TooFewPoints(0)));
    assert_eq!(fit(&points(&[(1.0, 5.0), (2.0, 9.0), (2.0, 9.5)])), Err(FitError::TooFewPoints(2)));
    assert_eq!(fit(&points(&[(1.0, 5.0), (2.0, 0.0), (4.0, 9.5)])), Err(FitError::BadPoint(1)));
    let three = fit(&points(&[(1.0, 100.0), (2.0, 190.0), (4.0, 350.0)])).unwrap();
    assert_eq!(three.degrees_of_freedom, 0);
    assert!(three.contention.standard_error.is_none() && three.band(4.0).is_none());
    assert!(three.notes.contains(&Note::NoFreedom) && three.notes.contains(&Note::FewPoints { distinct: 3 }));
}

proptest! {
    /// Points that lie on a law give that law back, whatever their unit.
    #[test]
    fn recovers_the_law(contention in 0.0..0.6f64, coherency in 0.0..0.02f64, exponent in -2.0..6.0f64) {
        let scale = 10f64.powf(exponent);
        let law = |n: f64| scale * n / (1.0 + contention * (n - 1.0) + coherency * n * (n - 1.0));
        let table: Vec<Observation> =
            [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0].iter().map(|&n| Observation { n, throughput: law(n) }).collect();
        let fit = fit(&table).unwrap();
        prop_assert!((fit.contention.value - contention).abs() < 1e-6, "{} {contention}", fit.contention.value);
        prop_assert!((fit.coherency.value - coherency).abs() < 1e-6, "{} {coherency}", fit.coherency.value);
        prop_assert!((fit.scale.value / scale - 1.0).abs() < 1e-6);
    }

    /// Whatever positive table comes, the answer is bounded, finite and no worse than a flat or a linear law.
    #[test]
    fn any_table_is_answered(throughputs in prop::collection::vec(0.001..1e9f64, 3..12)) {
        let table: Vec<Observation> =
            throughputs.iter().enumerate().map(|(index, &throughput)| Observation { n: index as f64 + 1.0, throughput }).collect();
        let fit = fit(&table).unwrap();
        prop_assert!((0.0..=1.0).contains(&fit.contention.value) && (0.0..=1.0).contains(&fit.coherency.value));
        prop_assert!(fit.scale.value.is_finite() && fit.scale.value > 0.0);
        let squares = |model: &dyn Fn(f64) -> f64| table.iter().map(|p| (model(p.n) - p.throughput).powi(2)).sum::<f64>();
        let linear = table.iter().map(|p| p.n * p.throughput).sum::<f64>() / table.iter().map(|p| p.n * p.n).sum::<f64>();
        let flat = throughputs.iter().sum::<f64>() / throughputs.len() as f64;
        let found = squares(&|n| fit.throughput(n));
        prop_assert!(found <= squares(&|n| linear * n) * (1.0 + 1e-6));
        prop_assert!(found <= squares(&|_| flat) * (1.0 + 1e-6));
    }
}

/// A positive number of any size that a double has.
fn any_size() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-300.0..300.0f64).prop_map(|exponent| 10f64.powf(exponent)),
        1.0..1e4f64,
        (1u32..40).prop_map(f64::from),
        prop_oneof![Just(5e-324), Just(f64::MIN_POSITIVE), Just(f64::MAX), Just(1e160), Just(1.0)],
    ]
}

/// Tables of every shape: any sizes at all, growing, falling, constant, the same n again and again.
fn any_points() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let sizes = prop::collection::vec((any_size(), any_size()), 0..14);
    let shaped = (prop::collection::vec((1u32..300, 0.2..5.0f64), 3..14), -300.0..300.0f64, -6.0..6.0f64).prop_map(
        |(cells, exponent, power)| {
            let at = |n: f64, noise: f64| (n, 10f64.powf(exponent) * n.powf(power) * noise);
            cells.into_iter().map(|(n, noise)| at(f64::from(n), noise)).collect::<Vec<_>>()
        },
    );
    let constant = (prop::collection::vec(1u32..50, 3..14), any_size())
        .prop_map(|(n, throughput)| n.into_iter().map(|n| (f64::from(n), throughput)).collect::<Vec<_>>());
    prop_oneof![sizes, shaped, constant].prop_map(|points| {
        points.into_iter().filter(|(n, x)| n.is_finite() && x.is_finite() && *n > 0.0 && *x > 0.0).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever finite table comes, the command ends within a second of CPU time, with figures or with an error.
    #[test]
    fn any_finite_table_ends(pairs in any_points()) {
        let text = pairs.iter().fold(String::new(), |text, (n, x)| format!("{text}{n:e},{x:e}\n"));
        let before = thread_cpu_seconds();
        let read = table::read(&text).unwrap();
        prop_assert_eq!(&read, &points(&pairs));
        let (shown, written) = match fit(&read) {
            Ok(fit) => (describe_fit(&fit, &read), fit_as_json(&fit, &read).to_string()),
            Err(error) => (String::new(), error.to_string()),
        };
        let seconds = thread_cpu_seconds() - before;
        prop_assert!(seconds < 1.0, "{seconds} s of CPU\n{text}");
        let figures = format!("{shown} {written}").to_lowercase();
        let mut words = figures.split(|letter: char| !letter.is_alphanumeric());
        prop_assert!(!words.any(|word| word == "nan" || word == "inf"), "{text}\n{figures}");
        prop_assert!(shown.lines().all(|line| line.chars().count() <= 100), "{text}\n{shown}");
    }
}

/// A percentage of figures near the largest that a double holds: the share comes before the hundred.
#[test]
fn percents_of_the_largest_figures_are_finite() {
    let table = points(&[(1.0, 2.3e294), (174.0, 4.8e306), (99.0, 5e304), (51.0, 1.6e303)]);
    let shown = describe_fit(&fit(&table).unwrap(), &table);
    assert!(shown.contains("the points scatter by") && !shown.contains("inf"), "{shown}");
}

fn webapp(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_webapp"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn as_csv(table: &[(f64, f64)]) -> String {
    table.iter().fold("processors,throughput\n".to_owned(), |text, (n, x)| format!("{text}{n},{x}\n"))
}

#[test]
fn command_prints_the_check_to_its_digits() {
    let output = webapp(&["usl", "-"], &as_csv(&SPEC_SDM91));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for figure in
        ["0.02773", "0.00912", "1.044e-4", "1.99e-5", "89.99", "14.2", "96.52", "1884", "3246", "36.06", "82.85"]
    {
        assert!(text.contains(figure), "{figure} is missing in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn command_writes_json() {
    let output = webapp(&["usl", "-", "--json", "-"], &as_csv(&RAYTRACER));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let whole: Fit = fit(&points(&RAYTRACER)).unwrap();
    assert_eq!(json["fit"]["contention"]["value"], whole.contention.value);
    assert_eq!(json["points"].as_array().unwrap().len(), 11);
    assert!(json["fit"]["coherency"]["interval_95"].is_array());
}

#[test]
fn command_explains_what_it_cannot_use() {
    for (input, words) in
        [("", "three different n"), ("1,5\n2,9\n", "there are 2"), ("1,5\n2,x\n4,9\n", "line 2: throughput is 'x'")]
    {
        let output = webapp(&["usl", "-"], input);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{input:?}");
        assert!(error.contains(words), "{error}");
        assert!(output.stdout.is_empty());
    }
    let output = webapp(&["usl", "/nonexistent.csv"], "");
    assert!(String::from_utf8(output.stderr).unwrap().contains("/nonexistent.csv"));
}

#[test]
fn command_reads_the_tables_that_people_have() {
    for input in [
        "n;rps\n1;64,9\n18;995,9\n36;1652,4\n72;1853,2\n",
        "n,rps\n1,64.9\n18,995.9\n36,\"1,652.4\"\n72,\"1,853.2\"\n",
        "req/s,users\n64.9,1\n995.9,18\n1652.4,36\n1853.2,72\n",
        "\"\",\"users\",\"req/s\"\n\"1\",1,64.9\n\"2\",18,995.9\n\"3\",36,1652.4\n\"4\",72,1853.2\n",
    ] {
        let output = webapp(&["usl", "-", "--json", "-"], input);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect(input);
        let read: Vec<_> = json["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| (point["n"].as_f64(), point["throughput"].as_f64()))
            .collect();
        let expected = [(1.0, 64.9), (18.0, 995.9), (36.0, 1652.4), (72.0, 1853.2)].map(|(n, x)| (Some(n), Some(x)));
        assert_eq!(read, expected, "{input}");
    }
}

#[test]
fn command_refuses_what_can_be_read_in_two_ways() {
    for (input, words) in [
        ("n;rps\n1;65\n36;1.652\n", "line 3: throughput is '1.652' in column 2, which can mean 1.652 or 1652"),
        ("1,1,65\n2,18,996\n3,36,1652\n", "line 1: there are 3 columns"),
        ("n,rps,p99\n1,65,3\n18,,4\n", "line 3: throughput is missing in column 2"),
        ("1,65,4\n18,995,9\n", "for a decimal comma, put semicolons between columns"),
    ] {
        let output = webapp(&["usl", "-"], input);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{input:?}");
        assert!(error.contains(words), "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn command_fits_huge_and_tiny_figures() {
    for unit in ["e160", "e-160", "e300", "e-300"] {
        let output = webapp(&["usl", "-"], &format!("1,1{unit}\n2,2{unit}\n3,2.5{unit}\n"));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(&format!("2.500{unit}")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
}
