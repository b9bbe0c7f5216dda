//! What a pool of two workers costs besides its jobs, in a table of 2 slots and in one of 512: to
//! build and end, to look at, to look after.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use springtide::{Plan, Pool, Reason, Sample, ScalingPolicy};

use crate::Outcome;
use crate::figures::Rounds;

/// The sizes by name. 256 is what a pool makes by itself.
pub(crate) const TABLES: [(&str, usize); 3] = [("2", 2), ("256", 256), ("512", 512)];

const SIDES: [&str; 3] =
    ["a look by its supervisor", "`stats()`", "built, and shut down with nothing to do"];

/// A policy that wants to look again at once, and counts how often it did.
struct Restless(Arc<AtomicU64>);

impl ScalingPolicy for Restless {
    fn decide(&mut self, _now: Duration, _sample: &Sample) -> Plan {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut plan = Plan::hold(Reason::Steady);
        plan.next_in = Some(Duration::ZERO);
        plan
    }
}

fn pool(slots: usize, policy: impl ScalingPolicy + 'static) -> Outcome<Pool> {
    let builder = Pool::builder("table").workers(2..=2).ceiling(slots).without_metrics();
    Ok(builder.policy(policy).build()?)
}

/// Nanoseconds by size and side.
#[derive(Default)]
pub(crate) struct Measured([[Rounds; SIDES.len()]; TABLES.len()]);

impl Measured {
    pub(crate) fn round(&mut self, round: usize, calls: u64) -> Outcome<()> {
        for turn in 0..TABLES.len() {
            let turn = (turn + round) % TABLES.len();
            let (slots, sides) = (TABLES[turn].1, &mut self.0[turn]);
            let looks = Arc::new(AtomicU64::new(0));
            let restless = pool(slots, Restless(Arc::clone(&looks)))?;
            let so_many = |n| {
                while looks.load(Ordering::Relaxed) < n {
                    std::thread::sleep(Duration::from_micros(200));
                }
                (looks.load(Ordering::Relaxed), Instant::now())
            };
            let (from, start) = so_many(calls / 10);
            let (to, end) = so_many(from + 5 * calls);
            sides[0].add(end - start, to - from);
            restless.shutdown();

            let quiet = pool(slots, springtide::Fixed)?;
            quiet.submit(|| ())?.join()?;
            let start = Instant::now();
            (0..calls).for_each(|_| _ = black_box(quiet.stats()));
            sides[1].add(start.elapsed(), calls);
            quiet.shutdown();

            let start = Instant::now();
            let some = (calls / 100).max(1);
            for _ in 0..some {
                pool(slots, springtide::Fixed)?.shutdown();
            }
            sides[2].add(start.elapsed(), some);
        }
        Ok(())
    }

    pub(crate) fn show(&self) -> String {
        let mut table = String::from("| a pool of 2 workers, ns |");
        TABLES.iter().for_each(|(name, _)| _ = write!(table, " {name} slots |"));
        table.push_str("\n|---|---:|---:|---:|\n");
        for (side, says) in SIDES.iter().enumerate() {
            let _ = write!(table, "| {says} |");
            for sides in &self.0 {
                let (least, most) = sides[side].range();
                let _ = write!(table, " {:.0} [{least:.0}–{most:.0}] |", sides[side].median());
            }
            table.push('\n');
        }
        table
    }
}
