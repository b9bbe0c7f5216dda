//! The Prometheus page of `--metrics`, where the crate was built with that feature.

use std::net::SocketAddr;

use springtide::Builder;

#[cfg(feature = "prometheus")]
pub(crate) use springtide::prometheus::Endpoint;

/// Installs the recorder and serves its page until the endpoint is dropped.
#[cfg(feature = "prometheus")]
pub(crate) fn open(address: SocketAddr) -> Result<Endpoint, String> {
    let handle = springtide::prometheus::install().map_err(|e| e.to_string())?;
    let endpoint = springtide::prometheus::serve(address, handle);
    let endpoint = endpoint.map_err(|e| format!("{address}: {e}"))?;
    eprintln!("metrics at http://{}/metrics", endpoint.local_addr());
    Ok(endpoint)
}

/// Sends every wait and run time to the page, not a sample of them.
#[cfg(feature = "prometheus")]
pub(crate) fn every_value(builder: Builder) -> Builder {
    builder.histogram_sink(springtide::HistogramSink::Exact)
}

/// What there is instead of an endpoint without the feature: nothing.
#[cfg(not(feature = "prometheus"))]
pub(crate) enum Endpoint {}

#[cfg(not(feature = "prometheus"))]
pub(crate) fn open(_: SocketAddr) -> Result<Endpoint, String> {
    Err("this build lacks the feature 'prometheus'".into())
}

#[cfg(not(feature = "prometheus"))]
pub(crate) fn every_value(builder: Builder) -> Builder {
    builder
}
