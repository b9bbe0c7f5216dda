//! Why there is no result.

use std::any::Any;
use std::backtrace::Backtrace;
use std::fmt;

use crate::outcome::Outcome;
use crate::run::panics::{PanicReport, contain};

/// Why a job has no result.
///
/// The payload of a panic can be taken out with [`JobError::into_panic`]; dropping the error drops
/// it, and a payload whose destructor panics is contained there.
pub struct JobError {
    cause: Cause,
}

enum Cause {
    Panicked(Box<PanicReport>),
    Cancelled(CancelReason),
    Expired,
    /// The report if it panicked besides, after its time was up.
    TimedOut(Option<Box<PanicReport>>),
    Forked,
    Lost,
}

/// Who cancelled a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelReason {
    /// [`JobHandle::cancel`](crate::JobHandle::cancel), or the drop of a handle that cancels.
    Requested,
    /// The [`CancelToken`](crate::CancelToken) that the job was submitted with.
    Token,
    /// The pool was shut down before the job started.
    Shutdown,
    /// The system refused the pool its first thread, again and again.
    NoWorkers,
}

impl JobError {
    pub(crate) fn panicked(report: PanicReport) -> JobError {
        JobError { cause: Cause::Panicked(Box::new(report)) }
    }

    pub(crate) fn cancelled(reason: CancelReason) -> JobError {
        JobError { cause: Cause::Cancelled(reason) }
    }

    pub(crate) fn expired() -> JobError {
        JobError { cause: Cause::Expired }
    }

    pub(crate) fn timed_out() -> JobError {
        JobError { cause: Cause::TimedOut(None) }
    }

    /// Of a job whose time was up before it ended like this.
    #[cold]
    pub(crate) fn timed_out_before<T>(late: Result<T, PanicReport>) -> JobError {
        match late {
            Ok(result) => {
                contain(|| drop(result));
                JobError::timed_out()
            }
            Err(report) => JobError { cause: Cause::TimedOut(Some(Box::new(report))) },
        }
    }

    pub(crate) fn forked() -> JobError {
        JobError { cause: Cause::Forked }
    }

    pub(crate) fn lost() -> JobError {
        JobError { cause: Cause::Lost }
    }

    /// Of a job that was never run, or not to its end.
    pub(crate) fn outcome_unrun(&self) -> Outcome {
        match self.cause {
            Cause::Expired => Outcome::Expired,
            Cause::Lost => Outcome::Lost,
            _ => Outcome::Cancelled,
        }
    }

    /// The job panicked.
    pub fn is_panicked(&self) -> bool {
        matches!(self.cause, Cause::Panicked(_))
    }

    /// The job was cancelled before it started.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, Cause::Cancelled(_))
    }

    /// The job waited longer than its `expires_in`, or past its `deadline`, and was never run.
    pub fn is_expired(&self) -> bool {
        matches!(self.cause, Cause::Expired)
    }

    /// The job ran longer than its `timeout`, or past its `deadline`. It may still be running: a
    /// thread cannot be stopped from outside, only asked through
    /// [`JobContext::is_cancelled`](crate::JobContext::is_cancelled).
    pub fn is_timed_out(&self) -> bool {
        matches!(self.cause, Cause::TimedOut(_))
    }

    /// The handle was used in a forked child, where the pool has no threads.
    pub fn is_forked(&self) -> bool {
        matches!(self.cause, Cause::Forked)
    }

    /// The worker that had taken the job died of a defect in the pool itself, and another took its
    /// place. Whether the job has begun is not known; it will not be run again.
    pub fn is_lost(&self) -> bool {
        matches!(self.cause, Cause::Lost)
    }

    /// Who cancelled the job, if it was cancelled.
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        match self.cause {
            Cause::Cancelled(reason) => Some(reason),
            _ => None,
        }
    }

    /// What is known of the panic, if the job panicked: also after its time was up, where the error
    /// came late enough to know.
    pub fn panic_report(&self) -> Option<&PanicReport> {
        match &self.cause {
            Cause::Panicked(report) | Cause::TimedOut(Some(report)) => Some(report),
            _ => None,
        }
    }

    /// The panic's message, if the job panicked with text.
    pub fn panic_message(&self) -> Option<&str> {
        self.panic_report().map(PanicReport::message)
    }

    /// Where the job panicked, as `file:line:column`. `None` also when the program replaced the
    /// panic hook after the first pool was built.
    pub fn panic_location(&self) -> Option<&str> {
        self.panic_report()?.location()
    }

    /// The stack where the job panicked, if the environment asks for one: `RUST_BACKTRACE=1`, or
    /// `RUST_LIB_BACKTRACE`, as for [`Backtrace::capture`]. Without that it costs nothing. `None`
    /// also where there is no [location](JobError::panic_location).
    ///
    /// ```
    /// let pool = springtide::Pool::builder("report").workers(1..=1).build()?;
    /// let error = pool.submit(|| panic!("no chart"))?.join().unwrap_err();
    /// if let Some(stack) = error.panic_backtrace() {
    ///     eprintln!("{error}\n{stack}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn panic_backtrace(&self) -> Option<&Backtrace> {
        self.panic_report()?.backtrace()
    }

    /// The panic's payload, for [`std::panic::resume_unwind`]; the error itself if the job did not
    /// panic.
    ///
    /// ```
    /// let pool = springtide::Pool::builder("panics").workers(1..=1).build()?;
    /// let payload = pool.submit(|| panic!("no chart"))?.join().unwrap_err().into_panic()?;
    /// let goes_on = std::thread::spawn(|| -> () { std::panic::resume_unwind(payload) }).join();
    /// assert_eq!(goes_on.unwrap_err().downcast_ref(), Some(&"no chart"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the error back when it is not a panic.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, JobError> {
        match self.cause {
            Cause::Panicked(report) => Ok(report.into_payload()),
            cause => Err(JobError { cause }),
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Panicked(report) => {
                write!(f, "job panicked: {}", report.message())?;
                match report.location() {
                    Some(location) => write!(f, " at {location}"),
                    None => Ok(()),
                }
            }
            Cause::Cancelled(CancelReason::Requested) => f.write_str("job cancelled on request"),
            Cause::Cancelled(CancelReason::Token) => f.write_str("job cancelled by its token"),
            Cause::Cancelled(CancelReason::Shutdown) => f.write_str("job cancelled by shutdown"),
            Cause::Cancelled(CancelReason::NoWorkers) => {
                f.write_str("job cancelled: the system refuses to start a worker thread")
            }
            Cause::Expired => f.write_str("job expired in the queue"),
            Cause::TimedOut(_) => {
                f.write_str("job ran longer than its timeout, or past its deadline")
            }
            Cause::Forked => f.write_str("the pool's threads live in the parent of this fork"),
            Cause::Lost => f.write_str("job lost: its worker died of a defect in the pool"),
        }
    }
}

impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobError({self})")
    }
}

impl std::error::Error for JobError {}

/// What a job gets from [`JobContext::check`](crate::JobContext::check) once it should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the job was asked to stop")
    }
}

impl std::error::Error for Cancelled {}
