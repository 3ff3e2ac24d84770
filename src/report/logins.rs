//! How many logins a second each arm answered, for the headline.

use super::analysis::Point;
use super::spanish::label;
use super::{Report, words};
use crate::design::{Text, both};
use crate::results::arm::Arm;
use crate::results::number::plain;

/// What a login is called among addresses.
const LOGIN: &str = "POST /login";

/// The sentence for all scales; `None` where nobody logged in.
pub fn sentence(report: &Report) -> Option<Text> {
    let plan = &report.manifest.plan;
    let rate = |point: &Point| {
        let login = point.addresses.iter().find(|it| it.address == LOGIN)?;
        Some((words::scale(plan, &point.key.scale), Text::figure(plain(login.goodput_per_second))))
    };
    let of_arm = |arm: &Arm| {
        let (scales, rates): (Vec<_>, Vec<_>) = report.of_arm(&arm.name).filter_map(rate).unzip();
        let (rates, known) = (Text::list(rates), !scales.is_empty());
        let words = both!("{rates} with {arm}", "{rates} con {arm}", rates, arm = label(plan, &arm.name));
        known.then(|| (Text::list(scales), words))
    };
    let arms: Vec<(Text, Text)> = plan.arms.iter().filter_map(of_arm).collect();
    let (scales, _) = arms.first()?;
    let rates = Text::join(arms.iter().map(|(_, rates)| rates.clone()), "; ");
    Some(both!(
        "Logins a second at {scales}: {rates}.",
        "Inicios de sesión por segundo con {scales}: {rates}.",
        scales,
        rates
    ))
}
