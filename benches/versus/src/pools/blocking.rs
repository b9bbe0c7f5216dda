//! `blocking`: the one pool of the process, for blocking calls of async programs.

use std::num::NonZeroUsize;

use futures::executor::block_on;

use super::{Pool, Size};

#[derive(Clone)]
pub(crate) struct Unblock;

impl Pool for Unblock {
    fn build(size: &Size) -> Self {
        let most = NonZeroUsize::new(size.most).expect("pools have threads");
        blocking::set_max_blocking_threads(most);
        Unblock
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        blocking::unblock(job).detach();
    }

    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let result = blocking::unblock(job);
        move || block_on(result)
    }

    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        block_on(blocking::unblock(job))
    }
}
