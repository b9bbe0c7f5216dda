//! A small crawler: each page is a job that adds a job for each new page it links to. Pages take
//! their time, are missing, or never come; the crawl ends when all are seen, or enough.

use std::collections::HashSet;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use springtide::{FallibleError, JobContext, JobSetHandle, Pool};

const PAGES: usize = 200;
/// The crawl is cancelled after so many.
const ENOUGH: usize = 120;
/// How long a page may take.
const PATIENCE: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn Error>> {
    let (address, site) = serve()?;
    let pool = Pool::builder("crawler").workers(1..=32).build()?;

    // One option for all pages, and one token: what is left of the crawl ends with it.
    let mut set = pool.job("page").timeout(PATIENCE).set();
    let crawl = Crawl { address, seen: Arc::default(), jobs: set.handle() };
    crawl.follow("/0".to_owned());

    let (mut read, mut bytes, mut missing, mut late, mut skipped) = (0, 0, 0, 0, 0);
    while let Some(page) = set.next() {
        match FallibleError::flatten(page) {
            Ok(length) => (read, bytes) = (read + 1, bytes + length),
            Err(FallibleError::Returned(PageError::Missing)) => missing += 1,
            Err(FallibleError::Returned(PageError::Io(error))) => {
                eprintln!("{error}");
                late += 1;
            }
            Err(FallibleError::Lost(error)) if error.is_timed_out() => late += 1,
            Err(FallibleError::Lost(_)) => skipped += 1,
        }
        if read == ENOUGH {
            set.cancel();
        }
    }
    println!("{read} pages read, {bytes} bytes");
    println!("{missing} missing, {late} too late, {skipped} not asked for any more");
    println!("the pool went up to {} workers", pool.stats().threads_started);
    site.unblock();
    Ok(())
}

/// What the jobs of one crawl share.
#[derive(Clone)]
struct Crawl {
    address: SocketAddr,
    seen: Arc<Mutex<HashSet<String>>>,
    jobs: JobSetHandle<Result<usize, PageError>>,
}

#[derive(Debug)]
enum PageError {
    Missing,
    Io(io::Error),
}

impl Crawl {
    /// Adds a job for a page that nobody has seen.
    fn follow(&self, page: String) {
        let is_new = self.seen.lock().is_ok_and(|mut seen| seen.insert(page.clone()));
        if !is_new {
            return;
        }
        let crawl = self.clone();
        let job = move |cx: &JobContext<'_>| crawl.visit(cx, &page);
        if let Err(refused) = self.jobs.submit_fallible(job) {
            eprintln!("{refused}");
        }
    }

    /// Reads a page and follows its links, unless the crawl was cancelled meanwhile.
    fn visit(&self, cx: &JobContext<'_>, page: &str) -> Result<usize, PageError> {
        let text = cx.blocking(|| get(self.address, page))?;
        for link in text.split_whitespace().filter(|word| word.starts_with('/')) {
            if cx.is_cancelled() {
                break;
            }
            self.follow(link.to_owned());
        }
        Ok(text.len())
    }
}

/// As little HTTP as there can be.
fn get(address: SocketAddr, page: &str) -> Result<String, PageError> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {page} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(PageError::Missing),
    }
}

impl From<io::Error> for PageError {
    fn from(error: io::Error) -> PageError {
        PageError::Io(error)
    }
}

/// A site of its own, on a port that nobody else has: each page links to three others.
fn serve() -> Result<(SocketAddr, Arc<tiny_http::Server>), Box<dyn Error>> {
    let server = tiny_http::Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
    let server = Arc::new(server);
    let address = server.server_addr().to_ip().ok_or("no address")?;
    let site = Arc::clone(&server);
    thread::spawn(move || {
        // Requests that never get their answer.
        let mut ignored = Vec::new();
        for request in site.incoming_requests() {
            let number: usize = request.url()[1..].parse().unwrap_or(PAGES);
            let answer = match number {
                13 => {
                    ignored.push(request);
                    continue;
                }
                PAGES.. => tiny_http::Response::from_string("").with_status_code(404),
                _ => {
                    let links = [2 * number + 1, 2 * number + 2, 7 * number + 5];
                    let links = links.map(|link| format!("/{link}"));
                    tiny_http::Response::from_string(links.join(" "))
                }
            };
            if let Err(error) = request.respond(answer) {
                eprintln!("a client has hung up: {error}");
            }
        }
    });
    Ok((address, server))
}
