//! Recording the load of a running pool, to replay it elsewhere.

use std::io::{self, Write};
use std::time::Duration;

use crate::pool_handle::PoolHandle;
use crate::run::shared::Shared;
use crate::run::tape::Tape;
use crate::sync::Arc;

/// The most rows that one recording has room for, 160 MB of them: as many as the simulator reads.
const ROWS_MAX: usize = 5_000_000;
#[cfg(feature = "sim")]
const _: () = assert!(ROWS_MAX == crate::sim::JOBS_MAX);

/// # Recording
impl PoolHandle {
    /// Records the jobs that start from now on, up to `jobs` of them (five million at most): when
    /// they came, how long they ran, and how much of that they spent on a core.
    ///
    /// Room for the rows, 32 bytes each, is set aside at once; what does not fit is counted and
    /// dropped. While something is recorded each job costs its worker some 3 µs more (measured on
    /// Linux), half of which shows in its run; otherwise nothing. There may be several recordings
    /// at a time, and they outlive the pool.
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("recorded").workers(1..=4).build()?;
    /// let recording = pool.record(1_000);
    /// pool.submit(|| std::thread::sleep(std::time::Duration::from_millis(2)))?.join()?;
    /// let recorded = recording.stop();
    /// assert_eq!((recorded.rows.len(), recorded.dropped), (1, 0));
    /// assert!(recorded.rows[0].run.as_millis() >= 2);
    ///
    /// let mut file = Vec::new();
    /// recorded.write(&mut file)?;
    /// assert!(file.starts_with(b"arrival_ms,run_ms"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn record(&self, jobs: usize) -> Recording {
        let shared = Arc::clone(&self.core.shared);
        let tape = shared.tapes.begin(shared.now(), jobs.min(ROWS_MAX));
        Recording { shared, tape }
    }
}

/// A recording that is running; made by [`PoolHandle::record`]. Dropping it ends it.
#[must_use = "dropping it ends the recording"]
pub struct Recording {
    shared: Arc<Shared>,
    tape: Arc<Tape>,
}

impl Recording {
    /// Ends it. A job that is over before this is called, or whose result was seen, is in it;
    /// one that still runs is not.
    pub fn stop(self) -> Recorded {
        self.shared.tapes.end(&self.tape);
        let (ran, dropped) = self.tape.read();
        let began = self.tape.began;
        let mut rows: Vec<RecordedJob> = ran
            .iter()
            .map(|ran| {
                let run = ran.ended.since(ran.started);
                let cpu = ran.cpu.map(|cpu| cpu.min(run));
                RecordedJob { arrival: ran.queued_at.since(began), run, cpu }
            })
            .collect();
        rows.sort_by_key(|row| row.arrival);
        Recorded { rows, dropped }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.shared.tapes.end(&self.tape);
    }
}

/// What was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The jobs that ran, in order of arrival.
    pub rows: Vec<RecordedJob>,
    /// Jobs that ran and did not fit in.
    pub dropped: u64,
}

/// One run of one job. Jobs that never ran (cancelled, expired, returned) are not recorded; one
/// that panicked or overran its timeout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedJob {
    /// When it was submitted, since the recording began; zero if it waited already by then.
    pub arrival: Duration,
    /// From start to end. A job that runs another one while it joins it has that in it as well.
    pub run: Duration,
    /// The part of it that was spent on a core; `None` where the system does not say.
    pub cpu: Option<Duration>,
}

impl Recorded {
    /// Writes a line for each job, after the header `arrival_ms,run_ms,cpu_ms`; milliseconds to
    /// the nanosecond. Where the system did not say how long a job was on a core, the last field
    /// is empty, so that nobody takes that for zero; if it never did, there is no such column.
    ///
    /// The simulator reads such files as traces, and so does the load test.
    ///
    /// # Errors
    ///
    /// Whatever the writer reports.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let with_cpu = self.rows.iter().any(|row| row.cpu.is_some());
        to.write_all(if with_cpu {
            b"arrival_ms,run_ms,cpu_ms\n"
        } else {
            b"arrival_ms,run_ms\n"
        })?;
        for row in &self.rows {
            write!(to, "{},{}", Millis(row.arrival), Millis(row.run))?;
            match row.cpu {
                Some(cpu) => writeln!(to, ",{}", Millis(cpu))?,
                None if with_cpu => writeln!(to, ",")?,
                None => writeln!(to)?,
            }
        }
        to.flush()
    }
}

/// Milliseconds with as many digits as there are, down to the nanosecond.
struct Millis(Duration);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, fraction) = (self.0.as_millis(), self.0.subsec_nanos() % 1_000_000);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{fraction:06}").trim_end_matches('0'))
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("pool", &self.shared.name).finish_non_exhaustive()
    }
}
