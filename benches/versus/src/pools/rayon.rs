//! `rayon`: jobs of its pool that nobody joins, and jobs of a scope that ends when all have run.

use std::sync::Arc;

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

use super::{Pool, Size};
use crate::tally;

fn build(size: &Size) -> Arc<ThreadPool> {
    let pool = ThreadPoolBuilder::new().num_threads(size.most).build();
    Arc::new(pool.expect("threads can be had"))
}

#[derive(Clone)]
pub(crate) struct Spawn(Arc<ThreadPool>);

impl Pool for Spawn {
    fn build(size: &Size) -> Self {
        Spawn(build(size))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.spawn(job);
    }
}

/// A scope for all jobs of a producer, and one for a whole tree; a single job is spawned.
#[derive(Clone)]
pub(crate) struct InScope(Arc<ThreadPool>);

impl Pool for InScope {
    fn build(size: &Size) -> Self {
        InScope(build(size))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.spawn(job);
    }

    fn execute_all<F: FnOnce() + Send + 'static>(&self, jobs: impl Iterator<Item = F>) {
        self.0.in_place_scope(|scope| {
            for job in jobs {
                scope.spawn(move |_| job());
            }
        });
    }

    fn execute_tree(&self, depth: u32) {
        self.0.in_place_scope(|scope| grow(scope, depth));
    }
}

fn grow<'scope>(scope: &Scope<'scope>, depth: u32) {
    scope.spawn(move |scope| {
        if depth > 1 {
            grow(scope, depth - 1);
            grow(scope, depth - 1);
        }
        tally::done();
    });
}
