//! What ran, row by row, while somebody records it.
//!
//! A worker claims a row with one addition and fills it with plain stores: it never waits, not for
//! another worker and not for whoever reads. A tape does not grow; what comes when it is full is
//! counted and dropped.

use std::time::Duration;

use super::core_time;
use crate::sync::plain::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, Swap};
use crate::time::Nanos;

/// Stands for "the system does not say".
const UNKNOWN: u64 = u64::MAX;

/// One run of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) queued_at: Nanos,
    pub(crate) started: Nanos,
    pub(crate) ended: Nanos,
    /// Time on a core, where the system says.
    pub(crate) cpu: Option<Duration>,
}

/// One recording.
#[derive(Debug)]
pub(crate) struct Tape {
    pub(crate) began: Nanos,
    rows: Box<[Row]>,
    /// Rows asked for, more than there are once it is full.
    asked: AtomicU64,
}

/// Nanoseconds. Written by the worker that claimed the row, once.
#[derive(Debug, Default)]
struct Row {
    queued_at: AtomicU64,
    started: AtomicU64,
    cpu: AtomicU64,
    /// Plus one, so that zero is a row that is not written yet. The last to be stored.
    ended: AtomicU64,
}

/// The tapes that are running, which is mostly none.
#[derive(Debug)]
pub(crate) struct Tapes {
    on: AtomicBool,
    all: Swap<Vec<Arc<Tape>>>,
    /// One change at a time.
    changing: Mutex<()>,
}

impl Default for Tapes {
    fn default() -> Self {
        Tapes { on: AtomicBool::new(false), all: Swap::new(Vec::new()), changing: Mutex::new(()) }
    }
}

impl Tapes {
    /// The tapes that a job belongs on which starts now, if there are any. To see that there are
    /// none is all that a job pays when nobody records.
    pub(crate) fn running(&self) -> Option<Arc<Vec<Arc<Tape>>>> {
        if self.on.load(Ordering::Relaxed) { Some(self.present()) } else { None }
    }

    #[cold]
    fn present(&self) -> Arc<Vec<Arc<Tape>>> {
        self.all.load()
    }

    /// Puts in a tape for so many rows.
    pub(crate) fn begin(&self, now: Nanos, rows: usize) -> Arc<Tape> {
        let tape = Arc::new(Tape {
            began: now,
            rows: (0..rows).map(|_| Row::default()).collect(),
            asked: AtomicU64::new(0),
        });
        self.change(|all| all.push(Arc::clone(&tape)));
        tape
    }

    /// Takes it out. A worker that is just writing may still finish its row.
    pub(crate) fn end(&self, tape: &Arc<Tape>) {
        self.change(|all| all.retain(|other| !Arc::ptr_eq(other, tape)));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Tape>>)) {
        let _one_at_a_time = self.changing.lock();
        let mut all = (*self.all.load()).clone();
        change(&mut all);
        self.on.store(!all.is_empty(), Ordering::Relaxed);
        self.all.store(Arc::new(all));
    }
}

impl Tape {
    pub(crate) fn append(&self, ran: Ran) {
        let claimed = self.asked.fetch_add(1, Ordering::Relaxed);
        let row = usize::try_from(claimed).ok().and_then(|index| self.rows.get(index));
        if let Some(row) = row {
            let cpu = ran.cpu.map_or(UNKNOWN, |cpu| Nanos::from_duration(cpu).0);
            row.queued_at.store(ran.queued_at.0, Ordering::Relaxed);
            row.started.store(ran.started.0, Ordering::Relaxed);
            row.cpu.store(cpu, Ordering::Relaxed);
            // Pairs with the Acquire in `Row::read`: a row that is seen is seen whole.
            row.ended.store(ran.ended.0.saturating_add(1), Ordering::Release);
        }
    }

    /// The rows written so far, and how many are missing: those for which there was no room, and
    /// those that are being written at this moment.
    pub(crate) fn read(&self) -> (Vec<Ran>, u64) {
        let asked = self.asked.load(Ordering::Relaxed);
        let claimed = usize::try_from(asked).unwrap_or(usize::MAX).min(self.rows.len());
        let written: Vec<Ran> = self.rows[..claimed].iter().filter_map(Row::read).collect();
        let missing = asked - written.len() as u64;
        (written, missing)
    }
}

impl Row {
    fn read(&self) -> Option<Ran> {
        let ended = self.ended.load(Ordering::Acquire).checked_sub(1)?;
        let cpu = self.cpu.load(Ordering::Relaxed);
        Some(Ran {
            queued_at: Nanos(self.queued_at.load(Ordering::Relaxed)),
            started: Nanos(self.started.load(Ordering::Relaxed)),
            ended: Nanos(ended),
            cpu: (cpu != UNKNOWN).then(|| Duration::from_nanos(cpu)),
        })
    }
}

/// What is written down about a job that somebody records.
pub(crate) struct Record {
    tapes: Arc<Vec<Arc<Tape>>>,
    on_core_before: Option<Duration>,
}

impl Record {
    pub(crate) fn begin(tapes: &Tapes) -> Option<Record> {
        let tapes = tapes.running()?;
        Some(Record { tapes, on_core_before: core_time::of_this_thread() })
    }

    #[cold]
    pub(crate) fn end(self, queued_at: Nanos, started: Nanos, ended: Nanos) {
        let on_core = self.on_core_before.zip(core_time::of_this_thread());
        let cpu = on_core.map(|(before, after)| after.saturating_sub(before));
        self.tapes.iter().for_each(|tape| tape.append(Ran { queued_at, started, ended, cpu }));
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn ran(n: u64) -> Ran {
        let cpu = n.is_multiple_of(2).then(|| Duration::from_nanos(n));
        Ran { queued_at: Nanos(n), started: Nanos(n + 1), ended: Nanos(n + 2), cpu }
    }

    #[test]
    fn what_goes_onto_a_tape_comes_off_it() {
        let tape = Tapes::default().begin(Nanos(0), 4);
        let written: Vec<Ran> = (0..4).map(ran).collect();
        written.iter().for_each(|ran| tape.append(*ran));
        assert_eq!(tape.read(), (written, 0));
    }

    #[test]
    fn a_full_tape_counts_what_it_drops() {
        for rows in [0, 2] {
            let tape = Tapes::default().begin(Nanos(0), rows);
            (0..5).for_each(|n| tape.append(ran(n)));
            let (written, missing) = tape.read();
            assert_eq!((written.len(), missing), (rows, 5 - rows as u64));
        }
    }

    #[test]
    fn the_tapes_that_run_are_those_begun_and_not_ended() {
        let tapes = Tapes::default();
        let running = || tapes.running().map_or(0, |running| running.len());
        assert_eq!(running(), 0);
        let (first, second) = (tapes.begin(Nanos(0), 1), tapes.begin(Nanos(0), 1));
        assert_eq!(running(), 2);
        tapes.end(&first);
        tapes.end(&first);
        assert_eq!(running(), 1);
        tapes.end(&second);
        assert!(tapes.running().is_none());
    }
}
