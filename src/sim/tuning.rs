//! The constants of the default law by name, for command lines and sweeps.
//!
//! ```
//! use springtide::Constants;
//! use springtide::sim::tuning;
//! use std::time::Duration;
//!
//! let mut constants = Constants::default();
//! tuning::set(&mut constants, "hog_age", "50ms")?;
//! assert_eq!(constants.hog_age, Duration::from_millis(50));
//! assert_eq!(tuning::get(&constants, "spare").map(|n| n.to_string()), Some("1".into()));
//!
//! let wrong = tuning::set(&mut constants, "spare", "some").unwrap_err();
//! assert_eq!(wrong.to_string(), "spare: 'some' is not a whole number");
//! # Ok::<(), tuning::TuningError>(())
//! ```

use std::error::Error;
use std::fmt::{self, Display};
use std::time::Duration;

use crate::scale::Constants;

/// The value of a constant. What it displays as can be read again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A time.
    Time(Duration),
    /// A number.
    Real(f64),
    /// A number of things.
    Count(u32),
}

/// A type that constants have.
trait Tuned: Sized {
    fn value(self) -> Value;
    fn of(value: Value) -> Option<Self>;
}

struct Entry {
    name: &'static str,
    get: fn(&Constants) -> Value,
    /// Leaves the constant as it is if the value is of another kind.
    set: fn(&mut Constants, Value),
}

macro_rules! constants {
    ($($name:ident,)*) => {
        const ENTRIES: &[Entry] = &[$(Entry {
            name: stringify!($name),
            get: |constants| constants.$name.value(),
            set: |constants, value| {
                constants.$name = Tuned::of(value).unwrap_or(constants.$name);
            },
        },)*];
    };
}

constants! {
    slow_tick,
    fast_tick,
    kick_spacing,
    kick_spacing_held,
    kick_spacing_growing,
    service_half_life,
    demand_half_life,
    demand_clear,
    runnable_half_life,
    soft_per_core,
    hard_per_core,
    reserve_deviations,
    hog_wait_targets,
    hog_age,
    hog_age_ratio,
    hog_half_life,
    hogs_per_core,
    beside_hog,
    blocked_after,
    blocked_per_core,
    escape_doublings,
    starved_after,
    growth_floor,
    spare,
    window_min,
    window_max,
    window_looks,
    start_price,
    gap_half_life,
    gaps_known,
    shrink_below,
    overload_ratio,
    overload_excess,
    overload_after,
    shed_spacing,
    shed_divisor,
}

/// The names of all constants, in the order of [`Constants`].
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

/// The constant of this name; `None` if there is none.
pub fn get(constants: &Constants, name: &str) -> Option<Value> {
    let entry = ENTRIES.iter().find(|entry| entry.name == name)?;
    Some((entry.get)(constants))
}

/// Changes one constant.
///
/// # Errors
///
/// If there is no constant of this name, or if the text is no value of its kind.
pub fn set(constants: &mut Constants, name: &str, text: &str) -> Result<(), TuningError> {
    let Some(entry) = ENTRIES.iter().find(|entry| entry.name == name) else {
        let known: Vec<&str> = names().collect();
        let what = format!("'{name}' is not one of {}", known.join(", "));
        return Err(TuningError { what });
    };
    let value = (entry.get)(constants).like(text);
    let value = value.map_err(|wrong| TuningError { what: format!("{name}: {wrong}") })?;
    (entry.set)(constants, value);
    Ok(())
}

/// Why a constant could not be set; displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TuningError {
    what: String,
}

impl Display for TuningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for TuningError {}

impl Value {
    /// Reads a value of the same kind: a time such as `50ms`, where a bare number is seconds; a
    /// number; or a whole number. None may be negative.
    ///
    /// # Errors
    ///
    /// If the text is none.
    pub fn like(self, text: &str) -> Result<Value, TuningError> {
        let (value, kind) = match self {
            Value::Time(_) => (time(text).map(Value::Time), "a time such as 50ms"),
            Value::Count(_) => (text.parse().ok().map(Value::Count), "a whole number"),
            Value::Real(_) => {
                let number = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
                (number.map(Value::Real), "a number such as 2.5")
            }
        };
        value.ok_or_else(|| TuningError { what: format!("'{text}' is not {kind}") })
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Time(time) => write!(f, "{time:?}"),
            Value::Real(number) => write!(f, "{number}"),
            Value::Count(count) => write!(f, "{count}"),
        }
    }
}

fn time(text: &str) -> Option<Duration> {
    let units = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(units);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "ns" => number / 1e9,
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "s" | "" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

impl Tuned for Duration {
    fn value(self) -> Value {
        Value::Time(self)
    }

    fn of(value: Value) -> Option<Duration> {
        if let Value::Time(time) = value { Some(time) } else { None }
    }
}

impl Tuned for f64 {
    fn value(self) -> Value {
        Value::Real(self)
    }

    fn of(value: Value) -> Option<f64> {
        if let Value::Real(number) = value { Some(number) } else { None }
    }
}

impl Tuned for u32 {
    fn value(self) -> Value {
        Value::Count(self)
    }

    fn of(value: Value) -> Option<u32> {
        if let Value::Count(count) = value { Some(count) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_has_its_name_here() {
        let debug = format!("{:?}", Constants::default());
        let fields = debug.trim_start_matches("Constants { ").trim_end_matches(" }");
        let fields: Vec<&str> =
            fields.split(", ").filter_map(|field| Some(field.split_once(": ")?.0)).collect();
        assert_eq!(names().collect::<Vec<_>>(), fields);
    }

    #[test]
    fn what_is_read_can_be_set_and_nothing_else_changes() {
        let default = Constants::default();
        for name in names() {
            let mut constants = default.clone();
            let value = get(&constants, name).expect("it is one of the names");
            set(&mut constants, name, &value.to_string()).expect("it is a value of its kind");
            assert_eq!(constants, default, "{name}");
            set(&mut constants, name, "7").expect("a seven is of every kind");
            assert_ne!(constants, default, "{name}");
            set(&mut constants, name, &value.to_string()).expect("it is a value of its kind");
            assert_eq!(constants, default, "{name}");
        }
    }

    #[test]
    fn what_is_no_value_is_said_with_what_would_be() {
        let mut constants = Constants::default();
        for (name, text, said) in [
            ("hog_age", "soon", "hog_age: 'soon' is not a time such as 50ms"),
            ("hog_age", "-1ms", "hog_age: '-1ms' is not a time such as 50ms"),
            ("spare", "1.5", "spare: '1.5' is not a whole number"),
            ("soft_per_core", "NaN", "soft_per_core: 'NaN' is not a number such as 2.5"),
        ] {
            let wrong = set(&mut constants, name, text).unwrap_err();
            assert_eq!(wrong.to_string(), said);
        }
        let wrong = set(&mut constants, "hogs", "1").unwrap_err().to_string();
        assert!(wrong.starts_with("'hogs' is not one of slow_tick, fast_tick, "), "{wrong}");
        assert_eq!(constants, Constants::default());
        assert_eq!(get(&constants, "hogs"), None);
    }

    #[test]
    fn times_are_read_in_any_unit() {
        let like = |text| Value::Time(Duration::ZERO).like(text).expect("it is a time");
        for (text, ns) in [("250us", 250_000), ("1.5ms", 1_500_000), ("7ns", 7), ("0", 0)] {
            assert_eq!(like(text), Value::Time(Duration::from_nanos(ns)));
        }
        assert_eq!(like("2µs").to_string(), "2µs");
        assert_eq!((like("2m"), like("1h")), (like("120"), like("3600s")));
    }
}
