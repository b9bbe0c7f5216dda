use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::prometheus::{PrometheusBuilder, configure};
use crate::sync::plain::AtomicUsize;

fn handle() -> PrometheusHandle {
    let recorder = configure(PrometheusBuilder::new()).build_recorder();
    metrics::with_local_recorder(&recorder, || metrics::counter!("visits_total").increment(3));
    recorder.handle()
}

/// The whole answer to one request.
fn ask(endpoint: &Endpoint, request: &str) -> String {
    let mut stream = TcpStream::connect(endpoint.local_addr()).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_few_paths_are_served_and_nothing_else() {
    let endpoint = serve("127.0.0.1:0", handle()).unwrap();
    for (request, status, body) in [
        ("GET /metrics", "200 OK", "visits_total 3\n"),
        ("GET /metrics?name=x", "200 OK", "visits_total 3\n"),
        ("GET /livez", "200 OK", "ok\n"),
        ("GET /debug/pools", "404 Not Found", "not found\n"),
        ("GET /", "404 Not Found", "not found\n"),
        ("GET /metrics/", "404 Not Found", "not found\n"),
        ("POST /metrics", "405 Method Not Allowed", "method not allowed\n"),
        ("DELETE /healthz", "405 Method Not Allowed", "method not allowed\n"),
    ] {
        let answer = ask(&endpoint, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
        assert!(answer.contains(body), "{request}: {answer}");
    }
    let page = ask(&endpoint, "GET /metrics");
    assert!(page.contains(&format!("\r\nContent-Type: {METRICS}\r\n")), "{page}");
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
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let first = serve("127.0.0.1:0", handle()).unwrap();
    let second = serve(first.local_addr(), handle()).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    let text = second.to_string();
    assert!(text.starts_with(&format!("cannot listen to {}: ", first.local_addr())), "{text}");
}

#[test]
fn dropping_the_endpoint_frees_its_port() {
    let endpoint = serve_public("0.0.0.0:0", handle()).unwrap();
    let addr = endpoint.local_addr();
    drop(endpoint);
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, addr.port())).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn one_page_is_made_at_a_time_and_probes_do_not_wait_for_it() {
    let (is_open, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (is_open, made) = (&is_open, &made);
    let answer = answers(false, move || {
        made.fetch_add(1, Ordering::SeqCst);
        while !is_open.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        "page".to_owned()
    });
    let get = |path: &str| {
        let text = format!("GET {path} HTTP/1.1\r\n\r\n");
        answer(&Request::parse(text.as_bytes()).unwrap().unwrap())
    };
    std::thread::scope(|scope| {
        let scrapers: Vec<_> = (0..10).map(|_| scope.spawn(|| get("/metrics").text)).collect();
        while made.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        for _ in 0..1000 {
            assert_eq!(get("/livez").status, Status::Ok);
            std::thread::yield_now();
        }
        let meanwhile = made.load(Ordering::SeqCst);
        is_open.store(true, Ordering::SeqCst);
        assert_eq!(meanwhile, 1);
        for scraper in scrapers {
            assert_eq!(&*scraper.join().unwrap(), "page");
        }
    });
}
