//! What the table compares: each measure has a name, a unit and a way to take it from a run.

use std::time::Duration;

use springtide::sim::Run;

use crate::readable::grouped;

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds.
    Time,
    Share,
    /// Times as much.
    Ratio,
    Count,
    /// A second.
    Rate,
}

/// What a run alone does not know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Workers of use at once if there is always one for a job.
    pub(crate) needed: u32,
    pub(crate) step_at: Option<Duration>,
}

pub(crate) struct Measure {
    /// As the JSON object calls it, its unit included.
    pub(crate) key: &'static str,
    /// As the table calls it, on two lines.
    pub(crate) head: [&'static str; 2],
    pub(crate) about: &'static str,
    pub(crate) unit: Unit,
    /// Infinite for what never came, not a number for what does not apply.
    pub(crate) of: fn(&Run, Facts) -> f64,
}

/// The places of those measures that are spoken of.
pub(crate) const WAIT_P99: usize = 1;
pub(crate) const LATE: usize = 3;
pub(crate) const SOJOURN_P99: usize = 4;
pub(crate) const COST: usize = 5;
pub(crate) const PEAK: usize = 6;
pub(crate) const STARTS: usize = 8;
pub(crate) const EVALUATIONS: usize = 12;
pub(crate) const REFUSED: usize = 14;
pub(crate) const UNFINISHED: usize = 15;

pub(crate) const MEASURES: [Measure; 16] = [
    time("wait_p50_ms", ["wait", "p50"], "half of the jobs started sooner", |run, _| {
        run.wait.p50.as_secs_f64()
    }),
    time("wait_p99_ms", ["wait", "p99"], "99 of 100 jobs started sooner", |run, _| {
        run.wait.p99.as_secs_f64()
    }),
    time("wait_p999_ms", ["wait", "p99.9"], "999 of 1000 jobs started sooner", |run, _| {
        run.wait.p999.as_secs_f64()
    }),
    Measure {
        key: "late_share",
        head: ["over", "target"],
        about: "jobs that waited for longer than the target, and those refused",
        unit: Unit::Share,
        of: |run, _| run.late,
    },
    time(
        "sojourn_p99_ms",
        ["sojourn", "p99"],
        "99 of 100 jobs ended sooner after their arrival; never, if the run was over before that",
        |run, _| match run.unfinished * 100 > run.offered {
            true => f64::INFINITY,
            false => run.sojourn.p99.as_secs_f64(),
        },
    ),
    Measure {
        key: "cost",
        head: ["", "cost"],
        about: "seconds that workers existed for each second of work: 1 is the least",
        unit: Unit::Ratio,
        of: |run, _| run.cost(),
    },
    count("peak", ["", "peak"], "the most workers at once", |run, _| f64::from(run.peak)),
    Measure {
        key: "peak_over_needed",
        head: ["of", "needed"],
        about: "that peak, for each worker that the load needs when it needs most",
        unit: Unit::Ratio,
        of: |run, facts| f64::from(run.peak) / f64::from(facts.needed.max(1)),
    },
    count("starts", ["", "starts"], "threads started", |run, _| run.started as f64),
    count(
        "flaps",
        ["", "flaps"],
        "threads started within 30 s of a retirement: retired too early",
        |run, _| run.flaps as f64,
    ),
    count("reversals", ["rever-", "sals"], "changes of direction", |run, _| run.reversals as f64),
    time(
        "settled_ms",
        ["", "settled"],
        "from the step until a tenth of a second passes in which no job is late",
        |run, facts| match facts.step_at {
            Some(step) => run.settled_after(step).map_or(f64::INFINITY, |t| t.as_secs_f64()),
            None => f64::NAN,
        },
    ),
    Measure {
        key: "evaluations_per_second",
        head: ["looks", "a s"],
        about: "times a second that the clock made the law look",
        unit: Unit::Rate,
        of: |run, _| run.evaluations_per_second(),
    },
    Measure {
        key: "run_queue_per_core_second",
        head: ["run", "queue"],
        about: "seconds that workers wanted a core, for each second on one: waits that moved",
        unit: Unit::Ratio,
        of: |run, _| run.crowding(),
    },
    count("refused", ["re-", "fused"], "jobs turned away", |run, _| run.refused as f64),
    count(
        "unfinished",
        ["unfin-", "ished"],
        "jobs that had not ended when the run did",
        |run, _| run.unfinished as f64,
    ),
];

type Of = fn(&Run, Facts) -> f64;

const fn time(key: &'static str, head: [&'static str; 2], about: &'static str, of: Of) -> Measure {
    Measure { key, head, about, unit: Unit::Time, of }
}

const fn count(key: &'static str, head: [&'static str; 2], about: &'static str, of: Of) -> Measure {
    Measure { key, head, about, unit: Unit::Count, of }
}

impl Unit {
    /// As people read it, to three digits.
    pub(crate) fn show(self, x: f64) -> String {
        match self {
            _ if x.is_nan() => "–".into(),
            _ if x.is_infinite() => "never".into(),
            Unit::Time => seconds(x),
            Unit::Share if x == 0.0 => "0 %".into(),
            Unit::Share if x < 1e-4 => "<0.01 %".into(),
            Unit::Share => format!("{} %", three_digits(100.0 * x, 2)),
            Unit::Ratio => format!("{}×", three_digits(x, 2)),
            Unit::Count => grouped(x as u64),
            Unit::Rate => three_digits(x, 1),
        }
    }

    /// As a program reads it: times in milliseconds.
    pub(crate) fn plain(self, x: f64) -> Option<f64> {
        let scaled = if self == Unit::Time { x * 1e3 } else { x };
        x.is_finite().then(|| (scaled * 1e6).round() / 1e6)
    }
}

/// A time in the unit that suits it.
pub(crate) fn seconds(x: f64) -> String {
    match x {
        _ if x < 0.5e-6 => "0".into(),
        _ if x < 0.9995e-3 => format!("{:.0} µs", x * 1e6),
        _ if x < 0.9995 => format!("{} ms", three_digits(x * 1e3, 2)),
        _ => format!("{} s", three_digits(x, 2)),
    }
}

/// Three digits, with so many after the point at most; more before it if there are.
fn three_digits(x: f64, after: usize) -> String {
    let wanted = match x {
        _ if x >= 99.95 => 0,
        _ if x >= 9.995 => 1,
        _ => 2,
    };
    format!("{x:.*}", wanted.min(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_get_the_unit_that_suits_them() {
        for (x, text) in [
            (0.0, "0"),
            (85e-6, "85 µs"),
            (0.99999e-3, "1.00 ms"),
            (12.34e-3, "12.3 ms"),
            (0.2, "200 ms"),
            (1.5, "1.50 s"),
            (123.4, "123 s"),
            (f64::INFINITY, "never"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(Unit::Time.show(x), text);
        }
    }

    #[test]
    fn a_share_that_is_not_zero_does_not_look_like_zero() {
        for (x, text) in [(0.0, "0 %"), (1e-6, "<0.01 %"), (0.0123, "1.23 %"), (1.0, "100 %")] {
            assert_eq!(Unit::Share.show(x), text);
        }
        assert_eq!(
            (Unit::Ratio.show(1.018), Unit::Rate.show(4.04)),
            ("1.02×".into(), "4.0".into())
        );
        assert_eq!(Unit::Count.show(12_345.0), "12,345");
    }

    #[test]
    fn the_places_are_those_of_their_measures() {
        for (place, key) in [
            (WAIT_P99, "wait_p99_ms"),
            (LATE, "late_share"),
            (SOJOURN_P99, "sojourn_p99_ms"),
            (COST, "cost"),
            (PEAK, "peak"),
            (STARTS, "starts"),
            (EVALUATIONS, "evaluations_per_second"),
            (REFUSED, "refused"),
            (UNFINISHED, "unfinished"),
        ] {
            assert_eq!(MEASURES[place].key, key);
        }
    }

    #[test]
    fn what_is_no_number_is_none_in_json() {
        assert_eq!(Unit::Time.plain(0.25), Some(250.0));
        assert_eq!(Unit::Time.plain(f64::INFINITY), None);
        assert_eq!(Unit::Ratio.plain(f64::NAN), None);
    }
}
