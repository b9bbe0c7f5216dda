//! Loads that were recorded: reading and writing them, and making jobs of them.
//!
//! A trace is a CSV file in one of three forms; the header says which:
//!
//! - `TIMESTAMP,ContextTokens,GeneratedTokens`: one request to a language model a row, as in the
//!   Azure LLM inference traces. The first row arrives at time zero.
//! - `arrival_ms,run_ms`: one job a row, in milliseconds since the start, fractions allowed.
//! - `arrival_ms,run_ms,cpu_ms`: the same with the time that the job spent on a core within its
//!   run. An empty field means that it is not known.
//!
//! ```
//! use springtide::sim::trace;
//! use std::time::Duration;
//!
//! let recorded = "arrival_ms,run_ms,cpu_ms\n0,20,0.5\n12.5,8,8\n";
//! let rows = trace::parse(recorded.as_bytes())?;
//! let jobs = trace::as_recorded(&rows);
//! assert_eq!(jobs[0].sleep, Duration::from_micros(19_500));
//! assert_eq!(jobs[1].compute, Duration::from_millis(8));
//!
//! let mut written = Vec::new();
//! trace::write(&rows, &mut written)?;
//! assert_eq!(written, recorded.as_bytes());
//!
//! let wrong = trace::parse("arrival_ms,run_ms\n0,1\n5,soon\n".as_bytes()).unwrap_err();
//! assert_eq!(wrong.to_string(), "3: run_ms: 'soon' is not a number");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod stamp;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::job::{JOBS_MAX, Job};

/// How much faster than recorded requests to a language model arrive when they are
/// [computed](computing): such a job is that much shorter than the request was.
pub const COMPUTING_SPEED: u32 = 20;

const TOKENS_HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens";
const TIMED_HEADER: &str = "arrival_ms,run_ms";
const CPU_HEADER: &str = "arrival_ms,run_ms,cpu_ms";
/// The latest arrival and the longest run time that a row may ask for: thirty days.
const MS_MAX: f64 = 30.0 * 86_400_000.0;

/// One recorded arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Since the start of the trace.
    pub at: Duration,
    /// The size of the job.
    pub cost: Cost,
}

/// What a trace says about the size of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A request to a language model.
    Tokens {
        /// What it read.
        context: u32,
        /// What it wrote.
        generated: u32,
    },
    /// A job that was measured.
    Timed {
        /// From its start to its end.
        run: Duration,
        /// How much of that it spent on a core, where that is known.
        cpu: Option<Duration>,
    },
}

impl Cost {
    /// The run time of a job that stands in for it and sleeps: 50 ms, and 20 ms for each token
    /// that is generated. A job that was measured runs as long as it did.
    ///
    /// ```
    /// # use springtide::sim::trace::Cost;
    /// let cost = Cost::Tokens { context: 1_000, generated: 10 };
    /// assert_eq!((cost.asleep().as_millis(), cost.computing().as_micros()), (250, 3_500));
    /// ```
    pub fn asleep(&self) -> Duration {
        match *self {
            Cost::Timed { run, .. } => run,
            Cost::Tokens { generated, .. } => {
                Duration::from_millis(50) + Duration::from_millis(20) * generated
            }
        }
    }

    /// The run time of a job that stands in for it and computes: 2 ms, 1 µs for each token of
    /// context and 50 µs for each that is generated, about what such a request costs beside the
    /// model. A job that was measured runs as long as it did.
    pub fn computing(&self) -> Duration {
        match *self {
            Cost::Timed { run, .. } => run,
            Cost::Tokens { context, generated } => {
                Duration::from_millis(2)
                    + Duration::from_micros(1) * context
                    + Duration::from_micros(50) * generated
            }
        }
    }
}

/// Jobs that sleep for the [run time](Cost::asleep) of each row.
///
/// ```
/// use springtide::sim::{Job, trace};
/// use std::time::Duration;
///
/// let header = "TIMESTAMP,ContextTokens,GeneratedTokens";
/// let rows = format!("{header}\n2030-01-01 10:00:00,900,1\n2030-01-01 10:00:04,5,2\n");
/// let jobs = trace::blocking(&trace::parse(rows.as_bytes())?);
/// assert_eq!(jobs[1], Job::asleep(Duration::from_secs(4), Duration::from_millis(90)));
/// # Ok::<(), trace::TraceError>(())
/// ```
pub fn blocking(rows: &[Row]) -> Vec<Job> {
    rows.iter().map(|row| Job::asleep(row.at, row.cost.asleep())).collect()
}

/// Jobs that compute for the [run time](Cost::computing) of each row. Requests to a language
/// model arrive [20 times](COMPUTING_SPEED) faster than they did, measured jobs when they did.
pub fn computing(rows: &[Row]) -> Vec<Job> {
    let at = |row: &Row| match row.cost {
        Cost::Tokens { .. } => row.at / COMPUTING_SPEED,
        Cost::Timed { .. } => row.at,
    };
    rows.iter().map(|row| Job::computing(at(row), row.cost.computing())).collect()
}

/// Jobs that compute for as long as theirs were on a core and sleep for the rest of their run;
/// all of it where the trace does not know better.
pub fn as_recorded(rows: &[Row]) -> Vec<Job> {
    let job = |row: &Row| match row.cost {
        Cost::Timed { run, cpu: Some(cpu) } => {
            // The two come from two clocks, of which one may be ahead by a tick.
            let compute = cpu.min(run);
            Job { sleep: run - compute, ..Job::computing(row.at, compute) }
        }
        cost => Job::asleep(row.at, cost.asleep()),
    };
    rows.iter().map(job).collect()
}

/// What is wrong with a trace; displays as one line, `file:line: what`, with as much of that as
/// there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    file: Option<PathBuf>,
    line: Option<usize>,
    what: String,
}

impl TraceError {
    /// The line that is wrong, counted from one; none if it is the file as a whole.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    fn of_file(what: impl Display) -> TraceError {
        TraceError { file: None, line: None, what: what.to_string() }
    }

    fn at(index: usize, what: impl Display) -> TraceError {
        TraceError { line: Some(index + 1), ..TraceError::of_file(what) }
    }
}

impl Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}: ", file.display())?,
            (Some(file), None) => write!(f, "{}: ", file.display())?,
            (None, Some(line)) => write!(f, "{line}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.what)
    }
}

impl Error for TraceError {}

/// Reads a trace from a file, in order of arrival.
///
/// # Errors
///
/// If the file cannot be read, or as [`parse`]; the error names the file.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Row>, TraceError> {
    let path = path.as_ref();
    let rows = File::open(path).map_err(TraceError::of_file);
    rows.and_then(|input| parse(BufReader::new(input)))
        .map_err(|wrong| TraceError { file: Some(path.to_owned()), ..wrong })
}

/// Reads a trace, in order of arrival.
///
/// # Errors
///
/// At the first line that is not as the header says, if there is no row at all, or if there are
/// more than [`JOBS_MAX`].
pub fn parse(input: impl BufRead) -> Result<Vec<Row>, TraceError> {
    let mut rows = Vec::new();
    let mut form = None;
    for (index, text) in input.lines().enumerate() {
        let wrong = |what: String| TraceError::at(index, what);
        let text = text.map_err(|e| wrong(e.to_string()))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        match form {
            None => form = Some(header(text).map_err(wrong)?),
            Some(_) if text.is_empty() => {}
            Some(_) if rows.len() == JOBS_MAX => {
                return Err(wrong(format!("more than {JOBS_MAX} jobs")));
            }
            Some(form) => rows.push(row(form, text).map_err(wrong)?),
        }
    }
    if rows.is_empty() {
        return Err(TraceError::of_file("holds no arrivals"));
    }
    rows.sort_by_key(|row| row.at);
    if matches!(form, Some(Form::Tokens)) {
        let first = rows[0].at;
        rows.iter_mut().for_each(|row| row.at -= first);
    }
    Ok(rows)
}

#[derive(Clone, Copy)]
enum Form {
    Tokens,
    Timed,
    TimedWithCpu,
}

fn header(text: &str) -> Result<Form, String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if plain.eq_ignore_ascii_case(TOKENS_HEADER) {
        Ok(Form::Tokens)
    } else if plain.eq_ignore_ascii_case(TIMED_HEADER) {
        Ok(Form::Timed)
    } else if plain.eq_ignore_ascii_case(CPU_HEADER) {
        Ok(Form::TimedWithCpu)
    } else {
        let found: String = text.chars().take(60).collect();
        Err(format!(
            "the header must be '{TOKENS_HEADER}', '{TIMED_HEADER}' or '{CPU_HEADER}', \
             not '{found}'"
        ))
    }
}

fn row(form: Form, text: &str) -> Result<Row, String> {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    match (form, fields.as_slice()) {
        (Form::Tokens, [at, context, generated]) => Ok(Row {
            at: stamp::parse(at)
                .ok_or_else(|| wrong("TIMESTAMP", at, "YYYY-MM-DD HH:MM:SS.fff"))?,
            cost: Cost::Tokens {
                context: tokens("ContextTokens", context)?,
                generated: tokens("GeneratedTokens", generated)?,
            },
        }),
        (Form::Timed, [at, run]) => timed(at, run, ""),
        (Form::TimedWithCpu, [at, run, cpu]) => timed(at, run, cpu),
        (Form::Timed, _) => Err(format!("expected 2 fields, found {}", fields.len())),
        _ => Err(format!("expected 3 fields, found {}", fields.len())),
    }
}

fn timed(at: &str, run: &str, cpu: &str) -> Result<Row, String> {
    let at = millis("arrival_ms", at)?;
    let run = millis("run_ms", run)?;
    let cpu = match cpu {
        "" => None,
        cpu => Some(millis("cpu_ms", cpu)?),
    };
    Ok(Row { at, cost: Cost::Timed { run, cpu } })
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

/// Writes measured jobs as a trace that [`read`] reads to the same rows: `arrival_ms,run_ms`, and
/// `cpu_ms` where a row knows it. Hand in a buffered writer; rows need no order.
///
/// # Errors
///
/// If the writer fails, or with [`io::ErrorKind::InvalidInput`] for a row of tokens, which has no
/// run time; nothing is written then.
pub fn write(rows: &[Row], mut to: impl Write) -> io::Result<()> {
    let mut timed = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let Cost::Timed { run, cpu } = row.cost else {
            let what = format!("row {} has tokens instead of a run time", index + 1);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        };
        timed.push((row.at, run, cpu));
    }
    let with_cpu = timed.iter().any(|(_, _, cpu)| cpu.is_some());
    writeln!(to, "{}", if with_cpu { CPU_HEADER } else { TIMED_HEADER })?;
    for (at, run, cpu) in timed {
        write!(to, "{},{}", Millis(at), Millis(run))?;
        match cpu {
            Some(cpu) => writeln!(to, ",{}", Millis(cpu))?,
            None if with_cpu => writeln!(to, ",")?,
            None => writeln!(to)?,
        }
    }
    to.flush()
}

/// Milliseconds with as many digits as there are, down to the nanosecond.
struct Millis(Duration);

impl Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, nanos) = (self.0.as_millis(), self.0.subsec_nanos() % 1_000_000);
        match nanos {
            0 => write!(f, "{whole}"),
            _ => f.write_str(format!("{whole}.{nanos:06}").trim_end_matches('0')),
        }
    }
}
