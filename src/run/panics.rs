//! Keeping the panics of user code inside the job they belong to.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::sync::Mutex;
use crate::sync::plain::{panicking, thread_local};

/// What is known of one panic of a job.
pub struct PanicReport {
    /// In a lock only so that the report is `Sync`; a payload need not be.
    payload: Mutex<Option<Box<dyn Any + Send>>>,
    message: String,
    noted: Option<Noted>,
}

impl PanicReport {
    fn new(payload: Box<dyn Any + Send>, noted: Option<Noted>) -> PanicReport {
        let message = match payload.downcast_ref::<&'static str>() {
            Some(text) => (*text).to_owned(),
            None => payload
                .downcast_ref::<String>()
                .cloned()
                .unwrap_or_else(|| "a payload that is not text".to_owned()),
        };
        PanicReport { payload: Mutex::new(Some(payload)), message, noted }
    }

    /// Its message, if it panicked with text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it happened, as `file:line:column`. `None` when the program replaced the panic hook
    /// after the first pool was built.
    pub fn location(&self) -> Option<&str> {
        self.noted.as_ref().map(|noted| noted.location.as_str())
    }

    /// The stack at the panic, if the environment asks for one (`RUST_BACKTRACE=1`); `None`
    /// otherwise, and where there is no location either.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.noted.as_ref()?.backtrace.as_deref()
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
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}

// Plain: the panic hook also runs where a checker has none of its own threads.
thread_local! {
    static WATCH: Cell<Watch> = const { Cell::new(Watch { depth: 0, entered: 0 }) };
    /// The latest panic.
    static LATEST: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

/// What only the panic hook gets to see of a panic.
struct Noted {
    /// How many `catch`es had been entered by then.
    entered: u64,
    location: String,
    /// Boxed, for it is rare.
    backtrace: Option<Box<Backtrace>>,
}

/// The `catch`es of one thread.
#[derive(Clone, Copy)]
struct Watch {
    /// How many it is in: only their panics are worth remembering.
    depth: u32,
    /// How many it has ever entered.
    entered: u64,
}

impl Watch {
    fn update(change: impl FnOnce(Watch) -> Watch) -> Watch {
        let update = |watch: &Cell<Watch>| {
            watch.set(change(watch.get()));
            watch.get()
        };
        WATCH.try_with(update).unwrap_or(Watch { depth: 0, entered: 0 })
    }
}

/// A panic's location and its stack are shown to the panic hook only, so ours notes them and passes
/// the panic on to the hook that was there before. A program that sets its own hook later loses
/// nothing but [`PanicReport::location`] and [`PanicReport::backtrace`]. A thread that unwinds may
/// not touch the hook; the next pool will.
pub(crate) fn note_panics() {
    static ONCE: Once = Once::new();
    if panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let watch = Watch::update(|watch| watch);
            if watch.depth > 0
                && let Some(location) = info.location()
            {
                let noted = Noted {
                    entered: watch.entered,
                    location: location.to_string(),
                    backtrace: backtrace(),
                };
                let _ = LATEST.try_with(|latest| {
                    if let Ok(mut latest) = latest.try_borrow_mut() {
                        *latest = Some(noted);
                    }
                });
            }
            previous(info);
        }));
    });
}

/// The stack of the calling thread, if the environment asks for it: a look at a flag if not.
fn backtrace() -> Option<Box<Backtrace>> {
    let stack = Backtrace::capture();
    (stack.status() == BacktraceStatus::Captured).then(|| Box::new(stack))
}

/// Whether the calling thread is in one `catch` and no more: in that of a worker's whole life, if
/// it is a worker's.
pub(crate) fn is_outermost() -> bool {
    Watch::update(|watch| watch).depth == 1
}

/// Runs user code; a panic comes back as a report.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, PanicReport> {
    let here = Watch::update(|w| Watch { depth: w.depth + 1, entered: w.entered + 1 }).entered;
    let result = panic::catch_unwind(AssertUnwindSafe(code));
    Watch::update(|w| Watch { depth: w.depth.saturating_sub(1), ..w });
    result.map_err(|payload| {
        let latest = LATEST.try_with(|latest| latest.borrow_mut().take()).ok().flatten();
        // An older one belongs to a panic that the code of an earlier `catch` dealt with itself.
        PanicReport::new(payload, latest.filter(|noted| noted.entered >= here))
    })
}

/// Runs user code that may be in the middle of something; a panic waits until that is put in order
/// and then goes on.
pub(crate) fn halt<T>(code: impl FnOnce() -> T) -> Result<T, Unwinding> {
    panic::catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let noted = LATEST.try_with(|latest| latest.borrow_mut().take()).ok().flatten();
        Unwinding { payload, noted }
    })
}

/// A panic that is held for a moment.
#[must_use = "it is somebody's panic, and must go on"]
pub(crate) struct Unwinding {
    payload: Box<dyn Any + Send>,
    /// Of this panic, whatever else panics in the meantime.
    noted: Option<Noted>,
}

impl Unwinding {
    pub(crate) fn go_on(self) -> ! {
        let _ = LATEST.try_with(|latest| *latest.borrow_mut() = self.noted);
        panic::resume_unwind(self.payload)
    }
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
