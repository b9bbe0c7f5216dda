//! The endpoint: `/metrics`, `/healthz`, `/livez`, `/debug/pools` if asked for, and nothing else.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::process;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;

use super::press::Press;
use super::request::Request;
use super::response::{METRICS, Response, Status};
use super::server::Server;
use super::{debug, pools, scrape};
use crate::run::panics::contain;
use crate::run::spawner::{Spawner, SystemSpawner};
use crate::stats;
use crate::sync::Arc;
use crate::sync::plain::{AtomicBool, Ordering};
use crate::sync::thread::{Builder, JoinHandle, park};

/// Where to serve when there is no reason for another port: this machine only.
pub const DEFAULT_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9898);

/// The recorder keeps samples until upkeep; the exporter's own interval, too, is this.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// The most pools that `/healthz` names.
const UNWELL: usize = 64;

/// Serves the page of [`render`](crate::prometheus::render) to this machine, on threads of its own.
///
/// | `GET` | |
/// |---|---|
/// | `/metrics` | the page |
/// | `/healthz` | for readiness: 200 while every pool is [healthy], else 503 and a line for each |
/// | `/livez` | for liveness: 200 as long as the endpoint lives |
/// | `/debug/pools` | 404, unless [`EndpointBuilder::debug_pools`] switches it on |
///
/// A pool that is paused or closed is no reason to kill the process, hence the third. `/healthz` is
/// about the pools whose [`Pool`](crate::Pool) has not been dropped; those that a forked child has
/// from its parent are none of its own. Other paths are 404, other methods, `HEAD` included, 405.
///
/// No client holds up another, nor the pools: 32 are served at a time, each has two seconds to ask
/// and five to take the answer, and while others wait one that neither asks nor takes more of its
/// answer for 50 ms is cut off. A head of more than 8 KiB is 431, a request with a body 400, and
/// every connection ends with its answer. One page is made at a time, for all who asked before, so
/// scrapes take one core at most and the memory of one page or two, however many there are.
///
/// The endpoint also does the recorder's upkeep. Port 0 takes any free port:
/// [`Endpoint::local_addr`] tells which.
///
/// # Errors
///
/// When the address is not a loopback address ([`serve_public`] takes those), when it is in use or
/// otherwise cannot be bound, or when the system refuses a thread.
///
/// [healthy]: crate::PoolHandle::health
pub fn serve(addr: impl ToSocketAddrs, handle: PrometheusHandle) -> io::Result<Endpoint> {
    Endpoint::builder(handle).serve(addr)
}

/// Like [`serve`], for any address, `0.0.0.0:9898` included.
///
/// The page is neither encrypted nor access-controlled, and each scrape costs work: the address
/// should be reachable from the monitoring network only.
///
/// # Errors
///
/// As [`serve`], except that every address is allowed.
pub fn serve_public(addr: impl ToSocketAddrs, handle: PrometheusHandle) -> io::Result<Endpoint> {
    Endpoint::builder(handle).public(true).serve(addr)
}

/// What an endpoint should be; made by [`Endpoint::builder`].
///
/// ```
/// use springtide::prometheus::{self, Endpoint};
///
/// let endpoint =
///     Endpoint::builder(prometheus::install()?).debug_pools(true).serve("127.0.0.1:0")?;
/// println!("curl http://{}/debug/pools", endpoint.local_addr());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is served until serve() is called"]
pub struct EndpointBuilder {
    handle: PrometheusHandle,
    is_public: bool,
    shows_pools: bool,
}

impl EndpointBuilder {
    /// Whether other addresses than those of this machine are allowed; see [`serve_public`]. They
    /// are not unless this is set.
    pub fn public(mut self, public: bool) -> EndpointBuilder {
        self.is_public = public;
        self
    }

    /// Whether `GET /debug/pools` shows the pools as JSON: of each its health, its
    /// [`stats`](crate::PoolHandle::stats), its latest decisions and the jobs that have been
    /// running longest. It does not unless this is set: the names of pools and kinds may say more
    /// than everybody should know who can reach the address.
    ///
    /// At most 64 pools are shown, and 64 decisions and jobs of each; `…_left_out` says how many
    /// more there are. A text is cut after 256 characters. Only requests to an IP address or to
    /// `localhost` are answered, the others are 403: so no page in a browser can read it by giving
    /// this machine a name of its own.
    pub fn debug_pools(mut self, shown: bool) -> EndpointBuilder {
        self.shows_pools = shown;
        self
    }

    /// Begins to serve.
    ///
    /// # Errors
    ///
    /// As [`serve`].
    pub fn serve(self, addr: impl ToSocketAddrs) -> io::Result<Endpoint> {
        self.open(addr, Arc::new(SystemSpawner))
    }

    fn open(self, addr: impl ToSocketAddrs, spawner: Arc<dyn Spawner>) -> io::Result<Endpoint> {
        let addrs: Vec<SocketAddr> = addr.to_socket_addrs()?.collect();
        let exposed = addrs.iter().find(|addr| !self.is_public && !addr.ip().is_loopback());
        if let Some(exposed) = exposed {
            let text =
                format!("{exposed} is not a loopback address; use serve_public to expose it");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let listener = TcpListener::bind(&addrs[..]).map_err(|error| unbound(&addrs, error))?;
        let upkeep = Upkeep::begin(self.handle.clone())?;
        let answer = Box::new(answers(self.shows_pools, move || scrape::render(&self.handle)));
        let server = Server::open(listener, spawner, answer)?;
        Ok(Endpoint { server, _upkeep: upkeep })
    }
}

/// The system does not say which address it refused.
fn unbound(addrs: &[SocketAddr], error: io::Error) -> io::Error {
    let addrs: Vec<String> = addrs.iter().map(SocketAddr::to_string).collect();
    io::Error::new(error.kind(), format!("cannot listen to {}: {error}", addrs.join(", ")))
}

impl std::fmt::Debug for EndpointBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointBuilder")
            .field("public", &self.is_public)
            .field("debug_pools", &self.shows_pools)
            .finish_non_exhaustive()
    }
}

/// A running endpoint. Dropping it stops it, whatever its clients are at, and waits for its
/// threads, for some seconds at most. In a forked child there is none, and dropping it there
/// changes nothing: the port stays open in the child until it ends, or runs another program.
#[must_use = "dropping an endpoint stops it"]
pub struct Endpoint {
    server: Server,
    _upkeep: Upkeep,
}

impl Endpoint {
    /// Begins to say what an endpoint should be, where [`serve`] is not enough.
    pub fn builder(handle: PrometheusHandle) -> EndpointBuilder {
        EndpointBuilder { handle, is_public: false, shows_pools: false }
    }

    /// The address it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("local_addr", &self.local_addr()).finish_non_exhaustive()
    }
}

/// What is answered to whoever asks, on many threads at once.
fn answers(shows_pools: bool, page: impl Fn() -> String) -> impl Fn(&Request) -> Response {
    let (pages, views) = (Press::default(), Press::default());
    move |request| {
        let view = shows_pools.then_some(|| views.print(debug::pools_as_json));
        route(request, || pages.print(&page), view)
    }
}

/// What there is under each path.
fn route(
    request: &Request,
    page: impl FnOnce() -> Arc<str>,
    pools: Option<impl FnOnce() -> Arc<str>>,
) -> Response {
    let answer: Box<dyn FnOnce() -> Response> = match request.path.as_str() {
        "/metrics" => {
            Box::new(|| Response { status: Status::Ok, content_type: METRICS, text: page() })
        }
        "/healthz" => Box::new(health),
        "/livez" => Box::new(|| Response::bare(Status::Ok)),
        "/debug/pools" => match pools {
            Some(pools) => Box::new(|| show_pools(request, pools)),
            None => return Response::bare(Status::NotFound),
        },
        _ => return Response::bare(Status::NotFound),
    };
    if request.method != "GET" {
        Response::bare(Status::MethodNotAllowed)
    } else if request.has_body {
        Response::bare(Status::BadRequest)
    } else {
        answer()
    }
}

/// A line for each pool that is unwell.
fn health() -> Response {
    let lines = pools::owned().into_iter().filter_map(|core| {
        let troubles = stats::health(&core).troubles;
        let words: Vec<&str> = troubles.iter().map(|trouble| trouble.as_str()).collect();
        (!words.is_empty())
            .then(|| format!("{:?}: {}\n", core.shared.name.as_str(), words.join(", ")))
    });
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return Response::bare(Status::Ok);
    }
    let more = lines.len().saturating_sub(UNWELL);
    lines.truncate(UNWELL);
    if more > 0 {
        lines.push(format!("and {more} more\n"));
    }
    Response::plain(Status::Unavailable, lines.concat())
}

fn show_pools(request: &Request, pools: impl FnOnce() -> Arc<str>) -> Response {
    if !request.is_to_an_address() {
        return Response::bare(Status::Forbidden);
    }
    Response { status: Status::Ok, content_type: "application/json", text: pools() }
}

/// The thread that has the recorder put its samples away, whether there are clients or not.
struct Upkeep {
    is_over: Arc<AtomicBool>,
    /// The process that has the thread.
    home: u32,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    fn begin(handle: PrometheusHandle) -> io::Result<Upkeep> {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let body = move || {
            while !over.load(Ordering::Relaxed) {
                park(Some(UPKEEP_EVERY));
                // A recorder that panics has its next turn all the same.
                contain(|| handle.run_upkeep());
            }
        };
        let thread = Builder::new().name("springtide-keep".to_owned()).spawn(body)?;
        Ok(Upkeep { is_over, home: process::id(), thread: Some(thread) })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // A forked child has no such thread to wait for.
        if let Some(thread) = self.thread.take().filter(|_| process::id() == self.home) {
            thread.thread().unpark();
            // A panic in there was reported where it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
