//! The command line: what may be typed, what it means, and one clear line when it is wrong.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::load::{Mix, Pattern};
use crate::resize::Resize;
use crate::typed::{Refusal, name_of, number, positive, seed, speed, time, workers};

/// How long the demo takes unless `--duration` says otherwise.
pub(crate) const DEMO_SPAN: Duration = Duration::from_secs(20);
/// How long a pattern takes unless `--duration` says otherwise.
pub(crate) const PATTERN_SPAN: Duration = Duration::from_secs(30);
/// The demo's keep-alive: short, so that the pool is seen to fall as well as to rise.
pub(crate) const DEMO_KEEP_ALIVE: Duration = Duration::from_secs(1);

const LONG_ABOUT: &str = "\
Offers jobs to a thread pool at fixed times, whatever the pool does, and reports what became of \
each. A wait counts from the moment a job was meant to arrive, so that a stall cannot hide itself.

Without --pattern or --trace this is a demo of 20 seconds: a trickle of short calls, a burst, a \
step of blocking calls, three bursts of processor work, and a trickle again. Other programs that \
keep the cores busy show in its waits.";

const AFTER_LONG_HELP: &str = "\
Traces:
  --trace reads a CSV file with one of three headers:

    TIMESTAMP,ContextTokens,GeneratedTokens     2023-11-16 18:17:03.9799600,4808,10
    arrival_ms,run_ms                           1250.5,40
    arrival_ms,run_ms,cpu_ms                    1250.5,40,2.5

  The first is the form of the Azure LLM inference trace 2023, which Microsoft publishes at
  https://github.com/Azure/AzurePublicDataset (data/AzureLLMInferenceTrace_code.csv and
  ..._conv.csv, CC-BY 4.0; Patel et al., \"Splitwise\", ISCA 2024). Its rows become
    blocking jobs that sleep for 50 ms + 20 ms for each generated token;
    cpu jobs that spin for 2 ms + 1 us for each context token + 50 us for each generated token,
      arriving 20 times faster than recorded unless --speed says otherwise.

Times:
  A time is a number and a unit, as in 500ms, 20s, 5m or 1h; a bare number is seconds.
  --duration is in the time of the load, before --speed compresses it: --duration 10m --speed 60
  takes ten seconds. --target-wait and --keep-alive are real time, always.

Trouble:
  Which jobs panic or get stuck is fixed ahead by the seed, and a seed means the same arrivals with
  trouble and without. A job panics at its end. A stuck job does not hear its timeout and sleeps
  for four times as long; after twice the timeout the pool counts it as stuck.
  --timeout is real time. --resize is in the time of the load, as --duration is, and may be given
  more than once: --resize 10s:8..=16 --resize 20s:2..=64.

Words:
  A wait is the time from the arrival of a job to its start, a run the time from there to its end,
  a sojourn both together.
  A flap is a thread started at most 30 s (divided by --speed) after a thread was retired: one
  that could have been kept. The counts come from samples; within one, retirements go first.

Exit status: 0, 1 if a job was lost or a result could not be written, 2 if the input is wrong.";

/// Offers jobs to a thread pool at fixed times and reports what became of each.
#[derive(Debug, Parser)]
#[command(name = "load_test", long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
#[command(disable_version_flag = true)]
pub(crate) struct Args {
    /// Generate arrivals of this shape
    #[arg(long, value_name = "SHAPE", conflicts_with = "trace")]
    pub(crate) pattern: Option<Pattern>,
    /// Replay the arrivals of this CSV file; --help shows its form
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// What a job does with its time [default: what a trace says, else blocking]
    #[arg(long, value_name = "KIND")]
    pub(crate) work: Option<Mix>,
    /// Jobs a second in a pattern [default: 200]
    #[arg(long, value_name = "N", value_parser = positive, allow_hyphen_values = true)]
    pub(crate) rate: Option<f64>,
    /// The mean run time of a job in a pattern [default: 50ms]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub(crate) run: Option<Duration>,
    /// How much of the load to offer [default: the whole trace, 30s of a pattern]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub(crate) duration: Option<Duration>,
    /// Compress time: jobs arrive this many times faster [default: 1; --help says when not]
    #[arg(long, value_name = "X", value_parser = speed, allow_hyphen_values = true)]
    pub(crate) speed: Option<f64>,
    /// Multiply every run time by this
    #[arg(long, value_name = "X", value_parser = time_scale, default_value = "1")]
    #[arg(allow_hyphen_values = true)]
    pub(crate) time_scale: f64,
    /// The same seed makes the same load
    #[arg(long, value_name = "N", value_parser = seed, default_value = "1")]
    pub(crate) seed: u64,

    /// How many of the jobs panic, as in 2%
    #[arg(long, value_name = "SHARE", value_parser = share, allow_hyphen_values = true)]
    pub(crate) panic: Option<f64>,
    /// How many of the jobs outrun a timeout and keep their worker, as in 1%
    #[arg(long, value_name = "SHARE", value_parser = share, allow_hyphen_values = true)]
    pub(crate) stuck: Option<f64>,
    /// The timeout of those jobs [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub(crate) timeout: Option<Duration>,
    /// Change the fewest and the most workers during the load, as in 10s:8..=16
    #[arg(long, value_name = "TIME:MIN..=MAX", value_parser = resize, allow_hyphen_values = true)]
    pub(crate) resize: Vec<Resize>,

    /// The fewest and the most workers
    #[arg(long, value_name = "MIN..=MAX", value_parser = workers, default_value = "2..=64")]
    #[arg(allow_hyphen_values = true)]
    pub(crate) workers: RangeInclusive<usize>,
    /// How many jobs may wait, or `unbounded`
    #[arg(long, value_name = "N", value_parser = queue, default_value = "10000")]
    #[arg(allow_hyphen_values = true)]
    pub(crate) queue: Queue,
    /// What to do with a job when the queue is full
    #[arg(long, value_name = "HOW", default_value = "block")]
    pub(crate) overflow: OverflowArg,
    /// Who decides how many workers there are
    #[arg(long, value_name = "NAME", default_value = "predicted-wait")]
    pub(crate) policy: PolicyArg,
    /// The wait that the policy aims for [default: 10ms]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub(crate) target_wait: Option<Duration>,
    /// How long a worker may have nothing to do [default: 10s, in the demo 1s]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub(crate) keep_alive: Option<Duration>,

    /// Serve Prometheus metrics at http://ADDR/metrics during the run, as in 127.0.0.1:9100
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Go on serving them for so long after the run, for a last scrape or two
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) linger: Option<Duration>,
    /// Write the numbers to this file as one JSON object
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the load that was offered to this CSV file: arrival_ms,run_ms,cpu_ms
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Write a page with pictures to index.html in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
}

/// `--queue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Bounded(usize),
    Unbounded,
}

/// `--overflow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OverflowArg {
    /// Hold up the generator; the wait of the jobs behind it counts all the same.
    Block,
    /// Refuse the job.
    Reject,
    /// Run the job on the generator's thread.
    CallerRuns,
}

/// `--policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyArg {
    /// Start workers when jobs would wait longer than the target.
    PredictedWait,
    /// Follow the length of the queue.
    QueueDepth,
    /// Keep the number of workers as it is.
    Fixed,
}

impl Args {
    /// Whether nobody said what load to offer.
    pub(crate) fn is_demo(&self) -> bool {
        self.pattern.is_none() && self.trace.is_none()
    }

    /// What is run, in a few words.
    pub(crate) fn title(&self) -> String {
        match (&self.trace, self.pattern) {
            (Some(path), _) => {
                let file = path.file_name().unwrap_or(path.as_os_str());
                format!("Load test: replay of {}", file.to_string_lossy())
            }
            (None, Some(pattern)) => format!("Load test: {} arrivals", name_of(&pattern)),
            (None, None) => "Load test: the demo".into(),
        }
    }

    /// What it is run with, defaults included.
    pub(crate) fn settings(&self, speed: f64) -> String {
        let mut settings = vec![
            format!("workers {}..={}", self.workers.start(), self.workers.end()),
            match self.queue {
                Queue::Bounded(jobs) => format!("queue {jobs}"),
                Queue::Unbounded => "queue unbounded".into(),
            },
            format!("overflow {}", name_of(&self.overflow)),
            format!("policy {}", name_of(&self.policy)),
        ];
        settings.extend(self.target_wait.map(|wait| format!("target wait {wait:?}")));
        settings.extend(self.keep_alive.map(|time| format!("keep-alive {time:?}")));
        settings.extend(self.work.map(|mix| format!("{} jobs", name_of(&mix))));
        settings.extend(self.rate.map(|rate| format!("{rate} jobs a second")));
        settings.extend(self.run.map(|run| format!("mean run {run:?}")));
        settings.push(format!("speed {speed}"));
        settings.push(format!("time scale {}", self.time_scale));
        settings.push(format!("seed {}", self.seed));
        settings.extend(self.panic.map(|share| format!("{share} % panic")));
        settings.extend(self.stuck.map(|share| format!("{share} % stuck")));
        settings.extend(self.timeout.map(|time| format!("timeout {time:?}")));
        settings.extend(self.resize.iter().map(|Resize { at, workers }| {
            format!("{}..={} workers at {at:?}", workers.start(), workers.end())
        }));
        settings.join(" · ")
    }

    /// What no single argument can see.
    fn check(self) -> Result<Args, String> {
        let trouble = self.panic.unwrap_or(0.0) + self.stuck.unwrap_or(0.0);
        let is_fixed = self.pattern.is_none();
        let fixed = "needs --pattern; a trace and the demo have their own";
        let rules = [
            (self.work.is_some() && self.is_demo(), "--work", "needs --pattern or --trace"),
            (self.linger.is_some() && self.metrics.is_none(), "--linger", "needs --metrics"),
            (self.timeout.is_some() && self.stuck.is_none(), "--timeout", "needs --stuck"),
            (trouble > 100.0, "--stuck", "makes more than 100% with --panic"),
            (self.rate.is_some() && is_fixed, "--rate", fixed),
            (self.run.is_some() && is_fixed, "--run", fixed),
        ];
        match rules.into_iter().find(|(is_broken, ..)| *is_broken) {
            Some((_, argument, why)) => Err(format!("{argument}: {why}")),
            None => Ok(self),
        }
    }
}

/// Reads a command line, the name of the program first.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Args, Refusal> {
    let args = Args::try_parse_from(line).map_err(Refusal::of)?;
    args.check().map_err(Refusal::Wrong)
}

fn time_scale(text: &str) -> Result<f64, String> {
    number(text, 0.0..=1e6, "must be from 0 to 1 million")
}

/// In per cent.
fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number {
        Some(share) if (0.0..=100.0).contains(&share) => Ok(share),
        Some(_) => Err("must be from 0% to 100%".into()),
        None => Err("is not a share such as 2%".into()),
    }
}

fn resize(text: &str) -> Result<Resize, String> {
    let (at, bounds) = text.split_once(':').ok_or("is not TIME:MIN..=MAX, as in 10s:8..=16")?;
    let of = |part: &str, why: String| format!("names '{part}', which {why}");
    Ok(Resize {
        at: time(at).map_err(|why| of(at, why))?,
        workers: workers(bounds).map_err(|why| of(bounds, why))?,
    })
}

fn queue(text: &str) -> Result<Queue, String> {
    match text.parse() {
        _ if text == "unbounded" => Ok(Queue::Unbounded),
        Ok(n) if n > 0 => Ok(Queue::Bounded(n)),
        Ok(_) => Err("leaves no room for a job".into()),
        Err(_) => Err("is not a number of jobs or 'unbounded'".into()),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        Ok(_) => Err("is not an address of this machine alone, such as 127.0.0.1:9100".into()),
        Err(_) => Err("is not an address such as 127.0.0.1:9100".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args, String> {
        let words = std::iter::once("load_test").chain(line.split_whitespace());
        parse(words.map(OsString::from)).map_err(|refusal| match refusal {
            Refusal::Wrong(line) => line,
            Refusal::Help(_) => panic!("{line} asks for help"),
        })
    }

    #[test]
    fn nothing_said_is_the_demo() {
        let args = parsed("").unwrap();
        assert!(args.is_demo());
        assert_eq!(args.workers, 2..=64);
        assert_eq!(args.queue, Queue::Bounded(10_000));
    }

    #[test]
    fn everything_can_be_said() {
        let args = parsed(
            "--pattern heavy-tail --work mixed --rate 50 --run 5ms --duration 1.5m --speed 2 \
             --time-scale 0.5 --seed 9 --workers 1..=8 --queue unbounded --overflow caller-runs \
             --policy queue-depth --target-wait 20ms --keep-alive 3s --metrics 127.0.0.1:0 \
             --panic 2.5% --stuck 1% --timeout 200ms --resize 10s:8..=16 --resize 20s:1..=8 \
             --linger 1s --json out.json --report out",
        )
        .unwrap();
        assert_eq!(args.pattern, Some(Pattern::HeavyTail));
        assert_eq!(args.duration, Some(Duration::from_secs(90)));
        assert_eq!((args.queue, args.workers.clone()), (Queue::Unbounded, 1..=8));
        assert_eq!(args.overflow, OverflowArg::CallerRuns);
        assert_eq!(args.policy, PolicyArg::QueueDepth);
        assert_eq!((args.panic, args.stuck), (Some(2.5), Some(1.0)));
        assert_eq!(args.timeout, Some(Duration::from_millis(200)));
        let resize = |s, workers| Resize { at: Duration::from_secs(s), workers };
        assert_eq!(args.resize, [resize(10, 8..=16), resize(20, 1..=8)]);
        let settings = args.settings(2.0);
        assert!(settings.ends_with(
            "2.5 % panic · 1 % stuck · timeout 200ms · 8..=16 workers at 10s · 1..=8 workers at 20s"
        ));
    }

    #[test]
    fn a_wrong_argument_is_named_on_one_line() {
        let shapes = "steady, step, burst, sine, heavy-tail";
        let cases = [
            ("--pattern wave", format!("--pattern: 'wave' is not one of {shapes}")),
            ("--pattern", "--pattern: a value is missing".into()),
            ("--speed -1", "--speed: '-1' must be from 0.001 to 1 million".into()),
            ("--speed fast", "--speed: 'fast' is not a number".into()),
            ("--time-scale NaN", "--time-scale: 'NaN' must be from 0 to 1 million".into()),
            (
                "--workers 8..=2",
                "--workers: '8..=2' has its lower bound above its upper bound".into(),
            ),
            ("--workers 0..=0", "--workers: '0..=0' leaves no worker at all".into()),
            ("--workers 2-8", "--workers: '2-8' is not MIN..=MAX, as in 2..=64".into()),
            ("--queue 0", "--queue: '0' leaves no room for a job".into()),
            ("--queue -5", "--queue: '-5' is not a number of jobs or 'unbounded'".into()),
            ("--duration 5d", "--duration: '5d' is not a time such as 500ms, 20s, 5m or 1h".into()),
            ("--duration 0s", "--duration: '0s' must be above zero".into()),
            ("--duration -3s", "--duration: '-3s' must be above zero".into()),
            (
                "--duration inf",
                "--duration: 'inf' is not a time such as 500ms, 20s, 5m or 1h".into(),
            ),
            ("--metrics nine", "--metrics: 'nine' is not an address such as 127.0.0.1:9100".into()),
            (
                "--metrics 0.0.0.0:9100",
                "--metrics: '0.0.0.0:9100' is not an address of this machine alone".into(),
            ),
            ("--seed x", "--seed: 'x' is not a whole number".into()),
            ("--colour", "--colour: there is no such argument; see --help".into()),
            ("--trace a --pattern sine", "--trace: cannot be used with --pattern".into()),
            ("--seed 1 --seed 2", "--seed: was given twice".into()),
            ("--work cpu", "--work: needs --pattern or --trace".into()),
            ("--linger 1s", "--linger: needs --metrics".into()),
            ("--panic 2", "--panic: '2' is not a share such as 2%".into()),
            ("--panic NaN%", "--panic: 'NaN%' must be from 0% to 100%".into()),
            ("--stuck 101%", "--stuck: '101%' must be from 0% to 100%".into()),
            ("--stuck -1%", "--stuck: '-1%' must be from 0% to 100%".into()),
            ("--panic 60% --stuck 41%", "--stuck: makes more than 100% with --panic".into()),
            ("--timeout 1s", "--timeout: needs --stuck".into()),
            ("--resize 2..=4", "--resize: '2..=4' is not TIME:MIN..=MAX, as in 10s:8..=16".into()),
            (
                "--resize soon:2..=4",
                "--resize: 'soon:2..=4' names 'soon', which is not a time such as".into(),
            ),
            (
                "--resize 1s:4..=2",
                "--resize: '1s:4..=2' names '4..=2', which has its lower bound above".into(),
            ),
        ];
        for (line, expected) in cases {
            let message = parsed(line).expect_err(line);
            assert!(message.starts_with(&expected), "{line} gave {message:?}");
            assert_eq!(message.lines().count(), 1, "{message:?}");
        }
    }
}
