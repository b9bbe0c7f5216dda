//! The values of the labels `pool` and `lane`: a name, or one that many share.
//!
//! A recorder keeps every series for ever, so a process that makes up new names would grow it
//! without a bound. Each recorder gets so many names of pools, and of each of them so many names of
//! lanes, those of earlier pools of that name included; later ones are counted together.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics_source::{MetricsSource, OwnRecorder, WeakRecorder};
use crate::name::OTHERS;
use crate::run::figures::LANES_NAMED;
use crate::sync::Arc;
use crate::sync::plain::Mutex;

/// The names of pools that one recorder is told, those of pools that have ended included.
const POOLS_NAMED: usize = 64;

/// The names of pools, and of the lanes of each.
type Names = BTreeMap<String, BTreeSet<String>>;

/// What each recorder has been told; `None` is that of the process.
static TOLD: Mutex<Vec<(Option<WeakRecorder>, Names)>> = Mutex::new(Vec::new());

/// Looks at what one recorder has been told, or adds to it.
fn with_names<R>(recorder: Option<&OwnRecorder>, look: impl FnOnce(&mut Names) -> R) -> R {
    let mut told = TOLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    told.retain(|(of, _)| of.as_ref().is_none_or(|of| of.strong_count() > 0));
    let is_same = |of: &Option<WeakRecorder>| match (of, recorder) {
        (None, None) => true,
        (Some(of), Some(recorder)) => std::ptr::addr_eq(of.as_ptr(), Arc::as_ptr(recorder)),
        _ => false,
    };
    let at = told.iter().position(|(of, _)| is_same(of)).unwrap_or_else(|| {
        told.push((recorder.map(Arc::downgrade), Names::new()));
        told.len() - 1
    });
    look(&mut told[at].1)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolLabel {
    pub(crate) text: String,
    /// Other pools may have it too: counts add up under it, and levels have no meaning.
    pub(crate) is_shared: bool,
}

impl PoolLabel {
    /// The name, if the recorder knows it or has room for it; then it knows it from now on.
    pub(crate) fn of(name: &str, recorder: Option<&OwnRecorder>) -> PoolLabel {
        with_names(recorder, |names| PoolLabel::among(names, name))
    }

    fn among(names: &mut Names, name: &str) -> PoolLabel {
        let is_named = names.contains_key(name) || names.len() < POOLS_NAMED;
        if !is_named {
            return PoolLabel { text: OTHERS.to_owned(), is_shared: true };
        }
        names.entry(name.to_owned()).or_default();
        PoolLabel::of_one(name)
    }

    pub(crate) fn of_one(name: &str) -> PoolLabel {
        PoolLabel { text: name.to_owned(), is_shared: false }
    }
}

/// The value of the label `lane`: the name, if the recorder knows it or has room for it among those
/// of the pool; then it knows it from now on. Where several pools share a label no lane has a name.
pub(crate) fn lane_label<'a>(
    pool: &PoolLabel,
    lane: &'a str,
    recorder: Option<&OwnRecorder>,
) -> &'a str {
    let is_named = !pool.is_shared
        && with_names(recorder, |names| admit(names.entry(pool.text.clone()).or_default(), lane));
    if is_named { lane } else { OTHERS }
}

fn admit(lanes: &mut BTreeSet<String>, lane: &str) -> bool {
    let is_named = lane != OTHERS && (lanes.contains(lane) || lanes.len() < LANES_NAMED);
    if is_named {
        lanes.insert(lane.to_owned());
    }
    is_named
}

/// The label under which a recorder is told about a pool.
pub(crate) struct Reported {
    pub(crate) label: PoolLabel,
    /// That recorder is the one of the process.
    #[cfg(feature = "prometheus")]
    pub(crate) to_process: bool,
}

impl Reported {
    /// `None` for a pool that no recorder is told about.
    pub(crate) fn of(name: &str, to: &MetricsSource) -> Option<Reported> {
        let own = to.own_recorder();
        to.tells_a_recorder().then(|| Reported {
            label: PoolLabel::of(name, own),
            #[cfg(feature = "prometheus")]
            to_process: own.is_none(),
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_share_one_and_known_ones_stay() {
        let mut names = Names::new();
        for n in 0..10 * POOLS_NAMED {
            let label = PoolLabel::among(&mut names, &format!("pool {n}"));
            assert_eq!(label.is_shared, n >= POOLS_NAMED, "{label:?}");
        }
        assert_eq!(names.len(), POOLS_NAMED);
        assert_eq!(PoolLabel::among(&mut names, "pool 3").text, "pool 3");
        assert_eq!(PoolLabel::among(&mut names, "pool 64").text, "other");
    }

    #[test]
    fn lanes_beyond_the_bound_share_one_name_and_known_ones_stay() {
        let mut lanes = BTreeSet::new();
        for n in 0..10 * LANES_NAMED {
            assert_eq!(admit(&mut lanes, &format!("lane {n}")), n < LANES_NAMED);
        }
        assert_eq!(lanes.len(), LANES_NAMED);
        assert!(admit(&mut lanes, "lane 3") && !admit(&mut lanes, "lane 16"));
        assert!(!admit(&mut BTreeSet::new(), "other"));
    }
}
