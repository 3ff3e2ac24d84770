use super::*;

/// Blocks whose logarithms against a baseline of 1 are these, in percent.
fn blocks(percents: &[f64]) -> BTreeMap<u32, f64> {
    percents.iter().enumerate().map(|(index, percent)| (index as u32 + 1, (percent / 100.0).exp())).collect()
}

fn one(percents: &[f64]) -> Comparison {
    compare(&blocks(&vec![0.0; percents.len()]), &[&blocks(percents)], 5.0)[0]
}

#[test]
fn verdicts() {
    use Verdict::{Different, Equivalent, Undecided};
    let undecided = |further_blocks| Undecided { further_blocks };
    for (percents, verdict) in [
        (&[][..], undecided(None)),
        (&[-8.0], undecided(None)),
        (&[-8.0, -8.2, -7.9, -8.1, -8.0, -7.8], Different),
        (&[0.5, -0.5, 0.3, -0.2, 0.1, -0.4], Equivalent),
        // Real, and too small to matter.
        (&[1.0, 1.1, 0.9, 1.0, 1.05, 0.95], Equivalent),
        // The interval leaves out 0, but the mean may or may not matter.
        (&[3.0, 4.5, 6.0, 3.5, 5.5, 4.8], undecided(Some(29))),
        (&[0.0, 9.0, -8.0, 7.0, -6.0, 4.0], undecided(Some(5))),
        (&[-42.0, 120.0, -10.0, 80.0], undecided(Some(15))),
    ] {
        assert_eq!(one(percents).verdict, verdict, "{percents:?}: {:?}", one(percents));
    }
}

#[test]
fn intervals_are_those_of_student() {
    // -10, 0, 10: mean 0, standard error 10 / sqrt(3), t(2) = 4.303 and 2.920.
    let compared = one(&[-10.0, 0.0, 10.0]);
    let ends = |interval: Option<[f64; 2]>| interval.unwrap().map(|end| 100.0 * end.ln());
    let [low, high] = ends(compared.interval_95);
    assert!((high - 24.84).abs() < 0.01 && (low + 24.84).abs() < 0.01, "{low} {high}");
    assert!((ends(compared.interval_90)[1] - 16.86).abs() < 0.01);
    assert!((compared.half_width_percent().unwrap() - 28.2).abs() < 0.1);
}

#[test]
fn blocks_without_both_figures_are_left_out() {
    let baseline = BTreeMap::from([(1, 100.0), (2, 100.0), (3, 0.0), (5, 100.0)]);
    let arm = BTreeMap::from([(1, 50.0), (2, f64::NAN), (3, 50.0), (4, 50.0), (5, 50.0)]);
    let compared = compare(&baseline, &[&arm], 5.0)[0];
    assert_eq!((compared.blocks, compared.left_out, compared.without_answers), (2, 3, 2));
    assert!((compared.ratio.unwrap() - 0.5).abs() < 1e-12);
}

#[test]
fn several_arms_share_the_five_percent() {
    for (p_values, levels) in [
        (vec![0.01], vec![0.05]),
        (vec![0.04, 0.01], vec![0.05, 0.025]),
        (vec![0.04, 0.03, 0.001], vec![0.025, 0.025, 0.05 / 3.0]),
        (vec![0.5, 0.5], vec![0.025, 0.025]),
    ] {
        assert_eq!(holm(&p_values), levels, "{p_values:?}");
    }
}

#[test]
fn a_bench_stops_at_narrow_intervals_of_six_blocks() {
    let narrow = |percents: &[f64]| are_narrow(&[one(percents)], 3.0);
    assert!(narrow(&[1.0, -1.0, 1.0, -1.0, 1.0, -1.0]));
    assert!(narrow(&[41.0, 39.0, 41.0, 39.0, 41.0, 39.0]), "the width counts, not the verdict");
    assert!(!narrow(&[1.0, -1.0, 1.0, -1.0, 1.0]), "five blocks");
    assert!(!narrow(&[9.0, -9.0, 9.0, -9.0, 9.0, -9.0]), "wide");
    assert!(!narrow(&[]));
    let blocks_of = |percents: &[f64]| blocks(percents);
    let (still, restless) =
        (blocks_of(&[0.1, -0.1, 0.1, -0.1, 0.1, -0.1]), blocks_of(&[9.0, -9.0, 9.0, -9.0, 9.0, -9.0]));
    assert!(!are_narrow(&compare(&blocks_of(&[0.0; 6]), &[&still, &restless], 5.0), 3.0), "one of two is wide");
}

#[test]
fn identical_figures_are_equivalent_and_finite() {
    let same = one(&[0.0; 6]);
    assert_eq!((same.verdict, same.interval_95, same.ratio), (Verdict::Equivalent, Some([1.0, 1.0]), Some(1.0)));
    let far: Blocks = (1..=6).map(|block| (block, 1e308)).collect();
    let near: Blocks = (1..=6).map(|block| (block, 1e-308)).collect();
    assert_eq!(compare(&near, &[&far], 5.0)[0].verdict, Verdict::Different);
}
