//! Which tables there are, and who is in them.

use std::time::Duration;

use super::burst::{self, Burst};
use super::call::{self, Call};
use super::contenders::{
    everybody, few_if_quick, for_a_mix, for_bursts, parked, resting, whoever_answers,
    whoever_queues, whoever_spawns, whoever_takes_jobs,
};
use super::external::{self, External, Wanted};
use super::idle::{self, Idle};
use super::memory::{self, Memory};
use super::mixed::{self, Mixed};
use super::tree::{self, Tree};
use super::{Shape, Table};

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Every table tiny, only to see that everything works.
    Smoke,
    /// Below five minutes.
    Quick,
    /// As long as it takes.
    Full,
}

impl Depth {
    const WORDS: [(Depth, &str); 3] =
        [(Depth::Smoke, "smoke"), (Depth::Quick, "quick"), (Depth::Full, "full")];

    pub(crate) fn word(self) -> &'static str {
        Depth::WORDS[self as usize].1
    }

    pub(crate) fn of(word: &str) -> Option<Depth> {
        Depth::WORDS.iter().find(|(_, name)| *name == word).map(|(depth, _)| *depth)
    }

    fn pick<T>(self, smoke: T, quick: T, full: T) -> T {
        match self {
            Depth::Smoke => smoke,
            Depth::Quick => quick,
            Depth::Full => full,
        }
    }
}

pub(crate) fn plan(depth: Depth) -> Vec<Table> {
    let mut tables = Vec::new();
    external(depth, &mut tables);
    with_handles(depth, &mut tables);
    call(depth, &mut tables);
    tree(depth, &mut tables);
    burst(depth, &mut tables);
    mixed(depth, &mut tables);
    idle(depth, &mut tables);
    memory(depth, &mut tables);
    tables
}

fn external(depth: Depth, tables: &mut Vec<Table>) {
    let shapes: &[(u64, usize, usize)] = match depth {
        Depth::Smoke => &[(0, 1, 2)],
        Depth::Quick => {
            &[(0, 1, 2), (0, 1, 8), (0, 2, 2), (0, 2, 8), (0, 4, 8), (1, 1, 2), (1, 2, 8)]
        }
        Depth::Full => &[
            (0, 1, 2),
            (0, 1, 8),
            (0, 2, 2),
            (0, 2, 8),
            (0, 4, 2),
            (0, 4, 8),
            (1, 1, 2),
            (1, 1, 8),
            (1, 2, 2),
            (1, 2, 8),
            (1, 4, 2),
            (1, 4, 8),
            (10, 1, 2),
            (10, 1, 8),
            (10, 2, 2),
            (10, 2, 8),
            (10, 4, 2),
            (10, 4, 8),
        ],
    };
    for &(job_us, producers, workers) in shapes {
        let (short, long) = match job_us {
            0 => (300_000, 1_000_000),
            1 => (100_000, 300_000),
            _ => (10_000, 50_000),
        };
        let jobs = depth.pick(2_000, short, long);
        let job = if job_us == 0 { "empty".to_owned() } else { format!("{job_us} µs") };
        let wanted = Wanted::Nothing;
        tables.push(Table {
            workload: "W1",
            title: format!("producers={producers} job={job} workers={workers} n={jobs}"),
            columns: external::COLUMNS,
            key: 0,
            shape: Shape::External(External { wanted, producers, job_us, workers, jobs }),
            contenders: few_if_quick(depth, whoever_takes_jobs(workers)),
            reps: depth.pick(1, 3, 7),
        });
    }
}

fn with_handles(depth: Depth, tables: &mut Vec<Table>) {
    let sizes: &[usize] = depth.pick(&[2], &[2], &[2, 8]);
    let jobs = depth.pick(2_000, 200_000, 500_000);
    for &workers in sizes {
        let (wanted, producers, job_us) = (Wanted::Results, 1, 0);
        tables.push(Table {
            workload: "W1",
            title: format!("results: producers=1 job=empty workers={workers} n={jobs}"),
            columns: external::COLUMNS,
            key: 0,
            shape: Shape::External(External { wanted, producers, job_us, workers, jobs }),
            contenders: few_if_quick(depth, whoever_answers(workers)),
            reps: depth.pick(1, 3, 7),
        });
    }
}

fn call(depth: Depth, tables: &mut Vec<Table>) {
    let shapes: &[(usize, u64)] =
        depth.pick(&[(2, 0), (2, 1_000)], &[(2, 0), (8, 0), (2, 1_000)], FULL_CALLS);
    let busy = depth.pick(200, 4_000, 20_000);
    let rested = depth.pick(20, 200, 500);
    for &(workers, gap_us) in shapes {
        let calls = if gap_us == 0 { busy } else { rested };
        let gap = Duration::from_micros(gap_us);
        tables.push(Table {
            workload: "W2",
            title: format!("call and wait gap={gap_us} µs workers={workers} n={calls}"),
            columns: call::COLUMNS,
            key: 0,
            shape: Shape::Call(Call { workers, gap, calls }),
            contenders: few_if_quick(depth, everybody(workers)),
            reps: depth.pick(1, 3, 7),
        });
    }
}

/// How many workers, and microseconds between two calls.
const FULL_CALLS: &[(usize, u64)] = &[(2, 0), (8, 0), (2, 1_000), (8, 1_000)];

fn tree(depth: Depth, tables: &mut Vec<Table>) {
    let sizes: &[usize] = depth.pick(&[2], &[2, 8], &[2, 8]);
    let levels = depth.pick(10, 19, 20);
    for &workers in sizes {
        tables.push(Table {
            workload: "W3",
            title: format!("spawn from inside, workers={workers}, a tree of 2^{levels}-1 jobs"),
            columns: tree::COLUMNS,
            key: 0,
            shape: Shape::Tree(Tree { workers, depth: levels }),
            contenders: few_if_quick(depth, whoever_spawns(workers)),
            reps: depth.pick(1, 3, 7),
        });
    }
}

fn burst(depth: Depth, tables: &mut Vec<Table>) {
    let jobs = depth.pick(200, 4_000, 4_000);
    let at_ms: &[u64] = depth.pick(&[100], &[300], &[1_000, 4_000, 7_000]);
    let end = Duration::from_millis(depth.pick(300, 2_000, 15_000));
    let bursts = at_ms.len();
    tables.push(Table {
        workload: "W4",
        title: format!("{bursts} × {jobs} × 5 ms sleep over 50 × 1 ms a second, {end:?}"),
        columns: burst::COLUMNS,
        key: burst::KEY,
        shape: Shape::Burst(Burst { at_ms, jobs, length: Duration::from_millis(5), end }),
        contenders: for_bursts(depth),
        reps: depth.pick(1, 3, 5),
    });
}

fn mixed(depth: Depth, tables: &mut Vec<Table>) {
    let length = Duration::from_millis(depth.pick(100, 2_000, 10_000));
    tables.push(Table {
        workload: "W5",
        title: format!("20 % × 2 ms computing, 80 % × 10 ms sleep, cores loaded 85 %, {length:?}"),
        columns: mixed::COLUMNS,
        key: mixed::KEY,
        shape: Shape::Mixed(Mixed { length }),
        contenders: for_a_mix(depth),
        reps: depth.pick(1, 3, 5),
    });
}

fn idle(depth: Depth, tables: &mut Vec<Table>) {
    let length = Duration::from_millis(depth.pick(50, 700, 5_000));
    let settling = Duration::from_millis(depth.pick(50, 500, 500));
    for (workers, title, contenders) in [
        (64, "64 parked threads", parked(depth, 64)),
        (2, "at the minimum of 2, at most 256", resting(depth)),
    ] {
        tables.push(Table {
            workload: "W6",
            title: format!("idle, {title}, {length:?}"),
            columns: idle::COLUMNS,
            key: 0,
            shape: Shape::Idle(Idle { workers, settling, length }),
            contenders,
            reps: depth.pick(1, 3, 5),
        });
    }
}

fn memory(depth: Depth, tables: &mut Vec<Table>) {
    let jobs = depth.pick(10_000, 400_000, 1_000_000);
    tables.push(Table {
        workload: "W7",
        title: format!("memory of {jobs} queued jobs of 16 bytes, workers=2 held"),
        columns: memory::COLUMNS,
        key: 0,
        shape: Shape::Memory(Memory { workers: 2, jobs }),
        contenders: few_if_quick(depth, whoever_queues(2)),
        reps: depth.pick(1, 3, 5),
    });
}
