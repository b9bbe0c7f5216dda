//! Where the figures of a pool are to go, and how often while it rests.

use std::time::Duration;

use super::Builder;
use crate::metrics_source::MetricsSource;
use crate::scale::HistogramSink;

impl Builder {
    /// How the wait and run histograms leave the process; see [`HistogramSink`].
    pub fn histogram_sink(mut self, sink: HistogramSink) -> Self {
        self.sink = sink;
        self
    }

    /// Where the figures go. [`MetricsSource::Global`] unless set.
    pub fn metrics(mut self, to: MetricsSource) -> Self {
        self.metrics = to;
        self
    }

    /// Exports nothing for this pool: [`MetricsSource::Disabled`].
    pub fn without_metrics(self) -> Self {
        self.metrics(MetricsSource::Disabled)
    }

    /// How often a pool that rests reports to its recorder, for which its supervisor wakes up each
    /// time. Never unless set, so that a pool at rest costs nothing; a quarter of a second is the
    /// least, as while jobs run, and [`Duration::MAX`] is never.
    ///
    /// This is for recorders that are read without the pool's knowledge and may be installed while
    /// it rests, or drop what nobody has touched for a while: set less than half of that time. A
    /// page that this crate makes (`springtide::prometheus::render` and the endpoint) needs none of
    /// it: each pool that rests reports when it is asked for.
    ///
    /// ```
    /// use springtide::Pool;
    /// use std::time::Duration;
    ///
    /// // The recorder sends its figures away each minute, and forgets what was idle for two.
    /// let pool = Pool::builder("nightly").report_at_rest(Duration::from_secs(30)).build()?;
    /// # pool.submit(|| ())?.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report_at_rest(mut self, every: Duration) -> Self {
        self.report_at_rest = Some(every);
        self
    }
}
