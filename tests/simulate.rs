//! The simulator against theory: mean times in the system that are known exactly, for service times of mean 1.
//! The table at 90 % load, with longer runs, is in scripts/perf/simulate.sh.

#![allow(clippy::unwrap_used)]

use webapp::simulate::{
    ArrivalProcess, ClientModel, ControlSample, Controller, Death, Discipline, Estimate, LifeState, Orders, Policy,
    RateProfile, RequestFailure, ServiceTime, SimulatedQuota, SimulatedServer, SimulationOutcome, StoreModel,
    SystemModel, simulate, simulate_with,
};

const EXPONENTIAL: ServiceTime = ServiceTime::Exponential { mean: 1.0 };

fn model(load: f64, nodes: usize, requests: u64) -> SystemModel {
    SystemModel::new(load * nodes as f64, EXPONENTIAL, nodes, requests)
}

fn run(model: &SystemModel) -> SimulationOutcome {
    simulate(model).unwrap()
}

fn mean(model: &SystemModel) -> Estimate {
    run(model).time_in_system.unwrap().mean
}

/// Within 1 % or the run's own interval, and the interval is narrow enough to say something.
#[track_caller]
fn agrees(name: &str, estimate: Estimate, truth: f64) {
    let [low, high] = estimate.interval_95.unwrap();
    assert!((estimate.value / truth - 1.0).abs() < 0.01 || estimate.covers(truth), "{name}: {estimate:?}, not {truth}");
    assert!((high - low) / 2.0 < 0.05 * truth, "{name}: the interval is too wide to tell: {estimate:?}");
}

#[test]
fn one_server() {
    for load in [0.5, 0.8] {
        let base = model(load, 1, 200_000);
        let times = run(&base).time_in_system.unwrap();
        agrees("M/M/1", times.mean, 1.0 / (1.0 - load));
        assert!(times.p99.covers(100f64.ln() / (1.0 - load)), "M/M/1, p99: {:?}", times.p99);
        let fixed = SystemModel { service: ServiceTime::Fixed { seconds: 1.0 }, ..base.clone() };
        agrees("M/D/1", mean(&fixed), 1.0 + load / (2.0 * (1.0 - load)));
        let tail =
            SystemModel { service: ServiceTime::LogNormal { mean: 1.0, cv: 1.5 }, requests: 500_000, ..base.clone() };
        agrees("M/G/1", mean(&tail), 1.0 + load * (1.0 + 1.5 * 1.5) / (2.0 * (1.0 - load)));
        let even = SystemModel { arrivals: ArrivalProcess::Even { rate: load }, ..base };
        agrees("D/M/1", mean(&even), if load == 0.5 { 1.2550 } else { 2.6927 });
    }
}

#[test]
fn shared_processor() {
    for load in [0.5, 0.8] {
        let server = SimulatedServer { discipline: Discipline::Ps, ..SimulatedServer::default() };
        for service in [EXPONENTIAL, ServiceTime::Fixed { seconds: 1.0 }, ServiceTime::LogNormal { mean: 1.0, cv: 1.0 }]
        {
            let name = format!("PS, {service:?}");
            let shared = SystemModel { server: server.clone(), service, ..model(load, 1, 200_000) };
            agrees(&name, mean(&shared), 1.0 / (1.0 - load));
        }
    }
}

#[test]
fn many_servers() {
    for (load, pooled, shortest, better_of_two, in_turn, forked) in
        [(0.5, 1.0870, 1.4263, 1.2657, 1.2550, 2.875), (0.8, 1.7455, 2.9557, 1.9474, 2.6927, 7.0)]
    {
        let server = SimulatedServer { threads: 4, ..SimulatedServer::default() };
        let rate = 4.0 * load;
        agrees("M/M/4", mean(&SystemModel { server, ..SystemModel::new(rate, EXPONENTIAL, 1, 200_000) }), pooled);
        agrees("random", mean(&model(load, 50, 300_000)), 1.0 / (1.0 - load));
        let balanced = |balancer, nodes| mean(&SystemModel { balancer, ..model(load, nodes, 300_000) });
        agrees("least connections", balanced(Policy::LeastConnections, 2), shortest);
        agrees("two choices", balanced(Policy::TwoChoices, 500), better_of_two);
        agrees("round robin", balanced(Policy::RoundRobin, 500), in_turn);
        let fork = SystemModel { arrivals: ArrivalProcess::Poisson { rate: load }, fork: 2, ..model(load, 2, 200_000) };
        agrees("fork-join", mean(&fork), forked);
    }
}

#[test]
fn full_queues_refuse() {
    // M/M/1/4 at 90 % (Erlang): the share lost is (1 - ρ) ρ⁴ / (1 - ρ⁵).
    let limited = SimulatedServer { queue: Some(3), ..SimulatedServer::default() };
    let outcome = run(&SystemModel { server: limited, ..model(0.9, 1, 200_000) });
    let share = outcome.lost[&RequestFailure::QueueFull] as f64 / outcome.requests as f64;
    let truth = 0.1 * 0.9f64.powi(4) / (1.0 - 0.9f64.powi(5));
    assert!((share / truth - 1.0).abs() < 0.02, "{share}, not {truth}");
    assert_eq!(outcome.completed + outcome.lost_total(), outcome.requests);
    // With processor sharing the limit is one on the tasks that run; the loss is the same.
    let limited = SimulatedServer { queue: Some(3), discipline: Discipline::Ps, ..SimulatedServer::default() };
    let outcome = run(&SystemModel { server: limited, ..model(0.9, 1, 200_000) });
    let share = outcome.lost_total() as f64 / outcome.requests as f64;
    assert!((share / truth - 1.0).abs() < 0.02, "{share}, not {truth}");
    // M/M/3/3 at 2 Erlang: B = 4/19.
    let no_queue = SimulatedServer { threads: 3, queue: Some(0), ..SimulatedServer::default() };
    let outcome = run(&SystemModel { server: no_queue, ..SystemModel::new(2.0, EXPONENTIAL, 1, 200_000) });
    let share = outcome.lost_total() as f64 / outcome.requests as f64;
    assert!((share * 19.0 / 4.0 - 1.0).abs() < 0.02, "{share}");
}

#[test]
fn equal_seeds_give_equal_results_and_balancers_see_the_same_load() {
    let base = model(0.7, 5, 20_000);
    assert_eq!(run(&base), run(&base));
    let other = run(&SystemModel { seed: 2, ..base.clone() });
    assert_ne!(run(&base), other);
    let least = run(&SystemModel { balancer: Policy::LeastConnections, ..base.clone() });
    assert_eq!(run(&base).simulated_seconds, least.simulated_seconds);
}

#[test]
fn a_quota_is_what_the_nodes_get() {
    let quota = Some(SimulatedQuota { cores: 0.25, period_seconds: 0.1 });
    let server = SimulatedServer { threads: 2, quota, queue: Some(100), ..SimulatedServer::default() };
    let base = SystemModel::new(100.0, ServiceTime::Exponential { mean: 0.005 }, 1, 50_000);
    // Twice as much as 0.25 cores can do: 50 of 100 requests a second are answered, all periods are cut.
    let outcome = run(&SystemModel { server: server.clone(), ..base.clone() });
    assert!((outcome.goodput_per_second - 50.0).abs() < 1.0, "{}", outcome.goodput_per_second);
    let utilization = outcome.utilization.unwrap().value;
    assert!((utilization - 1.0).abs() < 0.01 && outcome.nodes[0].throttled.unwrap() > 0.98, "{utilization}");
    // Work that fits into the budget of a period is as fast as without a quota; what does not fit waits for the next one.
    let few = SystemModel::new(4.0, ServiceTime::Fixed { seconds: 0.02 }, 1, 20_000);
    let times = run(&SystemModel { server: server.clone(), ..few.clone() }).time_in_system.unwrap();
    assert!((times.p50.value - 0.02).abs() < 1e-4, "{times:?}");
    let long = SystemModel { service: ServiceTime::Fixed { seconds: 0.03 }, ..few };
    let times = run(&SystemModel { server, ..long }).time_in_system.unwrap();
    assert!(times.p50.value > 0.06 && times.p99.value > times.p50.value, "{times:?}");
}

#[test]
fn a_death_takes_its_requests_and_is_noticed() {
    // Of 4 nodes in turn, one is dead for 1000 s and the balancer sees it after 100 s: a quarter of 100 s fails.
    let death = Death { node: 1, at_seconds: 5_000.0, for_seconds: Some(1000.0) };
    let base = SystemModel {
        balancer: Policy::RoundRobin,
        check_seconds: 100.0,
        deaths: vec![death],
        warmup: 0,
        ..model(0.5, 4, 20_000)
    };
    let outcome = run(&base);
    let dead = outcome.lost[&RequestFailure::NodeDead] as f64;
    assert!((dead - 50.0).abs() < 20.0, "{dead}");
    assert!(outcome.lost[&RequestFailure::NodeDied] < 20, "what it had at that moment");
    assert!(outcome.timeline.iter().any(|slice| slice.nodes == 3) && outcome.timeline.last().unwrap().nodes == 4);
    // Tried again at another node, none is lost.
    let client = ClientModel { retries: 3, ..ClientModel::default() };
    let outcome = run(&SystemModel { client, ..base.clone() });
    assert_eq!((outcome.lost_total(), outcome.completed), (0, 20_000));
    assert!(outcome.tries > 20_000);
    // With one node only, nobody is there.
    let death = Death { node: 0, at_seconds: 100.0, for_seconds: None };
    let outcome = run(&SystemModel { deaths: vec![death], check_seconds: 1.0, warmup: 0, ..model(0.5, 1, 1_000) });
    assert!(outcome.lost[&RequestFailure::NoNode] > 900, "{:?}", outcome.lost);
}

#[test]
fn retries_can_keep_a_system_down() {
    let client = |retries, serve_abandoned, retry_budget| ClientModel {
        timeout_seconds: Some(15.0),
        retries,
        serve_abandoned,
        retry_budget,
        ..ClientModel::default()
    };
    // Both nodes are away for a minute; then there is more than enough for the load of 75 %.
    let deaths = (0..2).map(|node| Death { node, at_seconds: 2_000.0, for_seconds: Some(60.0) }).collect();
    let base = SystemModel { deaths, check_seconds: 1e6, warmup: 0, ..model(0.75, 2, 15_000) };
    let end = |client| {
        let base = SystemModel { client, check_seconds: 30.0, ..base.clone() };
        let outcome = run(&base);
        let last = outcome.timeline.last().copied().unwrap();
        (last.completed as f64 / last.arrived as f64, outcome.tries as f64 / outcome.requests as f64)
    };
    let (calm, _) = end(client(0, false, None));
    assert!(calm > 0.9, "{calm}");
    let (storm, tries) = end(client(9, true, None));
    assert!(storm < 0.5 && tries > 3.0, "{storm} {tries}");
    let (budget, tries) = end(client(9, true, Some(0.1)));
    assert!(budget > 0.9 && tries < 1.2, "{budget} {tries}");
}

#[test]
fn a_store_is_a_second_queue() {
    // Two M/M/1 queues in a row are independent (Burke): 1 / (1 - 0.5) + 0.25 / (1 - 0.5).
    let store = |holds_thread| StoreModel {
        count: 1,
        server: SimulatedServer::default(),
        service: ServiceTime::Exponential { mean: 0.25 },
        share: 1.0,
        holds_thread,
    };
    let base = SystemModel {
        arrivals: ArrivalProcess::Poisson { rate: 2.0 },
        ..SystemModel::new(2.0, EXPONENTIAL, 4, 200_000)
    };
    let outcome = run(&SystemModel { store: Some(store(false)), ..base.clone() });
    agrees("node and store", outcome.time_in_system.unwrap().mean, 2.0 + 0.5);
    agrees("the store's queue", outcome.time_in_store_queue.unwrap().mean, 0.25);
    assert!((outcome.stores[0].utilization - 0.5).abs() < 0.01);
    // A thread that waits for the store does nothing else.
    let held = run(&SystemModel { store: Some(store(true)), ..base }).time_in_system.unwrap();
    assert!(held.mean.value > 3.0, "{held:?}");
}

/// Wants one node for each two requests that are there.
struct ByQueue {
    nodes_seen: Vec<usize>,
}

impl Controller for ByQueue {
    fn interval_seconds(&self) -> f64 {
        15.0
    }

    fn decide(&mut self, sample: &ControlSample<'_>) -> Orders {
        let ready = sample.nodes.iter().filter(|node| node.state == LifeState::Ready);
        let here: u32 = ready.clone().map(|node| node.running + node.queued).sum();
        assert!(ready.clone().filter_map(|node| node.utilization).all(|share| (0.0..=1.0 + 1e-9).contains(&share)));
        assert!((sample.interval_seconds - 15.0).abs() < 1e-6);
        self.nodes_seen.push(ready.count());
        Orders { nodes: Some((here as usize).div_ceil(2).clamp(1, 12)), quota_cores: None }
    }
}

#[test]
fn a_controller_grows_and_shrinks_the_system() {
    let day = RateProfile::new(vec![(0.0, 1.0), (2_000.0, 8.0), (4_000.0, 1.0)]).unwrap();
    let base = SystemModel {
        arrivals: ArrivalProcess::Profile(day),
        balancer: Policy::LeastConnections,
        start_seconds: 30.0,
        warmup: 0,
        ..model(1.0, 1, 18_000)
    };
    let mut controller = ByQueue { nodes_seen: Vec::new() };
    let outcome = simulate_with(&base, &mut controller).unwrap();
    assert_eq!((outcome.completed, outcome.lost_total()), (18_000, 0), "draining loses nothing");
    let most = controller.nodes_seen.iter().max().unwrap();
    assert!(*most >= 7 && *controller.nodes_seen.last().unwrap() <= 4, "{:?}", controller.nodes_seen);
    // A node is paid from its order on; at most 12 at once.
    let mean_nodes = outcome.node_seconds / outcome.simulated_seconds;
    assert!((4.0..10.0).contains(&mean_nodes), "{mean_nodes}");
    let fixed = run(&base);
    assert!(fixed.time_in_system.unwrap().mean.value > 20.0 * outcome.time_in_system.unwrap().mean.value);
}

mod command {
    use std::process::{Command, Output};

    fn simulate(arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_webapp")).arg("simulate").args(arguments).output().unwrap()
    }

    fn json(arguments: &[&str]) -> serde_json::Value {
        let output = simulate(&[arguments, &["--json", "-"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[test]
    fn flags_and_file_say_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.toml");
        let text = "rate = 3\nnodes = 4\nservice = \"exponential:1s\"\nbalancer = \"least-connections\"\n\
                    requests = 1e4\ntimeout = \"30s\"\nretries = 2\nretry-jitter = true\ndeath = [\"1@60s+5s\", \"2@90s\"]\n";
        std::fs::write(&file, text).unwrap();
        let flags = "--rate 3 --nodes 4 --service exponential:1s --balancer least-connections --requests 1e4 --timeout 30s \
                     --retries 2 --retry-jitter --death 1@60s+5s --death 2@90s";
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let by_file = json(&[file.to_str().unwrap()]);
        assert_eq!(by_file["outcome"], json(&flags)["outcome"]);
        assert_eq!(by_file["outcome"]["requests"], 10_000);
        // A flag takes precedence over the file.
        let mean = |value: &serde_json::Value| value["outcome"]["time_in_system"]["mean"]["value"].as_f64().unwrap();
        assert!(mean(&json(&[file.to_str().unwrap(), "--nodes", "8"])) < mean(&by_file));
    }

    #[test]
    fn arrivals_and_service_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file.to_str().unwrap().to_owned()
        };
        let gaps = path("gaps.csv", "gap\n1\n1\n2\n");
        let times = path("times.txt", "# measured\n0.5\n0.5\n");
        let outcome = &json(&["--arrivals", &gaps, "--service", &times, "--requests", "3000"])["outcome"];
        let longest = outcome["time_in_system"]["max"].as_f64().unwrap();
        assert!((longest - 0.5).abs() < 1e-3, "nobody waits: {longest}");
        assert!((outcome["arrivals_per_second"].as_f64().unwrap() - 0.75).abs() < 1e-3);
        let profile = path("profile.csv", "seconds,rate\n0,10\n10,30\n20,10\n");
        let outcome =
            &json(&["--arrivals", &profile, "--rate", "2", "--service", "fixed:1ms", "--requests", "4000"])["outcome"];
        assert!((outcome["arrivals_per_second"].as_f64().unwrap() - 2.0).abs() < 0.2);
        for (bad, said) in [
            ("1\nx\n", "line 2"),
            ("1,2\n3\n", "line 2"),
            ("-1\n", "line 1"),
            ("", "no numbers"),
            ("0\n", "all gaps are 0"),
        ] {
            let file = path("bad.csv", bad);
            let output = simulate(&["--arrivals", &file]);
            assert_eq!(output.status.code(), Some(2), "{bad:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{bad:?}");
        }
    }

    #[test]
    fn wrong_usage_is_said_and_ends_with_2() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wrong.toml");
        std::fs::write(&file, "rate = 1\nnode = 3\n").unwrap();
        let file = file.to_str().unwrap();
        for (arguments, said) in [
            (vec![], "--rate is missing"),
            (vec!["--rate", "0"], "not above 0"),
            (vec!["--rate", "nan"], "not above 0"),
            (vec!["--rate", "1", "--nodes", "0"], "0 nodes"),
            (vec!["--rate", "1", "--nodes", "1e9"], "nodes"),
            (vec!["--rate", "1", "--threads", "0"], "one thread"),
            (vec!["--rate", "1", "--queue=-1"], "--queue"),
            (vec!["--rate", "1", "--requests", "0"], "requests"),
            (vec!["--rate", "1", "--requests", "1.5"], "whole number"),
            (vec!["--rate", "1", "--service", "exponential"], "time is missing"),
            (vec!["--rate", "1", "--service", "exponential:0s"], "not above 0"),
            (vec!["--rate", "1", "--service", "lognormal:1s"], "variation is missing"),
            (vec!["--rate", "1", "--service", "lognormal:1s:-1"], "variation"),
            (vec!["--rate", "1", "--service", "/no/such/folder"], "cannot read /no/such/folder"),
            (vec!["--rate", "1", "--service", "/tmp"], "manifest.json"),
            (vec!["--arrivals", "/no/such/file"], "cannot read /no/such/file"),
            (vec!["--rate", "1", "--balancer", "best"], "two-choices"),
            (vec!["--rate", "1", "--discipline", "lifo"], "fcfs"),
            (vec!["--rate", "1", "--fork", "2"], "does not fit"),
            (vec!["--rate", "1", "--death", "3@1s"], "node 3"),
            (vec!["--rate", "1", "--death", "soon"], "NODE@TIME"),
            (vec!["--rate", "1", "--timeout", "0s"], "timeout"),
            (vec!["--rate", "1", "--quota", "0%"], "quota"),
            (vec!["--rate", "1", "--period", "1s"], "--quota"),
            (vec!["--rate", "1", "--store-threads", "2"], "--stores"),
            (vec!["--rate", "1", "--stores", "1", "--store-share", "120%"], "not from 0 to 1"),
            (vec!["--rate", "1", "--stores", "1", "--discipline", "ps", "--store-holds-thread"], "processor sharing"),
            (vec!["/no/such.toml"], "cannot read"),
            (vec![file], "node"),
        ] {
            let output = simulate(&arguments);
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
            assert!(error.starts_with("error: ") && error.contains(said), "{arguments:?}: {error}");
            assert!(output.stdout.is_empty(), "{arguments:?}");
        }
    }

    #[test]
    fn the_text_fits_a_terminal_and_says_what_matters() {
        let text = |arguments: &str| {
            let output = simulate(&arguments.split_whitespace().collect::<Vec<_>>());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= 100 && line.trim_end() == line), "{text}");
            text
        };
        let plain = text("--rate 1.6 --nodes 2 --requests 50000 --balancer least-connections");
        for part in ["80.0 % of what the nodes can do", "50,000 of 50,000", "none", "95 % from", "million a second"] {
            assert!(plain.contains(part), "{part}: {plain}");
        }
        assert!(!plain.contains("Warning"), "{plain}");
        assert!(text("--rate 1.2 --requests 5000").contains("their queues grow as long as the run lasts"));
        assert!(text("--rate 0.5 --requests 20").contains("too short"));
        let story = text("--rate 1 --nodes 2 --requests 5000 --death 1@500s+60s --quota 100% --stores 2");
        for part in ["node dead", "warm-up", "Throttled", "Each store"] {
            assert!(story.contains(part), "{part}: {story}");
        }
    }
}
