//! Topologies x levels -> measured runs.
//!
//! [`plan`] says what is measured and in which order, [`ladder`] and [`steps`] which level comes next (policy without a
//! clock), [`driver`] brings clusters up and down, [`generator`] drives the load, [`watch`] reads nodes, balancer and
//! machine meanwhile, [`summary`] turns that into figures, and [`folder`] keeps every run as it ends.

pub mod caretaker;
pub mod driver;
pub mod foreign;
pub mod generator;
pub mod interrupt;
pub mod locality;
pub mod login;
pub mod machine;
pub mod progress;
pub mod scaling;
pub mod speed;
pub mod steps;
pub mod summary;
pub mod watch;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};

use crate::cluster::contract::ClusterAnswer;
use crate::results::arm::PointKey;
use crate::results::folder::ResultsFolder;
use crate::results::invalid::Judged;
use crate::results::manifest::{FORMAT, Manifest};
use crate::results::plan::{ANY_NODE, Ladder, Plan, Visit};
use crate::results::queries;
use crate::results::run::{Killed, Level, Run};
use caretaker::Caretaker;
use driver::Driver;
use generator::LoadJob;
use progress::BenchProgress;
use summary::RunWindow;
use watch::Watch;

use crate::results::prices::Prices;

/// What [`run`] needs.
pub struct BenchSettings {
    /// What is measured. When an earlier bench is resumed: its plan, which may have other blocks.
    pub plan: Plan,
    /// The prices that the report shall use; kept in the manifest.
    pub prices: Option<Prices>,
    /// The program that brings clusters up and down. `None` where every arm runs already.
    pub driver: Option<PathBuf>,
    /// The binary that serves and drives the load.
    pub binary: PathBuf,
    /// The results folder.
    pub out: PathBuf,
    /// True: go on in a results folder that is there.
    pub resume: bool,
}

/// How a bench ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything planned was measured.
    Complete,
    /// It was told to stop; what was measured until then is in the folder.
    Interrupted,
    /// An arm answered nothing correctly, as this says: there is nothing to measure.
    Nothing(String),
}

/// Measures everything that the plan asks for and is not in the results folder yet.
///
/// # Errors
/// When the folder cannot be written, the driver fails or the generator cannot run. What was measured until then stays
/// in the folder, and the cluster is taken down in any case.
pub fn run(settings: &BenchSettings, progress: &mut BenchProgress, interrupted: &AtomicBool) -> anyhow::Result<Ended> {
    let (folder, manifest, runs) = if settings.resume {
        let (folder, results) = ResultsFolder::resume(&settings.out)?;
        (folder, Some(results.manifest), results.runs)
    } else {
        (ResultsFolder::create(&settings.out)?, None, Vec::new())
    };
    let driver = settings.driver.as_deref().map(|program| Driver::new(program, &settings.binary));
    let caretaker = driver
        .as_ref()
        .map(|driver| Caretaker::start(driver.program(), &driver.down_arguments(), driver.binary()))
        .transpose()?;
    if let Some(earlier) = manifest.as_ref().filter(|earlier| earlier.plan != settings.plan) {
        folder.write_manifest(&Manifest { plan: settings.plan.clone(), ..earlier.clone() })?;
    }
    let mut bench = Bench {
        plan: settings.plan.clone(),
        prices: settings.prices.clone(),
        binary: &settings.binary,
        driver,
        folder,
        runs,
        manifest_written: manifest.is_some(),
    };
    let ended = bench.visit_all(progress, interrupted);
    let down = bench.driver.as_ref().map_or(Ok(()), Driver::down);
    if let Some(caretaker) = caretaker.filter(|_| down.is_ok()) {
        caretaker.dismiss();
    }
    progress.finish();
    let ended = ended?;
    down.context("everything is measured, but the cluster could not be taken down")?;
    Ok(ended)
}

/// With `--until`: an arm that is not known by then will not be.
const MOST_BLOCKS: u32 = 200;

struct Bench<'a> {
    plan: Plan,
    prices: Option<Prices>,
    binary: &'a Path,
    driver: Option<Driver>,
    folder: ResultsFolder,
    runs: Vec<Run>,
    manifest_written: bool,
}

impl Bench<'_> {
    /// Closed ladders block by block, as many as it takes; then the open ones, which need the ceilings.
    fn visit_all(&mut self, progress: &mut BenchProgress, interrupted: &AtomicBool) -> anyhow::Result<Ended> {
        let began = Instant::now();
        let mut block = 1;
        while block <= self.plan.closed_blocks() || self.wants_another(block, began) {
            if let Some(ended) = self.measure(self.plan.block(Ladder::Closed, block), progress, interrupted)? {
                return Ok(ended);
            }
            progress.block(&self.plan, &self.runs, block);
            block += 1;
        }
        for visits in self.plan.open_visits().chain(self.plan.profile_visits()) {
            if let Some(ended) = self.measure(visits, progress, interrupted)? {
                return Ok(ended);
            }
        }
        Ok(Ended::Complete)
    }

    /// Whether a block beyond the planned ones is measured: the comparisons are not known well enough, and there is time.
    /// What they say is not looked at.
    fn wants_another(&self, block: u32, began: Instant) -> bool {
        let Some(percent) = self.plan.until_percent else { return false };
        let in_time = self.plan.at_most_seconds.is_none_or(|most| began.elapsed().as_secs_f64() < most);
        let begun = self.runs.iter().any(|run| run.block == block && run.level.ladder() == Ladder::Closed);
        block <= MOST_BLOCKS && in_time && (begun || !steps::is_precise(&self.plan, &self.runs, percent))
    }

    /// Measures what is missing of these visits. `None` when they are complete.
    fn measure(
        &mut self,
        visits: Vec<Visit>,
        progress: &mut BenchProgress,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Option<Ended>> {
        for visit in visits {
            progress.visit(&visit, self.plan.visit_seconds(&visit));
            if steps::next_level(&self.plan, &visit, &self.runs).is_none() {
                continue;
            }
            if interrupted.load(Ordering::Relaxed) {
                return Ok(Some(Ended::Interrupted));
            }
            let measured = self.visit(&visit, progress, interrupted);
            if interrupted.load(Ordering::Relaxed) {
                return Ok(Some(Ended::Interrupted));
            }
            measured?;
            self.driver.as_ref().map_or(Ok(()), Driver::down)?;
            if let Some(nothing) = steps::answers_nothing(&self.plan, &self.runs) {
                return Ok(Some(Ended::Nothing(nothing)));
            }
        }
        Ok(None)
    }

    fn visit(&mut self, visit: &Visit, progress: &mut BenchProgress, interrupted: &AtomicBool) -> anyhow::Result<()> {
        let mut cluster = self.cluster(&visit.point)?;
        if !self.manifest_written {
            self.folder.write_manifest(&self.manifest(&cluster))?;
            self.manifest_written = true;
        }
        while let Some(level) = steps::next_level(&self.plan, visit, &self.runs) {
            if interrupted.load(Ordering::Relaxed) || steps::answers_nothing(&self.plan, &self.runs).is_some() {
                return Ok(());
            }
            if visit.ladder == Ladder::Profile && self.is_begun(visit) {
                // Again, from the beginning: the run before left another size, or a queue that it could not work off.
                self.driver.as_ref().map_or(Ok(()), Driver::down)?;
                cluster = self.cluster(&visit.point)?;
            }
            progress.level(&level);
            let run = self.drive(visit, level, &cluster, interrupted)?;
            self.folder.append(&run)?;
            progress.run(&run);
            self.runs.push(run);
        }
        Ok(())
    }

    /// Whether a run of this visit was measured already.
    fn is_begun(&self, visit: &Visit) -> bool {
        let of_visit =
            |run: &Run| run.block == visit.block && run.level.ladder() == visit.ladder && run.point == visit.point;
        self.runs.iter().any(of_visit)
    }

    /// Where a point is: brought up by the driver, or running already.
    fn cluster(&self, point: &PointKey) -> anyhow::Result<ClusterAnswer> {
        let arm = self.plan.arm(&point.arm).with_context(|| format!("there is no arm {}", point.arm))?;
        match (&arm.target, &self.driver) {
            (Some(target), _) => driver::running(arm, self.plan.filled(target, &point.scale)),
            (None, Some(driver)) => driver.up(&self.plan, point),
            (None, None) => bail!("the arm {} needs a driver; name one with --driver", arm.name),
        }
    }

    fn drive(
        &self,
        visit: &Visit,
        level: Level,
        cluster: &ClusterAnswer,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Run> {
        let window_seconds = match level {
            Level::Closed { .. } => self.plan.closed_seconds,
            Level::Open { .. } => self.plan.open_seconds,
            Level::Death { .. } => self.plan.event.as_ref().map_or(self.plan.open_seconds, |event| event.seconds),
            Level::Profile { seconds, .. } => seconds,
        };
        // A load that changes has no warm-up: it begins as it begins.
        let warmup_seconds = if level.ladder() == Ladder::Profile { 0.0 } else { self.plan.warmup_seconds };
        let arm = self.plan.arm(&visit.point.arm).with_context(|| format!("there is no arm {}", visit.point.arm))?;
        let asked = generator::asked(arm, cluster)?;
        let work = login::filled(self.plan.work_at(arm, &visit.point.scale), cluster)?;
        let started_at = now();
        let watch = Watch::start(cluster);
        let from_seconds = watch.seconds() + warmup_seconds;
        let job = LoadJob {
            target: &asked.target,
            work: &work,
            further: &asked.further,
            level,
            users: arm
                .has_users()
                .then(|| queries::ceiling_connections(&self.plan, &self.runs, &visit.point))
                .flatten(),
            seed: self.plan.seed.wrapping_add(u64::from(visit.block) << 32),
            warmup_seconds,
            window_seconds,
        };
        let load_is_over = AtomicBool::new(false);
        let (load, killed, scaling) = thread::scope(|scope| {
            let killer = scope.spawn(|| match level {
                Level::Death { killed_at_seconds, .. } => self.kill(cluster, &watch, from_seconds, killed_at_seconds),
                _ => Ok(None),
            });
            let scaler = scope.spawn(|| match level {
                Level::Profile { .. } => {
                    scaling::run(arm, self.driver.as_ref(), cluster, &watch, from_seconds, &load_is_over).map(Some)
                }
                _ => Ok(None),
            });
            let load = generator::run(self.binary, &job, interrupted);
            load_is_over.store(true, Ordering::Relaxed);
            let killed = killer.join().unwrap_or_else(|_| bail!("the thread that kills a node panicked"));
            (load, killed, scaler.join().unwrap_or_else(|_| bail!("the thread of the autoscaler panicked")))
        });
        let cluster = &ClusterAnswer { nodes: watch.nodes(), ..cluster.clone() };
        let samples = watch.end();
        let (load, killed, scaling) = (load?, killed?, scaling?);
        let window = RunWindow { from_seconds, to_seconds: from_seconds + window_seconds };
        let overload_expected = level.ladder() != Ladder::Closed;
        let machine = summary::machine(cluster, &samples, window, &load, locality::is_here);
        // Nodes that come and go have no quota over the whole window.
        let quotas = cluster.nodes.iter().map(|node| node.quota_cores);
        let quota_cores = quotas.sum::<Option<f64>>().filter(|_| arm.is_fixed());
        let verdict = Judged {
            load: &load,
            machine: &machine,
            quota_cores,
            overload_expected,
            names_expected: arm.target.is_none(),
        }
        .verdict();
        Ok(Run {
            block: visit.block,
            point: visit.point.clone(),
            level,
            started_at,
            killed,
            scaling,
            nodes: summary::nodes(cluster, &samples, window, &load),
            balancer: summary::balancer(cluster, &samples, window),
            verdict,
            services: summary::services(cluster, &samples, window),
            machine,
            samples,
            load,
        })
    }

    /// Who dies: the last node, or the one that the plan names.
    fn victim(&self, cluster: &ClusterAnswer) -> Option<String> {
        match self.plan.event.as_ref().map(|event| event.kill.as_str()) {
            Some(ANY_NODE) => cluster.nodes.last().map(|node| node.name.clone()),
            named => named.map(str::to_owned),
        }
    }

    /// Waits for the moment, then kills who shall die. `None` where the driver cannot.
    fn kill(
        &self,
        cluster: &ClusterAnswer,
        watch: &Watch,
        from: f64,
        at_seconds: f64,
    ) -> anyhow::Result<Option<Killed>> {
        thread::sleep(Duration::from_secs_f64((from + at_seconds - watch.seconds()).max(0.0)));
        let (Some(name), Some(driver)) = (self.victim(cluster), &self.driver) else { return Ok(None) };
        let at_seconds = watch.seconds() - from;
        Ok(driver.kill(&name)?.then_some(Killed { node: name, at_seconds }))
    }

    fn manifest(&self, cluster: &ClusterAnswer) -> Manifest {
        let mut versions = vec![("webapp".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        let program = self.driver.as_ref().map(Driver::program);
        versions.extend(program.map(|program| ("driver".to_owned(), program.display().to_string())));
        if let Some(balancer) = &cluster.balancer {
            versions.push((balancer.kind.clone(), balancer.version.clone().unwrap_or_else(|| "unknown".to_owned())));
        }
        Manifest {
            format: FORMAT,
            started_at: now(),
            machine: machine::describe(),
            limited: cluster.limited.clone(),
            versions: versions.into_iter().collect(),
            git: machine::revision(program.unwrap_or(self.binary)),
            plan: self.plan.clone(),
            prices: self.prices.clone(),
        }
    }
}

/// The moment, RFC 3339 in UTC, to the second.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
