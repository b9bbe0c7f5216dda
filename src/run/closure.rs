//! A closure of any type in three words, so that the queue can hold it without an allocation.
//!
//! A closure that captures two words at most lies in place; a larger one in a box, whose address
//! does. A box made by one core and freed by another was the dearest step of a job: of 150 ns that
//! a job cost its submitter, allocating took 50.

#![expect(unsafe_code, reason = "no safe type holds a closure of any type in place")]

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

use super::wrecks;

/// What a closure may capture to lie in place.
type Words = MaybeUninit<[usize; 2]>;

/// `FnOnce() + Send + 'static`, in place if it is small.
pub(crate) struct Closure {
    verbs: &'static Verbs,
    /// Holds an `F` by whose type `verbs` was made, until `call` or `drop` takes it out.
    words: Words,
    /// What can be said of any such closure, and no more: sent, but not shared.
    any: PhantomData<Box<dyn FnOnce() + Send>>,
}

/// What can be done with the words, by the type of what lies in them.
///
/// # Safety
///
/// Both take it out, so it must be there, and nobody may take it out again.
struct Verbs {
    /// Takes it out and calls it. Safety: as above.
    call: unsafe fn(&mut Words),
    /// Takes it out and drops it. Safety: as above.
    drop: unsafe fn(&mut Words),
}

/// The verbs of closures of one type that lie in place.
struct InPlace<F>(PhantomData<F>);

impl<F: FnOnce()> InPlace<F> {
    const FITS: bool =
        size_of::<F>() <= size_of::<Words>() && align_of::<F>() <= align_of::<Words>();
    const VERBS: &'static Verbs = &Verbs {
        // SAFETY: whoever calls it says that an `F` is there, and nobody takes it out again.
        call: |words| unsafe { Self::take(words)() },
        // SAFETY: the same.
        drop: |words| drop(unsafe { Self::take(words) }),
    };

    /// # Safety
    ///
    /// The words hold an `F`, which is nobody's any more when this returns.
    unsafe fn take(words: &mut Words) -> F {
        // SAFETY: there is an `F`, where `Closure::in_place` has put it: at the start of the
        // words, which are large enough and aligned for it (`FITS`).
        unsafe { words.as_ptr().cast::<F>().read() }
    }
}

impl Closure {
    pub(crate) fn new<F: FnOnce() + Send + 'static>(closure: F) -> Closure {
        if InPlace::<F>::FITS {
            Closure::in_place(closure)
        } else {
            let boxed = Box::new(closure);
            Closure::in_place(boxed)
        }
    }

    /// `F` must be `Send`, for the closure as a whole is.
    fn in_place<F: FnOnce() + Send + 'static>(closure: F) -> Closure {
        assert!(InPlace::<F>::FITS, "what does not fit goes in a box first");
        let mut words = Words::uninit();
        // SAFETY: the words are large enough and aligned for an `F`, and hold nothing yet.
        unsafe { words.as_mut_ptr().cast::<F>().write(closure) };
        Closure { verbs: InPlace::<F>::VERBS, words, any: PhantomData }
    }

    /// Runs it.
    pub(crate) fn call(self) {
        let mut taken = ManuallyDrop::new(self);
        // SAFETY: the words hold what the verbs are for, put there by `in_place`. It is taken out
        // here: `self` is gone, and `ManuallyDrop` keeps `drop` from taking it out a second time.
        unsafe { (taken.verbs.call)(&mut taken.words) }
    }
}

impl Drop for Closure {
    fn drop(&mut self) {
        if wrecks::is_worker_dying() {
            // It was a job, and nobody called it (C8).
            let Closure { verbs, words, any } = *self;
            wrecks::leave(Closure { verbs, words, any });
            return;
        }
        // SAFETY: as in `call`, which does not come here.
        unsafe { (self.verbs.drop)(&mut self.words) }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Closures over `N` words and a count of how often what they capture was dropped.
    fn counting<const N: usize>(held: &Arc<()>) -> impl FnOnce() + Send + use<N> {
        let (held, words) = (Arc::clone(held), [7_usize; N]);
        move || {
            assert_eq!(words.iter().sum::<usize>(), 7 * N);
            drop(held);
        }
    }

    /// Attacks "called or dropped, once": in place (0, 1 word beside the count) and in a box.
    #[test]
    fn what_was_captured_is_freed_once_called_or_not() {
        let held = Arc::new(());
        let all = || {
            let (none, one) =
                (Closure::new(counting::<0>(&held)), Closure::new(counting::<1>(&held)));
            [none, one, Closure::new(counting::<2>(&held)), Closure::new(counting::<90>(&held))]
        };
        all().into_iter().for_each(Closure::call);
        assert_eq!(Arc::strong_count(&held), 1, "called");
        drop(all());
        assert_eq!(Arc::strong_count(&held), 1, "dropped");
        all().into_iter().for_each(|closure| {
            std::thread::spawn(move || closure.call()).join().expect("it does not panic");
        });
        assert_eq!(Arc::strong_count(&held), 1, "called by another thread");
    }

    #[test]
    fn a_closure_that_panics_frees_what_it_captured_once() {
        let held = Arc::new(());
        for boxed in [false, true] {
            let (captured, ballast) = (Arc::clone(&held), [0_u64; 9]);
            let panics = move || {
                let _captured = captured;
                std::panic::resume_unwind(Box::new(()));
            };
            let closure = if boxed {
                Closure::new(move || {
                    std::hint::black_box(ballast);
                    panics();
                })
            } else {
                Closure::new(panics)
            };
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| closure.call()));
            assert!(ended.is_err());
            assert_eq!(Arc::strong_count(&held), 1);
        }
    }

    /// What asks for more than a word's alignment goes in a box, where it gets it.
    #[test]
    fn alignment_is_kept() {
        #[repr(align(64))]
        struct Line(u8);
        let line = Line(3);
        Closure::new(move || {
            let line = line;
            assert_eq!(std::ptr::from_ref(&line).addr() % 64, 0);
            assert_eq!(line.0, 3);
        })
        .call();
    }

    #[test]
    fn two_words_lie_in_place_and_three_do_not() {
        fn fits<F: FnOnce()>(_: &F) -> bool {
            InPlace::<F>::FITS
        }
        let (a, b, c) = (1_u64, 2_u64, 3_u64);
        assert!(fits(&|| ()));
        assert!(fits(&move || _ = std::hint::black_box((a, b))));
        assert!(!fits(&move || _ = std::hint::black_box((a, b, c))));
        assert_eq!(size_of::<Closure>(), 24);
    }
}
