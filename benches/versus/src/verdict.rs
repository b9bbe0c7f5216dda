//! Whether a run met what is asked for: our figure, the best peer's in the same table, and what
//! follows.

use std::time::Duration;

use crate::runner::Row;
use crate::targets::{AS_BRIEF, Among, Goal, Target};
use crate::workloads::Table;

/// A table that was run, with its rows.
pub(crate) struct Ran {
    pub(crate) table: Table,
    pub(crate) rows: Vec<Row>,
}

/// The median of the repetitions, and their range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Figure {
    fn of(row: &Row, column: usize) -> Figure {
        let (least, most) = row.range(column);
        Figure { median: row.median(column), least, most }
    }

    fn overlaps(self, other: Figure) -> bool {
        self.least <= other.most && other.least <= self.most
    }

    fn times(self, factor: f64) -> Figure {
        let Figure { median, least, most } = self;
        Figure { median: median * factor, least: least * factor, most: most * factor }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    Met,
    /// Met by the medians, while the ranges overlap.
    MetWithinSpread,
    /// Not met by the medians, while the ranges overlap: no difference was shown.
    WithinSpread,
    NotMet,
}

impl Verdict {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::MetWithinSpread => "met, ranges overlap",
            Verdict::WithinSpread => "within the spread: ranges overlap",
            Verdict::NotMet => "**not met**",
        }
    }
}

/// What became of one target.
pub(crate) struct Outcome {
    pub(crate) ours: Figure,
    pub(crate) peer: String,
    pub(crate) theirs: Figure,
    /// Ours to theirs, or theirs to ours where more is better: less is better.
    pub(crate) ratio: f64,
    pub(crate) verdict: Verdict,
    /// Whether ours or theirs was never left alone.
    pub(crate) disturbed: bool,
}

/// Nothing, if this run had not got our row, its table, or any peer.
pub(crate) fn judge(target: &Target, ran: &[Ran]) -> Option<Outcome> {
    let place = |ran: &&Ran| {
        ran.table.workload == target.workload && ran.table.title.starts_with(&target.table)
    };
    let ran = ran.iter().find(place)?;
    let at = |name: &str| ran.table.columns.iter().position(|column| *column == name);
    let (column, chosen_by) = (at(target.column)?, at(target.chosen_by)?);
    let ours = ran.rows.iter().find(|row| row.label == target.ours)?;
    let peers = peers(target.among, &ran.rows, ran.table.key);
    let median = |row: &&&Row| row.median(chosen_by);
    let peer = peers.iter().min_by(|a, b| median(a).total_cmp(&median(b)))?;
    let (own, theirs) = (Figure::of(ours, column), Figure::of(peer, column));
    let (ratio, verdict) = compare(target.goal, own, theirs);
    let disturbed = ours.disturbed || peer.disturbed;
    Some(Outcome { ours: own, peer: peer.label.clone(), theirs, ratio, verdict, disturbed })
}

fn peers(among: Among, rows: &[Row], key: usize) -> Vec<&Row> {
    let grows = |row: &&Row| row.size.least < row.size.most;
    let all = rows.iter().filter(|row| !row.is_ours);
    match among {
        Among::Everybody => all.collect(),
        Among::Named(names) => {
            all.filter(|row| names.iter().any(|name| row.label.starts_with(name))).collect()
        }
        Among::Growing => all.filter(grows).collect(),
        Among::GrowingAsBrief(least) => {
            let growing: Vec<&Row> = all.filter(grows).collect();
            let best = growing.iter().map(|row| row.median(key)).fold(f64::INFINITY, f64::min);
            // Without a keep-alive a pool has its own, and all of those are long.
            let stays = |row: &&Row| row.size.keep_alive.unwrap_or(Duration::MAX) >= least;
            let brief = |row: &&Row| row.median(key) <= AS_BRIEF * best;
            growing.into_iter().filter(stays).filter(brief).collect()
        }
        Among::OfOneSize => all.filter(|row| !grows(row)).collect(),
    }
}

fn compare(goal: Goal, ours: Figure, theirs: Figure) -> (f64, Verdict) {
    let ratio = |above: f64, below: f64| if above == below { 1.0 } else { above / below };
    let (ratio, is_met, near) = match goal {
        Goal::Times(times) => {
            let ratio = ratio(ours.median, theirs.median);
            (ratio, ratio <= times, ours.overlaps(theirs.times(times)))
        }
        Goal::MoreTimes(times) => {
            let ratio = ratio(theirs.median, ours.median);
            (ratio, ratio <= times, theirs.overlaps(ours.times(times)))
        }
        Goal::AtMost(most) => {
            let line = Figure { median: most, least: most, most };
            // A figure that is exactly as large as it may be in every repetition is no doubt.
            let near = ours.overlaps(line) && ours.most > most;
            (ratio(ours.median, theirs.median), ours.median <= most, near)
        }
    };
    let verdict = match (is_met, near) {
        (true, false) => Verdict::Met,
        (true, true) => Verdict::MetWithinSpread,
        (false, true) => Verdict::WithinSpread,
        (false, false) => Verdict::NotMet,
    };
    (ratio, verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(least: f64, median: f64, most: f64) -> Figure {
        Figure { median, least, most }
    }

    #[test]
    fn ranges_that_overlap_decide_nothing() {
        let theirs = figure(90.0, 100.0, 110.0);
        let verdict = |ours, goal| compare(Goal::Times(goal), ours, theirs).1;
        assert_eq!(verdict(figure(70.0, 80.0, 85.0), 1.0), Verdict::Met);
        assert_eq!(verdict(figure(70.0, 80.0, 95.0), 1.0), Verdict::MetWithinSpread);
        assert_eq!(verdict(figure(95.0, 105.0, 120.0), 1.0), Verdict::WithinSpread);
        assert_eq!(verdict(figure(115.0, 120.0, 125.0), 1.0), Verdict::NotMet);
        assert_eq!(verdict(figure(60.0, 61.0, 62.0), 0.5), Verdict::NotMet);
        assert_eq!(verdict(figure(54.0, 61.0, 62.0), 0.5), Verdict::WithinSpread);
    }

    #[test]
    fn more_jobs_a_second_are_better() {
        let (ours, theirs) = (figure(99.0, 100.0, 101.0), figure(79.0, 80.0, 81.0));
        assert_eq!(compare(Goal::MoreTimes(1.0), ours, theirs), (0.8, Verdict::Met));
        assert_eq!(compare(Goal::MoreTimes(1.0), theirs, ours), (1.25, Verdict::NotMet));
    }

    #[test]
    fn an_absolute_goal_asks_no_peer() {
        let theirs = figure(0.0, 0.0, 0.0);
        let verdict = |ours| compare(Goal::AtMost(0.0), ours, theirs).1;
        assert_eq!(verdict(figure(0.0, 0.0, 0.0)), Verdict::Met);
        assert_eq!(verdict(figure(0.0, 0.0, 2.0)), Verdict::MetWithinSpread);
        assert_eq!(verdict(figure(0.0, 1.0, 2.0)), Verdict::WithinSpread);
        assert_eq!(verdict(figure(1.0, 1.0, 2.0)), Verdict::NotMet);
        let never = figure(f64::INFINITY, f64::INFINITY, f64::INFINITY);
        assert_eq!(compare(Goal::AtMost(0.25), never, never), (1.0, Verdict::NotMet));
    }
}
