//! `affinitypool`: a future for each job, which cancels the job when it is dropped.

use std::sync::Arc;

use futures::executor::block_on;

use super::{Pool, Size};

#[derive(Clone)]
pub(crate) struct Sharded(Arc<affinitypool::Threadpool>);

impl Pool for Sharded {
    fn build(size: &Size) -> Self {
        Sharded(Arc::new(affinitypool::Threadpool::new(size.most)))
    }

    /// It has no fire and forget: the future is leaked, and what it holds of the job with it.
    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        std::mem::forget(self.0.spawn(job));
    }

    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let result = self.0.spawn(job);
        move || block_on(result)
    }

    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        block_on(self.0.spawn(job))
    }
}
