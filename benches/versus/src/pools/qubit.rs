//! `qubit-thread-pool`: the fixed one, and the one that grows when its queue is full.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use qubit_executor::service::ExecutorService;

use super::{Pool, Size};

/// It grows beyond its core only when the queue is full, so an elastic one needs a short queue.
const QUEUE: usize = 64;
/// After this long it is asked again.
const RETRY: Duration = Duration::from_micros(100);

fn submit<S: ExecutorService, F: FnOnce() + Send + 'static>(service: &S, job: F) {
    let mut job = Some(job);
    let task = move || {
        if let Some(job) = job.take() {
            job();
        }
        Ok::<(), ()>(())
    };
    if service.submit(task).is_err() {
        panic!("the pool is open and has room");
    }
}

#[derive(Clone)]
pub(crate) struct Fixed(Arc<qubit_thread_pool::FixedThreadPool>);

impl Pool for Fixed {
    fn build(size: &Size) -> Self {
        let pool = qubit_thread_pool::FixedThreadPool::new(size.most);
        Fixed(Arc::new(pool.expect("threads can be had")))
    }

    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        submit(&*self.0, job);
    }
}

#[derive(Clone)]
pub(crate) struct Dynamic {
    pool: Arc<qubit_thread_pool::ThreadPool>,
    bounded: bool,
}

impl Pool for Dynamic {
    fn build(size: &Size) -> Self {
        let bounded = size.least < size.most;
        let mut builder = qubit_thread_pool::ThreadPool::builder()
            .core_pool_size(size.least)
            .maximum_pool_size(size.most);
        if bounded {
            builder = builder.queue_capacity(QUEUE);
        }
        if let Some(keep_alive) = size.keep_alive {
            builder = builder.keep_alive(keep_alive);
        }
        Dynamic { pool: Arc::new(builder.build().expect("threads can be had")), bounded }
    }

    /// A full queue with all threads there is a refusal that does not give the job back, so the job
    /// is kept where a second try finds it.
    fn execute<F: FnOnce() + Send + 'static>(&self, job: F) {
        if !self.bounded {
            return submit(&*self.pool, job);
        }
        let kept = Arc::new(Mutex::new(Some(job)));
        loop {
            let kept = kept.clone();
            let task = move || {
                let job = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(job) = job {
                    job();
                }
                Ok::<(), ()>(())
            };
            if self.pool.submit(task).is_ok() {
                return;
            }
            thread::sleep(RETRY);
        }
    }
}
