//! The kinds of jobs that a pool tells apart: numbers inside, names outside.

use super::ticket::KindId;
use crate::sync::Mutex;

/// The most kinds of jobs a pool tells apart; further ones show as `"other"`.
const MAX_KINDS: usize = 64;
const OTHER: KindId = KindId(1);

pub(crate) struct Kinds(Mutex<Vec<&'static str>>);

impl Default for Kinds {
    fn default() -> Self {
        Kinds(Mutex::new(vec!["job", "other"]))
    }
}

impl Kinds {
    pub(crate) fn id(&self, name: &'static str) -> KindId {
        let mut kinds = self.0.lock();
        match kinds.iter().position(|known| *known == name) {
            Some(index) => KindId(index as u16),
            None if kinds.len() < MAX_KINDS => {
                kinds.push(name);
                KindId((kinds.len() - 1) as u16)
            }
            None => OTHER,
        }
    }

    pub(crate) fn name(&self, kind: KindId) -> &'static str {
        self.0.lock().get(kind.0 as usize).copied().unwrap_or("other")
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_names_and_what_is_too_many_is_other() {
        let kinds = Kinds::default();
        let names: Vec<&'static str> = (0..70).map(|n| &*format!("kind {n}").leak()).collect();
        for _ in 0..2 {
            let told: Vec<_> = names.iter().map(|name| kinds.name(kinds.id(name))).collect();
            assert_eq!(told[..62], names[..62]);
            assert_eq!(told[62..], ["other"; 8]);
        }
        assert_eq!(kinds.name(KindId::default()), "job");
    }
}
