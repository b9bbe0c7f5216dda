//! Submitting many jobs at the price of one.

use crate::outcome::Refusal;
use crate::run::desk::Desk;
use crate::run::handle::JobHandle;
use crate::run::job::{Job, Task};
use crate::run::news;
use crate::run::shared::Shared;
use crate::run::submission::Submission;
use crate::run::submit::{self, Entry, WhenFull};
use crate::run::terms::{PLAIN, Terms};
use crate::sync::Arc;

/// Jobs let in by one step through the gate at most.
const CHUNK: usize = 256;

/// What became of a batch.
#[non_exhaustive]
#[must_use = "dropping the handles detaches the jobs, and refused jobs are lost with it"]
pub struct Batch<F, T> {
    /// The handles of the jobs accepted, in the order of the batch.
    pub handles: Vec<JobHandle<T>>,
    /// The jobs refused: the rest of the batch, from the first one that did not get in.
    pub refused: Vec<F>,
    /// Why that one did not get in.
    pub refusal: Option<Refusal>,
}

impl<F, T> std::fmt::Debug for Batch<F, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("accepted", &self.handles.len())
            .field("refused", &self.refused.len())
            .field("refusal", &self.refusal)
            .finish()
    }
}

pub(crate) fn submit_batch<I, F, T>(
    shared: &Arc<Shared>,
    jobs: I,
    when_full: WhenFull,
) -> Batch<F, T>
where
    I: IntoIterator<Item = F>,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let mut jobs = jobs.into_iter();
    let mut batch = Batch { handles: Vec::new(), refused: Vec::new(), refusal: None };
    loop {
        // The iterator is the caller's code: it runs before any place is taken.
        let mut chunk: Vec<F> = jobs.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return batch;
        }
        while !chunk.is_empty() {
            let is_forked = submit::in_forked_child(shared);
            let admit = || shared.gate.admit(chunk.len() as u64).unwrap_or(0);
            let room = if is_forked { 0 } else { admit() } as usize;
            if room > 0 {
                drop(Submission::begin(shared));
                push_all(shared, chunk.drain(..room), &mut batch.handles);
                continue;
            }
            match submit::admit(shared, when_full, Some(&PLAIN)) {
                Ok(Entry::Queue | Entry::Desk(_)) => {
                    push_all(shared, chunk.drain(..1), &mut batch.handles);
                }
                Ok(Entry::Here) => {
                    let job = chunk.remove(0);
                    let (tracked, handle) = submit::tracked(shared, Terms::default(), |_| job());
                    submit::deliver(shared, Entry::Here, Task::Tracked(tracked));
                    batch.handles.push(handle);
                }
                Err(refusal) => {
                    batch.refusal = Some(refusal);
                    batch.refused = chunk;
                    batch.refused.extend(jobs);
                    let rest = batch.refused.len() as u64 - 1;
                    news::refused(shared, refusal, rest);
                    return batch;
                }
            }
        }
    }
}

/// Pushes admitted jobs and announces them together.
fn push_all<F, T>(
    shared: &Arc<Shared>,
    jobs: impl Iterator<Item = F>,
    handles: &mut Vec<JobHandle<T>>,
) where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (before, desk) = (handles.len(), Desk::of(shared));
    for job in jobs {
        let (tracked, handle) = submit::tracked(shared, Terms::default(), move |_| job());
        let queued_at = tracked.ticket().queued_at;
        submit::push(shared, desk.as_deref(), Job { task: Task::Tracked(tracked), queued_at });
        handles.push(handle);
    }
    let pushed = (handles.len() - before) as u32;
    shared.sleep.announce(pushed, || shared.gate.queued());
    handles[before..].iter().for_each(|handle| news::accepted(shared, || handle.tracked()));
}
