//! What the tests of the metrics endpoint share.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use springtide::prometheus::{self, PrometheusBuilder, PrometheusHandle};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Long enough for anything that is not stuck, on a machine that is busy with something else.
pub(crate) const LIMIT: Duration = Duration::from_secs(100);

/// Keeps the other tests of the program away: an endpoint is about the whole process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A recorder of the test's own.
pub(crate) fn recorder() -> PrometheusHandle {
    prometheus::configure(PrometheusBuilder::new()).build_recorder().handle()
}

/// What a client gets that sends these bytes and then waits. Nothing, if it was cut off.
pub(crate) fn send(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    let mut answer = Vec::new();
    // Who is refused early may find the connection reset, before or after the answer.
    let _ = stream.write_all(bytes);
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).expect("it is text")
}

/// The status of a complete answer, whose text is as long as it says.
#[track_caller]
pub(crate) fn status(answer: &str) -> u16 {
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let headers: Vec<(&str, &str)> =
        lines.map(|line| line.split_once(": ").expect("a name and a value")).collect();
    let of = |name| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    assert_eq!(of("Connection"), Some("close"), "{head}");
    assert_eq!(of("Content-Length"), Some(text.len().to_string().as_str()), "{head}");
    let code = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    code.and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{first}"))
}

/// Status and text of the answer. `headers` are whole lines.
#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let answer = send(address, format!("GET {path} HTTP/1.1\r\n{headers}\r\n").as_bytes());
    let (_, text) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (status(&answer), text.to_owned())
}
