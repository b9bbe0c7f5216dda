//! `tokio`: its async workers, and its threads for blocking calls.

use std::sync::Arc;

use futures::executor::block_on;
use tokio::runtime::{Builder, Runtime};

use super::{Pool, Size};

/// One `async` block a job, on `most` workers.
#[derive(Clone)]
pub(crate) struct Spawn(Arc<Runtime>);

impl Pool for Spawn {
    fn build(size: &Size) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(size.most).build();
        Spawn(Arc::new(runtime.expect("threads can be had")))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        drop(self.0.spawn(async move { job() }));
    }

    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let result = self.0.spawn(async move { job() });
        || block_on(result).expect("the job does not panic")
    }

    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        block_on(self.0.spawn(async move { job() })).expect("the job does not panic")
    }
}

/// Threads that are started on demand, up to `most`; the async side has one and sleeps.
#[derive(Clone)]
pub(crate) struct SpawnBlocking(Arc<Runtime>);

impl Pool for SpawnBlocking {
    fn build(size: &Size) -> Self {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).max_blocking_threads(size.most);
        if let Some(keep_alive) = size.keep_alive {
            builder.thread_keep_alive(keep_alive);
        }
        SpawnBlocking(Arc::new(builder.build().expect("threads can be had")))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        drop(self.0.spawn_blocking(job));
    }

    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let result = self.0.spawn_blocking(job);
        || block_on(result).expect("the job does not panic")
    }

    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        block_on(self.0.spawn_blocking(job)).expect("the job does not panic")
    }
}
