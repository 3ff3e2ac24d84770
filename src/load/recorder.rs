//! Where measurements are kept while a run lasts. Memory is bounded by the number of addresses and nodes, not by the
//! length of the run, unless the seconds are kept apart.

use hdrhistogram::Histogram;

use super::failure::FailedRequest;
use super::handshake::Handshakes;
use super::histograms::{add, histogram, note};
use super::node_fields::AnswerSummary;
use super::timeline::Timeline;
use crate::results::load::ErrorKind;

/// Most nodes that are kept apart; the answers of further ones are counted under this name.
const MAX_NODES: usize = 256;
const FURTHER_NODES: &str = "(further nodes)";
const STATUS_CODES: usize = 1000;

/// One request that ended. Times are nanoseconds since the start of the run.
pub(super) struct EndedRequest<'a> {
    /// Index of the address.
    pub target: usize,
    /// When it should have been sent.
    pub intended: u64,
    /// When it was.
    pub sent: u64,
    /// When it ended.
    pub ended: u64,
    /// Open loop: how late the generator was with it.
    pub lag: Option<u64>,
    /// The whole answer, if one came.
    pub answer: Option<AnswerSummary<'a>>,
    /// Why it is not correct.
    pub failure: Option<FailedRequest>,
}

/// The measured window, nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct MeasuredWindow {
    pub start: u64,
    pub end: u64,
}

impl MeasuredWindow {
    pub fn holds(&self, time: u64) -> bool {
        (self.start..self.end).contains(&time)
    }
}

/// Counts and times of one address or one node.
pub(super) struct Tally {
    pub requests: u64,
    pub ok: u64,
    pub latency: Histogram<u64>,
}

/// What one thread recorded.
pub(super) struct ThreadRecorder {
    open_loop: bool,
    live: bool,
    pub targets: Vec<Tally>,
    pub nodes: Vec<(String, Tally)>,
    pub uncorrected: Histogram<u64>,
    pub queue: Histogram<u64>,
    pub work: Histogram<u64>,
    pub lag: Histogram<u64>,
    /// Response times since the live view last looked.
    pub recent: Histogram<u64>,
    pub status: Vec<u64>,
    pub errors: [u64; ErrorKind::ALL.len()],
    pub examples: [Option<String>; ErrorKind::ALL.len()],
    /// Correct answers that came within the window.
    pub good_in_window: u64,
    /// Requests that ended within the window, and the sum of their times.
    pub ended_in_window: u64,
    pub ended_nanoseconds: u128,
    /// Requests sent within the window.
    pub sent_in_window: u64,
    /// Open loop: requests due in the window that were handed out, and those of them that found every connection busy.
    pub offered: u64,
    pub waited: u64,
    /// Open loop: requests handed out within the window.
    pub dispatched_in_window: u64,
    /// All of the run.
    pub handshakes: Handshakes,
    /// What became of the requests of each second, where that is kept.
    pub timeline: Option<Timeline>,
}

impl Tally {
    pub fn new() -> Self {
        Self { requests: 0, ok: 0, latency: histogram() }
    }

    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.ok += other.ok;
        add(&mut self.latency, &other.latency);
    }

    fn record(&mut self, latency: Option<u64>) {
        self.requests += 1;
        if let Some(latency) = latency {
            self.ok += 1;
            note(&mut self.latency, latency);
        }
    }
}

impl ThreadRecorder {
    pub fn new(targets: usize, open_loop: bool, live: bool) -> Self {
        Self {
            open_loop,
            live,
            targets: (0..targets).map(|_| Tally::new()).collect(),
            nodes: Vec::new(),
            uncorrected: histogram(),
            queue: histogram(),
            work: histogram(),
            lag: histogram(),
            recent: histogram(),
            status: vec![0; STATUS_CODES],
            errors: [0; ErrorKind::ALL.len()],
            examples: [const { None }; ErrorKind::ALL.len()],
            good_in_window: 0,
            ended_in_window: 0,
            ended_nanoseconds: 0,
            sent_in_window: 0,
            offered: 0,
            waited: 0,
            dispatched_in_window: 0,
            handshakes: Handshakes::default(),
            timeline: None,
        }
    }

    /// Takes one request that was handed out at a time, and may have to wait for a connection.
    pub fn hand_out(&mut self, intended: u64, now: u64, waits: bool, window: MeasuredWindow) {
        self.dispatched_in_window += u64::from(window.holds(now));
        if window.holds(intended) {
            self.offered += 1;
            self.waited += u64::from(waits);
            if let Some(timeline) = &mut self.timeline {
                timeline.offer(intended - window.start);
            }
        }
    }

    /// Takes one request that was due, and is not sent because the generator is too late for it.
    pub fn give_up(&mut self, target: usize, intended: u64, now: u64, window: MeasuredWindow) {
        if window.holds(intended) {
            self.offered += 1;
            if let Some(timeline) = &mut self.timeline {
                timeline.offer(intended - window.start);
            }
        }
        let lag = Some(now.saturating_sub(intended));
        let failure = Some(FailedRequest::not_sent());
        self.record(EndedRequest { target, intended, sent: now, ended: now, lag, answer: None, failure }, window);
    }

    /// Takes one ended request.
    pub fn record(&mut self, request: EndedRequest<'_>, window: MeasuredWindow) {
        let latency = request.ended.saturating_sub(request.intended);
        let correct = request.failure.is_none();
        if self.live && correct {
            note(&mut self.recent, latency);
        }
        // What was never sent was in nobody's queue, so it has no part in Little's law.
        let given_up = request.failure.as_ref().is_some_and(|failure| failure.kind == ErrorKind::NotSent);
        if window.holds(request.ended) && !given_up {
            self.good_in_window += u64::from(correct);
            self.ended_in_window += 1;
            self.ended_nanoseconds += u128::from(latency);
        }
        self.sent_in_window += u64::from(window.holds(request.sent) && !given_up);
        if !window.holds(request.intended) {
            return;
        }
        let good = correct.then_some(latency);
        if let Some(timeline) = &mut self.timeline {
            let result = request.failure.as_ref().map_or(Ok(latency), |failure| Err(failure.kind));
            timeline.end(request.intended - window.start, result, request.answer.map(|answer| &*answer.fields.node));
        }
        self.targets[request.target].record(good);
        if correct && self.open_loop {
            note(&mut self.uncorrected, request.ended.saturating_sub(request.sent));
        }
        if let Some(lag) = request.lag {
            note(&mut self.lag, lag);
        }
        if let Some(answer) = request.answer {
            self.record_answer(answer, good);
        }
        if let Some(failure) = request.failure {
            self.errors[failure.kind as usize] += 1;
            self.examples[failure.kind as usize].get_or_insert_with(|| failure.text.into_owned());
        }
    }

    fn record_answer(&mut self, answer: AnswerSummary<'_>, good: Option<u64>) {
        if let Some(count) = self.status.get_mut(usize::from(answer.status)) {
            *count += 1;
        }
        if !answer.fields.node.is_empty() {
            self.node(&answer.fields.node).record(good);
        }
        let nanoseconds = |milliseconds: f64| (milliseconds * 1e6) as u64;
        if good.is_some() {
            if let Some(queue) = answer.fields.queue_milliseconds {
                note(&mut self.queue, nanoseconds(queue));
            }
            if let Some(work) = answer.fields.work_milliseconds {
                note(&mut self.work, nanoseconds(work));
            }
        }
    }

    fn node(&mut self, name: &str) -> &mut Tally {
        let known = self.nodes.iter().position(|(known, _)| known == name);
        let index = known.unwrap_or_else(|| {
            let name = if self.nodes.len() < MAX_NODES { name } else { FURTHER_NODES };
            self.nodes.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                self.nodes.push((name.to_owned(), Tally::new()));
                self.nodes.len() - 1
            })
        });
        &mut self.nodes[index].1
    }

    /// Adds what another thread recorded.
    pub fn merge(&mut self, other: &Self) {
        self.targets.iter_mut().zip(&other.targets).for_each(|(mine, theirs)| mine.merge(theirs));
        for (name, theirs) in &other.nodes {
            self.node(name).merge(theirs);
        }
        for (mine, theirs) in [
            (&mut self.uncorrected, &other.uncorrected),
            (&mut self.queue, &other.queue),
            (&mut self.work, &other.work),
            (&mut self.lag, &other.lag),
        ] {
            add(mine, theirs);
        }
        self.status.iter_mut().zip(&other.status).for_each(|(mine, theirs)| *mine += theirs);
        self.errors.iter_mut().zip(&other.errors).for_each(|(mine, theirs)| *mine += theirs);
        for (mine, theirs) in self.examples.iter_mut().zip(&other.examples) {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        }
        self.good_in_window += other.good_in_window;
        self.ended_in_window += other.ended_in_window;
        self.ended_nanoseconds += other.ended_nanoseconds;
        self.sent_in_window += other.sent_in_window;
        self.offered += other.offered;
        self.waited += other.waited;
        self.dispatched_in_window += other.dispatched_in_window;
        self.handshakes.merge(&other.handshakes);
        if let Some(theirs) = &other.timeline {
            self.timeline.get_or_insert_default().merge(theirs);
        }
    }

    /// All correct answers of the window.
    pub fn latency(&self) -> Histogram<u64> {
        let mut all = histogram();
        self.targets.iter().for_each(|target| add(&mut all, &target.latency));
        all
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::node_fields::NodeFields;
    use super::*;

    pub const WINDOW: MeasuredWindow = MeasuredWindow { start: 1_000, end: 2_000 };

    /// A correct answer.
    pub fn sample(intended: u64, ended: u64) -> EndedRequest<'static> {
        EndedRequest { target: 0, intended, sent: intended + 10, ended, lag: None, answer: None, failure: None }
    }

    #[test]
    fn the_window_is_by_intended_time_and_goodput_by_arrival() {
        let mut recorder = ThreadRecorder::new(1, true, false);
        // Begun in the warm-up, ended inside; inside; begun inside, ended behind; begun behind.
        for (intended, ended) in [(999, 1_500), (1_000, 1_600), (1_999, 9_000), (2_000, 2_100)] {
            recorder.record(sample(intended, ended), WINDOW);
        }
        assert_eq!((recorder.targets[0].requests, recorder.targets[0].ok), (2, 2));
        assert_eq!((recorder.good_in_window, recorder.ended_in_window), (2, 2));
        assert_eq!(recorder.ended_nanoseconds, 501 + 600);
        assert_eq!(recorder.sent_in_window, 2);
        assert!(recorder.latency().equivalent(recorder.latency().max(), 7_001));
        assert_eq!(recorder.uncorrected.len(), 2);
    }

    #[test]
    fn failures_are_counted_by_kind_and_never_averaged_in() {
        let mut recorder = ThreadRecorder::new(1, false, false);
        for text in ["first", "second"] {
            let failure = Some(FailedRequest::new(ErrorKind::Reset, text));
            recorder.record(EndedRequest { failure, ..sample(1_000, 1_900) }, WINDOW);
        }
        assert_eq!(recorder.errors[ErrorKind::Reset as usize], 2);
        assert_eq!(recorder.examples[ErrorKind::Reset as usize].as_deref(), Some("first"));
        assert_eq!((recorder.targets[0].requests, recorder.targets[0].ok), (2, 0));
        assert_eq!((recorder.good_in_window, recorder.ended_in_window), (0, 2));
        assert!(recorder.latency().is_empty());
    }

    #[test]
    fn what_was_never_sent_is_counted_and_has_no_time() {
        let mut recorder = ThreadRecorder::new(1, true, false);
        for intended in [999, 1_000, 1_999] {
            recorder.give_up(0, intended, 1_999, WINDOW);
        }
        assert_eq!((recorder.offered, recorder.dispatched_in_window, recorder.sent_in_window), (2, 0, 0));
        assert_eq!((recorder.targets[0].requests, recorder.targets[0].ok), (2, 0));
        assert_eq!(recorder.errors[ErrorKind::NotSent as usize], 2);
        assert_eq!((recorder.ended_in_window, recorder.ended_nanoseconds, recorder.lag.len()), (0, 0, 2));
    }

    #[test]
    fn nodes_are_kept_apart_and_bounded() {
        let mut recorder = ThreadRecorder::new(1, false, false);
        for index in 0..MAX_NODES + 5 {
            let fields = NodeFields { node: format!("node{index}"), ..NodeFields::default() };
            let answer = Some(AnswerSummary { status: 200, fields: &fields });
            recorder.record(EndedRequest { answer, ..sample(1_000, 1_001) }, WINDOW);
        }
        assert_eq!(recorder.nodes.len(), MAX_NODES + 1);
        assert_eq!(recorder.nodes[MAX_NODES].0, FURTHER_NODES);
        assert_eq!(recorder.nodes[MAX_NODES].1.requests, 5);
        assert_eq!(recorder.status[200], MAX_NODES as u64 + 5);
    }

    #[test]
    fn any_time_can_be_recorded() {
        let fields =
            NodeFields { queue_milliseconds: Some(1e300), work_milliseconds: Some(0.0), ..NodeFields::default() };
        let answer = Some(AnswerSummary { status: 999, fields: &fields });
        let mut recorder = ThreadRecorder::new(1, true, true);
        let window = MeasuredWindow { start: 0, end: u64::MAX };
        recorder.record(EndedRequest { answer, ..sample(0, u64::MAX) }, window);
        assert_eq!((recorder.queue.len(), recorder.work.len(), recorder.latency().len()), (1, 1, 1));
        assert!(recorder.latency().max() >= super::super::histograms::LONGEST);
    }
}
