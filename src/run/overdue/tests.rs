use std::time::Duration;

use super::*;
use crate::run::claim::Claim;
use crate::run::context::JobContext;
use crate::run::job::{Started, tracked};
use crate::run::priority::Priority;
use crate::run::ticket::{JobId, KindId, Ticket};
use crate::run::trace::Origin;

/// A running job that must be over by 100.
fn timed(grace: u64) -> (Timed, StuckRule) {
    let (claim, id, kind, queued_at) = (Claim::new(), JobId(1), KindId::default(), Nanos(0));
    let priority = Priority::Normal;
    let ticket =
        Ticket { claim, id, kind, priority, queued_at, limits: None, origin: Origin::default() };
    let (job, _receipt) = tracked(ticket, |_: &JobContext<'_>| ());
    Started::of(&*job, job.ticket()).expect("nobody withdrew it");
    let rule = StuckRule { grace: Duration::from_nanos(grace), ..StuckRule::default() };
    (Timed { started: Nanos(50), ends_by: Nanos(100), job, stuck: None }, rule)
}

#[test]
fn a_job_is_given_up_when_its_time_is_up_and_stuck_once_when_its_grace_is() {
    let (mut timed, rule) = timed(10);
    assert_eq!(due(&timed, Nanos(99), &rule), Due::At(Nanos(100)));
    assert_eq!(due(&timed, Nanos(100), &rule), Due::GiveUp);
    assert_eq!(due(&timed, Nanos(500), &rule), Due::GiveUp, "one thing after the other");
    timed.job.give_up();
    assert_eq!(due(&timed, Nanos(109), &rule), Due::At(Nanos(110)));
    assert_eq!(due(&timed, Nanos(110), &rule), Due::Stuck);
    timed.stuck = Some(Stuck::Leave);
    assert_eq!(due(&timed, Nanos(500), &rule), Due::At(Nanos::NEVER));
}

#[test]
fn without_a_grace_a_job_is_stuck_when_it_is_given_up_and_with_an_endless_one_never() {
    let (timed, rule) = timed(0);
    timed.job.give_up();
    assert_eq!(due(&timed, Nanos(100), &rule), Due::Stuck);
    let rule = StuckRule { grace: Duration::MAX, ..rule };
    assert_eq!(due(&timed, Nanos::NEVER, &rule), Due::At(Nanos::NEVER));
}
