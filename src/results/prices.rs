//! What machines cost: a small table that a user can replace.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::design::Text;

/// Prices of machines by their units of CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// What they are and where they come from, for the reader.
    pub about: PriceRemark,
    /// Name of the currency, for instance USD.
    pub currency: String,
    /// Units of a machine to its price an hour.
    pub machine_per_hour: BTreeMap<u32, f64>,
    /// What the balancer of a horizontal topology costs an hour.
    pub balancer_per_hour: f64,
}

/// A remark of whoever wrote the prices: in one language, or in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PriceRemark {
    /// As it was written, whoever reads it.
    Written(String),
    /// For readers of each language.
    Both {
        /// In English.
        en: String,
        /// In Spanish.
        es: String,
    },
}

impl PriceRemark {
    /// For a page.
    pub fn text(&self) -> Text {
        match self {
            Self::Written(text) => Text::as_written(text),
            Self::Both { en, es } => Text::new(en, es),
        }
    }
}

impl Prices {
    /// The documented example, in which a big machine costs more than its share.
    pub fn example() -> Self {
        Self::read(include_str!("../../docs/prices-example.json")).expect("a test reads it")
    }

    /// Reads a table of prices from JSON.
    ///
    /// # Errors
    /// When it is no such table, or a price is not positive; in words for the one who wrote it.
    pub fn read(text: &str) -> Result<Self, String> {
        let prices: Self = serde_json::from_str(text).map_err(|error| {
            format!("{error}; a table of prices looks like docs/prices-example.json: about, currency, machine_per_hour {{units: price}}, balancer_per_hour")
        })?;
        let positive = |price: &f64| price.is_finite() && *price > 0.0;
        if prices.machine_per_hour.is_empty() || prices.machine_per_hour.contains_key(&0) {
            return Err("machine_per_hour needs a price for a machine of one unit or more".to_owned());
        }
        if !prices.machine_per_hour.values().all(positive) {
            return Err("each price in machine_per_hour must be above 0".to_owned());
        }
        if !(prices.balancer_per_hour.is_finite() && prices.balancer_per_hour >= 0.0) {
            return Err("balancer_per_hour must be 0 or more".to_owned());
        }
        Ok(prices)
    }

    /// Price an hour of one machine with `units`. Between two listed sizes the price is taken to grow as a power of the
    /// size; `None` beyond what is listed.
    pub fn machine(&self, units: u32) -> Option<f64> {
        let below = self.machine_per_hour.range(..=units).next_back()?;
        let above = self.machine_per_hour.range(units..).next()?;
        if below.0 == above.0 {
            return Some(*below.1);
        }
        let logarithm = |units: u32| f64::from(units).ln();
        let share = (logarithm(units) - logarithm(*below.0)) / (logarithm(*above.0) - logarithm(*below.0));
        Some((below.1.ln() + share * (above.1.ln() - below.1.ln())).exp())
    }

    /// Price an hour of one machine of one unit for each of `units`, and the balancer before them.
    pub fn horizontal(&self, units: u32) -> Option<f64> {
        Some(f64::from(units) * self.machine(1)? + self.balancer_per_hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_makes_big_machines_dear() {
        let example = Prices::example();
        assert_eq!(example, Prices::read(include_str!("../../docs/prices-example.json")).unwrap());
        for (units, price) in &example.machine_per_hour {
            let share = f64::from(*units) * example.machine(1).unwrap();
            assert!(*units == 1 || *price > share, "{units} units cost {price}, {units} machines {share}");
        }
    }

    #[test]
    fn a_remark_is_in_one_language_or_in_both() {
        let about = |about: &str| {
            let text =
                format!(r#"{{"about":{about},"currency":"X","machine_per_hour":{{"1":1}},"balancer_per_hour":0}}"#);
            Prices::read(&text).map(|prices| prices.about.text())
        };
        assert_eq!(about(r#""mine""#), Ok(Text::as_written("mine")));
        assert_eq!(about(r#"{"en":"mine","es":"míos"}"#), Ok(Text::new("mine", "míos")));
        assert!(about(r#"{"en":"mine"}"#).unwrap_err().contains("docs/prices-example.json"));
        assert_ne!(Prices::example().about.text().es(), Prices::example().about.text().en());
    }

    #[test]
    fn prices_between_and_beyond() {
        let prices =
            Prices::read(r#"{"about":"","currency":"X","machine_per_hour":{"1":1,"4":16},"balancer_per_hour":0.5}"#)
                .unwrap();
        assert_eq!(prices.machine(1), Some(1.0));
        assert!((prices.machine(2).unwrap() - 4.0).abs() < 1e-9);
        assert_eq!(prices.machine(5), None);
        assert_eq!(prices.horizontal(4), Some(4.5));
    }

    #[test]
    fn what_is_no_table_is_explained() {
        for (text, word) in [
            ("", "docs/prices-example.json"),
            ("{}", "missing field"),
            (r#"{"about":"","currency":"X","machine_per_hour":{},"balancer_per_hour":1}"#, "needs a price"),
            (r#"{"about":"","currency":"X","machine_per_hour":{"0":1},"balancer_per_hour":1}"#, "needs a price"),
            (r#"{"about":"","currency":"X","machine_per_hour":{"1":0},"balancer_per_hour":1}"#, "above 0"),
            (r#"{"about":"","currency":"X","machine_per_hour":{"1":1},"balancer_per_hour":-1}"#, "0 or more"),
            (r#"{"about":"","currency":"X","machine_per_hour":{"1":1},"balancer_per_hour":1,"x":1}"#, "unknown field"),
        ] {
            assert!(Prices::read(text).unwrap_err().contains(word), "{text}: {}", Prices::read(text).unwrap_err());
        }
    }
}
