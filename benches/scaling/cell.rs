//! One point of a curve: a pool, so many submitters, so many jobs, and what they took.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use springtide::{Fixed, JobHandle, Pool, PoolHandle};

use crate::Outcome;
use crate::usage::{Usage, thread_cpu};

/// What a job does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Empty,
    Microsecond,
}

/// How it is submitted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Execute,
    /// With a handle; all are joined once all have been submitted.
    Submit,
    /// With a handle that is joined before the next job is submitted.
    Trip,
}

/// Where the submitters are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Outside,
    /// One job of the pool submits all the others.
    Inside,
}

/// One point.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) work: Work,
    pub(crate) how: How,
    pub(crate) from: From,
    pub(crate) submitters: usize,
    pub(crate) workers: usize,
    /// The most workers that the settings allow; as many live as `workers` says.
    pub(crate) max: usize,
    /// The slots of the table; the pool's own choice if `None`.
    pub(crate) ceiling: Option<usize>,
}

/// What a job took, in nanoseconds but for the last.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    /// From the first submission until all had ended, and those with a handle were joined.
    pub(crate) all: f64,
    /// Of the submitter's time on a core, to submit it.
    pub(crate) own: f64,
    /// Of all cores together.
    pub(crate) cpu: f64,
    /// Context switches in a thousand jobs, of all threads of the process.
    pub(crate) switches: f64,
}

/// Steps of work that take a microsecond on a core that has nothing else to do.
#[derive(Clone, Copy)]
pub(crate) struct Microsecond(u64);

impl Microsecond {
    pub(crate) fn calibrate() -> Microsecond {
        const STEPS: u64 = 100_000;
        let rounds = (0..25).map(|_| {
            let began = Instant::now();
            Microsecond(STEPS).spend();
            began.elapsed().as_nanos() as f64
        });
        // The shortest, as all that can happen to the others makes them longer.
        let best = rounds.fold(f64::INFINITY, f64::min);
        Microsecond((STEPS as f64 * 1000.0 / best).round().max(1.0) as u64)
    }

    /// Counted in steps and not by a clock, or a thread that had to give up its core would find
    /// its work done when it comes back.
    fn spend(self) {
        let mut word = black_box(self.0) | 1;
        for _ in 0..self.0 {
            word = black_box(word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31));
        }
    }
}

/// What one submitter has to say in the end.
struct Told {
    began: Instant,
    own: Duration,
}

impl Cell {
    pub(crate) fn pool(&self) -> Outcome<Pool> {
        let builder = Pool::builder("scaling").workers(self.workers..=self.max).policy(Fixed);
        let builder = builder.unbounded().without_metrics();
        Ok(match self.ceiling {
            Some(slots) => builder.ceiling(slots),
            None => builder,
        }
        .build()?)
    }

    /// A pool of its own for each time, so that nothing of one cell is left for the next; some jobs
    /// go first, until every worker has started.
    pub(crate) fn measure(&self, jobs: u64, unit: Microsecond) -> Outcome<Took> {
        let pool = self.pool()?;
        self.through(&pool, (jobs / 10).max(1), unit)?;
        let took = self.through(&pool, jobs, unit)?;
        pool.shutdown();
        Ok(took)
    }

    fn through(&self, pool: &Pool, jobs: u64, unit: Microsecond) -> Outcome<Took> {
        let share = jobs.div_ceil(self.submitters as u64);
        let before = Usage::now();
        let told = match self.from {
            From::Outside => self.outside(pool, share, unit)?,
            From::Inside => {
                let (cell, handle) = (*self, pool.handle());
                vec![pool.submit(move || cell.submitter(&handle, share, unit))?.join()??]
            }
        };
        pool.wait_idle()?;
        let (ended, spent) = (Instant::now(), Usage::now().since(before));
        let began = told.iter().map(|told| told.began).min().unwrap_or(ended);
        let own: Duration = told.iter().map(|told| told.own).sum();
        let jobs = (share * self.submitters as u64) as f64;
        Ok(Took {
            all: ended.duration_since(began).as_nanos() as f64 / jobs,
            own: own.as_nanos() as f64 / jobs,
            cpu: spent.cpu.as_nanos() as f64 / jobs,
            switches: spent.switches as f64 * 1000.0 / jobs,
        })
    }

    fn outside(&self, pool: &Pool, share: u64, unit: Microsecond) -> Result<Vec<Told>, String> {
        let start = Barrier::new(self.submitters);
        std::thread::scope(|scope| {
            let submitter = || {
                start.wait();
                self.submitter(pool, share, unit)
            };
            let threads: Vec<_> = (0..self.submitters).map(|_| scope.spawn(submitter)).collect();
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
        })
    }

    fn submitter(&self, pool: &PoolHandle, share: u64, unit: Microsecond) -> Result<Told, String> {
        let work = self.work;
        let job = move || match work {
            Work::Empty => {}
            Work::Microsecond => unit.spend(),
        };
        let keep = if self.how == How::Submit { share as usize } else { 0 };
        let mut handles: Vec<JobHandle<()>> = Vec::with_capacity(keep);
        let (began, on_core) = (Instant::now(), thread_cpu());
        for _ in 0..share {
            match self.how {
                How::Execute => pool.execute(job).map_err(|refused| refused.to_string())?,
                How::Submit => handles.push(pool.submit(job).map_err(|no| no.to_string())?),
                How::Trip => {
                    let handle = pool.submit(job).map_err(|refused| refused.to_string())?;
                    handle.join().map_err(|lost| lost.to_string())?;
                }
            }
        }
        let own = thread_cpu().saturating_sub(on_core);
        let joined: Result<(), _> = handles.into_iter().try_for_each(JobHandle::join);
        joined.map_err(|lost| lost.to_string())?;
        Ok(Told { began, own })
    }
}
