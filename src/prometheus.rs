//! The Prometheus page: bucket set-up, exact histograms, and a small endpoint.
//!
//! ```
//! use springtide::prometheus;
//!
//! let handle = prometheus::install()?;
//! let endpoint = prometheus::serve("127.0.0.1:0", handle)?;
//! println!("metrics at http://{}/metrics", endpoint.local_addr());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program with an exporter of its own needs none of this for counters and gauges: pools report
//! to whatever `metrics` recorder is installed. It should still pass its builder through
//! [`configure`], or else the exporter turns durations into summaries, which cannot be added up
//! over machines. The types of the exporter are re-exported here, because a recorder of another
//! version of the facade would see nothing, without any error.

mod connection;
mod debug;
mod endpoint;
mod json;
mod live;
mod page;
mod pools;
mod press;
mod request;
mod response;
mod scrape;
mod server;

pub use endpoint::{DEFAULT_ADDR, Endpoint, EndpointBuilder, serve, serve_public};
pub use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
pub(crate) use page::{ExactSource, keep, register};
pub(crate) use pools::{disown, enrol};
pub use scrape::render;

use metrics_exporter_prometheus::Matcher;

use crate::scale::family::measures_of;
use crate::scale::lane_table::LANE_TABLE;
use crate::scale::metric_table::TABLE;

/// Sets the buckets of the duration families, so that they are histograms.
///
/// Buckets that the builder already has for exactly these families are replaced; everything else
/// in it stays as it is.
pub fn configure(builder: PrometheusBuilder) -> PrometheusBuilder {
    let measures = measures_of(&TABLE).chain(measures_of(&LANE_TABLE));
    measures.fold(builder, |builder, (family, measure)| {
        let bounds: Vec<f64> = measure.ladder.iter().map(|ns| *ns as f64 / 1e9).collect();
        builder
            .set_buckets_for_metric(Matcher::Full(family.name.to_owned()), &bounds)
            .expect("only an empty list of buckets is an error")
    })
}

/// Installs a recorder with the right buckets for the whole process and returns its handle. A
/// process has one recorder: keep the handle, which can be cloned. Pools that were there before it
/// report to it within a quarter of a second, those that rest at once.
///
/// Somebody has to call [`PrometheusHandle::run_upkeep`] every few seconds, or the recorder keeps
/// every sample it was ever given; an [`Endpoint`] does.
///
/// # Errors
///
/// When the process already has a recorder.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = configure(PrometheusBuilder::new()).install_recorder()?;
    pools::refresh();
    Ok(handle)
}
