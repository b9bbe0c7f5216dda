//! How many jobs have run, counted so that counting costs a job next to nothing: each thread has a
//! cell of its own, which only it writes.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Two cache lines, because they are fetched in pairs.
#[repr(align(128))]
struct Cell(AtomicU64);

/// The cells of all threads there ever were; a cell outlives its thread.
static CELLS: Mutex<Vec<&'static Cell>> = Mutex::new(Vec::new());

thread_local! {
    static MINE: OnceCell<&'static Cell> = const { OnceCell::new() };
}

/// The shortest pause of whoever waits, and so the error of a measured end.
const PAUSE: Duration = Duration::from_micros(50);

fn cells() -> MutexGuard<'static, Vec<&'static Cell>> {
    CELLS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn first() -> &'static Cell {
    let cell = Box::leak(Box::new(Cell(AtomicU64::new(0))));
    cells().push(cell);
    cell
}

/// Called by a job as the last thing it does.
pub(crate) fn done() {
    MINE.with(|mine| {
        let cell = mine.get_or_init(first);
        // Release, for whoever reads what the jobs wrote once all are counted.
        cell.0.store(cell.0.load(Ordering::Relaxed) + 1, Ordering::Release);
    });
}

/// The jobs that have run since the process began.
pub(crate) fn total() -> u64 {
    cells().iter().map(|cell| cell.0.load(Ordering::Acquire)).sum()
}

/// Waits until `goal` jobs have run. A pause is at most half of what seems left, and a fiftieth of
/// the time so far, so that neither the waiting disturbs the workers nor the end is seen late.
pub(crate) fn wait_for(goal: u64) {
    let (began, at_first) = (Instant::now(), total());
    loop {
        let now = total();
        if now >= goal {
            return;
        }
        let so_far = began.elapsed();
        let half_left =
            so_far.as_secs_f64() * (goal - now) as f64 / (now - at_first + 1) as f64 / 2.0;
        let pause = half_left.min(so_far.as_secs_f64() / 50.0);
        thread::sleep(PAUSE.max(Duration::from_secs_f64(pause)));
    }
}
