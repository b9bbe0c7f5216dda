//! Tokens: who leaves word with one, who starts the job it would take out, who makes a token of its
//! own, while it is cancelled.

use super::publishing::{Made, make_with, wait, work};
use super::{explore, join};
use crate::error::{CancelReason, JobError};
use crate::run::cancel::CancelToken;
use crate::run::job::{Started, Tracked, Withdrawn};
use crate::run::ticket::Limits;
use crate::run::tokens::Tokens;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};

/// A job under a token.
fn make(token: &CancelToken) -> Made {
    make_with(Limits { place: Some(token.place()), ..Limits::default() })
}

/// What a submitter does before it pushes the job.
fn follow(job: &Arc<dyn Tracked>) {
    let queued = Arc::downgrade(job);
    let call = job.ticket().place().expect("it has a token").bind(Box::new(move || {
        if let Some(job) = queued.upgrade()
            && let Some(withdrawn) = Withdrawn::by_cancelling(&*job)
        {
            withdrawn.refuse(JobError::cancelled(CancelReason::Token));
        }
    }));
    if let Err(is_cancelled) = call {
        is_cancelled();
    }
}

fn cancel(token: &CancelToken) -> loom::thread::JoinHandle<()> {
    let token = token.clone();
    loom::thread::spawn(move || token.cancel())
}

/// Attacks K1, K2 and K4: whether the cancel comes before or after the job has left word, its
/// handle is told, and no word of it stays.
#[test]
fn a_job_that_nobody_starts_is_taken_out_by_its_token() {
    explore("follow x cancel x wait", 8, || {
        let token = CancelToken::new();
        let mut made = make(&token.child());
        let canceller = cancel(&token);
        follow(&made.job);
        assert!(wait(&mut made.receipt).is_err());
        assert_eq!(made.captured.left(), 0, "resolved before the captures were gone");
        join([canceller]);
        drop(made);
        assert_eq!(token.watches(), 0);
    });
}

/// Attacks K2, K4, C1 and C2: a job is run, or taken out by its token, while it is submitted, too.
#[test]
fn a_job_is_run_or_taken_out_by_its_token() {
    explore("follow and run x cancel x wait", 4, || {
        let token = CancelToken::new();
        let mut made = make(&token);
        let canceller = cancel(&token);
        follow(&made.job);
        let worker = work(&made.job);
        let result = wait(&mut made.receipt);
        assert_eq!(made.captured.left(), 0, "resolved before the captures were gone");
        assert_eq!(made.returned.left(), usize::from(result.is_ok()));
        drop(result);
        join([worker, canceller]);
        assert_eq!(token.watches(), 0, "it left word with its token");
        drop(made.receipt);
        assert_eq!(made.returned.left(), 0, "a result is left");
    });
}

/// Attacks K1 and K4: a token that is made below one that is being cancelled, and one that goes.
#[test]
fn a_child_is_cancelled_whenever_it_was_made() {
    explore("child x cancel x drop", 8, || {
        let root = CancelToken::new();
        let gone = root.child().child();
        let canceller = cancel(&root);
        let dropper = loom::thread::spawn(move || drop(gone));
        let below = root.child().child();
        join([canceller, dropper]);
        assert!(below.is_cancelled(), "a child goes on");
        assert_eq!(root.watches(), 0);
    });
}

/// A job that runs and asks for a token, while somebody stops it.
fn stop_while_it_asks(
    name: &str,
    stop: impl Fn(&dyn Tracked, &Tokens) + Copy + Sync + Send + 'static,
) {
    explore(name, 8, move || {
        let made = make(&CancelToken::new());
        let _started = Started::of(&*made.job, made.job.ticket()).expect("nobody withdrew it");
        let tokens = Arc::new(Tokens::default());
        let stopper = {
            let (tokens, job) = (Arc::clone(&tokens), Arc::clone(&made.job));
            loom::thread::spawn(move || stop(&*job, &tokens))
        };
        let token = tokens.of(made.job.ticket(), || false);
        join([stopper]);
        assert!(token.is_cancelled(), "what hangs on it goes on");
        tokens.forget(made.job.ticket());
    });
}

/// Attacks K5.
#[test]
fn a_token_of_a_job_that_is_told_to_stop_is_cancelled() {
    stop_while_it_asks("ask x cancel", |job, tokens| {
        assert!(Withdrawn::by_cancelling(job).is_none(), "it runs");
        tokens.cancel(job.ticket());
    });
}

/// Attacks K5.
#[test]
fn a_token_of_a_job_that_is_given_up_is_cancelled() {
    stop_while_it_asks("ask x give up", |job, tokens| {
        job.give_up();
        tokens.cancel(job.ticket());
    });
}

/// Attacks K5.
#[test]
fn a_token_in_a_pool_that_stops_is_cancelled() {
    explore("ask x stop", 8, || {
        let made = make(&CancelToken::new());
        let _started = Started::of(&*made.job, made.job.ticket()).expect("nobody withdrew it");
        let (tokens, stopping) = (Arc::new(Tokens::default()), Arc::new(AtomicBool::new(false)));
        let stopper = {
            let (tokens, stopping) = (Arc::clone(&tokens), Arc::clone(&stopping));
            loom::thread::spawn(move || {
                stopping.store(true, Ordering::Release);
                tokens.cancel_all();
            })
        };
        let token = tokens.of(made.job.ticket(), || stopping.load(Ordering::Acquire));
        join([stopper]);
        assert!(token.is_cancelled(), "what hangs on it goes on");
    });
}
