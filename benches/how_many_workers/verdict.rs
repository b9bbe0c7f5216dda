//! What the repetitions say: medians, ranges, and how far the pool that sizes itself is from the
//! best fixed size.

use std::fmt::Write;

use crate::cell::{Found, Size};

/// What counts as just as good.
const TOLERANCE: f64 = 0.05;

/// Whether more is better, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// What was found of one size, a repetition after the other.
pub(crate) struct Row {
    pub(crate) size: Size,
    pub(crate) found: Vec<Found>,
}

impl Row {
    pub(crate) fn median(&self, of: impl Fn(&Found) -> f64) -> f64 {
        median(self.found.iter().map(of).collect())
    }

    pub(crate) fn figure(&self) -> f64 {
        self.median(|found| found.figure)
    }

    pub(crate) fn range(&self) -> (f64, f64) {
        range(self.found.iter().map(|found| found.figure))
    }
}

/// All sizes under one load: fixed ones, and the pool that sizes itself.
pub(crate) struct Curve {
    pub(crate) better: Better,
    pub(crate) rows: Vec<Row>,
}

impl Curve {
    pub(crate) fn own(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.size == Size::SelfSized)
    }

    pub(crate) fn fixed(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().filter_map(|row| match row.size {
            Size::Fixed(workers) => Some((workers, row)),
            Size::SelfSized => None,
        })
    }

    /// The fixed size with the best median.
    pub(crate) fn best(&self) -> Option<(usize, &Row)> {
        self.best_by(Row::figure)
    }

    fn best_by(&self, figure: impl Fn(&Row) -> f64) -> Option<(usize, &Row)> {
        let rank = |row: &Row| match self.better {
            Better::More => -figure(row),
            Better::Less => figure(row),
        };
        self.fixed().min_by(|(_, one), (_, other)| rank(one).total_cmp(&rank(other)))
    }

    /// Ours over the best fixed size, for each repetition. The best of many sizes is partly the
    /// luckiest, so which is best is asked of the *other* repetitions.
    pub(crate) fn ratios(&self, of: impl Fn(&Found) -> f64 + Copy) -> Vec<f64> {
        let Some(own) = self.own() else { return Vec::new() };
        let ratio = |turn: usize| {
            let others = |row: &Row| {
                let others = row.found.iter().enumerate().filter(|(at, _)| *at != turn);
                median(others.map(|(_, found)| found.figure).collect())
            };
            let (_, best) = if own.found.len() > 1 { self.best_by(others) } else { self.best() }?;
            Some(of(own.found.get(turn)?) / of(best.found.get(turn)?))
        };
        (0..own.found.len()).filter_map(ratio).collect()
    }

    /// A sentence.
    pub(crate) fn verdict(&self, name: &str) -> String {
        let (Some(own), Some((workers, best))) = (self.own(), self.best()) else {
            return format!("{name}: nothing to compare");
        };
        let ratios = self.ratios(|found| found.figure);
        let (middle, (least, most)) = (median(ratios.clone()), range(ratios.iter().copied()));
        // How much worse than the best; negative where ours is better.
        let worse = |ratio: f64| match self.better {
            Better::More => 1.0 - ratio,
            Better::Less => ratio - 1.0,
        };
        let said = if worse(middle) <= TOLERANCE {
            "within 5 % of the best fixed size"
        } else if worse(least).min(worse(most)) <= 0.0 {
            "more than 5 % worse in the median, and better in a repetition"
        } else {
            "more than 5 % worse"
        };
        format!(
            "{name}: {said}, {middle:.3} times that of {workers} workers, {least:.3}–{most:.3} \
             over the repetitions. Of the medians {:.3}; with the warm-up {:.3}",
            own.figure() / best.figure(),
            median(self.ratios(|found| found.cold)),
        )
    }
}

/// Both curves beside each other. A size that cannot keep up with the arrivals has no sojourn; the
/// pool that sizes itself has one mean number of workers for each of the two.
pub(crate) fn markdown(jobs: &Curve, sojourn: &Curve) -> String {
    let mut text = String::from(
        "| workers | jobs a second | range | p99 sojourn, ms | range | submitter late p99, ms |\n\
         |---:|---:|---|---:|---|---:|\n",
    );
    for row in &jobs.rows {
        let other = sojourn.rows.iter().find(|other| other.size == row.size);
        let label = match row.size {
            Size::Fixed(workers) => workers.to_string(),
            Size::SelfSized => {
                let mean = |row: &Row| row.median(|found| found.workers);
                let open = other.map_or(0.0, mean);
                format!("**self-sized**, {:.1} and {open:.1} in the mean", mean(row))
            }
        };
        let (least, most) = row.range();
        let _ = write!(text, "| {label} | {:.0} | {least:.0}–{most:.0} |", row.figure());
        if let Some(other) = other {
            let ((least, most), late) = (other.range(), other.median(|found| found.late_ms));
            let figure = other.figure();
            let _ = writeln!(text, " {figure:.2} | {least:.2}–{most:.2} | {late:.2} |");
        } else {
            text += " cannot keep up | | |\n";
        }
    }
    text
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures.len().saturating_sub(1) / 2, figures.len() / 2);
    match (figures.get(low), figures.get(high)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => f64::NAN,
    }
}

fn range(figures: impl Iterator<Item = f64>) -> (f64, f64) {
    figures.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), figure| {
        (least.min(figure), most.max(figure))
    })
}
