//! The step of delayed jobs to the queue.

use super::job::{Job, Task, Tracked};
use super::shared::Shared;
use crate::sync::Arc;

/// Queues delayed jobs as `next` takes them from among the others.
pub(crate) fn queue(shared: &Shared, mut next: impl FnMut() -> Option<Arc<dyn Tracked>>) {
    let (now, mut queued) = (shared.now(), 0);
    while let Some(tracked) = next() {
        let ticket = tracked.ticket();
        // Before its time, if the pool is at its end and does not wait for it.
        let queued_at = ticket.queued_at.min(now);
        let job = Job { task: Task::Tracked(Arc::clone(&tracked)), queued_at };
        shared.queue.push_at(ticket.priority, job);
        queued += 1;
        // Whoever waits for it inside the pool may run it now.
        tracked.nudge();
    }
    if queued > 0 {
        shared.sleep.announce(queued, || shared.gate.queued());
    }
}
