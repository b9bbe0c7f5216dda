//! What is asked of `springtide`, and why so much: each goal is a constant here, most of them as a
//! multiple of the best peer's figure in the same table of the same run.

use std::time::Duration;

/// Empty jobs from outside, until all are done. Of what a job costs here, two time stamps and two
/// histogram cells, which others do not have, are a part that fits in beside one push to a queue;
/// so counting everything is no excuse for being slower than a bare channel.
const EMPTY_JOBS: f64 = 1.0;

/// Jobs of a microsecond. The cores are busy with the jobs themselves, and what is left is mostly
/// how often workers go to sleep between two of them.
const SHORT_JOBS: f64 = 1.0;

/// What a submission costs its submitter. A push and one announcement are enough, if workers that
/// wake up wake the next and the submitter does not pay for each. Judged without a bound: with one
/// the submitter also waits for room, which is asked for and no cost.
const SUBMITTER: f64 = 0.5;

/// A job with its result. Job and result can share one allocation, where a future has a task, a
/// scheduler and its wakers, and a job beside a channel has two allocations.
const RESULTS: f64 = 0.5;

/// A round trip without a pause, in the middle. Both sides look for a moment before they sleep.
const ROUND_TRIP: f64 = 1.0;

/// Its 99th percentile, which is two sleeps and two wake-ups where nobody looks before sleeping.
const ROUND_TRIP_P99: f64 = 0.5;

/// A round trip after a millisecond's rest, its median and its 99th percentile. Everybody is
/// asleep, and a wake-up costs what the system takes for it; more than one for a job is waste.
const RESTED_TRIP: f64 = 1.0;

/// Jobs from jobs. They go to the worker's own deque, which nobody else writes.
const FROM_INSIDE: f64 = 1.0;

/// The 99th percentile of a burst's waits. With 256 threads it cannot be less than 4000 × 5 ms ÷
/// 256, which a fixed pool of that size has. All that grow in time are a few per cent above.
const BURST_WAIT: f64 = 1.02;

/// Threads times seconds. Peers wake their sleepers in turn, so a trickle keeps as many of them as
/// jobs come within the keep-alive; if the last to sleep is the first to wake up, it keeps one or
/// two.
const BURST_THREADS: f64 = 0.33;

/// A peer waits as briefly as the best one that grows if it is within this of it: more than the
/// spread between those that get to 256 threads, and far less than what slower ones add.
pub(crate) const AS_BRIEF: f64 = 1.05;

/// From the end of the last burst's last job until there are at most four threads for good, though
/// the trickle goes on: the window of ours, and the 5 ms between two looks at the threads.
const BACK_S: f64 = 0.25 + 0.005;

/// What the window of ours is in these rows.
const WINDOW: Duration = Duration::from_millis(250);

/// The submitter's own time for a burst. tokio starts a thread within the call where nobody is
/// idle; here the supervisor does that, and the submitter goes on.
const BURST_SUBMITTER: f64 = 0.1;

/// Jobs that compute among jobs that sleep: as good as the size somebody would have chosen who had
/// tried them all on this very load, and without that trial.
const MIX: f64 = 1.0;

/// Threads that are parked switch no context, and neither does the supervisor.
const IDLE_SWITCHES: f64 = 0.0;

/// Memory of a queued job with its time stamp. A closure in a slot of the queue's own blocks needs
/// no allocation of its own.
const QUEUED_BYTES: f64 = 1.0;

/// What the pool itself may keep of a million jobs once they have run, in MiB. A block that is
/// empty is given back.
const KEPT_MIB: f64 = 1.0;

/// With what a figure is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// At most so many times the figure of the best peer.
    Times(f64),
    /// The best peer's figure is at most so many times ours, as more is better.
    MoreTimes(f64),
    /// At most this, whatever peers do.
    AtMost(f64),
}

/// Who the best peer is looked for among.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Among {
    Everybody,
    /// Those whose label begins with one of these.
    Named(&'static [&'static str]),
    /// Those with two bounds.
    Growing,
    /// Those of them whose 99th percentile is as brief as the best one's, and that keep an idle
    /// thread for so long at least.
    GrowingAsBrief(Duration),
    /// Those of one size.
    OfOneSize,
}

/// One thing that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) workload: &'static str,
    /// How the title of its table begins.
    pub(crate) table: String,
    pub(crate) column: &'static str,
    /// The label of our row.
    pub(crate) ours: &'static str,
    pub(crate) among: Among,
    /// The best peer is the one with the least in this column.
    pub(crate) chosen_by: &'static str,
    pub(crate) goal: Goal,
}

impl Target {
    /// Beside everybody in that table.
    fn new(what: &str, workload: &'static str, table: &str, column: &'static str) -> Target {
        Target {
            what: what.to_owned(),
            workload,
            table: table.to_owned(),
            column,
            ours: "springtide",
            among: Among::Everybody,
            chosen_by: column,
            goal: Goal::Times(1.0),
        }
    }

    fn goal(self, goal: Goal) -> Target {
        Target { goal, ..self }
    }

    fn ours(self, ours: &'static str) -> Target {
        Target { ours, ..self }
    }

    fn among(self, among: Among) -> Target {
        Target { among, ..self }
    }

    fn chosen_by(self, chosen_by: &'static str) -> Target {
        Target { chosen_by, ..self }
    }
}

/// All of them, in the order of the tables.
pub(crate) fn targets() -> Vec<Target> {
    let mut targets = external();
    targets.extend(calls());
    targets.extend(from_inside());
    targets.extend(bursts());
    targets.extend(mix());
    targets.extend(rest());
    targets
}

fn external() -> Vec<Target> {
    let mut targets = Vec::new();
    for (job, goal) in [("empty", EMPTY_JOBS), ("1 µs", SHORT_JOBS)] {
        for (producers, workers) in [(1, 2), (1, 8), (2, 2), (2, 8), (4, 2), (4, 8)] {
            let table = format!("producers={producers} job={job} workers={workers} ");
            let what = format!("{job} jobs, {producers} → {workers}");
            targets.push(Target::new(&what, "W1", &table, "ns_job").goal(Goal::Times(goal)));
        }
    }
    for workers in [2, 8] {
        let table = format!("producers=1 job=empty workers={workers} ");
        let what = format!("the submitter's own time, 1 → {workers}");
        let target = Target::new(&what, "W1", &table, "submit_ns");
        targets.push(target.ours("springtide unbounded").goal(Goal::Times(SUBMITTER)));
    }
    for workers in [2, 8] {
        let table = format!("results: producers=1 job=empty workers={workers} ");
        let what = format!("with results, 1 → {workers}, beside tokio and rayon with a channel");
        let target = Target::new(&what, "W1", &table, "ns_job").ours("springtide submit");
        let two = Among::Named(&["tokio spawn_blocking", "rayon"]);
        targets.push(target.among(two).goal(Goal::Times(RESULTS)));
    }
    targets
}

fn calls() -> Vec<Target> {
    let mut targets = Vec::new();
    let busy = [("rtt_p50_us", ROUND_TRIP), ("rtt_p99_us", ROUND_TRIP_P99)];
    let rested = [("rtt_p50_us", RESTED_TRIP), ("rtt_p99_us", RESTED_TRIP)];
    for (gap_us, columns) in [(0, busy), (1_000, rested)] {
        for workers in [2, 8] {
            for (column, goal) in columns {
                let table = format!("call and wait gap={gap_us} µs workers={workers} ");
                let pause = if gap_us == 0 { "at once" } else { "after 1 ms" };
                let what = format!("a round trip {pause}, {workers} workers");
                let target = Target::new(&what, "W2", &table, column).ours("springtide submit");
                targets.push(target.goal(Goal::Times(goal)));
            }
        }
    }
    targets
}

fn from_inside() -> Vec<Target> {
    let target = |workers: usize| {
        let table = format!("spawn from inside, workers={workers},");
        let what = format!("jobs from jobs, {workers} workers");
        Target::new(&what, "W3", &table, "ns_job").goal(Goal::Times(FROM_INSIDE))
    };
    vec![target(2), target(8)]
}

fn bursts() -> Vec<Target> {
    let target = |what, column, goal| {
        let target = Target::new(what, "W4", "", column).ours("springtide 2..256 stays 250ms");
        target.among(Among::Growing).goal(goal)
    };
    let default = "springtide 2..256";
    let (wait, threads) = (Goal::Times(BURST_WAIT), Goal::Times(BURST_THREADS));
    let submitter = Goal::Times(BURST_SUBMITTER);
    let tokio = Among::Named(&["tokio spawn_blocking"]);
    vec![
        target("a burst's waits, window 250 ms", "wait_p99_ms", wait),
        target("a burst's waits, as it comes", "wait_p99_ms", wait).ours(default),
        target("thread-seconds, peers at the keep-alive that suits them best", "thread_s", threads)
            .among(Among::GrowingAsBrief(Duration::ZERO)),
        target("thread-seconds, peers that keep threads as long", "thread_s", threads)
            .among(Among::GrowingAsBrief(WINDOW)),
        target("back at four threads, in seconds", "back_s", Goal::AtMost(BACK_S)),
        target("the submitter's time for a burst, beside tokio", "burst_submit_us", submitter)
            .among(tokio),
    ]
}

fn mix() -> Vec<Target> {
    let target = |what, column, goal| {
        let target = Target::new(what, "W5", "", column).ours("springtide 2..256");
        // The size to beat is the one somebody would choose for its sojourns.
        target.among(Among::OfOneSize).chosen_by("cpu_soj_p99_ms").goal(goal)
    };
    vec![
        target("a mix: sojourns of computing jobs", "cpu_soj_p99_ms", Goal::Times(MIX)),
        target("a mix: jobs a second", "jobs_s", Goal::MoreTimes(MIX)),
        target("a mix: threads", "avg_threads", Goal::Times(MIX)),
    ]
}

fn rest() -> Vec<Target> {
    let switches = Goal::AtMost(IDLE_SWITCHES);
    let queued = Target::new("memory of a queued job", "W7", "", "bytes_job");
    let kept = Target::new("MiB kept after the drain", "W7", "", "after_trim_mib");
    vec![
        Target::new("switches a second, 64 parked", "W6", "idle, 64 parked", "csw_s")
            .goal(switches),
        Target::new("switches a second, at the minimum", "W6", "idle, at the minimum", "csw_s")
            .ours("springtide 2..256")
            .goal(switches),
        queued.ours("springtide unbounded").goal(Goal::Times(QUEUED_BYTES)),
        kept.ours("springtide unbounded").goal(Goal::AtMost(KEPT_MIB)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::{Depth, Table, plan};

    fn tables_of<'a>(target: &Target, tables: &'a [Table]) -> Vec<&'a Table> {
        let same = |table: &&Table| table.workload == target.workload;
        tables.iter().filter(same).filter(|t| t.title.starts_with(&target.table)).collect()
    }

    #[test]
    fn each_target_has_one_table_with_its_column_and_our_row() {
        let tables = plan(Depth::Full);
        for target in targets() {
            let found = tables_of(&target, &tables);
            assert_eq!(found.len(), 1, "{target:?}");
            for column in [target.column, target.chosen_by] {
                assert!(found[0].columns.contains(&column), "{target:?}");
            }
            let ours = |label: &str| label == target.ours;
            assert!(found[0].contenders.iter().any(|c| ours(&c.label)), "{target:?}");
        }
    }

    #[test]
    fn what_is_judged_is_run_thrice_and_each_kind_of_target_is_in_the_quick_run() {
        let (quick, full) = (plan(Depth::Quick), plan(Depth::Full));
        let mut kinds: Vec<(&str, &str, bool)> = Vec::new();
        for target in targets() {
            let found = tables_of(&target, &quick);
            assert!(found.iter().chain(&tables_of(&target, &full)).all(|table| table.reps >= 3));
            let kind = (target.workload, target.column, !found.is_empty());
            kinds.push(kind);
        }
        for (workload, column, _) in &kinds {
            assert!(kinds.contains(&(workload, column, true)), "{workload} {column}");
        }
    }
}
