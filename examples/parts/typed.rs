//! Arguments as they are typed: reading them, and one clear line for what is wrong with one or with
//! what came of them.

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// How a program ends that could not do its work.
pub(crate) const FAILED: u8 = 1;
/// How one ends that was asked for what it cannot do.
pub(crate) const WRONG_INPUT: u8 = 2;

/// Why there are no arguments to work with.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The user asked for help; this is it.
    Help(clap::Error),
    /// One line that says which argument is wrong, and how.
    Wrong(String),
}

/// A value as it is typed.
pub(crate) fn name_of(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or(String::new(), |value| value.get_name().to_string())
}

impl Refusal {
    /// Why clap refused.
    pub(crate) fn of(e: clap::Error) -> Refusal {
        match e.kind() {
            ErrorKind::DisplayHelp => Refusal::Help(e),
            _ => Refusal::Wrong(one_line(&e)),
        }
    }

    /// Says it to the user, and how the program ends.
    pub(crate) fn tell(&self) -> ExitCode {
        match self {
            Refusal::Help(help) => {
                println!("{}", help.to_string().trim_end());
                ExitCode::SUCCESS
            }
            Refusal::Wrong(line) => complain(line, WRONG_INPUT),
        }
    }
}

/// Says in the program's name what went wrong.
pub(crate) fn complain(line: &str, status: u8) -> ExitCode {
    eprintln!("{}: {line}", env!("CARGO_CRATE_NAME"));
    ExitCode::from(status)
}

/// What clap says on several lines, on one.
fn one_line(e: &clap::Error) -> String {
    let context = |kind| match e.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let argument = context(ContextKind::InvalidArg);
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    let value = context(ContextKind::InvalidValue);
    match e.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{name}: a value is missing"),
        ErrorKind::InvalidValue => {
            format!("{name}: '{value}' is not one of {}", context(ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => match std::error::Error::source(e) {
            Some(why) => format!("{name}: '{value}' {why}"),
            None => format!("{name}: '{value}' is not valid"),
        },
        ErrorKind::UnknownArgument => format!("{name}: there is no such argument; see --help"),
        ErrorKind::ArgumentConflict => match context(ContextKind::PriorArg) {
            prior if prior == argument => format!("{name}: was given twice"),
            prior => {
                let prior = prior.split(' ').next().unwrap_or_default();
                format!("{name}: cannot be used with {prior}")
            }
        },
        _ => e.to_string().lines().next().unwrap_or_default().replace("error: ", ""),
    }
}

/// The longest time that an argument takes: a thousand days.
const TIME_MAX: Duration = Duration::from_secs(86_400_000);

pub(crate) fn time(text: &str) -> Result<Duration, String> {
    const BAD: &str = "is not a time such as 500ms, 20s, 5m or 1h";
    let units = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(units);
    let number: f64 = number.trim().parse().map_err(|_| BAD)?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" | "" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return Err(BAD.into()),
    };
    match Duration::try_from_secs_f64(seconds) {
        Ok(Duration::ZERO) | Err(_) if seconds <= 0.0 => Err("must be above zero".into()),
        Ok(time) if time <= TIME_MAX => Ok(time),
        _ => Err("is too long".into()),
    }
}

pub(crate) fn number(text: &str, allowed: RangeInclusive<f64>, what: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if allowed.contains(&x) => Ok(x),
        Ok(_) => Err(what.to_string()),
        Err(_) => Err("is not a number".into()),
    }
}

pub(crate) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "is not a whole number from 0 to 2^64 - 1".into())
}

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    number(text, 1e-3..=1e7, "must be from 0.001 to 10 million")
}

pub(crate) fn speed(text: &str) -> Result<f64, String> {
    number(text, 1e-3..=1e6, "must be from 0.001 to 1 million")
}

pub(crate) fn workers(text: &str) -> Result<RangeInclusive<usize>, String> {
    const BAD: &str = "is not MIN..=MAX, as in 2..=64";
    let (min, max) = match text.split_once("..=") {
        Some((min, max)) => (min.parse().map_err(|_| BAD)?, max.parse().map_err(|_| BAD)?),
        None => text.parse().map(|n| (n, n)).map_err(|_| BAD)?,
    };
    match (min, max) {
        (_, 0) => Err("leaves no worker at all".into()),
        _ if min > max => Err("has its lower bound above its upper bound".into()),
        _ => Ok(min..=max),
    }
}
