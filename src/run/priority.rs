//! Which level's job goes next: plain values in, a level out.

use std::time::Duration;

/// The default of [`Builder::ageing`](crate::Builder::ageing): a burst of some seconds keeps its
/// order, and nobody takes a job for lost that waits for so long.
pub const DEFAULT_AGEING: Duration = Duration::from_secs(10);

/// How a job stands to the others that wait; see
/// [`JobBuilder::priority`](crate::JobBuilder::priority).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Priority {
    /// Before the others, as far as the pool's [`Weights`] say.
    High,
    /// What every job has that does not say otherwise.
    #[default]
    Normal,
    /// After the others, as far as the pool's [`Weights`] say.
    Low,
}

impl Priority {
    /// Every priority, the highest first.
    pub const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }
}

/// How many turns each priority has in a round, while jobs of all of them wait.
///
/// A worker takes the highest first until its turns of the round are over, then the next. Turns of
/// a priority that nobody waits in go to the others. By default there are 6, 3 and 1 turns, so the
/// low ones have a tenth of the pool whatever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weights {
    /// Turns of [`Priority::High`].
    pub high: u16,
    /// Turns of [`Priority::Normal`]; no more than the high ones.
    pub normal: u16,
    /// Turns of [`Priority::Low`]; no more than the normal ones.
    pub low: u16,
}

impl Weights {
    /// No shares: always the highest first. What is lower waits as long as higher jobs keep coming,
    /// but for [`Builder::ageing`](crate::Builder::ageing).
    pub const STRICT: Weights = Weights { high: 0, normal: 0, low: 0 };

    fn of(self, level: Priority) -> u16 {
        match level {
            Priority::High => self.high,
            Priority::Normal => self.normal,
            Priority::Low => self.low,
        }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Weights { high: 6, normal: 3, low: 1 }
    }
}

/// The settings that turns go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) weights: Weights,
    /// A job that has waited so long goes before higher ones.
    pub(crate) ageing: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { weights: Weights::default(), ageing: DEFAULT_AGEING }
    }
}

/// How long the oldest job of each level has waited, in the order of [`Priority::ALL`]; `None`
/// where nobody waits.
pub(crate) type Waits = [Option<Duration>; Priority::ALL.len()];

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) level: Priority,
    /// For its age: by the weights it would be another's.
    pub(crate) promoted: bool,
}

/// What is left of a round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turns {
    left: [u16; Priority::ALL.len()],
    /// The last turn was given for age.
    promoted: bool,
}

impl Turns {
    /// Whose turn it is, and what is left after it; `None` if nobody waits.
    ///
    /// Of two turns at most one is given for age. A long queue of low jobs that are all too old
    /// then has half of the pool, and does not turn the order upside down.
    pub(crate) fn next(self, rules: &Rules, waits: Waits) -> Option<(Turn, Turns)> {
        let mut after = Turns { promoted: false, ..self };
        let waiting = |level: &Priority| waits[*level as usize].is_some();
        let has_turns = |left: &[u16], level: Priority| left[level as usize] > 0;
        let levels = || Priority::ALL.into_iter().filter(waiting);
        let by_weight = match levels().find(|level| has_turns(&self.left, *level)) {
            Some(level) => level,
            None => {
                after.left = Priority::ALL.map(|level| rules.weights.of(level));
                let first = levels().find(|level| has_turns(&after.left, *level));
                first.or_else(|| levels().next())?
            }
        };
        let is_old = |level: &Priority| waits[*level as usize] >= Some(rules.ageing);
        let below = levels().filter(|level| *level as usize > by_weight as usize);
        let oldest = below.filter(is_old).max_by_key(|level| waits[*level as usize]);
        let turn = match oldest.filter(|_| !self.promoted) {
            Some(level) => Turn { level, promoted: true },
            None => Turn { level: by_weight, promoted: false },
        };
        after.promoted = turn.promoted;
        let left = &mut after.left[turn.level as usize];
        *left = left.saturating_sub(1);
        Some((turn, after))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    const ALL_WAIT: Waits = [Some(Duration::ZERO); 3];
    const AGEING: Duration = Duration::from_secs(10);

    fn rules(weights: Weights) -> Rules {
        Rules { weights, ageing: AGEING }
    }

    /// The levels that have the first `n` turns, one letter each.
    fn play(rules: &Rules, n: usize, mut waits: impl FnMut(usize) -> Waits) -> String {
        let mut turns = Turns::default();
        let take = |step| {
            let (turn, after) = turns.next(rules, waits(step))?;
            turns = after;
            let letter = turn.level.as_str().chars().next()?;
            Some(if turn.promoted { letter.to_ascii_uppercase() } else { letter })
        };
        (0..n).map_while(take).collect()
    }

    #[test]
    fn a_round_gives_each_level_its_turns_the_highest_first() {
        let weighted = rules(Weights::default());
        assert_eq!(play(&weighted, 20, |_| ALL_WAIT), "hhhhhhnnnlhhhhhhnnnl");
        assert_eq!(play(&rules(Weights::STRICT), 5, |_| ALL_WAIT), "hhhhh");
        assert_eq!(Turns::default().next(&weighted, [None; 3]).map(|(turn, _)| turn), None);
    }

    #[test]
    fn turns_of_a_level_without_jobs_go_to_the_others() {
        let now = Some(Duration::ZERO);
        let weighted = rules(Weights::default());
        assert_eq!(play(&weighted, 8, |_| [now, None, now]), "hhhhhhlh");
        assert_eq!(play(&weighted, 8, |_| [None, now, now]), "nnnlnnnl");
        assert_eq!(play(&weighted, 3, |_| [None, None, now]), "lll");
        assert_eq!(play(&rules(Weights::STRICT), 3, |_| [None, now, now]), "nnn");
    }

    #[test]
    fn who_has_no_share_has_a_turn_when_nobody_else_waits() {
        let weights = Weights { high: 2, normal: 1, low: 0 };
        assert_eq!(play(&rules(weights), 7, |_| ALL_WAIT), "hhnhhnh");
        assert_eq!(play(&rules(weights), 2, |_| [None, None, ALL_WAIT[2]]), "ll");
    }

    #[test]
    fn an_old_job_goes_before_higher_ones_every_other_turn() {
        let low_is_old = [Some(Duration::ZERO), None, Some(AGEING)];
        assert_eq!(play(&rules(Weights::STRICT), 6, |_| low_is_old), "LhLhLh");
        let younger = [Some(Duration::ZERO), None, Some(AGEING - Duration::from_nanos(1))];
        assert_eq!(play(&rules(Weights::STRICT), 6, |_| younger), "hhhhhh");
        let both = [Some(Duration::ZERO), Some(AGEING), Some(2 * AGEING)];
        assert_eq!(play(&rules(Weights::STRICT), 2, |_| both), "Lh", "the oldest first");
        let never = Rules { weights: Weights::STRICT, ageing: Duration::MAX };
        assert_eq!(play(&never, 4, |_| low_is_old), "hhhh");
        let at_once = Rules { weights: Weights::STRICT, ageing: Duration::ZERO };
        assert_eq!(play(&at_once, 4, |_| low_is_old), "LhLh");
    }

    /// Whatever waits and whatever the weights: somebody who waits has the turn, nobody with turns
    /// left is passed over twice in a row by a lower level, and of any two turns one is by weight.
    #[test]
    fn every_turn_goes_to_somebody_who_waits_and_no_two_in_a_row_are_for_age() {
        let mut tape = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = move |n: u64| {
            tape ^= tape << 13;
            tape ^= tape >> 7;
            tape ^= tape << 17;
            tape % n
        };
        for _ in 0..2_000 {
            let low = draw(4) as u16;
            let normal = low + draw(4) as u16;
            let weights = Weights { high: normal + draw(4) as u16, normal, low };
            let rules = Rules { weights, ageing: Duration::from_secs(draw(3)) };
            let mut turns = Turns::default();
            let mut was_promoted = false;
            for _ in 0..50 {
                let mut wait = || (draw(4) > 0).then(|| Duration::from_secs(draw(4)));
                let waits: Waits = [wait(), wait(), wait()];
                let Some((turn, after)) = turns.next(&rules, waits) else {
                    assert_eq!(waits, [None; 3]);
                    continue;
                };
                let wait = waits[turn.level as usize].expect("it goes to somebody who waits");
                assert!(!(turn.promoted && was_promoted), "{rules:?} {waits:?}");
                assert!(!turn.promoted || wait >= rules.ageing, "{rules:?} {waits:?}");
                was_promoted = turn.promoted;
                turns = after;
            }
        }
    }
}
