//! When the metrics are flushed. What is flushed is `telemetry`'s; without the `metrics` feature
//! only the levels that take time to measure are kept up to date here.

use std::time::Duration;

use super::core::Core;
use super::observer::Observer;
use super::sink::HistogramSink;
#[cfg(feature = "metrics")]
use super::telemetry::Telemetry;
use super::totals::Activity;
use crate::error::ConfigError;
use crate::metrics_source::MetricsSource;
use crate::run::slot::State;
use crate::sync::Arc;
#[cfg(feature = "prometheus")]
use crate::sync::Weak;
use crate::time::Nanos;

/// The shortest time between two flushes; gauges are as old as this at most while jobs run.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// CPU times are read from the system no more often than this: 1.4 µs a worker.
const CPU_EVERY: Duration = Duration::from_secs(1);

/// Where the supervisor's figures go.
pub(crate) struct Export {
    #[cfg(feature = "metrics")]
    telemetry: Option<Telemetry>,
    /// The label of the exact histograms, if there are any.
    #[cfg(feature = "prometheus")]
    exact: Option<String>,
    /// How often a pool at rest reports; `None` for never.
    at_rest: Option<Duration>,
    /// When the last flush was, and what all was like then.
    last: Option<Nanos>,
    flushed: Activity,
    /// The observer's, at that flush.
    busy_ns: u64,
    worker_ns: u64,
    cpu_measured: Option<Nanos>,
}

impl Export {
    /// The exact histograms belong to the page of the process's recorder.
    pub(crate) fn problem(to: &MetricsSource, sink: HistogramSink) -> Option<ConfigError> {
        #[cfg(feature = "metrics")]
        if matches!(to, MetricsSource::Recorder(_)) && sink == HistogramSink::Exact {
            let problem = "Exact needs MetricsSource::Global; write that, or leave Exact out";
            return Some(ConfigError { field: "histogram_sink", problem: problem.into() });
        }
        let _ = (to, sink);
        None
    }

    pub(crate) fn new(
        core: &Arc<Core>,
        to: &MetricsSource,
        sink: HistogramSink,
        at_rest: Option<Duration>,
    ) -> Export {
        #[cfg(feature = "metrics")]
        let telemetry = core.reported.as_ref().map(|reported| {
            let own_recorder = to.own_recorder().cloned();
            Telemetry::new(reported.label.clone(), core.policy, sink, own_recorder)
        });
        #[cfg(not(feature = "metrics"))]
        let _ = (core, sink);
        Export {
            #[cfg(feature = "metrics")]
            telemetry,
            #[cfg(feature = "prometheus")]
            exact: show_exact(core, sink),
            at_rest: at_rest.filter(|_| to.tells_a_recorder()).map(|every| every.max(FLUSH_EVERY)),
            last: None,
            cpu_measured: None,
            flushed: Activity::default(),
            busy_ns: 0,
            worker_ns: 0,
        }
    }

    pub(crate) fn flush_if_due(&mut self, core: &Core, observer: &mut Observer, now: Nanos) {
        if self.last.is_none_or(|last| now.since(last) >= FLUSH_EVERY) {
            self.flush(core, observer, now);
        }
    }

    /// Reports what is new before the supervisor rests. True if what is shown while it sleeps is
    /// final: nothing was new, and the last flush measured no work.
    pub(crate) fn settle(&mut self, core: &Core, observer: &mut Observer, now: Nanos) -> bool {
        let changed = self.is_outdated(core) || self.last.is_none();
        if changed {
            self.flush(core, observer, now);
        }
        // A thread on its way out is still one that is shown.
        let all_gone = core.shared.roster.in_state(State::Leaving) == 0;
        !changed && all_gone && core.journal.lock().noted.utilization == 0.0
    }

    /// Whether somebody asked, or there is something new, since the last flush began.
    pub(crate) fn is_outdated(&self, core: &Core) -> bool {
        core.refresh.is_due() || self.has_news(core)
    }

    fn has_news(&self, core: &Core) -> bool {
        core.activity() != self.flushed
    }

    /// How long the supervisor may sleep when all was said; `None` until something happens.
    pub(crate) fn next_report(&self, now: Nanos) -> Option<Duration> {
        let since = self.last.map_or(Duration::ZERO, |last| now.since(last));
        self.at_rest.map(|every| every.saturating_sub(since))
    }

    /// Reports again what was said, if somebody asked or it is time for it; false if it was
    /// neither, or there was something new.
    pub(crate) fn report_if_due(
        &mut self,
        core: &Core,
        observer: &mut Observer,
        now: Nanos,
    ) -> bool {
        let is_due = core.refresh.is_due() || self.next_report(now) == Some(Duration::ZERO);
        let has_news = self.has_news(core);
        if is_due {
            self.flush(core, observer, now);
        }
        is_due && !has_news
    }

    fn flush(&mut self, core: &Core, observer: &mut Observer, now: Nanos) {
        let asked = core.refresh.asked();
        self.measure(core, observer, now);
        self.last = Some(now);
        self.flushed = core.activity();
        #[cfg(feature = "metrics")]
        if let Some(telemetry) = &mut self.telemetry {
            let (totals, levels) = (core.totals(), core.levels());
            // A recorder is somebody else's code: a panic in it must not end the supervisor.
            crate::run::panics::contain(|| telemetry.flush(&totals, &levels));
        }
        core.refresh.answer(asked);
    }

    fn measure(&mut self, core: &Core, observer: &mut Observer, now: Nanos) {
        let busy = observer.busy_ns - self.busy_ns;
        let worker = observer.worker_ns - self.worker_ns;
        (self.busy_ns, self.worker_ns) = (observer.busy_ns, observer.worker_ns);
        let utilization = if worker == 0 { 0.0 } else { busy as f64 / worker as f64 };
        let cpu_due = self.cpu_measured.is_none_or(|last| now.since(last) >= CPU_EVERY);
        let cpu = cpu_due.then(|| {
            self.cpu_measured = Some(now);
            let cores = observer.probe.cores(now, core.settings.load().cores);
            (observer.probe.worker_cpu(&core.shared), observer.probe.saturation(now, cores))
        });
        let noted = &mut core.journal.lock().noted;
        noted.utilization = utilization.clamp(0.0, 1.0);
        if let Some((worker_cpu, saturation)) = cpu {
            noted.worker_cpu = worker_cpu;
            noted.cpu_saturation = saturation;
        }
    }

    /// The last flush of a pool that has ended.
    pub(crate) fn close(&mut self, core: &Core, observer: &mut Observer) {
        self.flush(core, observer, core.shared.now());
        #[cfg(feature = "metrics")]
        if let Some(telemetry) = &mut self.telemetry {
            telemetry.close();
        }
        #[cfg(feature = "prometheus")]
        if let Some(label) = self.exact.take() {
            crate::prometheus::keep(core, &label, core.totals());
        }
    }
}

/// Puts the histograms on the page, if that is where they go; returns the label they have there.
#[cfg(feature = "prometheus")]
fn show_exact(core: &Arc<Core>, sink: HistogramSink) -> Option<String> {
    let reported = core.reported.as_ref().filter(|reported| reported.to_process)?;
    let label = (sink == HistogramSink::Exact).then(|| reported.label.text.clone())?;
    let source: Weak<Core> = Arc::downgrade(core);
    crate::prometheus::register(&label, source);
    Some(label)
}
