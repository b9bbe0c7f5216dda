//! A thread pool that rises and falls with the load: bounded, autoscaled, observable.
//!
//! For a long-running program whose jobs sometimes compute and sometimes wait, and whose load is
//! not known when its threads are counted.
//!
//! ```
//! use springtide::Pool;
//! use std::time::Duration;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Two workers when it is quiet, up to 64 when jobs would wait longer than 10 ms.
//!     let pool = Pool::builder("thumbnails")
//!         .workers(2..=64)
//!         .queue_capacity(1_000)
//!         .target_wait(Duration::from_millis(10))
//!         .build()?;
//!
//!     // A job with a result: join its handle, or await it.
//!     let width = pool.submit(|| 640 / 2)?;
//!     assert_eq!(width.join()?, 320);
//!
//!     // A job that nobody waits for; one with a name, and a limit to how long it may take.
//!     pool.execute(|| println!("done"))?;
//!     let strip = pool.job("strip").timeout(Duration::from_secs(5)).submit(|cx| {
//!         (0..100).take_while(|_| !cx.is_cancelled()).count()
//!     })?;
//!     assert_eq!(strip.join()?, 100);
//!
//!     // What happened, and why the pool is as large as it is.
//!     let stats = pool.stats();
//!     println!("99 % waited less than {:?}", stats.wait.p99);
//!     for decision in pool.decisions() {
//!         println!("{} to {} workers: {}", decision.from, decision.to, decision.reason);
//!     }
//!
//!     // Everything accepted runs, or is accounted for.
//!     let report = pool.shutdown();
//!     assert_eq!((report.accepted, report.completed), (3, 3));
//!     Ok(())
//! }
//! ```
//!
//! # How it works
//!
//! Two flows meet in the supervisor, one thread that sizes the pool and does nothing else:
//!
//! ```text
//!    one job     submit ─► gate ─► queue ─► worker ─► job ─► handle
//!                           │        │        └─ meter: what it waited and ran
//!                           └────────┴──────────────┐
//!    one look    clock ─► sample ─► policy ─► supervisor ─► metrics
//!                                     ▲           └─► starts and retires workers
//!                                 settings
//! ```
//!
//! * **Bounded.** The queue has a capacity. When it is full, [`PoolHandle::submit`] waits, refuses,
//!   or runs the job on the caller's thread ([`Overflow`]), and
//!   [`submit_async`](PoolHandle::submit_async) waits without blocking. Whoever is refused gets the
//!   job back.
//! * **Autoscaled.** Workers are added when a job would otherwise wait longer than the target *and*
//!   another thread would help, and retired when nothing in the last window needed them
//!   ([`PredictedWait`]). The rule is a pure function; bring your own ([`ScalingPolicy`]).
//! * **Observable.** Every job's wait and run time is measured; every decision has a [`Reason`].
//!   [`PoolHandle::stats`], [`decisions`](PoolHandle::decisions),
//!   [`running_jobs`](PoolHandle::running_jobs) and [`health`](PoolHandle::health) need no set-up.
//! * **Accounted for.** An accepted job runs once, or its handle says why not, or a shutdown hands
//!   it back ([`ShutdownReport`]). A panic ends a job, never a worker.
//!
//! # Where to read on
//!
//! * [`docs::patterns`]: the usual things, each with a program that runs.
//! * [`docs::migrating`]: the same from other pools, line by line.
//! * [`docs::limits`]: what the pool does not do. Read it before you rely on it.
//! * [`docs::scaling`]: the law in words and numbers, beside those of other pools.
//! * [`docs::metrics`]: every metric, and how to serve them.
//! * [`docs::performance`]: what a job costs.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `prometheus` | yes | the module `prometheus`: exact histograms on a page, a small endpoint |
//! | `metrics` | through it | reports to whatever recorder of the `metrics` facade is installed |
//! | `tracing` | no | spans of the jobs, linked to whoever submitted them |
//! | `stream` | no | sets of jobs and maps as streams |
//! | `sim` | no | the module `sim`: scaling laws on simulated loads, for tuning and tests |
//!
//! Without any of them, the pool has four direct dependencies (one more where the system is not
//! Linux) and loses nothing but the export.

// The loom models use a part of the crate only.
#![cfg_attr(loom, allow(dead_code, unused_imports, unreachable_pub))]

mod sync;

mod build_error;
#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod compose;
mod config;
#[cfg(not(loom))]
mod control;
#[cfg(not(loom))]
pub mod docs;
#[cfg(not(loom))]
mod ending;
mod error;
#[cfg(not(loom))]
mod fallible;
#[cfg(not(loom))]
mod init_error;
#[cfg(not(loom))]
mod job_builder;
mod job_error;
#[cfg(not(loom))]
mod metrics_source;
#[cfg(not(loom))]
mod name;
mod observer;
#[cfg(not(loom))]
mod on_end;
mod outcome;
#[cfg(not(loom))]
mod permits;
#[cfg(not(loom))]
mod pool;
#[cfg(not(loom))]
mod pool_handle;
#[cfg(all(feature = "prometheus", not(loom)))]
pub mod prometheus;
#[cfg(not(loom))]
mod recording;
mod retry_stop;
mod run;
#[cfg(not(loom))]
mod scale;
#[cfg(loom)]
mod scale {
    pub(crate) mod refresh;
}
#[cfg(all(feature = "sim", not(loom)))]
pub mod sim;
#[cfg(not(loom))]
mod stateful;
#[cfg(not(loom))]
mod stats;
#[cfg(not(loom))]
mod submit_async;
#[cfg(not(loom))]
mod submit_batch;
mod time;

#[cfg(all(doctest, feature = "prometheus"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(not(loom))]
pub use {
    builder::Builder,
    compose::{
        job_set::{JobSet, JobSetHandle},
        joined::Joined,
        lane::{
            builder::{LaneBuilder, MAX_LANES},
            handle::Lane,
            job::LaneJob,
            settings::{DEFAULT_LANE_CAPACITY, LaneSettings, Rate},
            stats::LaneStats,
            submit_async::LaneSubmitAsync,
        },
        map::Map,
        periodic::{Every, Periodic},
        progress::Progress,
        retry::{
            budget::RetryBudget,
            handle::{RetryHandle, RetryJob},
            policy::{DEFAULT_ATTEMPTS, DEFAULT_RETRY_CAP, Retry},
            retry_error::RetryError,
        },
        scope::{Scope, ScopedHandle},
    },
    config::{
        DEFAULT_DELAYED_CAPACITY, DEFAULT_QUEUE_CAPACITY, DEFAULT_TARGET_WAIT, Delayed, DropPolicy,
        Overflow, Settings, WORKER_CEILING,
    },
    ending::{ReturnedJob, ShutdownReport},
    error::{
        BuildError, CancelReason, Cancelled, ConfigError, JobError, ReserveError, SubmitError,
        TrySubmitError, WaitIdleError,
    },
    fallible::FallibleError,
    job_builder::JobBuilder,
    metrics_source::MetricsSource,
    observer::{
        Failure, JobAccepted, JobEnded, JobRefused, JobStarting, Observer, PoolEnded, PoolEnding,
        RetryStopped, StateFailed, WorkerStarted, WorkerStopped,
    },
    outcome::{Outcome, Refusal, StopCause},
    permits::{MAX_PERMITS, Permits, ReserveAsync},
    pool::Pool,
    pool_handle::PoolHandle,
    recording::{Recorded, RecordedJob, Recording},
    retry_stop::RetryStop,
    run::{
        cancel::CancelToken,
        context::JobContext,
        current::JobInfo,
        handle::JobHandle,
        histogram::Cells,
        observers::MAX_OBSERVERS,
        on_cancel::{OnCancel, WaitForCancel},
        panics::PanicReport,
        priority::{DEFAULT_AGEING, Priority, Weights},
        stuck::{DEFAULT_STUCK_AFTER, Stuck, StuckJob},
        ticket::JobId,
    },
    scale::{
        Constants, Decision, FAST_TICK, Fixed, HistogramSink, KICK_SPACING, Plan, PredictedWait,
        QueueDepth, Reason, SLOW_TICK, Sample, ScalingPolicy,
    },
    stateful::{InitError, StateFailure, Stateful},
    stats::{Health, Quantiles, Stats, Trouble, WorkerCounts},
    submit_async::SubmitAsync,
    submit_batch::Batch,
};

#[doc(hidden)]
#[cfg(not(loom))]
pub mod testing;
