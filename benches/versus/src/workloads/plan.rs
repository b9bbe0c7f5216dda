//! Which tables there are, and who is in them.

use std::time::Duration;

use super::burst::{self, Burst};
use super::call::{self, Call};
use super::contenders::{
    everybody, everybody_and_unbounded, fixed_and_elastic, resting, whoever_queues, whoever_spawns,
};
use super::external::{self, External};
use super::idle::{self, Idle};
use super::memory::{self, Memory};
use super::mixed::{self, Mixed};
use super::tree::{self, Tree};
use super::{Shape, Table};

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// A few cells, only to see that everything works.
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
    call(depth, &mut tables);
    tree(depth, &mut tables);
    burst(depth, &mut tables);
    mixed(depth, &mut tables);
    idle(depth, &mut tables);
    memory(depth, &mut tables);
    tables
}

fn external(depth: Depth, tables: &mut Vec<Table>) {
    let producers: &[usize] = depth.pick(&[1], &[1, 4], &[1, 2, 4]);
    let lengths: &[u64] = depth.pick(&[0], &[0, 1], &[0, 1, 10]);
    let sizes: &[usize] = depth.pick(&[2], &[2, 8], &[2, 8]);
    for &job_us in lengths {
        for &producers in producers {
            for &workers in sizes {
                let (short, long) = match job_us {
                    0 => (300_000, 1_000_000),
                    1 => (100_000, 300_000),
                    _ => (10_000, 50_000),
                };
                let jobs = depth.pick(2_000, short, long);
                let job = if job_us == 0 { "empty".to_owned() } else { format!("{job_us} µs") };
                tables.push(Table {
                    workload: "W1",
                    title: format!("producers={producers} job={job} workers={workers} n={jobs}"),
                    columns: external::COLUMNS,
                    key: 0,
                    shape: Shape::External(External { producers, job_us, workers, jobs }),
                    contenders: everybody_and_unbounded(workers),
                    reps: depth.pick(1, 3, 7),
                });
            }
        }
    }
}

fn call(depth: Depth, tables: &mut Vec<Table>) {
    let sizes: &[usize] = depth.pick(&[2], &[2], &[2, 8]);
    let busy = depth.pick(200, 4_000, 20_000);
    let rested = depth.pick(20, 300, 500);
    for &workers in sizes {
        for (gap_us, calls) in [(0, busy), (1000, rested)] {
            let gap = Duration::from_micros(gap_us);
            tables.push(Table {
                workload: "W2",
                title: format!("call and wait gap={gap_us} µs workers={workers} n={calls}"),
                columns: call::COLUMNS,
                key: 0,
                shape: Shape::Call(Call { workers, gap, calls }),
                contenders: everybody(workers),
                reps: depth.pick(1, 3, 7),
            });
        }
    }
}

fn tree(depth: Depth, tables: &mut Vec<Table>) {
    let sizes: &[usize] = depth.pick(&[2], &[2, 8], &[2, 8]);
    let levels = depth.pick(10, 19, 20);
    for &workers in sizes {
        tables.push(Table {
            workload: "W3",
            title: format!("spawn from inside, a tree of 2^{levels}-1 jobs, workers={workers}"),
            columns: tree::COLUMNS,
            key: 0,
            shape: Shape::Tree(Tree { workers, depth: levels }),
            contenders: whoever_spawns(workers),
            reps: depth.pick(1, 3, 7),
        });
    }
}

fn burst(depth: Depth, tables: &mut Vec<Table>) {
    let jobs = depth.pick(200, 4_000, 4_000);
    let at_ms: &[u64] = depth.pick(&[100], &[500], &[1_000, 4_000, 7_000]);
    let end = Duration::from_millis(depth.pick(500, 4_000, 25_000));
    let bursts = at_ms.len();
    tables.push(Table {
        workload: "W4",
        title: format!("{bursts} × {jobs} × 5 ms sleep over 100 × 1 ms a second, {end:?}"),
        columns: burst::COLUMNS,
        key: burst::KEY,
        shape: Shape::Burst(Burst { at_ms, jobs, length: Duration::from_millis(5), end }),
        contenders: fixed_and_elastic(&["crossbeam channel"]),
        reps: depth.pick(1, 1, 5),
    });
}

fn mixed(depth: Depth, tables: &mut Vec<Table>) {
    let length = Duration::from_millis(depth.pick(300, 3_000, 10_000));
    tables.push(Table {
        workload: "W5",
        title: format!("20 % × 2 ms computing, 80 % × 10 ms sleep, cores loaded 85 %, {length:?}"),
        columns: mixed::COLUMNS,
        key: mixed::KEY,
        shape: Shape::Mixed(Mixed { length }),
        contenders: fixed_and_elastic(&["crossbeam channel", "rayon", "threadpool"]),
        reps: depth.pick(1, 1, 5),
    });
}

fn idle(depth: Depth, tables: &mut Vec<Table>) {
    let length = Duration::from_millis(depth.pick(200, 1_000, 5_000));
    for (workers, title, contenders) in [
        (64, "64 parked threads", everybody(64)),
        (2, "at the minimum of 2, at most 256", resting()),
    ] {
        tables.push(Table {
            workload: "W6",
            title: format!("idle, {title}, {length:?}"),
            columns: idle::COLUMNS,
            key: 0,
            shape: Shape::Idle(Idle { workers, length }),
            contenders,
            reps: depth.pick(1, 1, 5),
        });
    }
}

fn memory(depth: Depth, tables: &mut Vec<Table>) {
    let jobs = depth.pick(10_000, 1_000_000, 1_000_000);
    tables.push(Table {
        workload: "W7",
        title: format!("memory of {jobs} queued jobs of 16 bytes, workers=2 held"),
        columns: memory::COLUMNS,
        key: 0,
        shape: Shape::Memory(Memory { workers: 2, jobs }),
        contenders: whoever_queues(2),
        reps: depth.pick(1, 1, 5),
    });
}
