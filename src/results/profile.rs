//! A load that changes: a rate over time, linear between its points, and the moments at which its requests are due.
//!
//! The number of requests due by a moment is the area under the rate up to it. The n-th request is due when that area is
//! n, so the rate is followed within a second, and rounding does not add up: the schedule does not drift.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

/// A rate over time. Begins at 0 s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Seconds, and requests a second at that moment.
    points: Vec<(f64, f64)>,
}

/// A profile that needs no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// 24 hours: a quiet night, a rise in the morning, a dent at noon, the peak in the evening. 20 to 100 a second.
    Day,
    /// 10 minutes: 20 a second, with a minute of 100 that begins within two seconds.
    Spike,
    /// 10 minutes: from 0 to 100 a second.
    Ramp,
    /// 10 minutes: 20, 40, 60, 80 and 100 a second, two minutes each.
    Steps,
}

impl Shape {
    /// Every shape, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Day, Self::Spike, Self::Ramp, Self::Steps];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Spike => "spike",
            Self::Ramp => "ramp",
            Self::Steps => "steps",
        }
    }

    /// The shape of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }

    /// Its points.
    pub fn profile(self) -> Profile {
        let hours = |points: &[(f64, f64)]| points.iter().map(|(hour, rate)| (hour * 3600.0, *rate)).collect();
        let points = match self {
            Self::Day => hours(&[
                (0.0, 35.0),
                (2.0, 24.0),
                (4.0, 20.0),
                (6.0, 26.0),
                (9.0, 68.0),
                (11.0, 80.0),
                (13.0, 70.0),
                (15.0, 78.0),
                (18.0, 86.0),
                (20.0, 100.0),
                (22.0, 72.0),
                (24.0, 35.0),
            ]),
            Self::Spike => {
                vec![(0.0, 20.0), (240.0, 20.0), (242.0, 100.0), (302.0, 100.0), (304.0, 20.0), (600.0, 20.0)]
            }
            Self::Ramp => vec![(0.0, 0.0), (600.0, 100.0)],
            Self::Steps => (0..5_i32)
                .flat_map(|step| {
                    let (from, rate) = (f64::from(step) * 120.0, f64::from(step + 1) * 20.0);
                    // A jump is two points of one moment.
                    [(from, rate), (from + 120.0, rate)]
                })
                .collect(),
        };
        Profile { points }
    }
}

impl Profile {
    /// From points in rising order of time; two points of one moment are a jump. The first must be at 0 s.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(points: Vec<(f64, f64)>) -> anyhow::Result<Self> {
        ensure!(points.len() >= 2, "a profile needs at least two points, a beginning and an end");
        for (seconds, rate) in &points {
            ensure!(seconds.is_finite() && rate.is_finite() && *rate >= 0.0, "{rate}/s at {seconds} s is not a rate");
        }
        ensure!(points[0].0 == 0.0, "a profile begins at 0 s, not at {} s", points[0].0);
        if let Some(pair) = points.windows(2).find(|pair| pair[1].0 < pair[0].0) {
            bail!("{} s comes after {} s; sort the points by time", pair[1].0, pair[0].0);
        }
        let profile = Self { points };
        ensure!(profile.seconds() > 0.0, "the profile ends where it begins");
        ensure!(profile.total() > 0.0, "the profile asks for nothing: its rate is 0 all the time");
        Ok(profile)
    }

    /// Reads lines of `seconds,rate`; empty lines, comments after `#` and a first line of titles are passed over.
    ///
    /// # Errors
    /// At the first line that cannot be used, with its number.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut points = Vec::new();
        let mut first = true;
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let title = std::mem::take(&mut first) && !line.contains(|letter: char| letter.is_ascii_digit());
            if title {
                continue;
            }
            let point = line
                .split_once([',', ';', '\t'])
                .and_then(|(seconds, rate)| Some((seconds.trim().parse().ok()?, rate.trim().parse().ok()?)));
            points.push(point.with_context(|| {
                format!("line {}: '{line}' is not a point; write seconds,rate, for instance 60,100", number + 1)
            })?);
        }
        Self::new(points)
    }

    /// The shape of that name, or what the file of that name holds.
    ///
    /// # Errors
    /// When there is neither, or the file holds something else.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        if let Some(shape) = Shape::named(name) {
            return Ok(shape.profile());
        }
        let names = Shape::ALL.map(Shape::name).join(", ");
        let text = std::fs::read_to_string(Path::new(name)).with_context(|| {
            format!("cannot read the profile {name}; it is a file of seconds,rate or one of {names}")
        })?;
        Self::parse(&text).with_context(|| format!("cannot use the profile {name}"))
    }

    /// The same profile, so many times as long and so many times as high.
    ///
    /// # Errors
    /// When a factor is not above 0.
    pub fn scaled(&self, time: f64, rate: f64) -> anyhow::Result<Self> {
        for (name, factor) in [("time", time), ("rate", rate)] {
            ensure!(
                factor.is_finite() && factor > 0.0,
                "a {name} cannot be scaled by {factor}; write a number above 0"
            );
        }
        Self::new(self.points.iter().map(|(seconds, height)| (seconds * time, height * rate)).collect())
    }

    /// Its length.
    pub fn seconds(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.0)
    }

    /// Its points: seconds, and requests a second.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// Requests over its whole length.
    pub fn total(&self) -> f64 {
        self.points.windows(2).map(area).sum()
    }

    /// Requests a second at a moment; after a jump's moment, the later rate; 0 outside.
    pub fn rate(&self, seconds: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 <= seconds);
        match (after.checked_sub(1).map(|before| self.points[before]), self.points.get(after)) {
            (Some(from), Some(to)) => from.1 + (to.1 - from.1) * (seconds - from.0) / (to.0 - from.0),
            (Some(last), None) if seconds == last.0 => last.1,
            _ => 0.0,
        }
    }

    /// Requests due up to a moment.
    pub fn due_by(&self, seconds: f64) -> f64 {
        let whole = self.points.windows(2).filter(|pair| pair[1].0 <= seconds).map(area).sum::<f64>();
        let begun = self.points.windows(2).find(|pair| pair[0].0 <= seconds && seconds < pair[1].0);
        whole + begun.map_or(0.0, |pair| area(&[pair[0], (seconds, self.rate(seconds))]))
    }

    /// Requests a second, on average over its whole length.
    pub fn mean_rate(&self) -> f64 {
        self.total() / self.seconds()
    }

    /// The highest rate.
    pub fn highest_rate(&self) -> f64 {
        self.points.iter().map(|point| point.1).fold(0.0, f64::max)
    }

    /// Finds when its requests are due.
    pub fn times(self: &Arc<Self>) -> ProfileTimes {
        ProfileTimes { profile: Arc::clone(self), segment: 0, before: 0.0 }
    }
}

/// Requests between two points.
fn area(pair: &[(f64, f64)]) -> f64 {
    (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0
}

/// Finds moments for rising numbers, each in about constant time.
#[derive(Clone, Debug)]
pub struct ProfileTimes {
    profile: Arc<Profile>,
    /// The one of the last answer.
    segment: usize,
    /// Requests due before it.
    before: f64,
}

impl ProfileTimes {
    /// The moment by which `number` requests are due, in seconds; numbers must not fall from call to call. `None` where the
    /// profile ends before.
    pub fn at(&mut self, number: f64) -> Option<f64> {
        while let [from, to, ..] = self.profile.points[self.segment..] {
            let inside = area(&[from, to]);
            if number < self.before + inside {
                return Some((from.0 + within(from.1, to.1, to.0 - from.0, number - self.before)).min(to.0));
            }
            self.before += inside;
            self.segment += 1;
        }
        None
    }
}

/// The time after which a rate that goes from one value to another within `seconds` has brought `requests`. Of the two
/// forms of the root, the one that also holds for a constant rate.
fn within(from: f64, to: f64, seconds: f64, requests: f64) -> f64 {
    if requests <= 0.0 {
        return 0.0;
    }
    let slope = (to - from) / seconds;
    2.0 * requests / (from + (from * from + 2.0 * slope * requests).max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(points: &[(f64, f64)]) -> Profile {
        Profile::new(points.to_vec()).unwrap()
    }

    fn all(profile: &Profile) -> Vec<f64> {
        let mut times = Arc::new(profile.clone()).times();
        (0..).map_while(|number| times.at(f64::from(number))).collect()
    }

    #[test]
    fn a_constant_rate_is_even() {
        let times = all(&profile(&[(0.0, 4.0), (2.0, 4.0)]));
        assert_eq!(times, [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]);
    }

    #[test]
    fn a_ramp_is_a_square_root() {
        // 0 to 100/s in 10 s: by t, 5 t² are due.
        let times = all(&profile(&[(0.0, 0.0), (10.0, 100.0)]));
        assert_eq!(times.len(), 500);
        for (number, time) in times.iter().enumerate() {
            assert!((time - (number as f64 / 5.0).sqrt()).abs() < 1e-9, "{number}: {time}");
        }
        // And down again: the same from the end.
        let down = all(&profile(&[(0.0, 100.0), (10.0, 0.0)]));
        assert_eq!(down.len(), 500);
        for (number, time) in down.iter().enumerate() {
            assert!((time - (10.0 - (100.0 - number as f64 / 5.0).sqrt())).abs() < 1e-6, "{number}: {time}");
        }
    }

    #[test]
    fn each_second_gets_its_area_and_nothing_drifts() {
        for shape in Shape::ALL {
            let profile = shape.profile();
            let mut due = vec![0_u32; profile.seconds() as usize];
            for time in all(&profile) {
                due[time as usize] += 1;
            }
            let mut expected = 0.0;
            let mut found = 0;
            for (second, due) in due.iter().enumerate() {
                let (from, to) = (second as f64, second as f64 + 1.0 - 1e-9);
                let second_area = (profile.rate(from) + profile.rate(to)) / 2.0;
                expected += second_area;
                found += due;
                assert!((f64::from(*due) - second_area).abs() <= 1.0 + 1e-6, "{shape:?}, second {second}: {due}");
                assert!((f64::from(found) - expected).abs() <= 1.0 + 1e-3, "{shape:?} drifts by second {second}");
            }
        }
    }

    #[test]
    fn a_pause_and_a_jump() {
        let times = all(&profile(&[(0.0, 2.0), (1.0, 2.0), (1.0, 0.0), (5.0, 0.0), (5.0, 4.0), (5.5, 4.0)]));
        assert_eq!(times, [0.0, 0.5, 5.0, 5.25]);
        let profile = profile(&[(0.0, 2.0), (1.0, 2.0), (1.0, 8.0), (2.0, 8.0)]);
        assert_eq!([0.5, 1.0, 1.5, 2.0, 2.5].map(|seconds| profile.rate(seconds)), [2.0, 8.0, 8.0, 8.0, 0.0]);
    }

    #[test]
    fn due_so_far() {
        let profile = profile(&[(0.0, 0.0), (10.0, 100.0), (10.0, 20.0), (20.0, 20.0)]);
        for (seconds, due) in [(0.0, 0.0), (5.0, 125.0), (10.0, 500.0), (15.0, 600.0), (20.0, 700.0), (30.0, 700.0)] {
            assert!((profile.due_by(seconds) - due).abs() < 1e-9, "{seconds}: {}", profile.due_by(seconds));
        }
        assert_eq!((profile.mean_rate(), profile.highest_rate()), (35.0, 100.0));
    }

    #[test]
    fn scaled() {
        let ramp = Shape::Ramp.profile().scaled(0.1, 2.0).unwrap();
        assert_eq!((ramp.seconds(), ramp.rate(30.0), ramp.total()), (60.0, 100.0, 6000.0));
        for (time, rate) in [(0.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert!(Shape::Ramp.profile().scaled(time, rate).is_err(), "{time} {rate}");
        }
    }

    #[test]
    fn reads_a_table() {
        let text = "seconds,rate\n# from our logs\n0, 10\n\n60;20 # the rise\n120\t5\n";
        assert_eq!(Profile::parse(text).unwrap().points(), [(0.0, 10.0), (60.0, 20.0), (120.0, 5.0)]);
        for (text, hint) in [
            ("", "at least two points"),
            ("0,10", "at least two points"),
            ("0,10\nsoon,20", "line 2"),
            ("0,10\n60", "line 2"),
            ("0,10\n60,-1", "not a rate"),
            ("0,10\n60,nan", "not a rate"),
            ("5,10\n60,10", "begins at 0 s"),
            ("0,10\n60,10\n30,5", "sort the points"),
            ("0,10\n0,20", "ends where it begins"),
            ("0,0\n60,0", "asks for nothing"),
        ] {
            let error = format!("{:#}", Profile::parse(text).unwrap_err());
            assert!(error.contains(hint), "{text:?}: {error}");
        }
    }

    #[test]
    fn named_shapes_and_files() {
        for shape in Shape::ALL {
            assert_eq!(Profile::named(shape.name()).unwrap(), shape.profile());
            assert!(Profile::new(shape.profile().points).is_ok());
        }
        let error = format!("{:#}", Profile::named("/no/such/profile.csv").unwrap_err());
        assert!(error.contains("/no/such/profile.csv") && error.contains("day, spike, ramp, steps"), "{error}");
    }
}
