//! Arms and events.

use std::collections::BTreeSet;

use toml::Spanned;

use super::super::file::{ArmTable, EventTable};
use super::super::{Placeholder, words};
use super::{Checked, Checker};
use crate::results::arm::Arm;
use crate::results::plan::ANY_NODE;

/// More cannot be told apart in a chart.
const MOST_ARMS: usize = 8;

impl Checker<'_> {
    /// `has_work`: the experiment says what is asked of arms that do not.
    pub(super) fn arms(&self, arms: Option<Spanned<Vec<Spanned<ArmTable>>>>, has_work: bool) -> Checked<Vec<Arm>> {
        let arms = arms.ok_or_else(|| {
            self.error(
                &(0..0),
                "there are no arms; write [[arms]] with name and up (or target) for each thing to compare",
            )
        })?;
        let at = arms.span();
        let arms = arms.into_inner();
        self.ensure(!arms.is_empty() && arms.len() <= MOST_ARMS, &at, || {
            format!("there are {} arms, but there must be 1 to {MOST_ARMS}", arms.len())
        })?;
        let mut names = BTreeSet::new();
        let mut checked = Vec::new();
        for arm in arms {
            let at = arm.span();
            let arm = self.arm(arm)?;
            self.ensure(names.insert(arm.name.clone()), &at, || {
                format!("there are two arms {}; rename one", arm.name)
            })?;
            self.ensure(has_work || arm.work.is_some(), &at, || {
                format!(
                    "nothing says what is asked of the arm {}; write workload = \"cpu\", [[work]], or work in the arm",
                    arm.name
                )
            })?;
            checked.push(arm);
        }
        Ok(checked)
    }

    fn arm(&self, arm: Spanned<ArmTable>) -> Checked<Arm> {
        let at = arm.span();
        let arm = arm.into_inner();
        let name = arm.name.ok_or_else(|| self.error(&at, "the arm has no name; write name = \"…\""))?;
        let name = self.name(name, "the name of an arm")?;
        self.ensure(arm.up.is_some() != arm.target.is_some(), &at, || {
            format!("the arm {name} needs either up (words for the driver) or target (an address that runs already)")
        })?;
        if let Some(pid) = arm.pid.as_ref().map(Spanned::span).or(arm.pid_file.as_ref().map(Spanned::span)) {
            self.ensure(arm.target.is_some(), &pid, || {
                "pid and pid_file belong to a target; the driver says which processes it started".to_owned()
            })?;
            self.ensure(arm.pid.is_none() || arm.pid_file.is_none(), &pid, || {
                "pid and pid_file contradict each other; leave one out".to_owned()
            })?;
        }
        if let Some(target) = &arm.target {
            self.target(target)?;
        }
        let words = |text: Option<Spanned<String>>, read: fn(&str) -> Result<Vec<String>, String>| match text {
            None => Ok(Vec::new()),
            Some(text) => read(text.get_ref()).map_err(|problem| self.error(&text.span(), problem)),
        };
        Ok(Arm {
            label: arm.label.map(|label| self.sentence(label, "label")).transpose()?,
            up: words(arm.up, words::up)?,
            https: self.https(arm.https, arm.target.is_some())?,
            target: arm.target.map(Spanned::into_inner),
            work: arm.work.map(|work| self.work(work)).transpose()?,
            load: words(arm.load, words::load)?,
            autoscale: words(arm.autoscale, words::autoscale)?,
            pid: self.count(arm.pid, MOST_PID, "pid")?,
            pid_file: arm.pid_file.map(|file| self.sentence(file, "pid_file")).transpose()?,
            machines: arm.machines,
            name,
        })
    }

    /// `is_running`: the arm's target says how it is asked.
    fn https(&self, https: Option<Spanned<bool>>, is_running: bool) -> Checked<bool> {
        let Some(https) = https else { return Ok(false) };
        self.ensure(!is_running, &https.span(), || {
            "https belongs to up; a target begins with https:// itself".to_owned()
        })?;
        Ok(https.into_inner())
    }

    fn target(&self, target: &Spanned<String>) -> Checked<()> {
        let (at, text) = (target.span(), target.get_ref());
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let authority = rest.map(|rest| rest.trim_end_matches('/'));
        let right = authority.is_some_and(|authority| {
            !authority.is_empty()
                && authority.chars().all(|character| character.is_ascii_graphic() && !"/?#@".contains(character))
        });
        self.ensure(right, &at, || {
            format!("'{text}' is not a target; write for instance \"http://127.0.0.1:8000\", and the path under work")
        })?;
        words::placeholders(text, &[Placeholder::Scale]).map_err(|problem| self.error(&at, problem))
    }

    pub(super) fn event(&self, event: Spanned<EventTable>, arms: &[Arm]) -> Checked<(String, f64)> {
        let at = event.span();
        let event = event.into_inner();
        if let Some(arm) = arms.iter().find(|arm| arm.target.is_some()) {
            return Err(self.error(
                &at,
                format!("nothing can be killed in the arm {}, which runs already; leave [event] out", arm.name),
            ));
        }
        let kill = event.kill.map(|kill| self.name(kill, "kill")).transpose()?;
        let fraction = self.within(event.fraction, 0.01..=3.0, "fraction")?;
        Ok((kill.unwrap_or_else(|| ANY_NODE.to_owned()), fraction.unwrap_or(EVENT_FRACTION)))
    }
}

/// The kernel's largest (Linux, include/linux/threads.h).
const MOST_PID: u32 = 4 * 1024 * 1024;
/// Share of the ceiling that is offered while something dies: what people plan for.
const EVENT_FRACTION: f64 = 0.7;
