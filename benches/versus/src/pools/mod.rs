//! What a workload may ask of a pool, and the pools by name.

mod affinitypool;
mod async_executor;
mod blocking;
mod channels;
mod executors;
mod futures;
mod ours;
mod qubit;
mod rayon;
mod rusty_pool;
mod threadfin;
mod threadpool;
mod tokio;

use std::sync::mpsc;
use std::time::Duration;

use ::futures::channel::oneshot;
use ::futures::executor::block_on;

use crate::tally;

/// How large a pool should be. Pools of a fixed size take `most`.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// How long an idle thread stays; the pool's own default unless set.
    pub(crate) keep_alive: Option<Duration>,
    /// Pools that bound their queue by default do so, unless a workload cannot have that.
    pub(crate) unbounded: bool,
}

/// A pool, as thin as its interface lets it be: closures are handed on unboxed.
pub(crate) trait Pool: Clone + Send + Sync + 'static {
    fn build(size: &Size) -> Self;

    /// Submits a job whose end nobody waits for.
    fn execute<F: FnOnce() + Send + 'static>(&self, job: F);

    /// Submits jobs one after another. A pool with a scope for that returns when all have run.
    fn execute_all<F: FnOnce() + Send + 'static>(&self, jobs: impl Iterator<Item = F>) {
        for job in jobs {
            self.execute(job);
        }
    }

    /// Submits a binary tree of jobs, each of which submits two more, `depth` jobs deep.
    fn execute_tree(&self, depth: u32) {
        let pool = self.clone();
        self.execute(move || {
            if depth > 1 {
                pool.execute_tree(depth - 1);
                pool.execute_tree(depth - 1);
            }
            tally::done();
        });
    }

    /// Submits a job and returns what waits for its result: the pool's own handle if it has one,
    /// or else the cheapest channel for one value.
    fn promise<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl FnOnce() -> T {
        let (sender, receiver) = oneshot::channel();
        self.execute(move || {
            // Whoever has the receiver waits on it in the end.
            let _ = sender.send(job());
        });
        move || block_on(receiver).expect("the job runs, and sends")
    }

    /// Submits a job and waits for its result: by the pool's own handle if it has one, or else by
    /// a channel, as its users would.
    fn call<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, job: F) -> T {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.execute(move || {
            // Nobody is gone: the receiver waits two lines below.
            let _ = sender.send(job());
        });
        receiver.recv().expect("the job runs, and sends")
    }
}

/// Something to be done with a pool whose type is known only by name.
pub(crate) trait Visit {
    type Out;
    fn visit<P: Pool>(self) -> Self::Out;
}

macro_rules! pools {
    ($($name:literal => $pool:ty,)*) => {
        /// Every pool there is.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// Calls the visitor with the pool of this name.
        pub(crate) fn with<V: Visit>(name: &str, visitor: V) -> Option<V::Out> {
            match name {
                $($name => Some(visitor.visit::<$pool>()),)*
                _ => None,
            }
        }
    };
}

pools! {
    "springtide" => ours::Execute,
    "springtide submit" => ours::Submit,
    "rayon" => rayon::Spawn,
    "rayon in scope" => rayon::InScope,
    "tokio spawn" => tokio::Spawn,
    "tokio spawn_blocking" => tokio::SpawnBlocking,
    "threadpool" => threadpool::Fixed,
    "crossbeam channel" => channels::Unbounded,
    "crossbeam bounded(1024)" => channels::Bounded,
    "flume channel" => channels::Flume,
    "mpsc+Mutex" => channels::Shared,
    "executors work-stealing" => executors::Stealing,
    "rusty_pool" => rusty_pool::Elastic,
    "affinitypool" => affinitypool::Sharded,
    "blocking" => blocking::Unblock,
    "qubit fixed" => qubit::Fixed,
    "qubit dynamic" => qubit::Dynamic,
    "async-executor" => async_executor::Threads,
    "futures ThreadPool" => futures::Threads,
    "threadfin" => threadfin::Elastic,
}

/// Whether the rows of this pool are the ones that the comparison is for.
pub(crate) fn is_ours(name: &str) -> bool {
    name.starts_with("springtide")
}
