//! What a table shows, in one plain sentence.

/// How one law did.
#[derive(Clone, Debug)]
pub(crate) struct Standing<'a> {
    pub(crate) name: &'a str,
    /// Seconds, at the 99th percentile.
    pub(crate) wait: f64,
    /// The same, from arrival to end: a wait that was only moved to the run queue shows here.
    pub(crate) sojourn: f64,
    pub(crate) cost: f64,
    /// Threads started: idle workers can be saved by starting new ones all the time.
    pub(crate) starts: f64,
    /// The share of the jobs that were refused.
    pub(crate) refused: f64,
    /// The same with those that had not ended when the run did.
    pub(crate) undone: f64,
}

/// Two numbers closer than this are alike.
const ALIKE: f64 = 0.02;
/// So are two times closer than a tenth of a millisecond.
const ALIKE_S: f64 = 1e-4;
/// So are two shares closer than one job in a hundred: some are always under way at the end.
const ALIKE_UNDONE: f64 = 1e-2;
/// And two numbers of threads as close as this.
const ALIKE_STARTS: f64 = 2.0;

/// Who waits least, who ends first, who costs least, and who is beaten on all of it by another.
pub(crate) fn verdict(laws: &[Standing<'_>], show: fn(f64) -> String) -> String {
    if laws.len() < 2 {
        return "There is nothing to compare.".into();
    }
    // Who leaves jobs undone has an easy life, and is not praised for what that saved: a job that
    // is refused does not wait, and one that is not done costs nothing.
    let all: Vec<&Standing<'_>> = laws.iter().collect();
    let (_, open) = partition(laws, |law| law.refused);
    let (fewest, finish_most) = least(&all, |law| law.undone, ALIKE_UNDONE);
    let (lazy, done) = partition(laws, |law| law.undone);
    let (wait, waits_least) = least(&open, |law| law.wait, ALIKE_S);
    let (sojourn, ends_first) = least(&open, |law| law.sojourn, ALIKE_S);
    let mut praise =
        vec![(waits_least.clone(), format!("the shortest waits (p99 {})", show(wait)))];
    if sojourn.is_finite() && !waits_least.iter().any(|name| ends_first.contains(name)) {
        praise.push((ends_first, format!("the shortest sojourns (p99 {})", show(sojourn))));
    }
    if fewest > ALIKE_UNDONE {
        let undone = format!("the fewest jobs left undone ({:.0} %)", 100.0 * fewest);
        praise.push((finish_most, undone));
    } else {
        let (cost, costs_least) = least(&done, |law| law.cost, 0.0);
        praise.push((costs_least, format!("the lowest cost ({cost:.2}×)")));
    }
    let mut sentence = praised(praise, laws.len()) + "; " + &dominated(laws);
    if !lazy.is_empty() && fewest <= ALIKE_UNDONE {
        let leave = if lazy.len() == 1 { "leaves" } else { "leave" };
        let names: Vec<&str> = lazy.iter().map(|law| law.name).collect();
        sentence += &format!("; {} {leave} more jobs undone than others", listed(&names));
    }
    sentence + "."
}

/// Those of whom there is clearly more than the least, and the others.
fn partition<'a, 'b>(
    laws: &'a [Standing<'b>],
    of: fn(&Standing<'_>) -> f64,
) -> (Vec<&'a Standing<'b>>, Vec<&'a Standing<'b>>) {
    let fewest = laws.iter().map(of).fold(f64::INFINITY, f64::min);
    laws.iter().partition(|law| less(fewest, of(law), ALIKE_UNDONE))
}

/// Who has what; those who have several things are named once, and all of them not at all.
fn praised(praise: Vec<(Vec<&str>, String)>, laws: usize) -> String {
    let mut by_names: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    for (names, what) in praise {
        match by_names.iter_mut().find(|(known, _)| *known == names) {
            Some((_, all)) => all.push(what),
            None => by_names.push((names, vec![what])),
        }
    }
    let parts: Vec<String> = by_names
        .iter()
        .map(|(names, what)| {
            let have = if names.len() == 1 { "has" } else { "have" };
            let names = if names.len() == laws { "all".into() } else { listed(names) };
            format!("{names} {have} {}", listed(what))
        })
        .collect();
    listed(&parts)
}

/// Each law that another beats on something and nowhere falls behind, with who does so.
fn dominated(laws: &[Standing<'_>]) -> String {
    let mut by_winner: Vec<(&str, Vec<&str>)> = Vec::new();
    let is_dominated = |law: &Standing<'_>| laws.iter().any(|other| beats(other, law));
    for law in laws {
        // A winner whom nobody beats says more than one who is beaten as well.
        let beating = || laws.iter().filter(|other| beats(other, law));
        let winner = beating().find(|other| !is_dominated(other)).or_else(|| beating().next());
        let Some(winner) = winner else { continue };
        match by_winner.iter_mut().find(|(name, _)| *name == winner.name) {
            Some((_, beaten)) => beaten.push(law.name),
            None => by_winner.push((winner.name, vec![law.name])),
        }
    }
    let parts: Vec<String> = by_winner
        .iter()
        .map(|(winner, beaten)| format!("{winner} dominates {}", listed(beaten)))
        .collect();
    match parts.as_slice() {
        [] => "none is dominated".into(),
        parts => parts.join("; "),
    }
}

fn beats(law: &Standing<'_>, other: &Standing<'_>) -> bool {
    let pairs = [
        (law.wait, other.wait, ALIKE_S),
        (law.sojourn, other.sojourn, ALIKE_S),
        (law.cost, other.cost, 0.0),
        (law.starts, other.starts, ALIKE_STARTS),
        (law.undone, other.undone, ALIKE_UNDONE),
    ];
    pairs.iter().all(|(own, its, alike)| !less(*its, *own, *alike))
        && pairs.iter().any(|(own, its, alike)| less(*own, *its, *alike))
}

/// Clearly less.
fn less(a: f64, b: f64, alike: f64) -> bool {
    a * (1.0 + ALIKE) + alike < b
}

/// The least value, and all that are about as good.
fn least<'a>(
    laws: &[&Standing<'a>],
    of: fn(&Standing<'_>) -> f64,
    alike: f64,
) -> (f64, Vec<&'a str>) {
    let best = laws.iter().map(|law| of(law)).fold(f64::INFINITY, f64::min);
    let as_good = laws.iter().filter(|law| !less(best, of(law), alike));
    (best, as_good.map(|law| law.name).collect())
}

/// `a, b and c`.
fn listed(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).into(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(name: &str, wait_ms: f64, cost: f64) -> Standing<'_> {
        let wait = wait_ms / 1e3;
        Standing { name, wait, sojourn: wait + 0.1, cost, starts: 9.0, refused: 0.0, undone: 0.0 }
    }

    fn said(laws: &[Standing<'_>]) -> String {
        verdict(laws, |s| format!("{:.0} ms", s * 1e3))
    }

    #[test]
    fn the_best_are_named_and_who_is_worse_in_everything() {
        assert_eq!(
            said(&[law("ours", 5.0, 1.5), law("small", 90.0, 1.0), law("bad", 91.0, 2.0)]),
            "ours has the shortest waits (p99 5 ms) and small has the lowest cost (1.00×); \
             ours dominates bad."
        );
    }

    #[test]
    fn who_is_about_as_good_shares_the_praise() {
        assert_eq!(
            said(&[law("a", 5.0, 1.5), law("b", 5.05, 1.49), law("c", 5.0, 1.51)]),
            "all have the shortest waits (p99 5 ms) and the lowest cost (1.49×); \
             none is dominated."
        );
    }

    #[test]
    fn a_wait_that_only_moved_does_not_win_by_itself() {
        let moved = Standing { sojourn: 9.0, ..law("greedy", 0.0, 3.0) };
        assert_eq!(
            said(&[law("ours", 50.0, 1.0), moved]),
            "greedy has the shortest waits (p99 0 ms) and ours has the shortest sojourns \
             (p99 150 ms) and the lowest cost (1.00×); none is dominated."
        );
    }

    #[test]
    fn who_refuses_jobs_is_not_praised_for_what_that_saves() {
        let lazy = Standing { refused: 0.5, undone: 0.5, ..law("lazy", 1.0, 0.5) };
        assert_eq!(
            said(&[law("ours", 50.0, 1.0), law("other", 60.0, 1.0), lazy]),
            "ours has the shortest waits (p99 50 ms) and ours and other have the lowest cost \
             (1.00×); ours dominates other; lazy leaves more jobs undone than others."
        );
    }

    #[test]
    fn where_nobody_finishes_it_counts_who_leaves_least() {
        let late = |name, undone| Standing { undone, ..law(name, 9e3, 2.0) };
        assert_eq!(
            said(&[late("ours", 0.4), late("other", 0.2)]),
            "all have the shortest waits (p99 9000 ms) and other has the fewest jobs left \
             undone (20 %); other dominates ours."
        );
    }

    #[test]
    fn workers_saved_by_starting_new_ones_all_the_time_are_no_victory() {
        let restless = Standing { starts: 900.0, ..law("restless", 5.0, 1.0) };
        assert_eq!(
            said(&[law("ours", 5.0, 1.5), restless]),
            "all have the shortest waits (p99 5 ms) and restless has the lowest cost \
             (1.00×); none is dominated."
        );
    }

    #[test]
    fn the_one_who_dominates_is_not_dominated() {
        assert_eq!(
            said(&[law("worst", 9.0, 9.0), law("worse", 5.0, 5.0), law("best", 1.0, 1.0)]),
            "best has the shortest waits (p99 1 ms) and the lowest cost (1.00×); \
             best dominates worst and worse."
        );
    }

    #[test]
    fn one_alone_is_no_comparison() {
        assert_eq!(said(&[law("ours", 1.0, 1.0)]), "There is nothing to compare.");
    }
}
