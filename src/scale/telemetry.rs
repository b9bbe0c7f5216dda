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
use super::pool_label::is_lane_named;
use super::sink::HistogramSink;
use super::thinning::{Dice, FLUSH_BUDGET, thin};
use super::totals::{Levels, Totals};
use crate::metrics_source::OwnRecorder;
use crate::name::OTHERS;
use crate::run::figures::LaneFigures;
use crate::run::histogram::Cells;
use crate::run::panics::contain;

/// How long handles are kept.
const HANDLE_AGE: Duration = Duration::from_secs(1);

/// The exporting side of one pool.
pub(crate) struct Telemetry {
    pool: String,
    /// Other pools have the same label.
    is_shared: bool,
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
    pub(crate) fn new(pool: &str, policy: &'static str, sink: HistogramSink) -> Telemetry {
        let exported = |family: &&'static Family| {
            sink == HistogramSink::Facade || !matches!(family.reading, Reading::Histogram(_))
        };
        let series_of = |family: &'static Family| {
            (0..family.labels.series).map(move |index| {
                let mut labels = vec![Label::new("pool", pool.to_owned())];
                let own = (family.labels.of)(index);
                labels.extend(own.iter().map(Label::from));
                if std::ptr::eq(family, &INFO) {
                    labels.push(Label::new("policy", policy));
                }
                Series::new(family, index, None, Key::from_parts(family.name, labels))
            })
        };
        let mut series: Vec<Series> =
            TABLE.iter().chain([&INFO]).filter(exported).flat_map(series_of).collect();
        histograms_first(&mut series);
        // The hash of the name seeds the dice: pools start elsewhere, runs repeat.
        let seed = series.first().map_or(1, |s| s.key.get_hash());
        Telemetry {
            pool: pool.to_owned(),
            is_shared: false,
            own_recorder: None,
            series,
            lanes: LaneLabels::default(),
            recorder: None,
            handles_due: Duration::ZERO,
            described: false,
            thinned: 0,
            dice: Dice::new(seed),
        }
    }

    /// To this recorder, and not to that of the process.
    pub(crate) fn reporting_to(mut self, recorder: Option<OwnRecorder>) -> Telemetry {
        self.own_recorder = recorder;
        self
    }

    /// Leaves the gauges out, and the names of lanes: several pools have this label. What they
    /// count adds up, but no age, ratio or bound of theirs does.
    pub(crate) fn counting_only(mut self) -> Telemetry {
        self.is_shared = true;
        self.series.retain(|series| !series.is_gauge());
        self
    }

    /// Sends what changed since the last flush. [`Totals::at`] is the clock.
    ///
    /// Runs user code, a recorder, which may panic; this value stays usable if it does.
    pub(crate) fn flush(&mut self, totals: &Totals, levels: &Levels) {
        self.add_lanes(totals);
        let lanes = self.lanes.folded(&totals.lanes);
        for series in &mut self.series {
            let figures = series.figures(totals, levels, &lanes, self.thinned);
            series.known |= series.can_be_read(&figures);
        }
        self.take_handles(totals.at);
        for series in &mut self.series {
            let figures = series.figures(totals, levels, &lanes, self.thinned);
            series.send(&figures, &mut self.thinned, &mut self.dice);
        }
    }

    /// Gives the lanes their labels that were opened since the last flush, and new labels series.
    fn add_lanes(&mut self, totals: &Totals) {
        for lane in totals.lanes.iter().skip(self.lanes.lanes()) {
            let recorder = self.own_recorder.as_ref();
            let is_named = !self.is_shared && is_lane_named(&self.pool, &lane.name, recorder);
            let label = if is_named { &*lane.name } else { OTHERS };
            if let Some(place) = self.lanes.add(label) {
                self.add_label(label, place);
            }
        }
    }

    fn add_label(&mut self, label: &str, place: usize) {
        for family in &LANE_TABLE {
            let series = (0..family.labels.series).map(|of_family| {
                let pool = Label::new("pool", self.pool.clone());
                let mut labels = vec![pool, Label::new("lane", label.to_owned())];
                labels.extend((family.labels.of)(of_family).iter().map(Label::from));
                let key = Key::from_parts(family.name, labels);
                Series::new(family, of_family, Some(place), key)
            });
            let is_shared = self.is_shared;
            self.series.extend(series.filter(|series| !(is_shared && series.is_gauge())));
        }
        histograms_first(&mut self.series);
        self.handles_due = Duration::ZERO;
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

    fn is_gauge(&self) -> bool {
        matches!(self.family.reading, Reading::Gauge(_))
    }

    fn figures<'a>(
        &self,
        totals: &'a Totals,
        levels: &'a Levels,
        lanes: &'a [LaneFigures],
        thinned: u64,
    ) -> Figures<'a> {
        let lane = self.lane.and_then(|place| lanes.get(place));
        Figures { totals, levels, thinned, lane }
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

/// What the histograms leave out is counted in the same flush.
fn histograms_first(series: &mut [Series]) {
    series.sort_by_key(|s| !matches!(s.family.reading, Reading::Histogram(_)));
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
