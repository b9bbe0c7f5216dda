//! Which tables there are, and who is in them.

use super::external::{self, External};
use super::{Contender, Shape, Table};
use crate::pools::{NAMES, Size};

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
    tables
}

/// Every pool at one fixed size.
fn everybody(size: &Size) -> Vec<Contender> {
    let contender =
        |pool: &&'static str| Contender { pool, label: (*pool).to_owned(), size: size.clone() };
    NAMES.iter().map(contender).collect()
}

fn external(depth: Depth, tables: &mut Vec<Table>) {
    let producers: &[usize] = depth.pick(&[1], &[1, 4], &[1, 2, 4]);
    let lengths: &[u64] = depth.pick(&[0], &[0, 1], &[0, 1, 10]);
    let sizes: &[usize] = depth.pick(&[2], &[2, 8], &[2, 8]);
    for &job_us in lengths {
        for &producers in producers {
            for &workers in sizes {
                let (short, long) = match job_us {
                    0 => (100_000, 1_000_000),
                    1 => (40_000, 300_000),
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
                    contenders: everybody(&Size::fixed(workers)),
                    reps: depth.pick(1, 3, 7),
                });
            }
        }
    }
}
