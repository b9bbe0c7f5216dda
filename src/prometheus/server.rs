//! The server: so many clients at a time, none for long, and room for the next one.
//!
//! Whoever is served has a thread, and there are [`CONNECTIONS`] of those at most. When all are
//! taken, the next client waits in the system's backlog until one leaves, and whoever has been
//! waited for beyond [`patience`] meanwhile is cut off for it: so a scrape is answered beside any
//! number of clients that say nothing, or do not take what they asked for. Without others who wait,
//! a client is bounded by the moments in `connection` alone.

use std::cmp::Reverse;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::connection;
use super::request::Request;
use super::response::{Response, Status};
use crate::run::panics::catch;
use crate::run::spawner::Spawner;
use crate::sync::plain::{AtomicBool, Ordering};
use crate::sync::thread::{Thread, current, park};
use crate::sync::{Arc, Mutex};
use crate::time::instant_now;

/// Clients that are served at the same time.
const CONNECTIONS: usize = 32;
/// While others wait for its place, a client that takes its answer bit by bit is given new patience
/// with each bit for so long.
const TAKES_AT_MOST: Duration = Duration::from_secs(1);
/// The pause before listening again after accepting a connection failed, most likely for want of
/// file descriptors: trying again at once would be a busy loop.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// A stop waits so long for its threads. They end at once, unless an answer is being made.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How often a stop knocks, in case the system refuses to connect.
const KNOCK_EVERY: Duration = Duration::from_millis(50);

/// What is answered to a request.
pub(crate) type Answer = dyn Fn(&Request) -> Response + Send + Sync;

/// Who has to do something next about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It: to say what it wants, to take more of the answer, or to leave.
    Client,
    /// The server, which makes the answer.
    Server,
    /// It was cut off, and its thread has yet to notice.
    Over,
}

/// How long it may be a turn while others wait for the place.
fn patience(turn: Turn) -> Duration {
    match turn {
        // Who has something to ask asks at once, and reads what it asked for.
        Turn::Client => Duration::from_millis(50),
        // Nothing that the client could hurry, and the place is not free before.
        Turn::Server | Turn::Over => Duration::MAX,
    }
}

/// What to do for a client that finds every place taken, the others being for so long where they
/// are.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    /// Cut this one off.
    Cut(usize),
    /// Look again after this time, or when somebody leaves.
    Wait(Duration),
}

/// The one to go is the one that has overstayed most.
fn make_room(stays: impl Iterator<Item = (Turn, Duration)>) -> Room {
    let left = |(index, (turn, stay)): (usize, (Turn, Duration))| {
        let patience = patience(turn);
        (patience.saturating_sub(stay), Reverse(stay.saturating_sub(patience)), index)
    };
    match stays.enumerate().map(left).min() {
        Some((Duration::ZERO, _, index)) => Room::Cut(index),
        Some((left, _, _)) => Room::Wait(left),
        None => Room::Wait(AGAIN_AFTER),
    }
}

/// A client that is being served.
struct Visit {
    stream: Arc<TcpStream>,
    turn: Turn,
    since: Instant,
}

/// What the server's threads share.
struct Hall {
    answer: Box<Answer>,
    spawner: Arc<dyn Spawner>,
    visits: Mutex<Vec<Visit>>,
    is_closing: AtomicBool,
}

/// A server that runs. Dropping it cuts everybody off and waits for its threads.
pub(crate) struct Server {
    local_addr: SocketAddr,
    hall: Arc<Hall>,
    /// The process that has the threads.
    home: u32,
    /// Nothing is ever sent: it hangs up when the last thread has ended.
    threads: Receiver<()>,
}

impl Server {
    /// Begins to answer whoever connects.
    pub(crate) fn open(
        listener: TcpListener,
        spawner: Arc<dyn Spawner>,
        answer: Box<Answer>,
    ) -> io::Result<Server> {
        let local_addr = listener.local_addr()?;
        let hall = Arc::new(Hall {
            answer,
            spawner,
            visits: Mutex::new(Vec::with_capacity(CONNECTIONS)),
            is_closing: AtomicBool::new(false),
        });
        let (alive, threads) = channel();
        let doorman = Arc::clone(&hall);
        let body = Box::new(move || doorman.attend(&listener, &alive));
        hall.spawner.spawn("springtide-http".to_owned(), None, body)?;
        Ok(Server { local_addr, hall, home: process::id(), threads })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// An address at which this machine reaches itself.
    fn knocker(&self) -> SocketAddr {
        let ip = match self.local_addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, self.local_addr.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // In a forked child the clients are still the parent's, and there is nobody to wait for.
        if process::id() != self.home {
            return;
        }
        // Before the visits are looked through: who is let in later looks at this afterwards, under
        // the same lock.
        self.hall.is_closing.store(true, Ordering::Release);
        self.hall.cut_all();
        let begun = instant_now();
        while begun.elapsed() < STOP_WITHIN {
            // A thread that waits for a client waits for this one: then nobody else is in the
            // backlog, and there is room in it.
            let _ = TcpStream::connect_timeout(&self.knocker(), KNOCK_EVERY);
            if self.threads.recv_timeout(KNOCK_EVERY) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }
}

impl Hall {
    /// Lets clients in, one after the other, until the server is closed.
    fn attend(self: &Arc<Hall>, listener: &TcpListener, alive: &Sender<()>) {
        while !self.is_closing() {
            match listener.accept() {
                Ok((stream, _)) => self.let_in(Arc::new(stream), alive),
                Err(_) => park(Some(AGAIN_AFTER)),
            }
        }
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    fn let_in(self: &Arc<Hall>, stream: Arc<TcpStream>, alive: &Sender<()>) {
        while let Err(wait) = self.take_place(&stream) {
            if self.is_closing() {
                return;
            }
            park(Some(wait.min(AGAIN_AFTER)));
        }
        let hall = Arc::clone(self);
        let place = Place { hall, stream, doorman: current(), _alive: alive.clone() };
        let stream = Arc::clone(&place.stream);
        let body = Box::new(move || place.serve());
        if self.spawner.spawn("springtide-http".to_owned(), None, body).is_err() {
            // The place was given back with the body. What is new has room for so few bytes.
            connection::answer(&stream, &Response::bare(Status::Unavailable), false, || ());
        }
    }

    /// Takes a place for a client, or says how long to wait for one.
    fn take_place(&self, stream: &Arc<TcpStream>) -> Result<(), Duration> {
        let mut visits = self.visits.lock();
        if self.is_closing() {
            return Err(Duration::ZERO);
        }
        let now = instant_now();
        if visits.len() < CONNECTIONS {
            visits.push(Visit { stream: Arc::clone(stream), turn: Turn::Client, since: now });
            return Ok(());
        }
        match make_room(visits.iter().map(|visit| (visit.turn, now.duration_since(visit.since)))) {
            Room::Cut(index) => {
                visits[index].cut();
                Err(AGAIN_AFTER)
            }
            Room::Wait(wait) => Err(wait),
        }
    }

    fn cut_all(&self) {
        self.visits.lock().iter_mut().for_each(Visit::cut);
    }
}

impl Visit {
    /// Ends whatever its thread is at with the client.
    fn cut(&mut self) {
        self.turn = Turn::Over;
        // One that has left by itself is as good.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A client's place, which the next one gets when this is dropped.
struct Place {
    hall: Arc<Hall>,
    stream: Arc<TcpStream>,
    doorman: Thread,
    _alive: Sender<()>,
}

impl Place {
    fn serve(&self) {
        let Some(asked) = connection::ask(&self.stream) else { return };
        self.it_is(Turn::Server);
        let to_head = asked.as_ref().is_ok_and(|request| request.method == "HEAD");
        let response = match asked {
            // What panics costs this answer, not the endpoint.
            Ok(request) => catch(|| (self.hall.answer)(&request))
                .unwrap_or_else(|_| Response::bare(Status::InternalError)),
            Err(status) => Response::bare(status),
        };
        self.it_is(Turn::Client);
        let begun = instant_now();
        connection::answer(&self.stream, &response, to_head, || {
            if begun.elapsed() < TAKES_AT_MOST {
                self.it_is(Turn::Client);
            }
        });
        drop(response);
        connection::hang_up(&self.stream);
    }

    fn it_is(&self, turn: Turn) {
        let now = instant_now();
        let mut visits = self.hall.visits.lock();
        let mut mine = visits.iter_mut().filter(|visit| Arc::ptr_eq(&visit.stream, &self.stream));
        if let Some(visit) = mine.find(|visit| visit.turn != Turn::Over) {
            (visit.turn, visit.since) = (turn, now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hall.visits.lock().retain(|visit| !Arc::ptr_eq(&visit.stream, &self.stream));
        self.doorman.unpark();
    }
}

#[cfg(test)]
mod tests;
