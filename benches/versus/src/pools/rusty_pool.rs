//! `rusty_pool`: core threads that stay, and more up to a bound that leave when they idle.

use std::time::Duration;

use super::{Pool, Size};

/// The default of its builder.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Elastic(rusty_pool::ThreadPool);

impl Pool for Elastic {
    fn build(size: &Size) -> Self {
        let keep_alive = size.keep_alive.unwrap_or(KEEP_ALIVE);
        Elastic(rusty_pool::ThreadPool::new(size.least, size.most, keep_alive))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.execute(job);
    }

    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let result = self.0.evaluate(job);
        || result.await_complete()
    }

    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        self.0.evaluate(job).await_complete()
    }
}
