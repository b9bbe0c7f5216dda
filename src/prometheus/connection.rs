//! One client: its request, its answer, and the moments by which both must be over.

use std::io::{ErrorKind, Read, Write};
use std::iter;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::request::{HEAD_LIMIT, Request};
use super::response::{Response, Status};
use crate::time::instant_now;

/// A client has so long to ask, from the first byte to the last.
const ASK_WITHIN: Duration = Duration::from_secs(2);
/// And so long to take the answer.
const TAKE_WITHIN: Duration = Duration::from_secs(5);
/// And so long to hang up, having been told that there is no more.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// The most that is sent at once; what is taken sooner is noticed sooner.
const PART: usize = 64 << 10;
/// What it has sent beyond its head is read up to this, so that the system does not reset the
/// connection and take the answer back.
const LINGER_BYTES: usize = 64 << 10;

/// Reads the head of the request, or says what to answer in its place. `None` for a client that
/// left without a word.
pub(crate) fn ask(mut stream: &TcpStream) -> Option<Result<Request, Status>> {
    let end = instant_now() + ASK_WITHIN;
    let (mut bytes, mut filled) = (vec![0; HEAD_LIMIT], 0);
    loop {
        match Request::parse(&bytes[..filled]) {
            Ok(Some(request)) => return Some(Ok(request)),
            Ok(None) => {}
            Err(status) => return Some(Err(status)),
        }
        let Some(left) = left(end) else { return Some(Err(Status::RequestTimeout)) };
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut bytes[filled..]) {
            Ok(0) if filled == 0 => return None,
            Ok(0) => return Some(Err(Status::BadRequest)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_timeout(error.kind()) => return Some(Err(Status::RequestTimeout)),
            Err(_) => return None,
        }
    }
}

/// Sends the answer, and tells of each part that the client has taken. Whoever does not take it
/// goes without.
pub(crate) fn answer(
    stream: &TcpStream,
    response: &Response,
    to_head: bool,
    mut taken: impl FnMut(),
) {
    let text = if to_head { "" } else { &*response.text };
    let (beginning, rest) = text.as_bytes().split_at(text.len().min(PART));
    let first = [response.head().as_bytes(), beginning].concat();
    let end = instant_now() + TAKE_WITHIN;
    for part in iter::once(first.as_slice()).chain(rest.chunks(PART)) {
        if send(stream, part, end).is_none() {
            return;
        }
        taken();
    }
}

/// `None` if the client has left, or has not taken it in time.
fn send(mut stream: &TcpStream, mut part: &[u8], end: Instant) -> Option<()> {
    while !part.is_empty() {
        stream.set_write_timeout(Some(left(end)?)).ok()?;
        match stream.write(part) {
            Ok(0) => return None,
            Ok(count) => part = &part[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(())
}

/// Tells the client that there is no more, and waits for a moment until it has heard.
pub(crate) fn hang_up(mut stream: &TcpStream) {
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let (end, mut swallowed) = (instant_now() + LEAVE_WITHIN, 0);
    let mut rest = [0; 1024];
    while swallowed < LINGER_BYTES {
        let Some(left) = left(end) else { return };
        match stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut rest)) {
            Ok(0) => return,
            Ok(count) => swallowed += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// The time that is left until `end`; `None` if there is none. Never zero, which is no timeout.
fn left(end: Instant) -> Option<Duration> {
    end.checked_duration_since(instant_now()).filter(|left| !left.is_zero())
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
