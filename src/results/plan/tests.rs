use super::*;

#[test]
fn quick_fits_three_minutes() {
    let seconds = Plan::quick().seconds();
    assert!((120.0..=175.0).contains(&seconds), "{seconds}");
}

#[test]
fn blocks_are_complete_and_shuffled() {
    let plan = Plan { open_scales: vec![2.into(), 4.into()], blocks: 40, further_blocks: 0, ..Plan::quick() };
    let visits = plan.visits();
    let (closed, open): (Vec<Visit>, Vec<Visit>) =
        visits.iter().cloned().partition(|visit| visit.ladder == Ladder::Closed);
    assert_eq!((closed.len(), open.len()), (240, 4));
    assert_eq!(visits[..240], closed, "ceilings come first");
    for (block, visits) in closed.chunks(6).enumerate() {
        assert!(visits.iter().all(|visit| visit.block == block as u32 + 1));
        let mut points: Vec<PointKey> = visits.iter().map(|visit| visit.point.clone()).collect();
        points.sort();
        points.dedup();
        assert_eq!(points.len(), 6, "each point once a block");
        for pair in visits.chunks(2) {
            assert_eq!(pair[0].point.scale, pair[1].point.scale, "arms of a scale stand side by side");
        }
    }
    let first: Vec<bool> = closed.iter().step_by(2).map(|visit| visit.point.arm == "vertical").collect();
    assert_eq!(first.iter().filter(|baseline| **baseline).count(), 60, "each arm is first in one block of two");
    let drawn = first.chunks(6).filter(|two_blocks| two_blocks[0]).count();
    assert!((5..=15).contains(&drawn), "in which of the two is drawn: {drawn} of 20");
    assert_eq!(visits, plan.visits(), "the same seed gives the same order");
    assert_ne!(visits, Plan { seed: 2, ..plan.clone() }.visits());
    assert!(open.iter().all(|visit| plan.event_at(visit).is_some()));
    assert!(closed.iter().all(|visit| plan.event_at(visit).is_none()));
}

#[test]
fn further_blocks_are_of_the_last_scale() {
    let mut plan = Plan { blocks: 2, further_blocks: 3, fractions: vec![], event: None, ..Plan::quick() };
    let scales = |plan: &Plan| plan.visits().iter().map(|visit| visit.point.scale.to_string()).collect::<String>();
    assert_eq!(scales(&plan), "112244".repeat(2) + &"44".repeat(3));
    assert_eq!((plan.closed_blocks(), plan.blocks_words().as_str()), (5, "2 blocks, and 3 more at 4 units alone"));
    for (count, blocks, further) in [(9, 2, 7), (2, 2, 0), (1, 1, 0)] {
        let mut extended = plan.clone();
        extended.extend_to(count);
        assert_eq!((extended.blocks, extended.further_blocks), (blocks, further), "{count}");
    }
    (plan.blocks, plan.further_blocks) = (6, 0);
    plan.extend_to(9);
    assert_eq!((plan.blocks, plan.blocks_words().as_str()), (9, "9 blocks"));
}

#[test]
fn connections_follow_the_scale_where_they_shall() {
    let plan = Plan::quick();
    assert_eq!(plan.connections_at(&PointKey::new("vertical", 4)), [16, 32, 64]);
    assert_eq!(plan.connections_at(&PointKey::new("vertical", "wide")), [4, 8, 16]);
    let plan = Plan { connections_per_scale: false, ..plan };
    assert_eq!(plan.connections_at(&PointKey::new("vertical", 4)), [4, 8, 16]);
}

#[test]
fn units_leave_half_of_the_machine() {
    for (cpus, units, percent) in [(2, 4, 25), (1, 4, 12), (2, 8, 12), (8, 8, 25), (1, 64, 5), (4, 1, 25)] {
        assert_eq!(default_unit_cpu_percent(cpus, units), percent, "{cpus} CPUs, {units} units");
    }
}

#[test]
fn paths_are_those_of_the_plan_or_of_its_arms_each_once() {
    assert_eq!(Plan::quick().paths(), ["/fib?number=28"]);
    let edge = crate::results::experiment::embedded("edge").unwrap().plan(crate::results::experiment::Size::Quick);
    assert_eq!(edge.paths(), ["/item?id={zipf 0..99 1}", "/item?id={uniform 0..99999}"]);
}
