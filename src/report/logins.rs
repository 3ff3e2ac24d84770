//! How many logins a second each arm answered, for the headline.

use super::analysis::Point;
use super::{Report, words};
use crate::results::arm::Arm;
use crate::results::number::plain;

/// What a login is called among addresses.
const LOGIN: &str = "POST /login";

/// The sentence for all scales; `None` where nobody logged in.
pub fn sentence(report: &Report) -> Option<String> {
    let plan = &report.manifest.plan;
    let rate = |point: &Point| {
        let login = point.addresses.iter().find(|it| it.address == LOGIN)?;
        Some((words::scale(plan, &point.key.scale), plain(login.goodput_per_second)))
    };
    let of_arm = |arm: &Arm| {
        let (scales, rates): (Vec<_>, Vec<_>) = report.of_arm(&arm.name).filter_map(rate).unzip();
        (!rates.is_empty()).then(|| (words::list(&scales), format!("{} with {}", words::list(&rates), arm.label())))
    };
    let arms: Vec<(String, String)> = plan.arms.iter().filter_map(of_arm).collect();
    let (scales, _) = arms.first()?;
    let rates: Vec<&str> = arms.iter().map(|(_, rates)| &**rates).collect();
    Some(format!("Logins a second at {scales}: {}.", rates.join("; ")))
}
