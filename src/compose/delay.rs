//! Submitting a job that is to wait for its time.

use crate::compose::timer::Timer;
use crate::error::SubmitError;
use crate::outcome::Refusal;
use crate::run::handle::JobHandle;
use crate::run::job::Tracked;
use crate::run::news;
use crate::run::shared::Shared;
use crate::run::submission::Submission;
use crate::sync::Arc;

/// Has a job wait for its time, which `make` puts into its ticket. Whoever is refused gets back
/// what it brought.
pub(crate) fn submit<J, T: Send + 'static>(
    timer: &Arc<Timer>,
    shared: &Arc<Shared>,
    job: J,
    make: impl FnOnce(J) -> (Arc<dyn Tracked>, JobHandle<T>),
) -> Result<JobHandle<T>, SubmitError<J>> {
    let submission = Submission::begin(shared);
    if let Err(refusal) = admit(timer, shared) {
        news::refused(shared, refusal, 1);
        shared.sleep.nudge();
        return Err(SubmitError::new(job, refusal));
    }
    drop(submission);
    let (tracked, handle) = make(job);
    if shared.delayed.insert(tracked) {
        timer.wake();
    }
    news::accepted(shared, || handle.tracked());
    if shared.gate.is_closed() {
        // Closed meanwhile: the supervisor does with it what it has done with the others.
        shared.sleep.ring();
    }
    shared.sleep.nudge();
    Ok(handle)
}

fn admit(timer: &Arc<Timer>, shared: &Shared) -> Result<(), Refusal> {
    timer.begin()?;
    shared.delayed.admit(&shared.gate)
}
