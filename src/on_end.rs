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
        Arc::new(OnEnd(Mutex::new(Place::Waiting(self, callback)))).look();
    }
}

/// Waits in the place of a handle's owner.
struct OnEnd<T, F>(Mutex<Place<T, F>>);

enum Place<T, F> {
    Waiting(JobHandle<T>, F),
    /// Somebody has both and looks for the result, outside the lock.
    Looking {
        /// The job was published meanwhile.
        called: bool,
    },
    Over,
}

impl<T, F> OnEnd<T, F>
where
    T: Send + 'static,
    F: FnOnce(Result<T, JobError>) + Send + 'static,
{
    fn look(self: &Arc<Self>) {
        let Some((mut handle, callback)) = self.begin() else { return };
        loop {
            if let Some(result) = handle.take_or_leave(Waker::from(Arc::clone(self))) {
                *self.0.lock() = Place::Over;
                contain(|| callback(result));
                return;
            }
            let mut place = self.0.lock();
            if !matches!(*place, Place::Looking { called: true }) {
                *place = Place::Waiting(handle, callback);
                return;
            }
            *place = Place::Looking { called: false };
        }
    }

    /// Takes handle and callback out, or tells whoever has them to look again.
    fn begin(&self) -> Option<(JobHandle<T>, F)> {
        let mut place = self.0.lock();
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
}

impl<T, F> Wake for OnEnd<T, F>
where
    T: Send + 'static,
    F: FnOnce(Result<T, JobError>) + Send + 'static,
{
    fn wake(self: Arc<Self>) {
        self.look();
    }
}
