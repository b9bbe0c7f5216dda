//! `async-executor` on threads of our own, as its documentation shows.

use std::future::pending;
use std::sync::Arc;
use std::thread;

use async_executor::Executor;
use futures::executor::block_on;

use super::{Pool, Size};

#[derive(Clone)]
pub(crate) struct Threads(Arc<Executor<'static>>);

impl Pool for Threads {
    fn build(size: &Size) -> Self {
        let executor = Arc::new(Executor::new());
        for _ in 0..size.most {
            let executor = executor.clone();
            thread::spawn(move || block_on(executor.run(pending::<()>())));
        }
        Threads(executor)
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.spawn(async move { job() }).detach();
    }

    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let result = self.0.spawn(async move { job() });
        move || block_on(result)
    }

    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        block_on(self.0.spawn(async move { job() }))
    }
}
