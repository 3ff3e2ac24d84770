//! What an autoscaler changes: the number of nodes, the quota of one, or both.

/// What is changed. A size is a number of units in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The number of nodes, each of one unit (horizontal).
    Nodes,
    /// The quota of one big node (vertical).
    Quota,
    /// Nodes get more quota first, then there are more of them.
    Both {
        /// Units that a node may have.
        node_units: u32,
    },
}

/// How units are given out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitLayout {
    /// Nodes.
    pub nodes: u32,
    /// Units of each.
    pub units_each: f64,
}

impl Dimension {
    /// How `units` are given out: with [`Dimension::Both`] to as few nodes as hold them, all alike.
    pub fn layout(self, units: u32) -> UnitLayout {
        let nodes = match self {
            Self::Nodes => units,
            Self::Quota => units.min(1),
            Self::Both { node_units } => units.div_ceil(node_units),
        };
        UnitLayout { nodes, units_each: if nodes == 0 { 0.0 } else { f64::from(units) / f64::from(nodes) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        for (dimension, units, nodes, units_each) in [
            (Dimension::Nodes, 5, 5, 1.0),
            (Dimension::Nodes, 0, 0, 0.0),
            (Dimension::Quota, 5, 1, 5.0),
            (Dimension::Both { node_units: 2 }, 1, 1, 1.0),
            (Dimension::Both { node_units: 2 }, 2, 1, 2.0),
            (Dimension::Both { node_units: 2 }, 3, 2, 1.5),
            (Dimension::Both { node_units: 3 }, 7, 3, 7.0 / 3.0),
        ] {
            assert_eq!(dimension.layout(units), UnitLayout { nodes, units_each }, "{dimension:?} of {units}");
        }
    }
}
