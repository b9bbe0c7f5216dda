//! A test that hangs fails, and says what its pools were doing.

use std::cell::RefCell;
use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use springtide::{Builder, Pool, PoolHandle};

type Watched = Arc<Mutex<Vec<PoolHandle>>>;

thread_local! {
    static WATCHED: RefCell<Watched> = RefCell::default();
}

/// Runs the body of a test; if it is not over after `limit`, prints the state of every pool it
/// [`build`]t and fails. The body's thread is left behind then.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> T {
    let watched = Watched::default();
    let (done, over) = mpsc::channel::<()>();
    let runner = {
        let watched = Arc::clone(&watched);
        thread::Builder::new().name(format!("test of {name}")).spawn(move || {
            WATCHED.with(|mine| *mine.borrow_mut() = watched);
            // Dropped when the body returns or panics, which ends the wait below.
            let _done = done;
            body()
        })
    };
    let runner = runner.expect("a thread for the body of a test");
    if over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
        let pools = watched.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        pools.iter().for_each(dump);
        panic!("{name} hangs: not over after {limit:?}");
    }
    runner.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
}

fn dump(pool: &PoolHandle) {
    eprintln!("--- pool {}", pool.name());
    eprintln!("health: {:?}", pool.health());
    eprintln!("running: {:#?}", pool.running_jobs());
    eprintln!("last decision: {:?}", pool.last_decision());
    eprintln!("stats: {:#?}", pool.stats());
}

/// Builds a pool that the watchdog of this test knows.
pub(crate) fn build(builder: Builder) -> Pool {
    let pool = builder.build().expect("settings that can be used");
    watch(&pool);
    pool
}

fn watch(pool: &PoolHandle) {
    WATCHED.with(|mine| {
        let watched = mine.borrow();
        watched.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(pool.clone());
    });
}

/// Waits for something that is bound to happen; the watchdog is the limit.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_millis(1));
    }
}
