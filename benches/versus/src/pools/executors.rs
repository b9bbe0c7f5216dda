//! `executors`: its work-stealing pool.

use executors::Executor;
use executors::crossbeam_workstealing_pool::{ThreadPool, large_pool, small_pool};
use executors::parker::{LargeThreadData, SmallThreadData, StaticParker};

use super::{Pool, Size};

/// The most threads that its small parker, the fastest, can look after.
const SMALL: usize = 32;

#[derive(Clone)]
pub(crate) enum Stealing {
    Small(ThreadPool<StaticParker<SmallThreadData>>),
    Large(ThreadPool<StaticParker<LargeThreadData>>),
}

impl Pool for Stealing {
    fn build(size: &Size) -> Self {
        if size.most <= SMALL {
            Stealing::Small(small_pool(size.most))
        } else {
            Stealing::Large(large_pool(size.most))
        }
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        match self {
            Stealing::Small(pool) => pool.execute(job),
            Stealing::Large(pool) => pool.execute(job),
        }
    }
}
