//! `rayon`: jobs of its pool that nobody joins.

use std::sync::Arc;

use super::{Pool, Size};

#[derive(Clone)]
pub(crate) struct Spawn(Arc<rayon::ThreadPool>);

impl Pool for Spawn {
    fn build(size: &Size) -> Self {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(size.most).build();
        Spawn(Arc::new(pool.expect("threads can be had")))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.spawn(job);
    }
}
