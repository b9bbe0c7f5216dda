//! The value of the label `pool`: a pool's name, or one that many pools share.
//!
//! A recorder keeps every series for ever, so a process that makes up new names would grow it
//! without a bound. Each recorder gets so many names; later ones are counted together.

use std::collections::BTreeSet;

use crate::metrics_source::{OwnRecorder, WeakRecorder};
use crate::run::figures::OTHERS;
use crate::sync::Arc;
use crate::sync::plain::Mutex;

/// The names of pools that one recorder is told, those of pools that have ended included.
pub(crate) const POOLS_NAMED: usize = 64;

/// The names that each recorder has been told; `None` is that of the process.
static TOLD: Mutex<Vec<(Option<WeakRecorder>, BTreeSet<String>)>> = Mutex::new(Vec::new());

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolLabel {
    pub(crate) text: String,
    /// Other pools may have it too: counts add up under it, and levels have no meaning.
    pub(crate) is_shared: bool,
}

impl PoolLabel {
    /// The name, if the recorder knows it or has room for it.
    pub(crate) fn of(name: &str, recorder: Option<&OwnRecorder>) -> PoolLabel {
        let mut told = TOLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        told.retain(|(of, _)| of.as_ref().is_none_or(|of| of.strong_count() > 0));
        let is_same = |of: &Option<WeakRecorder>| match (of, recorder) {
            (None, None) => true,
            (Some(of), Some(recorder)) => std::ptr::addr_eq(of.as_ptr(), Arc::as_ptr(recorder)),
            _ => false,
        };
        let at = told.iter().position(|(of, _)| is_same(of)).unwrap_or_else(|| {
            told.push((recorder.map(Arc::downgrade), BTreeSet::new()));
            told.len() - 1
        });
        PoolLabel::among(&mut told[at].1, name)
    }

    fn among(names: &mut BTreeSet<String>, name: &str) -> PoolLabel {
        let is_named = name != OTHERS && (names.contains(name) || names.len() < POOLS_NAMED);
        if !is_named {
            return PoolLabel { text: OTHERS.to_owned(), is_shared: true };
        }
        names.insert(name.to_owned());
        PoolLabel { text: name.to_owned(), is_shared: false }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_share_one_and_known_ones_stay() {
        let mut names = BTreeSet::new();
        for n in 0..10 * POOLS_NAMED {
            let label = PoolLabel::among(&mut names, &format!("pool {n}"));
            assert_eq!(label.is_shared, n >= POOLS_NAMED, "{label:?}");
        }
        assert_eq!(names.len(), POOLS_NAMED);
        assert_eq!(PoolLabel::among(&mut names, "pool 3").text, "pool 3");
        assert_eq!(PoolLabel::among(&mut names, "pool 64").text, "other");
        assert!(PoolLabel::among(&mut BTreeSet::new(), "other").is_shared);
    }
}
