//! `threadfin`: closures and futures, between two bounds.

use std::sync::Arc;

use super::{Pool, Size};

#[derive(Clone)]
pub(crate) struct Elastic(Arc<threadfin::ThreadPool>);

impl Pool for Elastic {
    fn build(size: &Size) -> Self {
        let mut builder = threadfin::builder().size(size.least..=size.most);
        if let Some(keep_alive) = size.keep_alive {
            builder = builder.keep_alive(keep_alive);
        }
        Elastic(Arc::new(builder.build()))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        drop(self.0.execute(job));
    }

    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let result = self.0.execute(job);
        || result.join()
    }

    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        self.0.execute(job).join()
    }
}
