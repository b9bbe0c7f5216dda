//! A thread pool that rises and falls with the load: bounded, autoscaled, observable.

// The loom models use a part of the crate only.
#![cfg_attr(loom, allow(dead_code, unused_imports, unreachable_pub))]

mod sync;

#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod config;
#[cfg(not(loom))]
mod control;
#[cfg(not(loom))]
mod ending;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod job_builder;
#[cfg(not(loom))]
mod name;
#[cfg(not(loom))]
mod outcome;
#[cfg(not(loom))]
mod pool;
#[cfg(not(loom))]
mod pool_handle;
#[cfg(all(feature = "prometheus", not(loom)))]
pub mod prometheus;
mod run;
#[cfg(not(loom))]
mod scale;
#[cfg(not(loom))]
mod stats;
#[cfg(not(loom))]
mod submit_async;
#[cfg(not(loom))]
mod submit_batch;
#[cfg(not(loom))]
mod time;

#[cfg(not(loom))]
pub use {
    builder::Builder,
    config::{
        DEFAULT_KEEP_ALIVE, DEFAULT_QUEUE_CAPACITY, DEFAULT_TARGET_WAIT, DropPolicy, Overflow,
        Settings, WORKER_CEILING,
    },
    ending::{ReturnedJob, ShutdownReport},
    error::{
        BuildError, CancelReason, Cancelled, ConfigError, JobError, SubmitError, TrySubmitError,
        WaitIdleError,
    },
    job_builder::JobBuilder,
    outcome::{Outcome, Refusal},
    pool::Pool,
    pool_handle::PoolHandle,
    run::{
        context::JobContext, current::JobInfo, handle::JobHandle, histogram::Cells, ticket::JobId,
    },
    scale::{
        Constants, Decision, FAST_TICK, Fixed, HistogramSink, KICK_SPACING, Plan, PredictedWait,
        QueueDepth, Reason, SLOW_TICK, Sample, ScalingPolicy,
    },
    stats::{Health, Quantiles, Stats, Trouble, WorkerCounts},
    submit_async::SubmitAsync,
    submit_batch::Batch,
};

#[doc(hidden)]
#[cfg(not(loom))]
pub mod testing;
