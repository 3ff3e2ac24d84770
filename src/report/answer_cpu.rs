//! The CPU of an answer, by who used it: nodes, balancers, what stands behind the nodes, and the client.
//!
//! Where the node is the limit, arms whose balancer or client works more reach the same rate: what they cost shows here alone.

use serde::Serialize;

use super::usage::{median, sum};
use crate::results::run::{Run, ServiceRole};

/// CPU of an answer that a client got, in microseconds: medians over some runs. `None` where it is not known; 0 where there is no such part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AnswerCpu {
    /// Of all nodes.
    pub nodes_microseconds: Option<f64>,
    /// Of the balancer, and of the one at the edge.
    pub balancers_microseconds: Option<f64>,
    /// Of the stores and caches behind the nodes.
    pub services_microseconds: Option<f64>,
    /// Of the generator, which stands for the clients.
    pub generator_microseconds: Option<f64>,
}

impl AnswerCpu {
    /// That of some runs of one level; a run without an answer counts for nothing.
    pub fn of(runs: &[&Run]) -> Self {
        let of_answer = |cores: fn(&Run) -> Option<f64>| {
            median(runs, |run| {
                let rate = run.load.throughput_per_second;
                cores(run).filter(|_| rate > 0.0).map(|cores| 1e6 * cores / rate)
            })
        };
        Self {
            nodes_microseconds: of_answer(|run| sum(&run.nodes, |node| node.cpu_cores)),
            balancers_microseconds: of_answer(|run| {
                let balancer = run.balancer.as_ref().map_or(Some(0.0), |balancer| balancer.cpu_cores);
                Some(balancer? + services(run, |role| role == ServiceRole::Edge)?)
            }),
            services_microseconds: of_answer(|run| services(run, ServiceRole::is_behind_nodes)),
            generator_microseconds: of_answer(|run| Some(run.load.generator.cpu_percent? / 100.0)),
        }
    }

    /// Of all that serve, so without the client.
    pub fn serving_microseconds(&self) -> Option<f64> {
        Some(self.nodes_microseconds? + self.balancers_microseconds? + self.services_microseconds?)
    }

    /// Whether more than nodes serve.
    pub fn has_parts(&self) -> bool {
        [self.balancers_microseconds, self.services_microseconds].into_iter().flatten().any(|part| part > 0.0)
    }
}

/// Cores of the services of some roles.
fn services(run: &Run, counts: fn(ServiceRole) -> bool) -> Option<f64> {
    run.services.iter().filter(|service| counts(service.role)).map(|service| service.cpu_cores).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::manifest::BalancerIdentity;
    use crate::results::run::{BalancerUse, ServiceUse};

    fn run(balancer: Option<Option<f64>>, services: &[(ServiceRole, Option<f64>)]) -> Run {
        let mut run = sample::results().runs.swap_remove(0);
        run.load.throughput_per_second = 100.0;
        run.load.generator.cpu_percent = Some(5.0);
        run.nodes.truncate(1);
        run.nodes[0].cpu_cores = Some(0.2);
        let identity = BalancerIdentity { kind: "haproxy".into(), version: None, pid: None };
        run.balancer = balancer.map(|cpu_cores| BalancerUse { identity, cpu_cores });
        run.services = services
            .iter()
            .map(|&(role, cpu_cores)| ServiceUse {
                name: "s".into(),
                kind: "k".into(),
                role,
                quota_cores: None,
                cpu_cores,
                throttled_percent: None,
                memory_bytes: None,
            })
            .collect();
        run
    }

    #[test]
    fn who_used_the_cpu_of_an_answer() {
        use ServiceRole::{Cache, Edge, Primary, Relay};
        for (run, balancers, services, serving, parts) in [
            (run(None, &[]), Some(0.0), Some(0.0), Some(2000.0), false),
            (run(Some(Some(0.01)), &[]), Some(100.0), Some(0.0), Some(2100.0), true),
            (
                run(Some(Some(0.01)), &[(Edge, Some(0.02)), (Relay, Some(9.0))]),
                Some(300.0),
                Some(0.0),
                Some(2300.0),
                true,
            ),
            (run(None, &[(Primary, Some(0.1)), (Cache, Some(0.05))]), Some(0.0), Some(1500.0), Some(3500.0), true),
            (run(Some(None), &[(Primary, None)]), None, None, None, false),
        ] {
            let cpu = AnswerCpu::of(&[&run]);
            let rounded = |value: Option<f64>| value.map(f64::round);
            assert_eq!(rounded(cpu.balancers_microseconds), balancers, "{cpu:?}");
            assert_eq!(rounded(cpu.services_microseconds), services, "{cpu:?}");
            assert_eq!(rounded(cpu.serving_microseconds()), serving, "{cpu:?}");
            assert_eq!(rounded(cpu.generator_microseconds), Some(500.0));
            assert_eq!(cpu.has_parts(), parts, "{cpu:?}");
        }
        let mut silent = run(None, &[]);
        silent.load.throughput_per_second = 0.0;
        assert_eq!(AnswerCpu::of(&[&silent]), AnswerCpu::default());
    }
}
