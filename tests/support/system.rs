//! The pool's threads as the operating system sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use super::millis;

/// One thread of this process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thread {
    pub id: u32,
    pub name: String,
}

/// What a thread has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
    pub cpu_ticks: u64,
}

impl Thread {
    /// `None` once it has ended.
    pub fn cost(&self) -> Option<Cost> {
        let of = |file| std::fs::read_to_string(format!("/proc/self/task/{}/{file}", self.id)).ok();
        let status = of("status")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse().ok()
        };
        let stat = of("stat")?;
        let mut times = stat[stat.rfind(')')? + 2..].split(' ').skip(11);
        let mut ticks = || times.next()?.parse::<u64>().ok();
        Some(Cost {
            voluntary_switches: field("voluntary_ctxt_switches:")?,
            involuntary_switches: field("nonvoluntary_ctxt_switches:")?,
            cpu_ticks: ticks()? + ticks()?,
        })
    }
}

/// The threads of a pool: workers are called `pool-3`, the supervisor `pool/tide`.
pub fn threads(pool: &str) -> Vec<Thread> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("these tests need Linux's proc");
    let mut threads: Vec<Thread> = tasks
        .filter_map(|task| {
            let task = task.ok()?;
            let id = task.file_name().to_str()?.parse().ok()?;
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let name = name.trim_end().to_owned();
            (is_worker(pool, &name) || name == format!("{pool}/tide"))
                .then_some(Thread { id, name })
        })
        .collect();
    threads.sort();
    threads
}

/// The workers among them.
pub fn worker_threads(pool: &str) -> Vec<Thread> {
    let mut threads = threads(pool);
    threads.retain(|thread| is_worker(pool, &thread.name));
    threads
}

pub fn workers(pool: &str) -> usize {
    worker_threads(pool).len()
}

fn is_worker(pool: &str, name: &str) -> bool {
    let number = name.strip_prefix(pool).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Counts a pool's worker threads every other millisecond, in the background.
pub struct Census {
    peak: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    counter: Option<JoinHandle<()>>,
}

impl Census {
    pub fn of(pool: &str) -> Census {
        let (peak, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let counter = std::thread::spawn({
            let (pool, peak, stop) = (pool.to_owned(), Arc::clone(&peak), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    peak.fetch_max(workers(&pool), Ordering::Relaxed);
                    std::thread::sleep(millis(2));
                }
            }
        });
        Census { peak, stop, counter: Some(counter) }
    }

    /// The most threads seen at once.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Census {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.counter.take().map(JoinHandle::join);
    }
}
