//! Keeping the panics of user code inside the job they belong to.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::sync::{Mutex, thread_local};

/// What is known of one panic.
pub(crate) struct PanicReport {
    /// In a lock only so that the report is `Sync`; a payload need not be.
    payload: Mutex<Option<Box<dyn Any + Send>>>,
    message: String,
    location: Option<String>,
}

impl PanicReport {
    fn new(payload: Box<dyn Any + Send>, location: Option<String>) -> PanicReport {
        let message = match payload.downcast_ref::<&'static str>() {
            Some(text) => (*text).to_owned(),
            None => payload
                .downcast_ref::<String>()
                .cloned()
                .unwrap_or_else(|| "a payload that is not text".to_owned()),
        };
        PanicReport { payload: Mutex::new(Some(payload)), message, location }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    pub(crate) fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload.lock().take().unwrap_or_else(|| Box::new(self.message.clone()))
    }
}

impl Drop for PanicReport {
    fn drop(&mut self) {
        let payload = self.payload.lock().take();
        contain(|| drop(payload));
    }
}

impl std::fmt::Debug for PanicReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PanicReport")
            .field("message", &self.message)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// How many `catch`es this thread is in: only their panics are worth remembering.
    static WATCHING: Cell<u32> = const { Cell::new(0) };
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic's location is shown to the panic hook only, so ours notes it and passes the panic on to
/// the hook that was there before. A program that sets its own hook later loses nothing but
/// [`PanicReport::location`].
pub(crate) fn note_locations() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let watching = WATCHING.try_with(Cell::get).unwrap_or(0) > 0;
            if watching && let Some(location) = info.location() {
                let _ = LOCATION.try_with(|noted| {
                    if let Ok(mut noted) = noted.try_borrow_mut() {
                        *noted = Some(location.to_string());
                    }
                });
            }
            previous(info);
        }));
    });
}

/// Runs user code; a panic comes back as a report.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, PanicReport> {
    let _ = WATCHING.try_with(|depth| depth.set(depth.get() + 1));
    let result = panic::catch_unwind(AssertUnwindSafe(code));
    let _ = WATCHING.try_with(|depth| depth.set(depth.get() - 1));
    result.map_err(|payload| {
        let location = LOCATION.try_with(|noted| noted.borrow_mut().take()).ok().flatten();
        PanicReport::new(payload, location)
    })
}

/// Runs user code whose panic nobody wants to hear of: destructors, wakers, recorders. True if it
/// returned. A payload whose own destructor panics is leaked: dropping it again would only go on.
pub(crate) fn contain(code: impl FnOnce()) -> bool {
    match panic::catch_unwind(AssertUnwindSafe(code)) {
        Ok(()) => true,
        Err(payload) => {
            if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(second);
            }
            false
        }
    }
}
