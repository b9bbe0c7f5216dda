//! One knob over a range of values.

use std::time::Duration;

use springtide::sim::tuning::Value;

use crate::knobs::Knobs;

const STEPS: usize = 7;
const STEPS_MAX: usize = 50;
/// A range that spans more than this many times its lower end is cut in equal ratios.
const DECADE: f64 = 10.0;

/// A knob and its values, in rising order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sweep {
    pub(crate) name: String,
    pub(crate) values: Vec<Value>,
    /// What the knob is at without the sweep.
    pub(crate) usual: Value,
}

impl Sweep {
    /// Reads `key=a..b` or `key=a..b:steps`, both ends included.
    ///
    /// # Errors
    /// One line that says what would be right.
    pub(crate) fn read(text: &str, knobs: &Knobs) -> Result<Sweep, String> {
        let form = || format!("'{text}' is not KEY=FROM..TO:STEPS, as in hog_age=10ms..1s:5");
        let (name, range) = text.split_once('=').ok_or_else(form)?;
        let (range, steps) = match range.split_once(':') {
            Some((range, steps)) => (range, steps.parse().map_err(|_| form())?),
            None => (range, STEPS),
        };
        let (from, to) = range.split_once("..").ok_or_else(form)?;
        if !(2..=STEPS_MAX).contains(&steps) {
            return Err(format!("{steps} steps are not from 2 to {STEPS_MAX}"));
        }
        let kind = knobs.get(name)?;
        let end = |text: &str| kind.like(text).map_err(|wrong| format!("{name}: {wrong}"));
        let (from, to) = (end(from)?, end(to.trim_start_matches('='))?);
        if number(from) >= number(to) {
            return Err(format!("{name}: {from} is not below {to}"));
        }
        Ok(Sweep { name: name.into(), values: spread(from, to, steps), usual: kind })
    }
}

/// A value as a number: seconds for a time.
fn number(value: Value) -> f64 {
    match value {
        Value::Time(time) => time.as_secs_f64(),
        Value::Real(number) => number,
        Value::Count(count) => f64::from(count),
    }
}

fn spans_a_decade(from: f64, to: f64) -> bool {
    from > 0.0 && to > DECADE * from
}

/// The ends as they are, and between them values of three digits. Whole numbers may leave less
/// than was asked for.
fn spread(from: Value, to: Value, steps: usize) -> Vec<Value> {
    let (low, high) = (number(from), number(to));
    let inside = (1..steps - 1).map(|step| {
        let part = step as f64 / (steps - 1) as f64;
        let x = match spans_a_decade(low, high) {
            true => low * (high / low).powf(part),
            false => low + (high - low) * part,
        };
        // Rounded, it may lie beyond an end that has more digits.
        like(from, three_digits(x).clamp(low, high))
    });
    let mut values: Vec<Value> = std::iter::once(from).chain(inside).chain([to]).collect();
    values.dedup();
    values
}

fn three_digits(x: f64) -> f64 {
    format!("{x:.2e}").parse().unwrap_or(x)
}

fn like(kind: Value, x: f64) -> Value {
    match kind {
        Value::Time(_) => Value::Time(Duration::from_secs_f64(x)),
        Value::Real(_) => Value::Real(x),
        Value::Count(_) => Value::Count(x.round() as u32),
    }
}

#[cfg(test)]
mod tests {
    use springtide::sim::Machine;

    use super::*;

    fn values(text: &str) -> Result<Vec<String>, String> {
        let sweep = Sweep::read(text, &Knobs::of(&Machine::new(4.0)))?;
        Ok(sweep.values.iter().map(Value::to_string).collect())
    }

    #[test]
    fn a_short_range_is_cut_evenly_and_a_long_one_in_equal_ratios() {
        assert_eq!(
            values("hog_age=10ms..50ms:5").unwrap(),
            ["10ms", "20ms", "30ms", "40ms", "50ms"]
        );
        assert_eq!(
            values("hog_age=10ms..1s:5").unwrap(),
            ["10ms", "31.6ms", "100ms", "316ms", "1s"]
        );
        assert_eq!(values("soft_per_core=0..2:3").unwrap(), ["0", "1", "2"]);
        assert_eq!(values("target_wait=1ms..=2ms").unwrap().len(), STEPS);
        assert_eq!(values("keep_alive=1002s..1004s:4").unwrap(), ["1002s", "1004s"]);
    }

    #[test]
    fn whole_numbers_are_not_repeated() {
        assert_eq!(values("spare=0..3:9").unwrap(), ["0", "1", "2", "3"]);
    }

    #[test]
    fn a_range_that_is_none_says_why() {
        for (text, said) in [
            ("spare", "'spare' is not KEY=FROM..TO:STEPS, as in hog_age=10ms..1s:5"),
            ("spare=1-5", "'spare=1-5' is not KEY=FROM..TO:STEPS, as in hog_age=10ms..1s:5"),
            ("spare=5..1", "spare: 5 is not below 1"),
            ("spare=1..5:1", "1 steps are not from 2 to 50"),
            ("hog_age=1ms..old", "hog_age: 'old' is not a time such as 50ms"),
        ] {
            assert_eq!(values(text), Err(said.into()));
        }
    }
}
