//! What an experiment compares: arms, at scales.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::placeholder::Placeholder;
use super::work::WeightedRequest;

/// Flags of the driver whose value makes requests cost more, and adds nothing that serves.
const AMOUNTS_OF_WORK: [&str; 2] = ["--store-rows", "--login"];

/// One of the ways to build a service that an experiment compares. The first arm of a plan is the baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Its name, unique in the plan: `vertical`, `horizontal`, `nginx`.
    pub name: String,
    /// What it stands for in a sentence, a noun phrase that follows "with": `one big node`. `None`: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The words given to the driver's `up`; `{scale}`, `{unit-cpu}`, `{balancer}` and `{model}` are filled in. Empty where
    /// `target` names a service that runs already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub up: Vec<String>,
    /// An address that runs already, in place of the driver's cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Requests of this arm alone; `None`: those of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Vec<WeightedRequest>>,
    /// Whether it is asked by HTTPS, at the address that its cluster names for that.
    #[serde(default, skip_serializing_if = "is_false")]
    pub https: bool,
    /// Further arguments of `webapp load` for this arm: `--no-keepalive`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<String>,
    /// The words of `webapp autoscale` for what changes this arm's size while the load changes. Empty: its size is fixed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub autoscale: Vec<String>,
    /// The process behind `target` on this machine, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// A file that holds it; read before each run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_file: Option<String>,
    /// How its CPU is bought, for prices. `None`: no claim about its cost is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<Machines>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Arm {
    /// Whether its words or its target hold this placeholder.
    pub fn leaves_open(&self, placeholder: Placeholder) -> bool {
        self.up.iter().chain(&self.target).any(|word| word.contains(placeholder.text()))
    }

    /// Whether the steps of the scale add to what serves, as nodes, cores and threads do, so that its throughput over them has a
    /// law. Rows of a table and the price of a hash only add to the work.
    pub fn grows(&self) -> bool {
        let amount = |words: &[String]| match words {
            [flag, value] => AMOUNTS_OF_WORK.contains(&&**flag) && value.contains(Placeholder::Scale.text()),
            _ => false,
        };
        !self.up.windows(2).any(amount)
    }

    /// Whether it keeps the size that it is brought up with.
    pub fn is_fixed(&self) -> bool {
        self.autoscale.is_empty()
    }

    /// Whether each connection of its load is a user with cookies.
    pub fn has_users(&self) -> bool {
        self.load.iter().any(|word| word == "--cookies")
    }

    /// What it is called in a sentence.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }
}

/// How an arm's units of CPU are bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Machines {
    /// One machine that has all units.
    OneBig,
    /// A machine each unit, and a balancer.
    ManySmall,
}

/// A step of the experiment's scale: units of CPU, or any other word that goes into `{scale}`. In JSON a number where it is
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scale(String);

impl Scale {
    /// The step as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its number, where it is a finite one.
    pub fn number(&self) -> Option<f64> {
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Its number, where it is a whole one.
    pub fn whole(&self) -> Option<u32> {
        self.0.parse().ok()
    }
}

impl From<u32> for Scale {
    fn from(units: u32) -> Self {
        Self(units.to_string())
    }
}

impl From<&str> for Scale {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for Scale {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl Serialize for Scale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.whole(), self.number()) {
            (Some(whole), _) => serializer.serialize_u32(whole),
            (None, Some(number)) => serializer.serialize_f64(number),
            (None, None) => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Whole(u64),
            Number(f64),
            Text(String),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Whole(number) => number.to_string(),
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        }))
    }
}

/// One point of an experiment: an arm at a scale.
///
/// In JSON `arm` and `scale`. Beside them stand `topology` and `units` where the arm is one of the two topologies, the names
/// that folders of format 1 have; both are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointKey {
    /// Name of the arm.
    pub arm: String,
    /// Step of the scale.
    pub scale: Scale,
}

/// Names of the two topologies, the arms of every folder of format 1.
pub const TOPOLOGIES: [&str; 2] = ["vertical", "horizontal"];

impl PointKey {
    /// The point of this arm at this scale.
    pub fn new(arm: impl Into<String>, scale: impl Into<Scale>) -> Self {
        Self { arm: arm.into(), scale: scale.into() }
    }

    /// Another arm at the same scale.
    pub fn of_arm(&self, arm: &str) -> Self {
        Self { arm: arm.to_owned(), scale: self.scale.clone() }
    }
}

impl fmt::Display for PointKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.arm, self.scale)
    }
}

#[derive(Serialize, Deserialize)]
struct KeyFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<Scale>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topology: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    units: Option<Scale>,
}

impl Serialize for PointKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let topology = TOPOLOGIES.contains(&self.arm.as_str()).then(|| self.arm.clone());
        let units = topology.as_ref().map(|_| self.scale.clone());
        KeyFields { arm: Some(self.arm.clone()), scale: Some(self.scale.clone()), topology, units }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PointKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let fields = KeyFields::deserialize(deserializer)?;
        let arm = fields.arm.or(fields.topology).ok_or_else(|| D::Error::missing_field("arm"))?;
        let scale = fields.scale.or(fields.units).ok_or_else(|| D::Error::missing_field("scale"))?;
        Ok(Self { arm, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_numbers_where_they_can_be() {
        for (json, number, back) in [
            ("4", Some(4.0), "4"),
            ("0.5", Some(0.5), "0.5"),
            ("\"8\"", Some(8.0), "8"),
            ("\"wide\"", None, "\"wide\""),
        ] {
            let scale: Scale = serde_json::from_str(json).unwrap();
            assert_eq!((scale.number(), serde_json::to_string(&scale).unwrap().as_str()), (number, back), "{json}");
        }
    }

    #[test]
    fn rows_and_hashes_are_no_growth() {
        for (up, grows) in [
            ("--nodes {scale} --store mariadb", true),
            ("--nodes 2 --store-connections {scale}", true),
            ("--nodes 1 --store mariadb --store-rows {scale}", false),
            ("--units 1 --login {scale}:3", false),
            ("--nodes {scale} --store-rows 1000", true),
            ("", true),
        ] {
            let arm = Arm { up: up.split_whitespace().map(str::to_owned).collect(), ..Arm::default() };
            assert_eq!(arm.grows(), grows, "{up}");
        }
    }

    #[test]
    fn keys_of_format_1_are_read() {
        let old: PointKey = serde_json::from_str(r#"{"topology":"vertical","units":4}"#).unwrap();
        assert_eq!(old, PointKey::new("vertical", 4));
        let written = serde_json::to_value(&old).unwrap();
        assert_eq!(written, serde_json::json!({"arm": "vertical", "scale": 4, "topology": "vertical", "units": 4}));
        let other = serde_json::to_value(PointKey::new("nginx", "wide")).unwrap();
        assert_eq!(other, serde_json::json!({"arm": "nginx", "scale": "wide"}));
        assert!(serde_json::from_str::<PointKey>(r#"{"arm":"a"}"#).is_err());
    }
}
