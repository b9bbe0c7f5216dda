//! The claim word: everybody who wants one job at once.

use super::explore;
use crate::run::claim::{Cancel, Claim};
use crate::sync::Arc;
use loom::cell::UnsafeCell;
use loom::thread::JoinHandle;

/// A job that is claimed by several threads. What it carries is for the winner alone: loom
/// reports two accesses that the claim does not put in order.
struct Contested {
    claim: Claim,
    captured: UnsafeCell<u32>,
}

impl Contested {
    fn new() -> Arc<Contested> {
        Arc::new(Contested { claim: Claim::new(), captured: UnsafeCell::new(0) })
    }

    fn consume(&self) {
        self.captured.with_mut(|_| {});
    }
}

fn spawn<T: 'static>(
    job: &Arc<Contested>,
    task: impl FnOnce(&Contested) -> T + 'static,
) -> JoinHandle<T> {
    let job = Arc::clone(job);
    loom::thread::spawn(move || task(&job))
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("a thread of the model panicked")
}

/// Attacks C1 and C2: a worker, a canceller and the end of the pool want the same job.
#[test]
fn a_job_is_run_or_cancelled_but_not_both() {
    explore("start x cancel x withdraw", 8, || {
        let job = Contested::new();
        let worker = spawn(&job, |job| {
            let started = job.claim.start();
            if started {
                job.consume();
                assert!(job.claim.finish(), "nobody gave up");
            }
            started
        });
        let canceller = spawn(&job, |job| {
            let cancel = job.claim.cancel();
            if cancel == Cancel::Withdrawn {
                job.consume();
            }
            cancel
        });
        let expired = job.claim.withdraw();
        if expired {
            job.consume();
        }
        let (ran, cancel) = (join(worker), join(canceller));
        let winners = [ran, cancel == Cancel::Withdrawn, expired];
        assert_eq!(winners.iter().filter(|won| **won).count(), 1, "{winners:?}");
        assert!(ran || cancel != Cancel::Requested, "told a job that does not run");
    });
}

/// Attacks C3: the handle is resolved by whoever is first, once. Who gives up on a job sees what
/// came before its start, and who comes too late sees what it did.
#[test]
fn a_job_is_finished_or_given_up_but_not_both() {
    explore("finish x give up x cancel", 8, || {
        let job = Contested::new();
        let (before, done) = (Arc::new(UnsafeCell::new(0)), Arc::new(UnsafeCell::new(0)));
        let supervisor = {
            let before = Arc::clone(&before);
            spawn(&job, move |job| {
                let given_up = job.claim.give_up().is_some();
                if given_up {
                    before.with(|_| {});
                    job.consume();
                }
                given_up
            })
        };
        let canceller = {
            let done = Arc::clone(&done);
            spawn(&job, move |job| {
                if !job.claim.is_queued() && job.claim.cancel() == Cancel::TooLate {
                    done.with(|_| {});
                }
            })
        };
        before.with_mut(|_| {});
        assert!(job.claim.start(), "nobody withdrew it");
        done.with_mut(|_| {});
        let wanted = job.claim.finish();
        if wanted {
            job.consume();
        }
        assert!(join(supervisor) != wanted, "resolved twice, or never");
        join(canceller);
    });
}
