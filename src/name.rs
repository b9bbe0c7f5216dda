//! Names of pools: no two living pools of a process share one, or their metrics would merge
//! silently.

use std::collections::BTreeSet;
use std::fmt;

use crate::sync::plain::{AtomicBool, Mutex, Ordering};

/// What pools and lanes are called together whose names a recorder is not told. No single one of
/// them has this name, or its levels would be lost among theirs.
pub(crate) const OTHERS: &str = "other";

static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A name that is taken until the pool has ended, or until this is dropped.
#[derive(Debug)]
pub(crate) struct PoolName {
    text: String,
    released: AtomicBool,
}

impl PoolName {
    /// `wanted`, or `wanted#2`, `wanted#3`, … if it is taken, as [`OTHERS`] always is.
    pub(crate) fn take(wanted: &str) -> PoolName {
        let mut taken = TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut name = wanted.to_owned();
        let mut number = 1;
        while name == OTHERS || taken.contains(&name) {
            number += 1;
            name = format!("{wanted}#{number}");
        }
        taken.insert(name.clone());
        PoolName { text: name, released: AtomicBool::new(false) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The pool has ended: the next one may have the name, even while handles to this one remain.
    pub(crate) fn release(&self) {
        if !self.released.swap(true, Ordering::AcqRel) {
            let mut taken = TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            taken.remove(&self.text);
        }
    }
}

/// Linux keeps 15 bytes of a thread's name: the pool's part gives way to the suffix.
pub(crate) fn of_thread(pool: &str, suffix: &str) -> String {
    let room = 15 - suffix.len();
    let kept = pool.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= room);
    let end = kept.last().unwrap_or(0);
    format!("{}{suffix}", &pool[..end])
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Drop for PoolName {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_name_keeps_its_number_within_fifteen_bytes() {
        assert_eq!(of_thread("thumbnails", "-3"), "thumbnails-3");
        assert_eq!(of_thread("a-very-long-pool-name", "-1022"), "a-very-lon-1022");
        assert_eq!(of_thread("nääääääääääää", "-10"), "näääää-10");
    }

    #[test]
    fn a_second_pool_of_a_name_gets_a_number_and_the_name_is_free_after_the_first() {
        let first = PoolName::take("name-test");
        let second = PoolName::take("name-test");
        assert_eq!((first.as_str(), second.as_str()), ("name-test", "name-test#2"));
        drop(first);
        let third = PoolName::take("name-test");
        assert_eq!(third.as_str(), "name-test");
        second.release();
        second.release();
        let fourth = PoolName::take("name-test");
        assert_eq!(fourth.as_str(), "name-test#2");
        drop(second);
        assert_eq!(PoolName::take("name-test").as_str(), "name-test#3", "released only once");
    }

    #[test]
    fn the_name_that_many_share_is_nobodys_own() {
        let first = PoolName::take(OTHERS);
        assert_eq!((first.as_str(), PoolName::take(OTHERS).as_str()), ("other#2", "other#3"));
    }
}
