//! What nobody can do better: bounds that a law is measured against.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::job::Job;
use crate::time::nanos;

/// `servers` that take memoryless jobs from one queue at random arrivals: M/M/c, by Erlang's C
/// formula (A. K. Erlang, 1917; as in Kleinrock, "Queueing Systems", volume 1, section 3.5).
///
/// ```
/// use springtide::sim::oracle::Erlang;
/// use std::time::Duration;
///
/// // Four servers, 5 ms a job, 70 % busy.
/// let queue = Erlang::new(4, 560.0, Duration::from_millis(5));
/// assert!((queue.waits() - 0.4287).abs() < 1e-4);
/// assert!((queue.wait_over(Duration::from_millis(10)) - 0.0389).abs() < 1e-4);
/// assert_eq!(queue.wait_quantile(0.99).as_micros(), 15_658);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Erlang {
    waits: f64,
    /// Rate, a second, at which the servers get ahead of the arrivals.
    spare_rate: f64,
}

impl Erlang {
    /// `arrivals` a second, each of which takes `service` on average. With more than the servers
    /// can do everybody waits, for ever.
    pub fn new(servers: u32, arrivals: f64, service: Duration) -> Erlang {
        let offered = arrivals * service.as_secs_f64();
        // Erlang B by its recurrence, which neither overflows nor cancels.
        let blocked = (1..=servers).fold(1.0, |b, n| offered * b / (f64::from(n) + offered * b));
        let load = offered / f64::from(servers);
        let waits = if load < 1.0 { blocked / (1.0 - load * (1.0 - blocked)) } else { 1.0 };
        let spare_rate = (f64::from(servers) - offered).max(0.0) / service.as_secs_f64();
        Erlang { waits, spare_rate }
    }

    /// The share of jobs that wait at all.
    pub fn waits(&self) -> f64 {
        self.waits
    }

    /// The share of jobs that wait for longer than `wait`.
    pub fn wait_over(&self, wait: Duration) -> f64 {
        self.waits * libm::exp(-self.spare_rate * wait.as_secs_f64())
    }

    /// What a job waits on average; `Duration::MAX` under overload.
    pub fn mean_wait(&self) -> Duration {
        Duration::try_from_secs_f64(self.waits / self.spare_rate).unwrap_or(Duration::MAX)
    }

    /// What a job waits on average if the run times are not memoryless but vary by this coefficient
    /// (standard deviation over mean): M/G/c. With one server that is exact (Pollaczek and
    /// Khinchine); with more it is the approximation of Lee and Longton ("Queueing processes
    /// associated with airline passenger check-in", 1959), some percent off where run times are
    /// alike and twofold where they have a heavy tail. The simulator needs no approximation: a
    /// fixed pool of as many workers as cores is this queue.
    ///
    /// ```
    /// use springtide::sim::oracle::Erlang;
    /// use std::time::Duration;
    ///
    /// // Run times that are all alike wait half as long as memoryless ones.
    /// let queue = Erlang::new(1, 50.0, Duration::from_millis(10));
    /// assert_eq!(queue.mean_wait(), Duration::from_millis(10));
    /// assert_eq!(queue.mean_wait_of(0.0), Duration::from_millis(5));
    /// ```
    pub fn mean_wait_of(&self, variation: f64) -> Duration {
        let factor = (1.0 + variation * variation) / 2.0;
        let wait_s = self.mean_wait().as_secs_f64() * factor;
        Duration::try_from_secs_f64(wait_s).unwrap_or(Duration::MAX)
    }

    /// What this share of the jobs waits at most; `Duration::MAX` under overload.
    pub fn wait_quantile(&self, share: f64) -> Duration {
        let wait_s = libm::log(self.waits / (1.0 - share)) / self.spare_rate;
        Duration::try_from_secs_f64(wait_s.max(0.0)).unwrap_or(Duration::MAX)
    }
}

/// What keeping idle workers costs somebody who knows the future.
///
/// Jobs that only sleep, a worker for each from its arrival on, and the next job always to the
/// worker that became free last: then the idle time of each worker falls into gaps, and for each
/// gap the worker is either kept or ended and started anew. Who knows how long the gap will be
/// keeps it if and only if it is shorter than some τ; one τ after the other gives the fewest
/// worker seconds for each number of starts (the offline side of the ski-rental problem: Karlin,
/// Manasse, Rudolph and Sleator, "Competitive snoopy caching", 1988).
#[derive(Clone, Debug, PartialEq)]
pub struct Clairvoyant {
    /// Gaps between two jobs of one worker, shortest first; nanoseconds.
    gaps: Vec<u64>,
    /// Workers ever needed at once: each is started at least once.
    levels: u64,
    busy_ns: u64,
}

/// One point of the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Keeping {
    /// Threads started.
    pub started: u64,
    /// Seconds that workers existed.
    pub worker_seconds: f64,
}

impl Clairvoyant {
    /// Looks into the future of a load; computing counts as if every job had a core.
    pub fn new(jobs: &[Job]) -> Clairvoyant {
        let mut ends = BinaryHeap::new();
        let (mut free_since, mut gaps) = (Vec::new(), Vec::new());
        let (mut levels, mut busy_ns) = (0, 0_u64);
        for job in jobs {
            let (now, service) = (nanos(job.at), nanos(job.service()));
            while let Some(Reverse(end)) = ends.peek().copied().filter(|Reverse(end)| *end <= now) {
                ends.pop();
                free_since.push(end);
            }
            match free_since.pop() {
                Some(since) => gaps.push(now - since),
                None => levels += 1,
            }
            busy_ns = busy_ns.saturating_add(service);
            ends.push(Reverse(now.saturating_add(service)));
        }
        gaps.sort_unstable();
        Clairvoyant { gaps, levels, busy_ns }
    }

    /// The most workers that were needed at once.
    pub fn peak(&self) -> u64 {
        self.levels
    }

    /// With every gap shorter than this kept.
    pub fn keeping(&self, shorter_than: Duration) -> Keeping {
        self.keep(self.gaps.partition_point(|gap| *gap < nanos(shorter_than)))
    }

    /// With at most so many starts: no pool that starts as many can cost less.
    pub fn starting(&self, at_most: u64) -> Keeping {
        let anew = usize::try_from(at_most.saturating_sub(self.levels)).unwrap_or(usize::MAX);
        self.keep(self.gaps.len().saturating_sub(anew))
    }

    fn keep(&self, shortest: usize) -> Keeping {
        let kept: u64 = self.gaps[..shortest].iter().sum();
        Keeping {
            started: self.levels + (self.gaps.len() - shortest) as u64,
            worker_seconds: (self.busy_ns + kept) as f64 / 1e9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn one_server_waits_as_the_textbook_says() {
        // M/M/1 at half load: P(wait > t) = 0.5 exp(-t/2) in units of the service.
        let queue = Erlang::new(1, 50.0, ms(10));
        assert!((queue.waits() - 0.5).abs() < 1e-12);
        assert!((queue.wait_over(ms(20)) - 0.5 * (-1.0_f64).exp()).abs() < 1e-12);
        assert_eq!(queue.wait_quantile(0.4), Duration::ZERO);
    }

    #[test]
    fn under_overload_everybody_waits_for_ever() {
        let queue = Erlang::new(2, 300.0, ms(10));
        assert_eq!((queue.waits(), queue.wait_over(ms(1_000_000))), (1.0, 1.0));
        assert_eq!(queue.wait_quantile(0.5), Duration::MAX);
    }

    #[test]
    fn a_gap_is_kept_or_a_thread_started_anew() {
        // Two at once, then one after 90 ms, one after 190 ms more, then two after a second.
        let starts = [0, 0, 100, 300, 1_300, 1_300];
        let jobs: Vec<Job> = starts.map(|at| Job::asleep(ms(at), ms(10))).to_vec();
        let future = Clairvoyant::new(&jobs);
        assert_eq!(future.peak(), 2);
        for (tau, started, idle_ms) in [(0, 6, 0), (91, 5, 90), (191, 4, 280), (9_999, 2, 2_560)] {
            let cost = future.keeping(ms(tau));
            let seconds = 0.06 + f64::from(idle_ms) / 1e3;
            assert_eq!(cost.started, started, "below {tau} ms");
            assert!((cost.worker_seconds - seconds).abs() < 1e-9, "{cost:?}");
            assert_eq!(future.starting(started), cost);
        }
    }
}
