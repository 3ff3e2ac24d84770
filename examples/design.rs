//! Which design of a bench decides most in three minutes? Draws benches from a known truth and counts the verdicts.
//!
//! `cargo run --release --example design` prints five tables: false alarms, power, how blocks are shared out over the scales,
//! the machine's speed as a covariate, and the stopping rule. The seeds are fixed: the tables are the same every time.

#[path = "../tests/bench_simulation/mod.rs"]
mod bench_simulation;

use bench_simulation::{Machine, Simulation};
use webapp::results::comparison::{
    Blocks, Comparison, SpeedMeasured, Verdict, are_narrow, compare, compare_at_equal_speed,
};

const BENCHES: u32 = 2_000;
const EFFECT_PERCENT: f64 = 5.0;
/// What blocks may take of three minutes: the open ladder and the search for the number of connections need the rest.
const BUDGET_SECONDS: f64 = 105.0;
/// Of a stay beside its window: cluster up and down, warm-up, start and end of the generator, as `Plan` counts them.
const OVERHEAD_SECONDS: f64 = 0.5 + 0.4 + 0.2;
/// The window whose noise is given.
const REFERENCE_SECONDS: f64 = 1.8;

fn main() {
    false_alarms();
    power();
    shares();
    covariate();
    stopping();
}

fn compared(figures: &[Blocks]) -> Vec<Comparison> {
    compare(&figures[0], &figures[1..].iter().collect::<Vec<_>>(), EFFECT_PERCENT)
}

/// Percentage of benches of which `holds` is true.
fn percent(machine: Machine, blocks: u32, truth: &[f64], holds: impl Fn(&[Comparison]) -> bool) -> f64 {
    let mut simulation = Simulation::new(7);
    let held = (0..BENCHES).filter(|_| holds(&compared(&simulation.bench(machine, blocks, truth).figures))).count();
    100.0 * held as f64 / f64::from(BENCHES)
}

fn misses(comparison: &Comparison, truth: f64) -> bool {
    comparison.interval_95.is_some_and(|[low, high]| low > truth || high < truth)
}

fn false_alarms() {
    println!("No true difference: benches with a false alarm for any arm, %\n");
    println!("arms  blocks  noise %  interval leaves out 0  called different");
    for arms in [1, 3] {
        for blocks in [4, 6, 10] {
            for noise in [0.025, 0.05, 0.07] {
                let truth = vec![1.0; arms];
                let of = |holds: fn(&Comparison) -> bool| {
                    percent(Machine::noisy(0.1, noise), blocks, &truth, |all| all.iter().any(holds))
                };
                let (out, different) = (of(|one| misses(one, 1.0)), of(|one| one.verdict == Verdict::Different));
                println!("{arms:>4}  {blocks:>6}  {:>7.1}  {out:>21.1}  {different:>16.1}", 100.0 * noise);
            }
        }
    }
}

/// `fixed_share` of the variance belongs to the stay, whatever its window; the rest shrinks as the window grows.
fn noise_of(window: f64, noise: f64, fixed_share: f64) -> f64 {
    noise * (fixed_share + (1.0 - fixed_share) * REFERENCE_SECONDS / window).sqrt()
}

fn power() {
    println!(
        "\nTwo arms, {BUDGET_SECONDS:.0} s for blocks. Decided rightly, %: equivalent where the truth is equal (=),"
    );
    println!("different where it is 10 % more (10), for noise of a stay with a window of {REFERENCE_SECONDS} s\n");
    println!("                                     noise 2.5 %    noise 5 %    noise 7 %");
    println!("fixed noise  scales  window s  blocks     =    10      =   10      =   10");
    for fixed_share in [0.0, 0.5] {
        for scales in [1.0, 3.0] {
            for window in [0.6, 1.0, 1.8, 3.0, 5.0, 8.0] {
                let blocks = (BUDGET_SECONDS / (2.0 * scales * (window + OVERHEAD_SECONDS))).floor() as u32;
                let cells: Vec<String> = [0.025, 0.05, 0.07]
                    .into_iter()
                    .map(|noise| {
                        let machine = Machine::noisy(0.1, noise_of(window, noise, fixed_share));
                        let rightly = |truth: f64, verdict: Verdict| {
                            percent(machine, blocks, &[truth], |all| all[0].verdict == verdict)
                        };
                        let equal = rightly(1.0, Verdict::Equivalent);
                        format!("{equal:>5.0} {:>5.0}", rightly(1.1, Verdict::Different))
                    })
                    .collect();
                println!("{fixed_share:>11}  {scales:>6}  {window:>8.1}  {blocks:>6} {}", cells.join("  "));
            }
        }
    }
}

/// The same time, shared out over three scales in different ways.
fn shares() {
    println!(
        "\nTwo arms, three scales, the same time. Decided rightly, %, as above, at the last scale and at the others\n"
    );
    println!("                                 noise 2.5 %                noise 5 %");
    println!("blocks  at the last  window s    last: =  10  others: =  10    last: =  10  others: =  10");
    for (blocks, at_last, window) in [(7, 7, 1.4), (6, 10, 1.3), (5, 12, 1.3), (4, 15, 1.2), (3, 17, 1.2), (2, 20, 1.2)]
    {
        let cells: Vec<String> = [0.025, 0.05]
            .into_iter()
            .map(|noise| {
                let machine = Machine::noisy(0.1, noise_of(window, noise, 0.5));
                let rightly = |blocks: u32| {
                    let of = |truth: f64, verdict: Verdict| {
                        percent(machine, blocks, &[truth], |all| all[0].verdict == verdict)
                    };
                    (of(1.0, Verdict::Equivalent), of(1.1, Verdict::Different))
                };
                let ((equal, more), (others_equal, others_more)) = (rightly(at_last), rightly(blocks));
                format!("{equal:>9.0} {more:>3.0} {others_equal:>10.0} {others_more:>3.0}")
            })
            .collect();
        println!("{blocks:>6}  {at_last:>11}  {window:>8.1} {}", cells.join("   "));
    }
}

fn covariate() {
    println!("\nThe machine's speed as a covariate: mean half-width of the interval, %, and misses, %\n");
    println!("blocks  speed %  goodput follows   plain   misses   at equal speed   misses");
    for blocks in [6, 10] {
        for (speed, follows) in [(0.0, 0.0), (0.025, 1.0), (0.05, 1.0), (0.05, 0.5), (0.05, 0.0)] {
            let machine = Machine { drift: 0.1, noise: 0.025, speed, follows, timing: 0.01 };
            let mut simulation = Simulation::new(7);
            let mut sums = [0.0; 4];
            for _ in 0..BENCHES {
                let bench = simulation.bench(machine, blocks, &[1.0]);
                let of = |arm: usize| SpeedMeasured { figures: &bench.figures[arm], speeds: &bench.speeds[arm] };
                let equal = compare_at_equal_speed(of(0), &[of(1)], EFFECT_PERCENT).expect("speeds that differ")[0];
                for (index, one) in [compared(&bench.figures)[0], equal].iter().enumerate() {
                    sums[2 * index] += one.half_width_percent().unwrap_or_default() / f64::from(BENCHES);
                    sums[2 * index + 1] += 100.0 * f64::from(u8::from(misses(one, 1.0))) / f64::from(BENCHES);
                }
            }
            let [plain, missed, equal, missed_equal] = sums;
            println!(
                "{blocks:>6}  {:>7.1}  {follows:>15}   {plain:>5.1}   {missed:>6.1}   {equal:>14.1}   {missed_equal:>6.1}",
                100.0 * speed
            );
        }
    }
}

fn stopping() {
    println!("\n--until 3%, 100 blocks at most, no true difference\n");
    println!("noise %  blocks (mean)  interval leaves out 0, %  called different, %");
    for noise in [0.01, 0.025, 0.035, 0.05, 0.07] {
        let mut simulation = Simulation::new(7);
        let (mut blocks, mut out, mut different) = (0, 0, 0);
        for _ in 0..BENCHES {
            let figures = simulation.bench(Machine::noisy(0.1, noise), 100, &[1.0]).figures;
            let first = |count: u32| -> Comparison {
                let of = |arm: &Blocks| arm.range(..=count).map(|(&block, &figure)| (block, figure)).collect();
                compared(&figures.iter().map(of).collect::<Vec<Blocks>>())[0]
            };
            let stopped = (2..=100).map(first).find(|one| are_narrow(&[*one], 3.0)).unwrap_or_else(|| first(100));
            blocks += stopped.blocks;
            out += u32::from(misses(&stopped, 1.0));
            different += u32::from(stopped.verdict == Verdict::Different);
        }
        let share = |count: u32| 100.0 * f64::from(count) / f64::from(BENCHES);
        println!(
            "{:>7.1}  {:>13.1}  {:>24.1}  {:>19.1}",
            100.0 * noise,
            blocks as f64 / f64::from(BENCHES),
            share(out),
            share(different)
        );
    }
}
