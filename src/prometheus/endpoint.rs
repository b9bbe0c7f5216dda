//! The endpoint: `GET /metrics` and `GET /healthz`, and nothing else.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tiny_http::{Header, Method, Request, Response, Server};

use super::render;
use crate::sync::Mutex;
use crate::sync::plain::{AtomicBool, Ordering};

/// Where to serve when there is no reason for another port: this machine only.
pub const DEFAULT_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9898);

/// The recorder keeps samples until upkeep; the exporter's own interval, too, is this.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// The pause before listening again after accepting a connection failed.
const REOPEN_AFTER: Duration = Duration::from_millis(50);
const CONTENT_TYPE: &str = "Content-Type: text/plain; version=0.0.4; charset=utf-8";

/// Serves the page of [`render`] to this machine, on a thread of its own.
///
/// `GET` and `HEAD` of `/metrics` and `/healthz` are answered, everything else is 404 or 405. The
/// thread also does the recorder's upkeep. Port 0 takes any free port:
/// [`Endpoint::local_addr`] tells which.
///
/// # Errors
///
/// When the address is not a loopback address ([`serve_public`] takes those), when it is in use or
/// otherwise cannot be bound, or when the system refuses a thread.
pub fn serve(addr: impl ToSocketAddrs, handle: PrometheusHandle) -> io::Result<Endpoint> {
    let addrs: Vec<SocketAddr> = addr.to_socket_addrs()?.collect();
    if let Some(exposed) = addrs.iter().find(|addr| !addr.ip().is_loopback()) {
        let text = format!("{exposed} is not a loopback address; use serve_public to expose it");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Endpoint::open(&addrs, handle)
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
    let addrs: Vec<SocketAddr> = addr.to_socket_addrs()?.collect();
    Endpoint::open(&addrs, handle)
}

/// A running endpoint. Dropping it stops it and waits for its thread.
#[must_use = "dropping an endpoint stops it"]
pub struct Endpoint {
    local_addr: SocketAddr,
    door: Arc<Door>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// The address it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    fn open(addrs: &[SocketAddr], handle: PrometheusHandle) -> io::Result<Endpoint> {
        let listener = TcpListener::bind(addrs)?;
        let local_addr = listener.local_addr()?;
        let server = Mutex::new(listen(&listener)?);
        let door = Arc::new(Door { server, closing: AtomicBool::new(false), listener });
        let visitors = Arc::clone(&door);
        let thread = std::thread::Builder::new()
            .name("springtide-http".to_owned())
            .spawn(move || visitors.welcome(&handle))?;
        Ok(Endpoint { local_addr, door, thread: Some(thread) })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.door.closing.store(true, Ordering::Relaxed);
        // Either this is the server the thread waits on, or the thread has yet to take the lock
        // and then sees `closing`.
        self.door.server().unblock();
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported where it happened.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

/// What the endpoint and its thread share.
struct Door {
    server: Mutex<Arc<Server>>,
    closing: AtomicBool,
    /// A second handle to the socket, to start over with after a failure.
    listener: TcpListener,
}

impl Door {
    fn server(&self) -> Arc<Server> {
        Arc::clone(&self.server.lock())
    }

    /// Puts a new server in the place of one that no longer accepts, as soon as the system allows.
    fn reopen(&self) {
        while !self.closing.load(Ordering::Relaxed) {
            if let Ok(server) = listen(&self.listener) {
                *self.server.lock() = server;
                return;
            }
            std::thread::sleep(REOPEN_AFTER);
        }
    }

    fn welcome(&self, handle: &PrometheusHandle) {
        loop {
            let server = self.server();
            if self.closing.load(Ordering::Relaxed) {
                return;
            }
            match server.recv_timeout(UPKEEP_EVERY) {
                Ok(request) => {
                    // A recorder that panics costs this answer (a 500), not the endpoint.
                    let _ = catch_unwind(AssertUnwindSafe(|| {
                        handle.run_upkeep();
                        if let Some(request) = request {
                            answer(request, handle);
                        }
                    }));
                }
                Err(_) => {
                    // Accepting failed, most likely for want of file descriptors, and the server
                    // has given up. Starting over at once would be a busy loop.
                    std::thread::sleep(REOPEN_AFTER);
                    self.reopen();
                }
            }
        }
    }
}

/// Starts a server on the socket. `tiny_http` panics when the system refuses a thread; here that
/// is an error.
fn listen(listener: &TcpListener) -> io::Result<Arc<Server>> {
    let listener = listener.try_clone()?;
    match catch_unwind(|| Server::from_listener(listener, None)) {
        Ok(Ok(server)) => Ok(Arc::new(server)),
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::Error::other("the system refused a thread")),
    }
}

fn answer(request: Request, handle: &PrometheusHandle) {
    let path = request.url().split('?').next().unwrap_or_default();
    let reads = matches!(request.method(), Method::Get | Method::Head);
    let (status, header, text) = match path {
        "/metrics" if reads => (200, CONTENT_TYPE, render(handle)),
        "/healthz" if reads => (200, "Content-Type: text/plain", "ok\n".to_owned()),
        "/metrics" | "/healthz" => (405, "Allow: GET, HEAD", "method not allowed\n".to_owned()),
        _ => (404, "Content-Type: text/plain", "not found\n".to_owned()),
    };
    let mut response = Response::from_string(text).with_status_code(status);
    if let Ok(header) = header.parse::<Header>() {
        response.add_header(header);
    }
    // A client that went away gets no answer.
    let _ = request.respond(response.with_chunked_threshold(usize::MAX));
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::prometheus::{PrometheusBuilder, configure};

    fn handle() -> PrometheusHandle {
        let recorder = configure(PrometheusBuilder::new()).build_recorder();
        metrics::with_local_recorder(&recorder, || metrics::counter!("visits_total").increment(3));
        recorder.handle()
    }

    /// The whole answer to one request.
    fn ask(endpoint: &Endpoint, request: &str) -> String {
        let mut stream = TcpStream::connect(endpoint.local_addr()).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn two_paths_are_served_and_nothing_else() {
        let endpoint = serve("127.0.0.1:0", handle()).unwrap();
        for (request, status, body) in [
            ("GET /metrics", "200 OK", "visits_total 3\n"),
            ("GET /metrics?name=x", "200 OK", "visits_total 3\n"),
            ("GET /healthz", "200 OK", "ok\n"),
            ("GET /", "404 Not Found", "not found\n"),
            ("GET /metrics/", "404 Not Found", "not found\n"),
            ("POST /metrics", "405 Method Not Allowed", "method not allowed\n"),
            ("DELETE /healthz", "405 Method Not Allowed", "method not allowed\n"),
        ] {
            let answer = ask(&endpoint, request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
            assert!(answer.contains(body), "{request}: {answer}");
        }
        let head = ask(&endpoint, "HEAD /metrics");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        let page = ask(&endpoint, "GET /metrics");
        assert!(page.contains(CONTENT_TYPE), "{page}");
    }

    #[test]
    fn only_loopback_is_served_unless_said_otherwise() {
        for addr in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let refused = serve(addr, handle()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
            assert!(refused.to_string().contains("serve_public"));
        }
        assert!(DEFAULT_ADDR.ip().is_loopback());
        let public = serve_public("0.0.0.0:0", handle()).unwrap();
        assert!(public.local_addr().ip().is_unspecified());
    }

    #[test]
    fn a_port_that_is_taken_is_an_error() {
        let first = serve("127.0.0.1:0", handle()).unwrap();
        let second = serve(first.local_addr(), handle()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn dropping_the_endpoint_frees_its_port() {
        let endpoint = serve("127.0.0.1:0", handle()).unwrap();
        let addr = endpoint.local_addr();
        assert!(ask(&endpoint, "GET /healthz").contains("ok"));
        drop(endpoint);
        // The accepting thread of the server ends on its own.
        let free = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            TcpListener::bind(addr).is_ok()
        });
        assert!(free);
    }

    #[test]
    fn a_server_that_gave_up_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local_addr = listener.local_addr().unwrap();
        // Accepting from a socket that must not wait is an error at once, and the server gives up.
        listener.set_nonblocking(true).unwrap();
        let server = listen(&listener).unwrap();
        assert!(server.recv().is_err());
        listener.set_nonblocking(false).unwrap();
        let door = Arc::new(Door {
            server: Mutex::new(server),
            closing: AtomicBool::new(false),
            listener,
        });
        door.reopen();
        let visitors = Arc::clone(&door);
        let thread = Some(std::thread::spawn(move || visitors.welcome(&handle())));
        let endpoint = Endpoint { local_addr, door, thread };
        assert!(ask(&endpoint, "GET /healthz").contains("ok"));
    }
}
