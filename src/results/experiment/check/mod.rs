//! From what was typed to an [`Experiment`]: every value is judged, and the first that makes no sense is named with its line.

mod arms;
mod profile;
mod sizes;
mod work;

use std::ops::{Range, RangeInclusive};

use toml::Spanned;

use super::file::{File, SizesTable};
use super::{Experiment, ExperimentError, Placeholder, Size, Sizes};
use crate::results::balancer;
use crate::results::objective::Objective;
use crate::results::plan::SMALLEST_EFFECT_PERCENT;

pub use work::work_file;

/// The flag of the load that makes each connection a user with cookies.
const COOKIES: &str = "--cookies";
const LONGEST_NAME: usize = 40;

type Checked<T> = Result<T, ExperimentError>;

/// Reads and judges a whole file.
pub fn experiment(file: &str, text: &str) -> Checked<Experiment> {
    let check = Checker { file, text };
    let read: File = toml::from_str(text)
        .map_err(|error| check.error(&error.span().unwrap_or(0..0), error.message().replace('\n', ", ")))?;
    let question = check.question(read.question)?;
    let look_at = read.look_at.map(|look_at| check.sentence(look_at, "look_at")).transpose()?.unwrap_or_default();
    let workload = read.workload.as_ref().map(|workload| *workload.get_ref());
    let work = match (&read.workload, read.work) {
        (Some(workload), Some(_)) => {
            return Err(check.error(&workload.span(), "workload and [[work]] contradict each other; leave one out"));
        }
        (Some(workload), None) => workload.get_ref().requests(),
        (None, Some(work)) => check.work(work)?,
        (None, None) => Vec::new(),
    };
    let scale = check.scale(read.scale)?;
    let arms_at = read.arms.as_ref().map_or(0..0, Spanned::span);
    let mut arms = check.arms(read.arms, !work.is_empty())?;
    if read.cookies == Some(true) {
        for arm in arms.iter_mut().filter(|arm| !arm.load.iter().any(|word| word == COOKIES)) {
            arm.load.push(COOKIES.to_owned());
        }
    }
    let event = read.event.map(|event| check.event(event, &arms)).transpose()?;
    let profile_at = read.profile.as_ref().map(Spanned::span);
    let profile = match read.profile {
        Some(profile) => Some(check.profile(profile, &arms)?),
        None => check.no_profile(&arms_at, &arms).map(|()| None)?,
    };
    let common = read.sizes.map(Spanned::into_inner).unwrap_or_default();
    let sizes = |size: Size, own: Option<Spanned<SizesTable>>| {
        let defaults = Sizes::default_of(size, &scale.values, workload.filter(|_| scale.is_numbers()));
        let sizes = check.sizes(
            size,
            check.sizes(size, defaults, &common)?,
            &own.map(Spanned::into_inner).unwrap_or_default(),
        )?;
        check.work_at_scales(&arms_at, &arms, &work, &sizes.scales, &[])?;
        Ok(sizes)
    };
    let (quick, full) = (sizes(Size::Quick, read.quick)?, sizes(Size::Full, read.full)?);
    let objective_at = read.objective.as_ref().map_or(0..0, Spanned::span);
    let objective = check.objective(read.objective)?;
    if let Some(at) = &profile_at {
        check.one_step(at, [&quick, &full])?;
        check.objective_of_seconds(&objective_at, objective)?;
    }
    let placed = [
        (read.unit_cpu_percent.as_ref().map(Spanned::span), Placeholder::UnitCpu, "unit_cpu_percent"),
        (read.model.as_ref().map(Spanned::span), Placeholder::Model, "model"),
        (read.balancer.as_ref().map(Spanned::span), Placeholder::Balancer, "balancer"),
    ];
    let experiment = Experiment {
        name: name_of(file),
        question,
        look_at,
        workload,
        work,
        objective,
        smallest_effect_percent: check
            .within(read.smallest_effect_percent, 0.1..=100.0, "smallest_effect_percent")?
            .unwrap_or(SMALLEST_EFFECT_PERCENT),
        seed: read.seed.unwrap_or(1),
        unit_cpu_percent: check.count(read.unit_cpu_percent, 6400, "unit_cpu_percent")?,
        model: check.one_of(read.model, "model", &["async", "sync"])?.unwrap_or("async").to_owned(),
        balancer: check
            .one_of(read.balancer, "balancer", &balancer::names())?
            .unwrap_or(balancer::BalancerKind::Haproxy.name())
            .to_owned(),
        law: scale.law,
        scale_name: scale.name,
        arms,
        event,
        profile,
        quick,
        full,
    };
    for (at, placeholder, key) in placed {
        if let Some(at) = at.filter(|_| !experiment.uses(placeholder)) {
            return Err(check.error(
                &at,
                format!("{key} is given, but no arm says {}; use it or leave it out", placeholder.text()),
            ));
        }
    }
    check.scale_is_used(&experiment, scale.at)?;
    Ok(experiment)
}

/// The last part of a path, without `.toml`.
fn name_of(file: &str) -> String {
    let last = file.rsplit('/').next().unwrap_or(file);
    last.strip_suffix(".toml").unwrap_or(last).to_owned()
}

/// Knows the file, so that what is wrong has a place.
struct Checker<'a> {
    file: &'a str,
    text: &'a str,
}

impl Checker<'_> {
    fn error(&self, at: &Range<usize>, problem: impl Into<String>) -> ExperimentError {
        let before = self.text.as_bytes().get(..at.start).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        ExperimentError { file: self.file.to_owned(), line, problem: problem.into() }
    }

    fn ensure(&self, right: bool, at: &Range<usize>, problem: impl FnOnce() -> String) -> Checked<()> {
        if right { Ok(()) } else { Err(self.error(at, problem())) }
    }

    /// A number within bounds.
    fn within(
        &self,
        value: Option<Spanned<f64>>,
        bounds: std::ops::RangeInclusive<f64>,
        key: &str,
    ) -> Checked<Option<f64>> {
        let Some(value) = value else { return Ok(None) };
        self.ensure(bounds.contains(value.get_ref()), &value.span(), || {
            format!("{key} is {}, but must be between {} and {}", value.get_ref(), bounds.start(), bounds.end())
        })?;
        Ok(Some(value.into_inner()))
    }

    /// A whole number from 1 to `most`.
    fn count(&self, value: Option<Spanned<u32>>, most: u32, key: &str) -> Checked<Option<u32>> {
        self.whole(value, 1..=most, key)
    }

    /// A whole number within bounds.
    fn whole(&self, value: Option<Spanned<u32>>, bounds: RangeInclusive<u32>, key: &str) -> Checked<Option<u32>> {
        let Some(value) = value else { return Ok(None) };
        self.ensure(bounds.contains(value.get_ref()), &value.span(), || {
            format!("{key} is {}, but must be between {} and {}", value.get_ref(), bounds.start(), bounds.end())
        })?;
        Ok(Some(value.into_inner()))
    }

    /// One of some words.
    fn one_of<'w>(&self, value: Option<Spanned<String>>, key: &str, words: &[&'w str]) -> Checked<Option<&'w str>> {
        let Some(value) = value else { return Ok(None) };
        match words.iter().find(|word| *word == value.get_ref()) {
            Some(word) => Ok(Some(word)),
            None => {
                Err(self
                    .error(&value.span(), format!("{key} is '{}', but may be {}", value.get_ref(), words.join(" or "))))
            }
        }
    }

    /// One line of text that says something.
    fn sentence(&self, value: Spanned<String>, key: &str) -> Checked<String> {
        let text = value.get_ref().trim().to_owned();
        self.ensure(!text.is_empty() && !text.contains(char::is_control), &value.span(), || {
            format!("{key} must be one line of text, and not empty")
        })?;
        Ok(text)
    }

    fn name(&self, value: Spanned<String>, key: &str) -> Checked<String> {
        let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let name = value.get_ref();
        let right = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain);
        self.ensure(right, &value.span(), || {
            format!("{key} '{name}' must have 1 to {LONGEST_NAME} characters, of letters, digits, '-', '_' and '.'")
        })?;
        Ok(value.into_inner())
    }

    fn question(&self, question: Option<Spanned<String>>) -> Checked<String> {
        let question = question.ok_or_else(|| {
            self.error(
                &(0..0),
                "there is no question; write for instance question = \"Do two threads do more than one?\"",
            )
        })?;
        let at = question.span();
        let question = self.sentence(question, "question")?;
        self.ensure(question.ends_with('?'), &at, || "the question must end with a question mark".to_owned())?;
        Ok(question)
    }

    fn objective(&self, objective: Option<Spanned<String>>) -> Checked<Objective> {
        match objective {
            None => Ok(Objective::default()),
            Some(text) => text.get_ref().parse().map_err(|problem: String| self.error(&text.span(), problem)),
        }
    }
}
