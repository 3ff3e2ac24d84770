//! What the words of an arm leave open.

/// What the words of an arm leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The step of the scale.
    Scale,
    /// A unit in percent of one core.
    UnitCpu,
    /// The node's model.
    Model,
    /// The balancer.
    Balancer,
}

impl Placeholder {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Scale, Self::UnitCpu, Self::Model, Self::Balancer];

    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Scale => "{scale}",
            Self::UnitCpu => "{unit-cpu}",
            Self::Model => "{model}",
            Self::Balancer => "{balancer}",
        }
    }
}
