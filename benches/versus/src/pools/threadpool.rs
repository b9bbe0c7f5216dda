//! `threadpool`: the std channel behind a mutex, with counts.

use super::{Pool, Size};

#[derive(Clone)]
pub(crate) struct Fixed(threadpool::ThreadPool);

impl Pool for Fixed {
    fn build(size: &Size) -> Self {
        Fixed(threadpool::ThreadPool::new(size.most))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.execute(job);
    }
}
