//! `MetricsSource`: where a pool's figures go.

#[cfg(feature = "metrics")]
use crate::sync::{Arc, Weak};

/// A recorder of one pool's own.
#[cfg(feature = "metrics")]
pub(crate) type OwnRecorder = Arc<dyn metrics::Recorder + Send + Sync>;
#[cfg(feature = "metrics")]
pub(crate) type WeakRecorder = Weak<dyn metrics::Recorder + Send + Sync>;

/// Where the figures of a pool go; given to [`Builder::metrics`](crate::Builder::metrics).
///
/// Whatever is chosen, [`stats`](crate::PoolHandle::stats) works: the meters are the pool's own
/// senses and always on.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum MetricsSource {
    /// To the `metrics` recorder of the process, whenever it is installed. Nowhere without the
    /// feature `metrics`.
    #[default]
    Global,
    /// To this recorder and no other, for programs that have several. Its histograms are samples:
    /// the exact sink belongs to the page of the process's recorder.
    ///
    /// ```
    /// use springtide::prometheus::{PrometheusBuilder, configure};
    /// use springtide::{MetricsSource, Pool};
    /// use std::sync::Arc;
    ///
    /// let recorder = configure(PrometheusBuilder::new()).build_recorder();
    /// let page = recorder.handle();
    /// let pool = Pool::builder("tenant").metrics(MetricsSource::Recorder(Arc::new(recorder)));
    /// let pool = pool.build()?;
    /// pool.submit(|| ())?.join()?;
    /// pool.shutdown();
    /// assert!(page.render().contains("springtide_jobs_submitted_total{pool=\"tenant\"} 1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "metrics")]
    Recorder(Arc<dyn metrics::Recorder + Send + Sync>),
    /// To nobody but who asks: [`render_metrics`](crate::PoolHandle::render_metrics) writes the
    /// page. No recorder is needed, and no feature.
    Captured,
    /// Nowhere.
    Disabled,
}

impl MetricsSource {
    /// Whether a recorder is told the figures; there is none without the feature `metrics`.
    pub(crate) fn tells_a_recorder(&self) -> bool {
        match self {
            MetricsSource::Global => cfg!(feature = "metrics"),
            #[cfg(feature = "metrics")]
            MetricsSource::Recorder(_) => true,
            MetricsSource::Captured | MetricsSource::Disabled => false,
        }
    }

    /// The recorder that is told in place of that of the process.
    #[cfg(feature = "metrics")]
    pub(crate) fn own_recorder(&self) -> Option<&OwnRecorder> {
        match self {
            MetricsSource::Recorder(recorder) => Some(recorder),
            _ => None,
        }
    }
}

impl std::fmt::Debug for MetricsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            MetricsSource::Global => "Global",
            #[cfg(feature = "metrics")]
            MetricsSource::Recorder(_) => "Recorder",
            MetricsSource::Captured => "Captured",
            MetricsSource::Disabled => "Disabled",
        })
    }
}
