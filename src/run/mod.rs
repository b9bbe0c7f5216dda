//! How a job moves: the data plane.
//!
//! ```text
//! submit ─► gate ─► queue ─► worker ─► job ─► handle
//!             │        │        └─ meter: its own cache lines, plain stores
//!             └────────┴──► sleep: who is awake, who is told
//! ```
//!
//! * [`gate`] lets a job in, or its submitter wait, and knows how many are queued.
//! * [`queue`] holds them: an injector, and a deque for each worker; [`levels`] those that are not
//!   normal, and [`priority`] says whose turn it is.
//! * [`sleep`] decides who wakes up for them, and loses nobody.
//! * [`worker`] finds the next one; [`attempt`] runs it: claim, run, account, publish; [`outside`]
//!   does where it is no worker that runs it.
//! * [`job`] is what is carried, a [`closure`] or a cell shared with a handle, [`ticket`] what is
//!   fixed about it, [`claim`] who may run it, [`context`] what it sees while it runs, [`handle`]
//!   its submitter's end, [`waiter`] who waits there.
//! * [`deadline`] is what a job leaves to those that it submits.
//! * [`cancel`] is a token that stops many at once, [`on_cancel`] what may hang on one besides
//!   jobs, [`tokens`] those that running jobs have asked for.
//! * [`overdue`] gives up jobs whose time is up, and notices the [`stuck`] ones.
//! * [`meter`] counts; [`roster`], [`slot`] and [`current`] know who is there and at what;
//!   [`phase`] how far the end is, [`quiet`] who waits for it.
//! * [`wrecks`] are what a worker leaves that dies with a job in its hands; [`defect`] kills one in
//!   tests. [`restraints`] are why workers may not just take jobs.
//! * [`locals`] is what a worker keeps for the jobs it runs, [`need`] what one must have before it
//!   takes a job.
//! * [`news`] is what an observer is told of all that.
//! * `trace` puts it in spans, with the feature `tracing`.
//! * [`rooms`] count the jobs that were accepted and may not start yet, each in its [`seat`].
//! * [`tape`] is where the jobs are written down that somebody records, with their [`core_time`].
//!
//! Nothing here knows of `scale`: a pool whose supervisor sleeps for ever works at fixed size.

pub(crate) mod agenda;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod closure;
pub(crate) mod context;
pub(crate) mod current;
pub(crate) mod deadline;
pub(crate) mod delayed;
pub(crate) mod gate;
pub(crate) mod job;
pub(crate) mod levels;
pub(crate) mod need;
#[cfg(loom)]
pub(crate) mod omit;
pub(crate) mod panics;
pub(crate) mod parker;
pub(crate) mod priority;
pub(crate) mod seat;
pub(crate) mod settlers;
pub(crate) mod sleep;
pub(crate) mod ticket;
pub(crate) mod tokens;
#[cfg_attr(any(not(feature = "tracing"), loom), path = "untraced.rs")]
pub(crate) mod trace;
pub(crate) mod waiter;
pub(crate) mod wrecks;

#[cfg(not(loom))]
pub(crate) mod attempt;
#[cfg(not(loom))]
pub(crate) mod core_time;
#[cfg(not(loom))]
pub(crate) mod defect;
#[cfg(not(loom))]
pub(crate) mod desk;
#[cfg(not(loom))]
pub(crate) mod due;
#[cfg(not(loom))]
pub(crate) mod figures;
#[cfg(not(loom))]
pub(crate) mod handle;
#[cfg(not(loom))]
pub(crate) mod histogram;
#[cfg(not(loom))]
pub(crate) mod in_line;
#[cfg(not(loom))]
pub(crate) mod kinds;
#[cfg(not(loom))]
pub(crate) mod locals;
#[cfg(not(loom))]
pub(crate) mod meter;
#[cfg(not(loom))]
pub(crate) mod news;
#[cfg(not(loom))]
pub(crate) mod observers;
#[cfg(not(loom))]
pub(crate) mod on_cancel;
#[cfg(not(loom))]
pub(crate) mod outside;
#[cfg(not(loom))]
pub(crate) mod overdue;
#[cfg(not(loom))]
pub(crate) mod phase;
#[cfg(not(loom))]
pub(crate) mod queue;
#[cfg(not(loom))]
pub(crate) mod quiet;
#[cfg(not(loom))]
pub(crate) mod restraints;
#[cfg(not(loom))]
pub(crate) mod returned;
#[cfg(not(loom))]
pub(crate) mod rooms;
#[cfg(not(loom))]
pub(crate) mod roster;
#[cfg(not(loom))]
pub(crate) mod shared;
#[cfg(not(loom))]
pub(crate) mod slot;
#[cfg(not(loom))]
pub(crate) mod spawner;
#[cfg(not(loom))]
pub(crate) mod stuck;
#[cfg(not(loom))]
pub(crate) mod submission;
#[cfg(not(loom))]
pub(crate) mod submit;
#[cfg(not(loom))]
pub(crate) mod tally;
#[cfg(not(loom))]
pub(crate) mod tape;
#[cfg(not(loom))]
pub(crate) mod terms;
#[cfg(not(loom))]
pub(crate) mod worker;
