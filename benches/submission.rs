//! What a queue costs whoever pushes to it: the one the pool has, step by step, and one that it
//! does not have.
//!
//! ```text
//! cargo bench --bench submission
//! cargo bench --bench submission -- --write     and write it into docs/performance
//! ```
//!
//! One submitter pushes entries of 32 bytes and two threads take them, up to eight at a time, as
//! workers do. The rows add what a submission does besides: a compare-and-swap for its place, a
//! fence and a look at who sleeps, a time stamp. Below them is a prototype, a *lane*: a ring that
//! one submitter alone writes, with plain stores and a published tail, so without a locked
//! instruction. It is complete as a queue and no more. Page and `ARCHITECTURE.md` say why the pool
//! has another.
//!
//! The entries are words of atomics, so that a taker may read one that is being written anew: it
//! finds out when its claim fails.

mod figures;

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_deque::{Injector, Steal, Worker};
use crossbeam_utils::CachePadded;
use figures::Rounds;

/// What is pushed: as large as the pool's entry.
type Entry = [u64; 4];

const BATCH: usize = 8;
const TAKERS: usize = 2;
/// Slots of a lane. Its submitter waits when they are taken; an injector has no bound.
const SLOTS: u64 = 4096;

/// What takers see of either queue. `take` fills the front of `into` and returns how many.
trait Queue: Send + Sync {
    fn take(&self, into: &mut Vec<Entry>);
}

struct Injected(Injector<Entry>);

impl Queue for Injected {
    fn take(&self, into: &mut Vec<Entry>) {
        let local = Worker::new_fifo();
        while self.0.steal_batch_with_limit(&local, BATCH) == Steal::Retry {}
        into.extend(std::iter::from_fn(|| local.pop()));
    }
}

struct Lane {
    /// Entries ever taken. A claim moves it on.
    head: CachePadded<AtomicU64>,
    /// Entries ever written. Its submitter alone moves it on.
    tail: CachePadded<AtomicU64>,
    slots: Box<[[AtomicU64; 4]]>,
}

impl Lane {
    fn new() -> Lane {
        let slots = (0..SLOTS).map(|_| Default::default()).collect();
        Lane { head: CachePadded::default(), tail: CachePadded::default(), slots }
    }

    fn slot(&self, at: u64) -> &[AtomicU64; 4] {
        &self.slots[(at % SLOTS) as usize]
    }
}

impl Queue for Lane {
    fn take(&self, into: &mut Vec<Entry>) {
        // Acquire pairs with the Release of whoever moved it on: a slot read before the claim is
        // not written anew before a later claim is seen.
        let head = self.head.load(Ordering::Acquire);
        // Acquire pairs with the submitter's Release: what it counts is written.
        let count = (self.tail.load(Ordering::Acquire) - head).min(BATCH as u64);
        if count == 0 {
            return;
        }
        let read = |at| self.slot(at).each_ref().map(|word| word.load(Ordering::Relaxed));
        into.extend((head..head + count).map(read));
        // Release: the slots were read before they are given back. If the claim fails somebody else
        // has them, and what was read may be torn.
        let claim = (head, head + count);
        let claimed =
            self.head.compare_exchange(claim.0, claim.1, Ordering::AcqRel, Ordering::Relaxed);
        if claimed.is_err() {
            into.clear();
        }
    }
}

/// What a submission does besides pushing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Upto {
    Push,
    Place,
    Look,
    Stamp,
}

/// The words of a pool that a submission comes to.
#[derive(Default)]
struct Pool {
    admitted: CachePadded<AtomicU64>,
    sleep: CachePadded<AtomicU64>,
}

/// One row: how long its submitter took for so many entries, and how long until all were taken.
struct Row {
    name: &'static str,
    round: fn(u64) -> (Duration, Duration),
}

const ROWS: &[Row] = &[
    Row { name: "crossbeam's injector", round: |n| injector(n, Upto::Push) },
    Row { name: "and a place at the gate", round: |n| injector(n, Upto::Place) },
    Row { name: "and a look at who sleeps", round: |n| injector(n, Upto::Look) },
    Row { name: "and a time stamp", round: |n| injector(n, Upto::Stamp) },
    Row { name: "a lane", round: |n| lane(n, false) },
    Row { name: "a lane, with a time stamp", round: |n| lane(n, true) },
];

fn main() -> std::io::Result<()> {
    let said = |word: &str| std::env::args().any(|arg| arg == word);
    let (rounds, entries) = if said("--bench") { (31, 400_000) } else { (1, 10_000) };
    let mut figures = vec![(Rounds::default(), Rounds::default()); ROWS.len()];
    for _ in 0..rounds {
        for (row, (push, all)) in ROWS.iter().zip(&mut figures) {
            let round = (row.round)(entries);
            push.add(round.0, entries);
            all.add(round.1, entries);
        }
    }
    let mut table =
        format!("{}; medians of {rounds} rounds, range of all:\n\n", figures::machine());
    table += "| ns an entry | its submitter | until all are taken |\n|---|---:|---:|\n";
    for (row, (push, all)) in ROWS.iter().zip(&figures) {
        writeln!(table, "| {} | {} | {} |", row.name, shown(push), shown(all))
            .map_err(std::io::Error::other)?;
    }
    println!("{table}");
    if said("--write") { figures::write_part("submission", &table) } else { Ok(()) }
}

fn shown(rounds: &Rounds) -> String {
    let (least, most) = rounds.range();
    format!("{:.0} [{least:.0}–{most:.0}]", rounds.median())
}

fn injector(entries: u64, upto: Upto) -> (Duration, Duration) {
    let queue = Arc::new(Injected(Injector::new()));
    let pool = Pool::default();
    let clock = quanta::Clock::new();
    timed(entries, &queue, |n| {
        if upto >= Upto::Place {
            let seen = pool.admitted.load(Ordering::Acquire);
            let next = seen + 1;
            let taken = &pool.admitted;
            let _ = taken.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire);
        }
        let stamp = if upto >= Upto::Stamp { clock.raw() } else { n };
        queue.0.push([n, n, n, stamp]);
        if upto >= Upto::Look {
            fence(Ordering::SeqCst);
            black_box(pool.sleep.load(Ordering::Relaxed));
        }
    })
}

fn lane(entries: u64, stamped: bool) -> (Duration, Duration) {
    let queue = Arc::new(Lane::new());
    let clock = quanta::Clock::new();
    let mut head = 0;
    timed(entries, &queue, |n| {
        while n - head == SLOTS {
            // Acquire pairs with the claim's Release: the slot has been read.
            head = queue.head.load(Ordering::Acquire);
            if n - head == SLOTS {
                thread::yield_now();
            }
        }
        let stamp = if stamped { clock.raw() } else { n };
        for (word, value) in queue.slot(n).iter().zip([n, n, n, stamp]) {
            word.store(value, Ordering::Relaxed);
        }
        queue.tail.store(n + 1, Ordering::Release);
    })
}

/// Pushes so many entries while the takers take, and sees that all arrive.
fn timed<Q: Queue + 'static>(
    entries: u64,
    queue: &Arc<Q>,
    mut push: impl FnMut(u64),
) -> (Duration, Duration) {
    let is_over = Arc::new(AtomicBool::new(false));
    let sum = Arc::new(CachePadded::new(AtomicU64::new(0)));
    let takers: Vec<_> = (0..TAKERS)
        .map(|_| {
            let (queue, is_over, sum) = (Arc::clone(queue), Arc::clone(&is_over), Arc::clone(&sum));
            thread::spawn(move || take_all(&*queue, &is_over, &sum))
        })
        .collect();
    let began = Instant::now();
    (0..entries).for_each(&mut push);
    let pushed = began.elapsed();
    is_over.store(true, Ordering::Release);
    takers.into_iter().for_each(|taker| taker.join().expect("a taker only takes"));
    let all = began.elapsed();
    assert_eq!(sum.load(Ordering::Relaxed), entries * (entries - 1) / 2, "each arrived once");
    (pushed, all)
}

fn take_all(queue: &impl Queue, is_over: &AtomicBool, sum: &AtomicU64) {
    let mut taken = Vec::with_capacity(BATCH);
    let mut own = 0;
    loop {
        // Before the look, so that an empty queue after it is empty for good. A claim that failed
        // looks the same, but whoever won it goes on.
        let last = is_over.load(Ordering::Acquire);
        queue.take(&mut taken);
        if taken.is_empty() {
            if last {
                break;
            }
            thread::yield_now();
        }
        own += taken.drain(..).map(|entry| entry[0]).sum::<u64>();
    }
    sum.fetch_add(own, Ordering::Relaxed);
}
