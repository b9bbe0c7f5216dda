//! Where the figures of a pool are to go, and how often while it rests; and who is told besides.

use std::time::Duration;

use super::Builder;
use crate::metrics_source::MetricsSource;
use crate::observer::Observer;
use crate::scale::HistogramSink;

/// # Telling
impl Builder {
    /// How the wait and run histograms leave the process; see [`HistogramSink`].
    ///
    /// ```
    /// use springtide::{HistogramSink, Pool};
    ///
    /// // Every sample counts, and the page is this crate's: `springtide::prometheus::render`.
    /// let pool = Pool::builder("exact").histogram_sink(HistogramSink::Exact).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn histogram_sink(mut self, sink: HistogramSink) -> Self {
        self.sink = sink;
        self
    }

    /// Whom to tell what happens, at the moment when it does; see [`Observer`]. Nobody unless set.
    ///
    /// ```
    /// use springtide::{JobRefused, Observer, Pool};
    ///
    /// struct Says;
    ///
    /// impl Observer for Says {
    ///     fn job_refused(&self, refused: &JobRefused<'_>) {
    ///         eprintln!("{} refused {} jobs: {:?}", refused.pool, refused.jobs, refused.reason);
    ///     }
    /// }
    ///
    /// let pool = Pool::builder("observed").observer(Says).build()?;
    /// pool.close();
    /// assert!(pool.execute(|| ()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.seams.observer = Some(Box::new(observer));
        self
    }

    /// Where the figures go. [`MetricsSource::Global`] unless set.
    ///
    /// ```
    /// use springtide::{MetricsSource, Pool};
    ///
    /// let pool = Pool::builder("captured").metrics(MetricsSource::Captured).build()?;
    /// assert!(pool.render_metrics().contains("springtide_workers"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(mut self, to: MetricsSource) -> Self {
        self.metrics = to;
        self
    }

    /// Exports nothing for this pool: [`MetricsSource::Disabled`].
    ///
    /// ```
    /// use springtide::Pool;
    ///
    /// let pool = Pool::builder("quiet").without_metrics().build()?;
    /// assert!(pool.render_metrics().is_empty());
    /// assert_eq!(pool.stats().accepted, 0); // It is measured all the same.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
