//! Being called when a job is over, in place of waiting for it.
//!
//! The job's handle lies in here with a waker of its own, which is called when the job is published:
//! so whoever is called sees it counted, and is called for a job that is cancelled or lost to a
//! shutdown as surely as for one that returns.

use std::task::{Wake, Waker};

use crate::error::JobError;
use crate::run::handle::JobHandle;
use crate::sync::{Arc, Mutex};

/// Whoever wants to be called. It is short code, on the thread on which the job came to its end.
pub(crate) trait Watcher<T>: Send + Sync + 'static {
    /// The job is over.
    fn over(self: Arc<Self>, result: Result<T, JobError>);

    /// The job was delayed and has come due.
    fn came_due(&self) {}
}

/// Has `watcher` called when the job is over, at once if it is.
pub(crate) fn watch<T, W>(handle: JobHandle<T>, watcher: Arc<W>)
where
    T: Send + 'static,
    W: Watcher<T>,
{
    let place = Mutex::new(Place::Here(handle));
    Arc::new(Watch { place, watcher }).look();
}

struct Watch<T, W> {
    place: Mutex<Place<T>>,
    watcher: Arc<W>,
}

enum Place<T> {
    Here(JobHandle<T>),
    /// Somebody looks at the job, and has been called meanwhile or not.
    Out {
        was_called: bool,
    },
}

impl<T: Send + 'static, W: Watcher<T>> Watch<T, W> {
    fn look(self: &Arc<Self>) {
        loop {
            let mut handle = {
                let mut place = self.place.lock();
                match std::mem::replace(&mut *place, Place::Out { was_called: false }) {
                    Place::Here(handle) => handle,
                    Place::Out { .. } => {
                        *place = Place::Out { was_called: true };
                        return;
                    }
                }
            };
            if let Some(result) = handle.take_or_leave(Waker::from(Arc::clone(self))) {
                return Arc::clone(&self.watcher).over(result);
            }
            if !handle.tracked().ticket().is_delayed() {
                self.watcher.came_due();
            }
            let mut place = self.place.lock();
            let was_called = matches!(*place, Place::Out { was_called: true });
            *place = Place::Here(handle);
            if !was_called {
                return;
            }
        }
    }
}

impl<T: Send + 'static, W: Watcher<T>> Wake for Watch<T, W> {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}
