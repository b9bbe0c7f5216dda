use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn push(keys: &mut Keys<u64>, key: u64, number: u64, cost: u32) {
    keys.push(Some(key), Waiting { number, cost, job: number });
}

fn pop(keys: &mut Keys<u64>) -> Option<(u64, u64)> {
    keys.pop().map(|(key, waiting)| (key.expect("all have one"), waiting.number))
}

#[test]
fn a_key_with_one_job_waits_for_no_more_than_a_round() {
    let mut keys = Keys::new(u64::MAX);
    (0..1_000).for_each(|n| push(&mut keys, 1, n, 1));
    pop(&mut keys);
    push(&mut keys, 2, 1_000, 1);
    push(&mut keys, 3, 1_001, 1);
    let round: Vec<u64> = (0..3).filter_map(|_| pop(&mut keys)).map(|(key, _)| key).collect();
    assert_eq!(round, [1, 2, 3]);
    assert_eq!(pop(&mut keys).map(|(key, _)| key), Some(1), "the next round is its own again");
}

#[test]
fn dear_jobs_get_their_key_no_more_than_its_share() {
    let mut keys = Keys::new(u64::MAX);
    for n in 0..400 {
        push(&mut keys, 1, 2 * n, 8);
        push(&mut keys, 2, 2 * n + 1, 2);
    }
    let mut spent = HashMap::<u64, u64>::new();
    for _ in 0..200 {
        let (key, waiting) = keys.pop().expect("there are more");
        *spent.entry(key.expect("all have one")).or_default() += u64::from(waiting.cost);
    }
    assert!(spent[&1].abs_diff(spent[&2]) <= 8, "{spent:?}");
}

#[test]
fn a_million_keys_leave_nothing_behind() {
    let mut keys = Keys::new(u64::MAX);
    for n in 0..1_000_000 {
        push(&mut keys, n, n, 1);
        match n % 4 {
            // Cancelled while it waits, and nothing is ever sent.
            0..=2 => assert!(keys.remove(Some(n), n).is_some()),
            _ => assert!(keys.pop().is_some()),
        }
        keys.ended(Some(n));
        assert!(keys.known() <= 2 * STALE_TOLERATED && keys.ring.len() <= 2 * STALE_TOLERATED);
    }
    assert_eq!((keys.waiting(), keys.is_ready()), (0, false));
    assert!(keys.lines.capacity() < 200, "{}", keys.lines.capacity());
}

/// What happens to the keys of one lane.
#[derive(Clone, Debug)]
enum Step {
    Push(u64, u32),
    Pop,
    Remove(usize),
    PutBack,
    End(usize),
    SetMax(u64),
    Drain,
    LetThrough(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u64..6, 0_u32..5).prop_map(|(key, cost)| Step::Push(key, cost)),
        5 => Just(Step::Pop),
        3 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::PutBack),
        5 => any::<usize>().prop_map(Step::End),
        1 => (0_u64..4).prop_map(Step::SetMax),
        1 => Just(Step::Drain),
        2 => (0_u64..6).prop_map(Step::LetThrough),
    ];
    prop::collection::vec(step, 1..300)
}

/// The same as a list: who waits, and who is out.
struct Model {
    keys: Keys<u64>,
    max: u64,
    number: u64,
    waiting: Vec<(u64, u64)>,
    out: Vec<(u64, u64)>,
    /// The latest to be popped, if that was the last step.
    latest: Option<(u64, Waiting<u64>)>,
}

impl Model {
    fn may_start(&self, key: u64) -> bool {
        (self.out.iter().filter(|(of, _)| *of == key).count() as u64) < self.max
    }

    fn pop(&mut self) {
        let may = self.waiting.iter().any(|(key, _)| self.may_start(*key));
        assert_eq!(self.keys.is_ready(), may);
        let popped = self.keys.pop();
        assert_eq!(popped.is_some(), may);
        let Some((Some(key), job)) = popped else { return };
        assert!(self.may_start(key));
        let first = self.waiting.iter().position(|(of, _)| *of == key).expect("it waits");
        assert_eq!(self.waiting.remove(first), (key, job.number), "the first of its key");
        self.out.push((key, job.number));
        self.latest = Some((key, job));
    }

    fn put_back(&mut self, key: u64, job: Waiting<u64>) {
        self.out.pop();
        let first = self.waiting.iter().position(|(of, _)| *of == key);
        self.waiting.insert(first.unwrap_or(0), (key, job.number));
        self.keys.put_back(Some(key), job);
    }

    fn take(&mut self, step: Step) {
        let latest = self.latest.take();
        match step {
            Step::Push(key, cost) => {
                self.number += 1;
                push(&mut self.keys, key, self.number, cost);
                self.waiting.push((key, self.number));
            }
            Step::Pop => self.pop(),
            Step::PutBack => {
                if let Some((key, job)) = latest {
                    self.put_back(key, job);
                }
            }
            Step::Remove(which) if !self.waiting.is_empty() => {
                let (key, number) = self.waiting.remove(which % self.waiting.len());
                assert!(self.keys.look(Some(key), number).is_some());
                assert!(self.keys.remove(Some(key), number).is_some_and(|job| job.job == number));
                assert!(self.keys.remove(Some(key), number).is_none());
                self.out.push((key, number));
            }
            Step::End(which) if !self.out.is_empty() => {
                let (key, _) = self.out.swap_remove(which % self.out.len());
                self.keys.ended(Some(key));
            }
            Step::LetThrough(key) => {
                self.number += 1;
                self.keys.let_through(Some(key));
                self.out.push((key, self.number));
            }
            Step::SetMax(max) => {
                self.max = max;
                self.keys.set_max_out(max);
            }
            Step::Drain => {
                let mut numbers: Vec<u64> = self.waiting.iter().map(|(_, n)| *n).collect();
                numbers.sort_unstable();
                assert_eq!(self.keys.drain(), numbers);
                self.out.append(&mut self.waiting);
            }
            _ => {}
        }
        assert_eq!(self.keys.waiting(), self.waiting.len());
    }
}

proptest! {
    /// Beside a model that is a list: no job is lost or out of order, no key has more out than it
    /// may, and there is a job to take whenever some key may.
    #[test]
    fn keys_do_what_a_list_would(steps in steps()) {
        let (keys, max) = (Keys::new(2), 2);
        let (waiting, out) = (Vec::new(), Vec::new());
        let mut model = Model { keys, max, number: 0, waiting, out, latest: None };
        steps.into_iter().for_each(|step| model.take(step));
        model.take(Step::Drain);
        while !model.out.is_empty() {
            model.take(Step::End(0));
        }
        let left = model.keys.known();
        prop_assert!(left <= 2 * STALE_TOLERATED, "{left} keys");
    }

    /// Of keys that always have jobs each gets its share, whatever they cost.
    #[test]
    fn shares_are_equal_in_cost(costs in prop::collection::vec(1_u32..20, 2..8)) {
        let mut keys = Keys::new(u64::MAX);
        let dearest = u64::from(*costs.iter().max().unwrap());
        let mut number = 0;
        let mut spent = vec![0_u64; costs.len()];
        for _ in 0..20 {
            for (key, cost) in costs.iter().enumerate() {
                for _ in 0..20 {
                    number += 1;
                    push(&mut keys, key as u64, number, *cost);
                }
            }
        }
        for _ in 0..100 {
            let (key, waiting) = keys.pop().unwrap();
            spent[key.unwrap() as usize] += u64::from(waiting.cost);
        }
        let (least, most) = (spent.iter().min().unwrap(), spent.iter().max().unwrap());
        prop_assert!(most - least <= 2 * dearest, "{spent:?}");
    }
}
