//! The command line: what may be typed, and what it means.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::typed::{Refusal, number, seed, speed, time, workers};

const LONG_ABOUT: &str = "\
Runs one load under several laws of scaling, in virtual time, and compares what each makes of it: \
how long jobs wait, what the workers cost, how often the pool changes its mind. The law named ours \
is the default policy of this crate, driven through the same samples that the pool builds; the \
others are those of other systems, on the same pool and the same machine. \
--set and --sweep try other constants.

The same arguments give the same numbers, on every machine.";

const AFTER_LONG_HELP: &str = "\
Examples:
  policy_lab --scenario step --laws all --report
  policy_lab --trace FILE --work cpu --cores 2.5 --workers 2..=32 --queue-capacity 10000
  policy_lab --scenario periodic --set keep_alive=30s --set spare=4
  policy_lab --scenario io-mmpp --sweep target_wait=1ms..100ms:5 --seeds 9

Traces:
  --trace reads a CSV file with one of three headers:

    TIMESTAMP,ContextTokens,GeneratedTokens     2023-11-16 18:17:03.9799600,4808,10
    arrival_ms,run_ms                           1250.5,40
    arrival_ms,run_ms,cpu_ms                    1250.5,40,2.5

  The first is the form of the Azure LLM inference traces; there a job sleeps for 50 ms + 20 ms for
  each generated token, or with --work cpu computes for 2 ms + 1 us for each context token + 50 us
  for each generated one. Without --work a job computes for the cpu_ms of its row and sleeps for the
  rest; where the file does not say, it sleeps throughout.
  A run goes on for 60 s after the last arrival, and workers that are kept meanwhile are part of the
  cost: record for some minutes at least, or compare costs with each other only.

Words:
  >            marks our law with no constant changed
  over target  jobs that waited for longer than --target, or were refused
  cost         seconds that workers existed for each second of work; 1 is the least
  needed       workers of use at once if there is always one for a job: those that sleep in a job,
               and of those that compute as many as there are cores; of needed is the peak of
               workers, divided by it
  flap         a thread started at most 30 s after one was retired
  reversals    changes of direction in the number of workers
  settled      from the step of a load until 0.1 s pass in which no job waits too long
  looks a s    times a second that the clock made the law look
  run queue    seconds that workers wanted a core for each second on one: waits that a law moves
               from its own queue to that of the system
  dominates    is no worse in p99 wait, p99 sojourn, cost, starts and jobs left undone, and better
               in one of them; numbers within 2 % or 0.1 ms are alike
  With --seeds each number is the median, with the least and the most below it.

For reference:
  Nobody waits less than under as many workers as allowed where jobs only sleep, and nobody does
  more than one worker for each core where they only compute. The clairvoyant has a worker for each
  job at once and knows when the next job comes: it keeps a worker only where that is worth it,
  with as many starts as ours. Only a law that lets jobs wait can cost less.
  Jobs only sleep, or only compute, if the other is less than 5 % of the work. With other loads both
  fixed sizes are there, and no clairvoyant.

Times:
  A time is a number and a unit, as in 500us, 20ms, 5s or 1h; a bare number is seconds.

Exit status: 0, 1 if a result could not be written, 2 if the input is wrong.";

/// Compares laws of scaling on one load, in virtual time.
#[derive(Debug, Parser)]
#[command(name = "policy_lab", long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
#[command(disable_version_flag = true)]
pub(crate) struct Args {
    /// Compare on the load of this name; --list shows them
    #[arg(long, value_name = "NAME", conflicts_with = "trace")]
    pub(crate) scenario: Option<String>,
    /// Compare on the arrivals in this CSV file; --help shows its form
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// What the jobs of a trace do with their time [default: what the trace says]
    #[arg(long, value_name = "KIND")]
    pub(crate) work: Option<WorkArg>,
    /// The jobs of a trace arrive this many times faster [default: 1]
    #[arg(long, value_name = "X", value_parser = speed, allow_hyphen_values = true)]
    pub(crate) speed: Option<f64>,
    /// Show all loads, laws and constants
    #[arg(long, conflicts_with_all = ["scenario", "trace"])]
    pub(crate) list: bool,

    /// The laws, with commas between them, or `all` [default: ours and the best known]
    #[arg(long, value_name = "NAMES")]
    pub(crate) laws: Option<String>,
    /// Change a constant in a variant of our law; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Run our law with each of several values of one constant
    #[arg(long, value_name = "KEY=A..B[:STEPS]")]
    pub(crate) sweep: Option<String>,

    /// Cores, fractions allowed [default: the scenario's, 4 for a trace]
    #[arg(long, value_name = "N", value_parser = cores, allow_hyphen_values = true)]
    pub(crate) cores: Option<f64>,
    /// The fewest and the most workers [default: the scenario's, 2..=256 for a trace]
    #[arg(long, value_name = "MIN..=MAX", value_parser = workers, allow_hyphen_values = true)]
    pub(crate) workers: Option<RangeInclusive<usize>>,
    /// How many jobs may wait in the queue [default: the scenario's, any for a trace]
    #[arg(long, value_name = "N", value_parser = capacity, allow_hyphen_values = true)]
    pub(crate) queue_capacity: Option<u64>,
    /// The wait that a job should see at most [default: 10ms]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub(crate) target: Option<Duration>,
    /// How long a worker may have nothing to do [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub(crate) keep_alive: Option<Duration>,
    /// The same seed makes the same load
    #[arg(long, value_name = "N", value_parser = seed, default_value = "1")]
    pub(crate) seed: u64,
    /// Run with so many seeds, from --seed on
    #[arg(long, value_name = "N", value_parser = seeds, default_value = "1")]
    #[arg(allow_hyphen_values = true)]
    pub(crate) seeds: u64,

    /// Write a page with pictures [default when given without a name: policy_lab.html]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "policy_lab.html")]
    pub(crate) report: Option<PathBuf>,
    /// Draw how each law went through the load, as one small SVG: workers and longest waits
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
    /// Write the numbers to this file as one JSON object
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// `--work`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkArg {
    /// Jobs sleep.
    Blocking,
    /// Jobs compute.
    Cpu,
}

impl Args {
    /// What no single argument can see.
    fn check(self) -> Result<Args, String> {
        if !self.list && self.scenario.is_none() && self.trace.is_none() {
            return Err("no load; give --scenario NAME or --trace FILE, or see --list".into());
        }
        let of_a_trace = [("--work", self.work.is_some()), ("--speed", self.speed.is_some())];
        if let Some((name, _)) = of_a_trace.iter().find(|(_, is_given)| *is_given)
            && self.trace.is_none()
        {
            return Err(format!("{name}: needs --trace"));
        }
        if self.trace.is_some() && self.seeds > 1 {
            return Err("--seeds: a trace is the same with every seed".into());
        }
        if self.seed.checked_add(self.seeds).is_none() {
            return Err("--seed: leaves no room for the seeds after it".into());
        }
        Ok(self)
    }
}

/// Reads a command line, the name of the program first.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Args, Refusal> {
    let args = Args::try_parse_from(line).map_err(Refusal::of)?;
    args.check().map_err(Refusal::Wrong)
}

fn cores(text: &str) -> Result<f64, String> {
    number(text, 0.01..=4096.0, "must be from 0.01 to 4096")
}

fn capacity(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("leaves no room for a job".into()),
        Ok(n) => Ok(n),
        Err(_) => Err("is not a number of jobs".into()),
    }
}

fn seeds(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(n @ 1..=1_000) => Ok(n),
        Ok(_) => Err("must be from 1 to 1000".into()),
        Err(_) => Err("is not a whole number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args, String> {
        let words = std::iter::once("policy_lab").chain(line.split_whitespace());
        parse(words.map(OsString::from)).map_err(|refusal| match refusal {
            Refusal::Wrong(line) => line,
            Refusal::Help(_) => panic!("{line} asks for help"),
        })
    }

    #[test]
    fn everything_can_be_said() {
        let args = parsed(
            "--trace a.csv --work cpu --speed 20 --laws ours,tokio --set spare=2 --set hog_age=1s \
             --sweep spare=1..4 --cores 2.5 --workers 1..=8 --queue-capacity 100 --target 5ms \
             --keep-alive 3s --seed 9 --report --picture out.svg --json out.json",
        )
        .unwrap();
        assert_eq!((args.work, args.cores), (Some(WorkArg::Cpu), Some(2.5)));
        assert_eq!((args.workers, args.queue_capacity), (Some(1..=8), Some(100)));
        assert_eq!(args.set, ["spare=2", "hog_age=1s"]);
        assert_eq!(args.report, Some(PathBuf::from("policy_lab.html")));
        assert_eq!(args.picture, Some(PathBuf::from("out.svg")));
        assert!(parsed("--list").unwrap().list);
    }

    #[test]
    fn a_wrong_argument_is_named_on_one_line() {
        let none = "no load; give --scenario NAME or --trace FILE, or see --list";
        for (line, expected) in [
            ("", none),
            ("--laws ours", none),
            ("--scenario a --trace b", "--scenario: cannot be used with --trace"),
            ("--scenario a --speed 2", "--speed: needs --trace"),
            ("--scenario a --work cpu", "--work: needs --trace"),
            ("--trace a --seeds 3", "--seeds: a trace is the same with every seed"),
            ("--scenario a --seeds 0", "--seeds: '0' must be from 1 to 1000"),
            ("--scenario a --cores 0", "--cores: '0' must be from 0.01 to 4096"),
            ("--scenario a --queue-capacity 0", "--queue-capacity: '0' leaves no room for a job"),
            ("--scenario a --seed 1 --seed 2", "--seed: was given twice"),
        ] {
            let message = parsed(line).expect_err(line);
            assert!(message.starts_with(expected), "{line} gave {message:?}");
            assert_eq!(message.lines().count(), 1, "{message:?}");
        }
    }
}
