//! How long a server works on a request.

use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Exp1, StandardNormal};

use super::model_error::ModelError;
use super::random::{Random, uniform};

/// A distribution of service times, in seconds of an undisturbed thread.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceTime {
    /// Exponential: much small work, some large.
    Exponential {
        /// Seconds.
        mean: f64,
    },
    /// Always the same.
    Fixed {
        /// Seconds.
        seconds: f64,
    },
    /// Log-normal: a long tail.
    LogNormal {
        /// Seconds.
        mean: f64,
        /// Coefficient of variation: standard deviation / mean.
        cv: f64,
    },
    /// As it was measured.
    Measured(Steps),
}

impl ServiceTime {
    /// The mean, in seconds.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Exponential { mean } | Self::LogNormal { mean, .. } => *mean,
            Self::Fixed { seconds } => *seconds,
            Self::Measured(steps) => steps.mean(),
        }
    }

    /// The coefficient of variation: standard deviation / mean.
    pub fn variation(&self) -> f64 {
        match self {
            Self::Exponential { .. } => 1.0,
            Self::Fixed { .. } => 0.0,
            Self::LogNormal { cv, .. } => *cv,
            Self::Measured(steps) => steps.variation(),
        }
    }

    /// The same form with another mean.
    #[must_use]
    pub fn with_mean(self, mean: f64) -> Self {
        let factor = mean / self.mean();
        match self {
            Self::Exponential { .. } => Self::Exponential { mean },
            Self::Fixed { .. } => Self::Fixed { seconds: mean },
            Self::LogNormal { cv, .. } => Self::LogNormal { mean, cv },
            Self::Measured(mut steps) => {
                for step in &mut steps.0 {
                    step.from *= factor;
                    step.to *= factor;
                }
                Self::Measured(steps)
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        let mean = self.mean();
        let variation = self.variation();
        if !(mean.is_finite() && mean > 0.0) {
            Err(ModelError::Service(mean))
        } else if !(variation.is_finite() && variation >= 0.0) {
            Err(ModelError::Variation(variation))
        } else {
            Ok(())
        }
    }
}

/// A part of a measured distribution: `weight` of all lie evenly between `from` and `to` seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistributionStep {
    /// Seconds.
    pub from: f64,
    /// Seconds, at least `from`.
    pub to: f64,
    /// How many, or which share.
    pub weight: f64,
}

/// A measured distribution, as a histogram or a list of single values gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps(Vec<DistributionStep>);

impl Steps {
    /// From the steps of a histogram, in any order.
    ///
    /// # Errors
    /// [`ModelError::Steps`] when there is none, or one is not a range with a weight.
    pub fn new(steps: Vec<DistributionStep>) -> Result<Self, ModelError> {
        let usable = |step: &DistributionStep| {
            step.from.is_finite()
                && step.to.is_finite()
                && 0.0 <= step.from
                && step.from <= step.to
                && step.weight >= 0.0
        };
        let weight: f64 = steps.iter().map(|step| step.weight).sum();
        let fits = u32::try_from(steps.len()).is_ok();
        let usable = steps.iter().all(usable) && weight.is_finite() && weight > 0.0 && fits;
        if usable { Ok(Self(steps)) } else { Err(ModelError::Steps) }
    }

    /// From single measured values, in seconds: each as likely as the others.
    ///
    /// # Errors
    /// As [`Steps::new`].
    pub fn of_values(values: impl IntoIterator<Item = f64>) -> Result<Self, ModelError> {
        Self::new(values.into_iter().map(|value| DistributionStep { from: value, to: value, weight: 1.0 }).collect())
    }

    fn mean(&self) -> f64 {
        let weight: f64 = self.0.iter().map(|step| step.weight).sum();
        self.0.iter().map(|step| step.weight * (step.from + step.to) / 2.0).sum::<f64>() / weight
    }

    fn variation(&self) -> f64 {
        let mean = self.mean();
        let weight: f64 = self.0.iter().map(|step| step.weight).sum();
        let square = |step: &DistributionStep| {
            step.weight * ((step.from + step.to) / 2.0 - mean).powi(2)
                + step.weight * (step.to - step.from).powi(2) / 12.0
        };
        (self.0.iter().map(square).sum::<f64>() / weight).sqrt() / mean
    }
}

/// Draws service times.
pub(super) struct ServiceSampler {
    kind: DistributionKind,
    random: Random,
}

enum DistributionKind {
    Exponential(f64),
    Fixed(f64),
    /// Mean and standard deviation of the logarithm.
    LogNormal(f64, f64),
    Measured(Vec<DistributionStep>, WeightedAliasIndex<f64>),
}

impl ServiceSampler {
    /// # Errors
    /// When the distribution is none: see [`ServiceTime::check`].
    pub fn new(service: &ServiceTime, random: Random) -> Result<Self, ModelError> {
        service.check()?;
        let kind = match service {
            ServiceTime::Exponential { mean } => DistributionKind::Exponential(*mean),
            ServiceTime::Fixed { seconds } => DistributionKind::Fixed(*seconds),
            ServiceTime::LogNormal { mean, cv } => {
                let variance = (1.0 + cv * cv).ln();
                DistributionKind::LogNormal(mean.ln() - variance / 2.0, variance.sqrt())
            }
            ServiceTime::Measured(Steps(steps)) => {
                let weights = steps.iter().map(|step| step.weight).collect();
                let index = WeightedAliasIndex::new(weights).map_err(|_| ModelError::Steps)?;
                DistributionKind::Measured(steps.clone(), index)
            }
        };
        Ok(Self { kind, random })
    }

    /// A service time in seconds.
    #[inline]
    pub fn draw(&mut self) -> f64 {
        match &self.kind {
            DistributionKind::Exponential(mean) => {
                let time: f64 = Exp1.sample(&mut self.random);
                time * mean
            }
            DistributionKind::Fixed(seconds) => *seconds,
            DistributionKind::LogNormal(mean, deviation) => {
                let normal: f64 = StandardNormal.sample(&mut self.random);
                (mean + deviation * normal).exp()
            }
            DistributionKind::Measured(steps, index) => {
                let step = steps[index.sample(&mut self.random)];
                step.from + (step.to - step.from) * uniform(&mut self.random)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Streams;
    use super::*;

    fn moments(service: &ServiceTime) -> (f64, f64) {
        let mut sampler = ServiceSampler::new(service, Streams::new(11).service).unwrap();
        let times: Vec<f64> = (0..400_000).map(|_| sampler.draw()).collect();
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / times.len() as f64;
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn means_and_variations_are_those_asked_for() {
        let steps = vec![
            DistributionStep { from: 1.0, to: 3.0, weight: 3.0 },
            DistributionStep { from: 10.0, to: 10.0, weight: 1.0 },
        ];
        let measured = ServiceTime::Measured(Steps::new(steps).unwrap());
        assert_eq!(measured.mean(), 4.0);
        for service in [
            ServiceTime::Exponential { mean: 2.0 },
            ServiceTime::Fixed { seconds: 0.3 },
            ServiceTime::LogNormal { mean: 2.0, cv: 1.5 },
            measured.clone(),
            measured.with_mean(0.4),
            ServiceTime::Measured(Steps::of_values([1.0, 2.0, 9.0]).unwrap()),
        ] {
            let (mean, variation) = moments(&service);
            assert!((mean / service.mean() - 1.0).abs() < 0.02, "{service:?}: {mean}");
            assert!((variation - service.variation()).abs() < 0.05, "{service:?}: {variation}");
        }
    }

    #[test]
    fn wrong_distributions_are_refused() {
        for service in [
            ServiceTime::Exponential { mean: 0.0 },
            ServiceTime::Fixed { seconds: -1.0 },
            ServiceTime::Fixed { seconds: f64::NAN },
            ServiceTime::LogNormal { mean: 1.0, cv: -0.5 },
            ServiceTime::LogNormal { mean: 1.0, cv: f64::INFINITY },
            ServiceTime::Measured(Steps::of_values([0.0]).unwrap()),
        ] {
            assert!(service.check().is_err(), "{service:?}");
        }
        for values in [vec![], vec![-1.0], vec![f64::NAN]] {
            assert_eq!(Steps::of_values(values), Err(ModelError::Steps));
        }
        let reversed = DistributionStep { from: 2.0, to: 1.0, weight: 1.0 };
        assert_eq!(Steps::new(vec![reversed]), Err(ModelError::Steps));
    }
}
