//! A service to look at: pools under loads of every kind, and a page of metrics.
//!
//! ```text
//! cargo run --release --example monitored                   # until its input ends, or Ctrl-C
//! cargo run --release --example monitored -- ADDR SECONDS   # so long, then the truth as JSON
//! ```
//!
//! It serves what the configuration in `dashboards/prometheus/` scrapes, so that the boards have
//! something to show: waves and bursts of requests that sleep, compute, fail, panic, run too long
//! or come too late; a batch that fills its queue; lanes; delayed jobs and retries; a pool that
//! stands still; one whose supervisor hangs; one that is resized between 2 and 512 workers; and one
//! that does nothing but count, as fast as it can.
//!
//! What became of each job is also counted by the jobs and their submitters themselves. That is the
//! truth which the last line of the output tells, once all jobs are over; the page is served until
//! the input ends, so that whoever scrapes it can compare.

mod batch;
mod crowd;
mod hung;
mod lanes;
mod later;
mod requests;
mod stuck;
mod truth;

use std::io::Read;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use springtide::Pool;
use springtide::prometheus::{self, DEFAULT_ADDR, Endpoint};

use truth::Truth;

/// The load, as its submitters see it.
pub(crate) struct Span {
    began: Instant,
    /// For ever, unless somebody said how long.
    length: Duration,
    over: AtomicBool,
}

impl Span {
    /// So far.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed) && self.age() < self.length
    }

    /// Sleeps for `time`, or until the load is over.
    pub(crate) fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while self.goes_on() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
    }
}

/// Submits jobs to a pool until the load is over.
type Load = fn(&Pool, &Truth, &Span);

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("monitored: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: impl Iterator<Item = String>) -> Result<(), Box<dyn std::error::Error>> {
    const USAGE: &str = "wants an address and a number of seconds, as in 127.0.0.1:9898 60";
    let wrong = |word: &String| format!("'{word}' is wrong: it {USAGE}");
    let (address, length) = (words.next(), words.next());
    let address =
        address.map_or(Ok(DEFAULT_ADDR), |w| w.parse::<SocketAddr>().or(Err(wrong(&w))))?;
    let length = length.map(|w| w.parse::<u32>().or(Err(wrong(&w)))).transpose()?;
    let length = length.map_or(Duration::MAX, |seconds| Duration::from_secs(seconds.into()));
    // Some jobs panic on purpose: their messages are not news.
    std::panic::set_hook(Box::new(|_| {}));

    let endpoint = Endpoint::builder(prometheus::install()?).debug_pools(true).serve(address)?;
    let pools: [(Pool, Load); 8] = [
        (requests::pool()?, requests::load),
        (batch::pool()?, batch::load),
        (lanes::pool()?, lanes::load),
        (later::pool()?, later::load),
        (stuck::pool()?, stuck::load),
        (hung::pool()?, hung::load),
        (crowd::pool()?, crowd::load),
        (crowd::fast_pool()?, crowd::flat_out),
    ];
    println!("metrics at http://{}/metrics", endpoint.local_addr());

    let span = Span { began: Instant::now(), length, over: AtomicBool::new(false) };
    let truths: [Truth; 8] = Default::default();
    std::thread::scope(|scope| {
        for ((pool, load), truth) in pools.iter().zip(&truths) {
            let span = &span;
            scope.spawn(move || load(pool, truth, span));
        }
        if length == Duration::MAX {
            until_the_input_ends();
            span.over.store(true, Ordering::Relaxed);
        }
    });
    for (pool, _) in &pools {
        pool.wait_idle()?;
    }
    println!("{}", truth::told(pools.iter().map(|(pool, _)| pool.name()).zip(&truths)));
    if length < Duration::MAX {
        until_the_input_ends();
    }
    Ok(())
}

fn until_the_input_ends() {
    // What cannot be read has ended.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
