//! The thread pool of `futures`.

use super::{Pool, Size};

#[derive(Clone)]
pub(crate) struct Threads(futures::executor::ThreadPool);

impl Pool for Threads {
    fn build(size: &Size) -> Self {
        let pool = futures::executor::ThreadPool::builder().pool_size(size.most).create();
        Threads(pool.expect("threads can be had"))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.spawn_ok(async move { job() });
    }
}
