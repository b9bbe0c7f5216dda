//! A text that is made once for all who asked for it before.

use crate::sync::{Arc, Mutex, Weak};

/// Whoever orders a text gets one whose making began after that, never an older one. So of many
/// who order at once each waits for two makings at most, on one core, and the text is in memory
/// once for all of them, until the last has sent it.
#[derive(Default)]
pub(crate) struct Press {
    begun: Mutex<Edition>,
    /// Locked while a text is being made.
    latest: Mutex<Latest>,
}

/// How many makings had begun.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Edition(u64);

#[derive(Default)]
struct Latest {
    edition: Edition,
    /// `None` if its making panicked.
    text: Option<Weak<str>>,
}

impl Press {
    pub(crate) fn print(&self, make: impl FnOnce() -> String) -> Arc<str> {
        self.print_after(self.order(), make)
    }

    fn order(&self) -> Edition {
        *self.begun.lock()
    }

    /// A text of a later edition than `ordered`.
    fn print_after(&self, ordered: Edition, make: impl FnOnce() -> String) -> Arc<str> {
        let mut latest = self.latest.lock();
        let known = latest.text.as_ref().filter(|_| latest.edition > ordered);
        if let Some(text) = known.and_then(Weak::upgrade) {
            return text;
        }
        *latest = Latest { edition: self.begin(), text: None };
        let text: Arc<str> = make().into();
        latest.text = Some(Arc::downgrade(&text));
        text
    }

    fn begin(&self) -> Edition {
        let mut begun = self.begun.lock();
        begun.0 += 1;
        *begun
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn all_who_ordered_before_a_making_began_share_its_text() {
        let (press, made) = (Press::default(), Cell::new(0));
        let count = || made.replace(made.get() + 1).to_string();
        let early: Vec<Edition> = (0..30).map(|_| press.order()).collect();
        let mut late = None;
        let first = press.print_after(early[0], || {
            late = Some(press.order());
            count()
        });
        for ordered in &early {
            assert!(Arc::ptr_eq(&first, &press.print_after(*ordered, count)));
        }
        // This one was ordered while the first was made, so what happened before may not be in it.
        let second = press.print_after(late.expect("it was made"), count);
        assert_eq!((&*first, &*second, made.get()), ("0", "1", 2));
        assert_eq!(&*press.print(count), "2", "what is still being sent is old for who comes now");
    }

    #[test]
    fn a_text_is_gone_when_nobody_sends_it_any_more() {
        let press = Press::default();
        let ordered = press.order();
        drop(press.print_after(ordered, || "first".to_owned()));
        assert_eq!(&*press.print_after(ordered, || "second".to_owned()), "second");
    }

    #[test]
    fn a_making_that_panics_leaves_no_older_text_in_its_place() {
        let press = Press::default();
        let old = press.print(|| "old".to_owned());
        let ordered = press.order();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            press.print_after(ordered, || panic!("no text"));
        }));
        assert!(panicked.is_err());
        assert_eq!(&*press.print_after(ordered, || "new".to_owned()), "new");
        drop(old);
    }
}
