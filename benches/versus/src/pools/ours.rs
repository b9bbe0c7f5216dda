//! `springtide` as it comes: every job counted and timed, the queue bounded at its default.

use std::sync::Arc;

use super::{Pool, Size};

fn build(size: &Size) -> Arc<springtide::Pool> {
    let mut builder = springtide::Pool::builder("versus").workers(size.least..=size.most);
    if let Some(keep_alive) = size.keep_alive {
        builder = builder.keep_alive(keep_alive);
    }
    if size.unbounded {
        builder = builder.unbounded();
    }
    Arc::new(builder.build().expect("the sizes of the workloads are legal"))
}

/// Fire and forget.
#[derive(Clone)]
pub(crate) struct Execute(Arc<springtide::Pool>);

impl Pool for Execute {
    fn build(size: &Size) -> Self {
        Execute(build(size))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        assert!(self.0.execute(job).is_ok(), "the pool is open, and waits when it is full");
    }
}

/// With a handle for each job, which is dropped where nobody waits for it.
#[derive(Clone)]
pub(crate) struct Submit(Arc<springtide::Pool>);

impl Pool for Submit {
    fn build(size: &Size) -> Self {
        Submit(build(size))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        assert!(self.0.submit(job).is_ok(), "the pool is open, and waits when it is full");
    }

    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let handle = self.0.submit(job).unwrap_or_else(|_| panic!("the pool is open"));
        || handle.join().expect("the job does not panic")
    }

    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        let handle = self.0.submit(job).unwrap_or_else(|_| panic!("the pool is open"));
        handle.join().expect("the job does not panic")
    }
}
