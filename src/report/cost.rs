//! What a million requests cost, each way, and where the two break even.

use serde::Serialize;

use super::analysis::Point;
use crate::design::{Text, both};
use crate::results::arm::{Arm, Machines};
use crate::results::prices::Prices;

/// Costs at every unit count that both has prices and was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// The prices behind it.
    pub prices: Prices,
    /// False: nobody gave prices, these are the example's, and no claim rests on them.
    pub given: bool,
    /// Rising in units.
    pub rows: Vec<CostRow>,
    /// Where horizontal begins to cost less a request than vertical.
    pub break_even: BreakEven,
}

/// One unit count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CostRow {
    /// Units of CPU.
    pub units: u32,
    /// Price an hour of the one big machine.
    pub vertical_per_hour: Option<f64>,
    /// Price of a million requests there, at its ceiling.
    pub vertical_per_million: Option<f64>,
    /// Price an hour of the small machines and their balancer.
    pub horizontal_per_hour: Option<f64>,
    /// Price of a million requests there, at its ceiling.
    pub horizontal_per_million: Option<f64>,
}

/// Where many small machines begin to cost less a request than a big one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BreakEven {
    /// There are not two unit counts to compare.
    Unknown,
    /// At each unit count horizontal costs less.
    AlwaysHorizontal,
    /// At each unit count vertical costs less.
    AlwaysVertical,
    /// From so many units on; between two measured unit counts the costs are taken to change evenly.
    At {
        /// Units, with decimals.
        units: f64,
    },
    /// The cheaper way changes more than once: these figures show no single point.
    Several,
}

/// The cost of all points of the `arms` that say how their machines are bought, at `prices`, else at the example's. `None`
/// where no point has a price.
pub fn cost(arms: &[Arm], points: &[Point], prices: Option<&Prices>) -> Option<Cost> {
    let mut units: Vec<u32> = points.iter().filter_map(|point| point.key.scale.whole()).collect();
    units.dedup();
    let (given, prices) = (prices.is_some(), prices.cloned().unwrap_or_else(Prices::example));
    let rows: Vec<CostRow> = units.into_iter().map(|units| row(arms, points, &prices, units)).collect();
    rows.iter().any(|row| row.vertical_per_million.or(row.horizontal_per_million).is_some()).then(|| Cost {
        break_even: break_even(&rows),
        prices,
        given,
        rows,
    })
}

fn row(arms: &[Arm], points: &[Point], prices: &Prices, units: u32) -> CostRow {
    let per_million = |machines: Machines, per_hour: Option<f64>| {
        let arm = arms.iter().find(|arm| arm.machines == Some(machines))?;
        let mut there = points.iter().filter(|point| point.key.scale.whole() == Some(units) && point.valid);
        let per_second = there.find(|point| point.key.arm == arm.name)?.ceiling_per_second.median;
        per_hour.filter(|_| per_second > 0.0).map(|per_hour| 1e6 * per_hour / (3600.0 * per_second))
    };
    let (vertical, horizontal) = (prices.machine(units), prices.horizontal(units));
    CostRow {
        units,
        vertical_per_hour: vertical,
        vertical_per_million: per_million(Machines::OneBig, vertical),
        horizontal_per_hour: horizontal,
        horizontal_per_million: per_million(Machines::ManySmall, horizontal),
    }
}

fn break_even(rows: &[CostRow]) -> BreakEven {
    // What horizontal costs more than vertical, at each unit count.
    let more: Vec<(f64, f64)> = rows
        .iter()
        .filter_map(|row| Some((f64::from(row.units), row.horizontal_per_million? - row.vertical_per_million?)))
        .collect();
    if more.len() < 2 {
        return BreakEven::Unknown;
    }
    let crossings: Vec<(f64, bool)> = more
        .windows(2)
        .filter(|pair| (pair[0].1 > 0.0) != (pair[1].1 > 0.0))
        .map(|pair| {
            let ((n0, d0), (n1, d1)) = (pair[0], pair[1]);
            (n0 + (n1 - n0) * d0 / (d0 - d1), d1 <= 0.0)
        })
        .collect();
    match crossings[..] {
        [] if more[0].1 > 0.0 => BreakEven::AlwaysVertical,
        [] => BreakEven::AlwaysHorizontal,
        [(units, true)] => BreakEven::At { units },
        _ => BreakEven::Several,
    }
}

impl Cost {
    /// Whose prices they are.
    pub fn source(&self) -> Text {
        if self.given {
            Text::new("your prices", "tus precios")
        } else {
            Text::new("example prices; --prices FILE takes yours", "precios de ejemplo; --prices FILE toma los tuyos")
        }
    }
}

impl BreakEven {
    /// In one sentence.
    pub fn sentence(&self) -> Text {
        match self {
            Self::Unknown => Text::new(
                "Two unit counts with prices are needed to find where the two ways break even.",
                "Hacen falta dos cantidades de unidades con precio para encontrar dónde se igualan los dos caminos.",
            ),
            Self::AlwaysHorizontal => Text::new(
                "A request costs less on many small machines at every unit count measured.",
                "Una petición cuesta menos en muchas máquinas pequeñas con cada cantidad de unidades que se midió.",
            ),
            Self::AlwaysVertical => Text::new(
                "A request costs less on the one big machine at every unit count measured.",
                "Una petición cuesta menos en la única máquina grande con cada cantidad de unidades que se midió.",
            ),
            Self::At { units } => both!(
                "From {units} units on, a request costs less on many small machines.",
                "Desde {units} unidades, una petición cuesta menos en muchas máquinas pequeñas.",
                units = format!("{units:.1}")
            ),
            Self::Several => Text::new(
                "Which way is cheaper changes more than once: the figures scatter too much for a break-even.",
                "Cuál de los dos caminos es más barato cambia más de una vez: las cifras se dispersan demasiado para un punto de equilibrio.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{analysis, sample};

    #[test]
    fn a_million_requests() {
        let results = sample::results();
        let cost = cost(&results.manifest.plan.arms, &analysis::points(&results), None).unwrap();
        assert!(!cost.given);
        let first = cost.rows[0];
        assert!((first.vertical_per_million.unwrap() - 1e6 * 0.010 / 3600.0 / 90.0).abs() < 1e-9);
        assert!((first.horizontal_per_million.unwrap() - 1e6 * 0.016 / 3600.0 / 90.0).abs() < 1e-9);
        assert_eq!(cost.rows.iter().map(|row| row.units).collect::<Vec<_>>(), [1, 2, 4]);
    }

    #[test]
    fn where_the_ways_break_even() {
        let rows = |costs: &[(f64, f64)]| -> Vec<CostRow> {
            let row = |(index, &(vertical, horizontal)): (usize, &(f64, f64))| CostRow {
                units: index as u32 + 1,
                vertical_per_hour: None,
                vertical_per_million: Some(vertical),
                horizontal_per_hour: None,
                horizontal_per_million: Some(horizontal),
            };
            costs.iter().enumerate().map(row).collect()
        };
        for (costs, expected) in [
            (&[(1.0, 2.0)][..], BreakEven::Unknown),
            (&[(1.0, 2.0), (1.0, 1.5)], BreakEven::AlwaysVertical),
            (&[(2.0, 1.0), (2.0, 1.5)], BreakEven::AlwaysHorizontal),
            (&[(1.0, 2.0), (2.0, 1.0)], BreakEven::At { units: 1.5 }),
            (&[(2.0, 1.0), (1.0, 2.0)], BreakEven::Several),
            (&[(1.0, 2.0), (2.0, 1.0), (1.0, 2.0)], BreakEven::Several),
        ] {
            assert_eq!(break_even(&rows(costs)), expected, "{costs:?}");
        }
    }
}
