//! Reads recorded arrivals from a CSV file, in either of two forms, or says which line is wrong.
//!
//! - `TIMESTAMP,ContextTokens,GeneratedTokens`: one request to a language model a row, as in the
//!   Azure LLM inference traces. The first row arrives at time zero.
//! - `arrival_ms,run_ms`: one job a row, in milliseconds since the start, fractions allowed.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use crate::load::JOBS_MAX;

const TOKENS_HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens";
const TIMED_HEADER: &str = "arrival_ms,run_ms";
/// The latest arrival and the longest run time that a row may ask for: thirty days.
const MS_MAX: f64 = 30.0 * 86_400_000.0;

/// One recorded arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) at: Duration,
    pub(crate) cost: Cost,
}

/// What the file says about the size of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cost {
    /// A request to a language model: what it read and what it wrote.
    Tokens { context: u32, generated: u32 },
    /// The run time itself.
    Run(Duration),
}

/// Reads a whole trace, in order of arrival.
///
/// # Errors
/// One line that begins with the file and, where there is one, the number of the line.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, String> {
    let file = path.display();
    let input = File::open(path).map_err(|e| format!("{file}: {e}"))?;
    parse(BufReader::new(input)).map_err(|bad| match bad.line {
        0 => format!("{file}: {}", bad.what),
        line => format!("{file}:{line}: {}", bad.what),
    })
}

/// What is wrong, and on which line, counted from one; line zero stands for the whole file.
#[derive(Debug, PartialEq)]
struct Bad {
    line: usize,
    what: String,
}

#[derive(Clone, Copy)]
enum Form {
    Tokens,
    Timed,
}

fn parse(input: impl BufRead) -> Result<Vec<Row>, Bad> {
    let mut rows = Vec::new();
    let mut form = None;
    for (index, text) in input.lines().enumerate() {
        let bad = |what: String| Bad { line: index + 1, what };
        let text = text.map_err(|e| bad(e.to_string()))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        match form {
            None => form = Some(header(text).map_err(bad)?),
            Some(_) if text.is_empty() => {}
            Some(_) if rows.len() == JOBS_MAX => {
                return Err(bad(format!("more than {JOBS_MAX} jobs")));
            }
            Some(form) => rows.push(row(form, text).map_err(bad)?),
        }
    }
    if rows.is_empty() {
        return Err(Bad { line: 0, what: "holds no arrivals".into() });
    }
    rows.sort_by_key(|row| row.at);
    if matches!(form, Some(Form::Tokens)) {
        let first = rows[0].at;
        rows.iter_mut().for_each(|row| row.at -= first);
    }
    Ok(rows)
}

fn header(text: &str) -> Result<Form, String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if plain.eq_ignore_ascii_case(TOKENS_HEADER) {
        Ok(Form::Tokens)
    } else if plain.eq_ignore_ascii_case(TIMED_HEADER) {
        Ok(Form::Timed)
    } else {
        let found: String = text.chars().take(60).collect();
        Err(format!("the header must be '{TOKENS_HEADER}' or '{TIMED_HEADER}', not '{found}'"))
    }
}

fn row(form: Form, text: &str) -> Result<Row, String> {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    match (form, fields.as_slice()) {
        (Form::Tokens, [at, context, generated]) => Ok(Row {
            at: timestamp(at).ok_or_else(|| wrong("TIMESTAMP", at, "YYYY-MM-DD HH:MM:SS.fff"))?,
            cost: Cost::Tokens {
                context: tokens("ContextTokens", context)?,
                generated: tokens("GeneratedTokens", generated)?,
            },
        }),
        (Form::Timed, [at, run]) => {
            Ok(Row { at: millis("arrival_ms", at)?, cost: Cost::Run(millis("run_ms", run)?) })
        }
        (Form::Tokens, _) => Err(format!("expected 3 fields, found {}", fields.len())),
        (Form::Timed, _) => Err(format!("expected 2 fields, found {}", fields.len())),
    }
}

fn tokens(name: &str, text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| wrong(name, text, "a whole number"))
}

fn millis(name: &str, text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(ms) if (0.0..=MS_MAX).contains(&ms) => Ok(Duration::from_secs_f64(ms / 1e3)),
        Ok(_) => Err(wrong(name, text, "between 0 and 30 days")),
        Err(_) => Err(wrong(name, text, "a number")),
    }
}

fn wrong(name: &str, text: impl Display, expected: &str) -> String {
    format!("{name}: '{text}' is not {expected}")
}

/// Nanoseconds since the year 1970 of `YYYY-MM-DD HH:MM:SS` with up to nine further digits; the
/// zone may be left out or be UTC, because only differences matter.
fn timestamp(text: &str) -> Option<Duration> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00")).unwrap_or(text);
    let (date, clock) = text.split_once([' ', 'T'])?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanos = digits(fraction)? * 10u64.pow(9 - fraction.len() as u32);
    let days = days_since_1970(year, month, day);
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(Duration::from_secs(seconds) + Duration::from_nanos(nanos))
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let mut parts = text.split(between).map(digits);
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Digits and nothing else: `str::parse` would take a sign as well.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts years from March, so that the day a leap year adds is the last one of its year.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (153 * month + 2) / 5 + (day - 1) - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: &str = "TIMESTAMP,ContextTokens,GeneratedTokens";

    fn rows(text: &str) -> Vec<Row> {
        parse(text.as_bytes()).expect("a well-formed trace")
    }

    fn refusal(text: &str) -> (usize, String) {
        let bad = parse(text.as_bytes()).expect_err("a malformed trace");
        (bad.line, bad.what)
    }

    #[test]
    fn tokens_start_at_zero_and_keep_seven_digits() {
        let text = format!(
            "{TOKENS}\r\n2023-11-16 23:59:59.9799600,4808,10\r\n2023-11-17 00:00:00.0319601,3,8\r\n"
        );
        let cost = |context, generated| Cost::Tokens { context, generated };
        assert_eq!(
            rows(&text),
            [
                Row { at: Duration::ZERO, cost: cost(4808, 10) },
                Row { at: Duration::from_nanos(52_000_100), cost: cost(3, 8) },
            ]
        );
    }

    #[test]
    fn timed_rows_keep_their_own_zero_and_are_put_in_order() {
        let run = |ms| Cost::Run(Duration::from_millis(ms));
        assert_eq!(
            rows("\u{feff}arrival_ms, run_ms\n20.5, 7\n10,5\n\n"),
            [
                Row { at: Duration::from_millis(10), cost: run(5) },
                Row { at: Duration::from_micros(20_500), cost: run(7) },
            ]
        );
    }

    #[test]
    fn a_malformed_line_is_named() {
        let cases = [
            ("", 0, "no arrivals"),
            ("arrival_ms,run_ms\n", 0, "no arrivals"),
            ("when,what\n1,2\n", 1, "the header must be"),
            ("arrival_ms,run_ms\n1,2\n1,x\n", 3, "run_ms: 'x' is not a number"),
            ("arrival_ms,run_ms\n-1,2\n", 2, "arrival_ms: '-1' is not between"),
            ("arrival_ms,run_ms\nNaN,2\n", 2, "arrival_ms: 'NaN' is not between"),
            ("arrival_ms,run_ms\n1,inf\n", 2, "run_ms: 'inf' is not between"),
            ("arrival_ms,run_ms\n1,2,3\n", 2, "expected 2 fields, found 3"),
            ("TIMESTAMP,ContextTokens,GeneratedTokens\n1,2\n", 2, "expected 3 fields, found 2"),
        ];
        for (text, line, what) in cases {
            let (at, message) = refusal(text);
            assert_eq!(at, line, "{text:?}");
            assert!(message.contains(what), "{text:?} gave {message:?}");
        }
    }

    #[test]
    fn a_timestamp_is_a_date_that_exists() {
        let good = ["2024-02-29 00:00:00", "2023-11-16T18:17:03.9799600Z"];
        let good_too = ["2000-02-29 23:59:60.000000001", "2024-05-10 00:00:00.009930+00:00"];
        for text in good.into_iter().chain(good_too) {
            assert!(timestamp(text).is_some(), "{text}");
        }
        for text in [
            "2023-02-29 00:00:00",
            "2100-02-29 00:00:00",
            "2023-13-01 00:00:00",
            "2023-11-16 24:00:00",
            "2023-11-16 18:17",
            "2023-11-16 18:17:03.",
            "2023-11-16 18:17:03.0123456789",
            "2023-11-16 18:17:+3",
            "2023-11-16",
            "",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_counted_across_leap_years() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 3, 1), 11_017);
        assert_eq!(days_since_1970(2023, 11, 16), 19_677);
    }
}
