//! Hands the figures of a pool to its `metrics` recorder, or to whatever one the process has.
//!
//! One thread, the supervisor, calls [`Telemetry::flush`]; no job ever waits for a recorder. Three
//! habits of recorders shape this file:
//!
//! * A handle taken before a recorder is installed stays dead, and one whose series a recorder
//!   dropped for being idle keeps counting where nobody looks. So handles are taken afresh once a
//!   second, and at once when the recorder changes: it then gets everything since the pool began.
//! * A counter nobody increments counts as idle, so counters are also incremented by 0.
//! * A recorder is user code and may panic. The caller catches that. What a series was about to
//!   send is noted as sent before it is, so nothing counts twice, and the handle that panicked
//!   stays out until handles are taken afresh, so the other series get through.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};

use super::family::{Family, Figures, Reading, Unit};
use super::lane_labels::LaneLabels;
use super::lane_table::LANE_TABLE;
use super::metric_table::{INFO, TABLE};
use super::pool_label::{PoolLabel, lane_label};
use super::sink::HistogramSink;
use super::thinning::{Dice, FLUSH_BUDGET, thin};
use super::totals::{Levels, Totals};
use crate::metrics_source::OwnRecorder;
use crate::run::histogram::Cells;
use crate::run::panics::contain;

/// How long handles are kept.
const HANDLE_AGE: Duration = Duration::from_secs(1);

/// The exporting side of one pool.
pub(crate) struct Telemetry {
    label: PoolLabel,
    policy: &'static str,
    /// `None` for that of the process.
    own_recorder: Option<OwnRecorder>,
    series: Vec<Series>,
    lanes: LaneLabels,
    /// The address of the recorder that was last asked for handles.
    recorder: Option<usize>,
    /// When to take handles afresh.
    handles_due: Duration,
    /// This recorder was told what each family means.
    described: bool,
    thinned: u64,
    dice: Dice,
}

impl Telemetry {
    /// Prepares the series of a pool. Nothing is registered before the first flush.
    pub(crate) fn new(
        label: PoolLabel,
        policy: &'static str,
        sink: HistogramSink,
        own_recorder: Option<OwnRecorder>,
    ) -> Telemetry {
        // Pools start elsewhere, runs repeat.
        let dice = Dice::new(Key::from_name(label.text.clone()).get_hash());
        let mut telemetry = Telemetry {
            label,
            policy,
            own_recorder,
            series: Vec::new(),
            lanes: LaneLabels::default(),
            recorder: None,
            handles_due: Duration::ZERO,
            described: false,
            thinned: 0,
            dice,
        };
        let exported = |family: &&Family| sink == HistogramSink::Facade || !family.is_histogram();
        for family in TABLE.iter().chain([&INFO]).filter(exported) {
            telemetry.add_series(family, None);
        }
        telemetry.histograms_first();
        telemetry
    }

    /// Adds the series of a family, those of the pool or those of one label of its lanes.
    ///
    /// Where several pools have the label, gauges are left out: what the pools count adds up, but
    /// no age, ratio or bound of theirs does.
    fn add_series(&mut self, family: &'static Family, lane: Option<(&str, usize)>) {
        if self.label.is_shared && family.is_gauge() {
            return;
        }
        for index in 0..family.labels.series {
            let mut labels = vec![Label::new("pool", self.label.text.clone())];
            labels.extend(lane.map(|(label, _)| Label::new("lane", label.to_owned())));
            labels.extend((family.labels.of)(index).iter().map(Label::from));
            if std::ptr::eq(family, &INFO) {
                labels.push(Label::new("policy", self.policy));
            }
            let key = Key::from_parts(family.name, labels);
            self.series.push(Series::new(family, index, lane.map(|(_, place)| place), key));
        }
    }

    /// What the histograms leave out is counted in the same flush.
    fn histograms_first(&mut self) {
        self.series.sort_by_key(|series| !series.family.is_histogram());
    }

    /// Sends what changed since the last flush. [`Totals::at`] is the clock.
    ///
    /// Runs user code, a recorder, which may panic; this value stays usable if it does.
    pub(crate) fn flush(&mut self, totals: &Totals, levels: &Levels) {
        self.add_lanes(totals);
        let lanes = self.lanes.folded(&totals.lanes);
        let figures_of = |series: &Series, thinned| {
            let lane = series.lane.and_then(|place| lanes.get(place));
            Figures { totals, levels, thinned, lane }
        };
        for series in &mut self.series {
            series.known |= series.can_be_read(&figures_of(series, self.thinned));
        }
        self.take_handles(totals.at);
        for series in &mut self.series {
            let figures = figures_of(series, self.thinned);
            series.send(&figures, &mut self.thinned, &mut self.dice);
        }
    }

    /// Gives the lanes their labels that were opened since the last flush, and new labels series.
    fn add_lanes(&mut self, totals: &Totals) {
        for lane in totals.lanes.iter().skip(self.lanes.labelled()) {
            let label = lane_label(&self.label, &lane.name, self.own_recorder.as_ref());
            let Some(place) = self.lanes.add(label) else { continue };
            for family in &LANE_TABLE {
                self.add_series(family, Some((label, place)));
            }
            self.histograms_first();
            self.handles_due = Duration::ZERO;
        }
    }

    /// Sets every gauge to 0: a recorder keeps the last value for ever, and a pool that is gone
    /// has neither workers nor a queue. Counters and histograms keep what they have.
    ///
    /// There is no later flush for the others if one of them panics, so each is contained here.
    pub(crate) fn close(&mut self) {
        self.handles_due = Duration::ZERO;
        contain(|| self.take_handles(Duration::ZERO));
        for series in &mut self.series {
            contain(|| series.zero());
        }
    }

    /// Takes all handles afresh when they are old or another recorder is in place.
    fn take_handles(&mut self, now: Duration) {
        let own = self.own_recorder.clone();
        let mut take = |recorder: &dyn Recorder| {
            let address = std::ptr::from_ref(recorder).cast::<()>().addr();
            let changed = self.recorder != Some(address);
            if !changed && now < self.handles_due {
                return;
            }
            // Noted first: a recorder that panics is asked again in a second, not in every flush.
            self.recorder = Some(address);
            self.handles_due = now.saturating_add(HANDLE_AGE);
            if changed {
                self.start_over();
            }
            let known = self.series.iter_mut().filter(|series| series.known);
            known.for_each(|series| series.register(recorder));
            if !self.described {
                let all = TABLE.iter().chain([&INFO]).chain(&LANE_TABLE);
                all.for_each(|family| describe(recorder, family));
                self.described = true;
            }
        };
        match own {
            Some(recorder) => take(&*recorder),
            None => metrics::with_recorder(take),
        }
    }

    /// Forgets what was sent: the next recorder knows nothing of it.
    fn start_over(&mut self) {
        self.described = false;
        self.thinned = 0;
        for series in &mut self.series {
            series.handle = Handle::Absent;
            series.sent = 0;
            series.cells_sent = Cells::default();
        }
    }
}

/// One series and what it has sent so far.
struct Series {
    family: &'static Family,
    /// Which series of the family.
    index: usize,
    /// Which label of a lane it is of, if it is of one.
    lane: Option<usize>,
    key: Key,
    handle: Handle,
    /// It could be read at least once. What the platform does not tell is never registered.
    known: bool,
    /// Of a counter: the total that was sent.
    sent: u64,
    /// Of a histogram: the cells that were sent.
    cells_sent: Cells,
}

enum Handle {
    /// Not registered, or it panicked.
    Absent,
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

impl Series {
    fn new(family: &'static Family, index: usize, lane: Option<usize>, key: Key) -> Series {
        let (handle, cells_sent) = (Handle::Absent, Cells::default());
        Series { family, index, lane, key, handle, known: false, sent: 0, cells_sent }
    }

    fn can_be_read(&self, figures: &Figures<'_>) -> bool {
        match self.family.reading {
            Reading::Counter(read) => read(figures, self.index).is_some(),
            Reading::Gauge(read) => read(figures, self.index).is_some(),
            Reading::Histogram(_) => true,
        }
    }

    fn register(&mut self, recorder: &dyn Recorder) {
        static METADATA: Metadata<'static> =
            Metadata::new("springtide", Level::INFO, Some(module_path!()));
        self.handle = match self.family.reading {
            Reading::Counter(_) => Handle::Counter(recorder.register_counter(&self.key, &METADATA)),
            Reading::Gauge(_) => Handle::Gauge(recorder.register_gauge(&self.key, &METADATA)),
            Reading::Histogram(_) => {
                Handle::Histogram(recorder.register_histogram(&self.key, &METADATA))
            }
        };
    }

    fn send(&mut self, figures: &Figures<'_>, thinned: &mut u64, dice: &mut Dice) {
        // The handle comes back only if the recorder returns.
        let handle = std::mem::replace(&mut self.handle, Handle::Absent);
        match (&handle, self.family.reading) {
            (Handle::Counter(counter), Reading::Counter(read)) => {
                if let Some(total) = read(figures, self.index) {
                    let more = total.saturating_sub(self.sent);
                    self.sent = self.sent.max(total);
                    counter.increment(more);
                }
            }
            (Handle::Gauge(gauge), Reading::Gauge(read)) => {
                if let Some(level) = read(figures, self.index) {
                    gauge.set(level);
                }
            }
            (Handle::Histogram(histogram), Reading::Histogram(measure)) => {
                let cells = (measure.cells)(figures);
                let since = cells.minus(&self.cells_sent);
                if since.count() > 0 {
                    self.cells_sent.clone_from(cells);
                    *thinned += since.count().saturating_sub(FLUSH_BUDGET);
                    thin(&since, FLUSH_BUDGET, dice.roll(), |ns, n| {
                        histogram.record_many(Duration::from_nanos(ns), n as usize);
                    });
                }
            }
            _ => {}
        }
        self.handle = handle;
    }

    fn zero(&mut self) {
        if let Handle::Gauge(gauge) = std::mem::replace(&mut self.handle, Handle::Absent) {
            gauge.set(0.0);
            self.handle = Handle::Gauge(gauge);
        }
    }
}

fn describe(recorder: &dyn Recorder, family: &Family) {
    let (name, help) = (family.name.into(), family.help.into());
    let unit = match family.unit {
        Unit::Count => Some(metrics::Unit::Count),
        Unit::Seconds => Some(metrics::Unit::Seconds),
        // There is only `Percent`, which would be off by a hundred.
        Unit::Ratio => None,
    };
    match family.reading {
        Reading::Counter(_) => recorder.describe_counter(name, unit, help),
        Reading::Gauge(_) => recorder.describe_gauge(name, unit, help),
        Reading::Histogram(_) => recorder.describe_histogram(name, unit, help),
    }
}

#[cfg(test)]
mod tests;
