//! The end of a run in words, for a terminal.

use std::fmt::{self, Display, Formatter};

use crate::numbers::Numbers;
use crate::readable::grouped;
use crate::tally::Spread;

/// Prints as a few lines.
pub(crate) struct Summary<'a>(pub(crate) &'a Numbers);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.jobs(f)?;
        self.times(f)?;
        self.cost(f)?;
        self.decisions(f)
    }
}

impl Summary<'_> {
    fn jobs(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let n = self.0;
        let stopped = if n.interrupted { ", stopped by Ctrl-C" } else { "" };
        let offered = n.jobs_offered as f64 / n.elapsed_s;
        writeln!(
            f,
            "\n{} jobs offered in {:.1} s ({offered:.0} a second{stopped}), {} accepted",
            grouped(n.jobs_offered),
            n.elapsed_s,
            grouped(n.jobs_accepted),
        )?;
        writeln!(
            f,
            "  {} ok, {} refused, {} panicked, {} timed out ({} stuck), {} cancelled, {} expired, \
             {} lost",
            grouped(n.jobs_ok),
            grouped(n.jobs_refused),
            grouped(n.jobs_panicked),
            grouped(n.jobs_timed_out),
            grouped(n.jobs_stuck),
            grouped(n.jobs_cancelled),
            grouped(n.jobs_expired),
            n.jobs_lost,
        )
    }

    fn times(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let n = self.0;
        writeln!(f, "\n  ms {:>15}{:>11}{:>11}{:>11}{:>11}", "p50", "p90", "p99", "p99.9", "max")?;
        for (name, spread) in [("wait", n.wait_ms), ("run", n.run_ms), ("sojourn", n.sojourn_ms)] {
            let Spread { p50, p90, p99, p999, max } = spread;
            write!(f, "  {name:7}")?;
            [p50, p90, p99, p999, max].iter().try_for_each(|ms| write!(f, "{ms:11.2}"))?;
            writeln!(f)?;
        }
        Ok(())
    }

    fn cost(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let n = self.0;
        let w = n.workers;
        writeln!(
            f,
            "\n  workers   {} to {}, {:.1} on average, {} at the end",
            w.min_seen, w.peak, w.mean, w.at_end
        )?;
        let bounds = n.resizes.iter();
        let bounds = bounds.map(|to| format!("{}..={} from {:.1} s on", to.min, to.max, to.at_s));
        let bounds: Vec<String> = bounds.collect();
        if !bounds.is_empty() {
            writeln!(f, "  bounds    {}", bounds.join(", "))?;
        }
        writeln!(
            f,
            "  threads   {} started, {} retired, {} flaps",
            n.threads_started, n.threads_retired, n.flaps
        )?;
        writeln!(
            f,
            "  cost      {:.1} worker-seconds, {:.1} of them busy ({:.0} %)",
            n.worker_seconds,
            n.busy_seconds,
            100.0 * n.busy_seconds / n.worker_seconds.max(1e-9),
        )?;
        if let (Some(cpu), Some(switches)) = (n.cpu_seconds, n.context_switches) {
            let switches = grouped(switches);
            writeln!(f, "            {cpu:.2} processor-seconds, {switches} context switches")?;
        }
        Ok(())
    }

    fn decisions(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n  {} decisions; `springtide::Reason` says what each word means",
            grouped(self.0.evaluations)
        )?;
        for (reason, times) in self.0.reasons() {
            writeln!(f, "  {:>9} {reason}", grouped(times))?;
        }
        Ok(())
    }
}
