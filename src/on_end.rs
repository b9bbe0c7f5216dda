//! Callbacks: what is to happen with a job's result when it is there.

use std::task::{Wake, Waker};

use crate::error::JobError;
use crate::run::handle::JobHandle;
use crate::run::panics::contain;
use crate::sync::{Arc, Mutex};

impl<T: Send + 'static> JobHandle<T> {
    /// Calls `callback` with the job's result, instead of waiting for it: at once, if it is there,
    /// and otherwise on the thread that brings it about. That is mostly the worker's, before its
    /// next job; that of whoever cancels the job; and the supervisor's for one that overruns its
    /// timeout. So a callback is short. A panic in it goes no further.
    ///
    /// Every end is told: also that the job was cancelled, expired, or lost to a shutdown. The
    /// handle is gone; a job that should still be cancelled later is submitted with a
    /// [token](crate::JobBuilder::token).
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::sync::mpsc::channel;
    ///
    /// let pool = Pool::builder("callbacks").workers(1..=2).build()?;
    /// let (send, receive) = channel();
    /// for n in 1..=3_u64 {
    ///     let send = send.clone();
    ///     pool.submit(move || n * n)?.on_end(move |square| send.send(square).expect("listening"));
    /// }
    /// let sum: u64 = receive.iter().take(3).sum::<Result<u64, _>>()?;
    /// assert_eq!(sum, 14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_end(self, callback: impl FnOnce(Result<T, JobError>) + Send + 'static) {
        self.on_end_or_due(callback, || {});
    }

    /// The same; calls `came_due` once or more often when a delayed job may be run at last.
    pub(crate) fn on_end_or_due(
        self,
        callback: impl FnOnce(Result<T, JobError>) + Send + 'static,
        came_due: impl Fn() + Send + Sync + 'static,
    ) {
        let place = Mutex::new(Place::Waiting(self, callback));
        Arc::new(OnEnd { place, came_due }).look();
    }
}

/// Waits in the place of a handle's owner.
struct OnEnd<T, F, D> {
    place: Mutex<Place<T, F>>,
    came_due: D,
}

enum Place<T, F> {
    Waiting(JobHandle<T>, F),
    /// Somebody has both and looks for the result, outside the lock.
    Looking {
        /// The job was published meanwhile.
        called: bool,
    },
    Over,
}

impl<T, F, D> OnEnd<T, F, D>
where
    T: Send + 'static,
    F: FnOnce(Result<T, JobError>) + Send + 'static,
    D: Fn() + Send + Sync + 'static,
{
    fn look(self: &Arc<Self>) {
        let mut mine = self.begin();
        while let Some((mut handle, callback)) = mine {
            if let Some(result) = handle.take_or_leave(Waker::from(Arc::clone(self))) {
                *self.place.lock() = Place::Over;
                contain(|| callback(result));
                return;
            }
            if !handle.tracked().ticket().is_delayed() {
                (self.came_due)();
            }
            mine = self.rest(handle, callback);
        }
    }

    /// Takes handle and callback out, or tells whoever has them to look again.
    fn begin(&self) -> Option<(JobHandle<T>, F)> {
        let mut place = self.place.lock();
        match std::mem::replace(&mut *place, Place::Looking { called: false }) {
            Place::Waiting(handle, callback) => Some((handle, callback)),
            Place::Looking { .. } => {
                *place = Place::Looking { called: true };
                None
            }
            Place::Over => {
                *place = Place::Over;
                None
            }
        }
    }

    /// Puts them back, to be called; hands them out again if that has happened already.
    fn rest(&self, handle: JobHandle<T>, callback: F) -> Option<(JobHandle<T>, F)> {
        let mut place = self.place.lock();
        let called = matches!(*place, Place::Looking { called: true });
        if called {
            *place = Place::Looking { called: false };
            return Some((handle, callback));
        }
        *place = Place::Waiting(handle, callback);
        None
    }
}

impl<T, F, D> Wake for OnEnd<T, F, D>
where
    T: Send + 'static,
    F: FnOnce(Result<T, JobError>) + Send + 'static,
    D: Fn() + Send + Sync + 'static,
{
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::Pool;

    #[test]
    fn a_call_between_the_look_and_the_rest_makes_it_look_again() {
        let pool = Pool::builder("on-end").workers(1..=1).build().expect("settings are right");
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (send, receive) = std::sync::mpsc::channel();
        let job = pool.submit(move || held.recv().is_err()).expect("open");
        let called = move |result: Result<bool, JobError>| send.send(result.is_ok()).expect("here");
        let on_end =
            Arc::new(OnEnd { place: Mutex::new(Place::Waiting(job, called)), came_due: || {} });
        let (mut handle, callback) = on_end.begin().expect("nobody has them");
        assert!(handle.take_or_leave(Waker::from(Arc::clone(&on_end))).is_none());
        drop(release);
        pool.wait_idle().expect("not inside");
        let (handle, callback) = on_end.rest(handle, callback).expect("it was called");
        assert!(on_end.rest(handle, callback).is_none());
        on_end.look();
        assert_eq!(receive.recv(), Ok(true));
        on_end.look();
        assert!(receive.recv().is_err(), "once, and the callback is gone");
    }
}
