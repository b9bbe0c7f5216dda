//! Clients that are slow, silent, greedy or confused hold up neither the endpoint nor the pool.
//!
//! One test at a time: each fills the endpoint, or the machine, with clients.

#![cfg(feature = "prometheus")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use springtide::prometheus::{self, Endpoint};
use springtide::{HistogramSink, Pool};

use common::{LIMIT, alone, build, get, recorder, send, status, until_no_thread_is_named, within};

fn serve() -> Endpoint {
    prometheus::serve("127.0.0.1:0", recorder()).expect("there is a free port")
}

/// What a client gets that sends these bytes and closes its half.
fn say_no_more(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.write_all(bytes).expect("it is let in");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[track_caller]
fn scrape(address: SocketAddr, path: &str) {
    assert_eq!(get(address, path, "Host: here\r\n").0, 200, "{path}");
}

/// A pool whose page is larger than all the buffers of a connection.
fn with_a_large_page() -> Pool {
    let name = "x".repeat(200_000);
    build(Pool::builder(name).workers(1..=2).histogram_sink(HistogramSink::Exact))
}

#[test]
fn scrapes_are_answered_beside_two_hundred_idle_connections() {
    let _alone = alone();
    within(LIMIT, "scrapes beside idle clients", || {
        let endpoint = serve();
        let address = endpoint.local_addr();
        let connect = |_| TcpStream::connect(address).expect("somebody listens");
        let idle: Vec<TcpStream> = (0..200).map(connect).collect();
        (0..20).for_each(|_| scrape(address, "/metrics"));
        let more: Vec<TcpStream> = (0..50).map(connect).collect();
        scrape(address, "/livez");
        drop(endpoint);
        drop((idle, more));
    });
}

#[test]
fn a_client_that_trickles_its_request_is_left_at_its_deadline() {
    let _alone = alone();
    within(LIMIT, "a trickling client", || {
        let endpoint = serve();
        let mut client = TcpStream::connect(endpoint.local_addr()).expect("somebody listens");
        let mut trickle = client.try_clone().expect("a second handle");
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let trickling = thread::spawn(move || {
            let _ = trickle.write_all(b"GET /metrics HTTP/1.1\r\nX: ");
            // It would take minutes to fill a head in this way.
            while !is_over.load(Ordering::SeqCst) && trickle.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut answer = String::new();
        let read = client.read_to_string(&mut answer);
        assert!(read.is_err() || answer.is_empty() || status(&answer) == 408, "{answer}");
        scrape(endpoint.local_addr(), "/metrics");
        over.store(true, Ordering::SeqCst);
        trickling.join().expect("it only writes");
    });
}

#[test]
fn clients_that_never_read_hold_up_neither_scrapes_nor_jobs_nor_the_end() {
    let _alone = alone();
    within(LIMIT, "clients that never read", || {
        let pool = with_a_large_page();
        pool.submit(|| ()).expect("room").join().expect("it only returns");
        let endpoint = serve();
        let address = endpoint.local_addr();
        let greedy = |_| {
            let mut stream = TcpStream::connect(address).expect("somebody listens");
            stream.set_write_timeout(Some(Duration::from_millis(200))).expect("any time is legal");
            // As much as gets in: many requests in a row, and no look at the answers.
            let _ = stream.write_all(&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000));
            stream
        };
        let clients: Vec<TcpStream> = (0..40).map(greedy).collect();
        for n in 0..100 {
            let job = pool.submit(move || n).expect("room");
            assert_eq!(job.join().expect("it only returns"), n);
        }
        // Whole pages, and not by cutting off who reads.
        for path in ["/livez", "/metrics", "/healthz", "/metrics"] {
            scrape(address, path);
        }
        let more: Vec<TcpStream> = (0..40).map(greedy).collect();
        // No client leaves before the endpoint has.
        drop(endpoint);
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
        drop((clients, more));
    });
}

#[test]
fn an_endpoint_ends_while_clients_are_at_every_stage() {
    let _alone = alone();
    within(LIMIT, "the end of an endpoint", || {
        // So often that it takes too long unless they are cut off.
        for round in 0..60 {
            let endpoint = serve();
            let address = endpoint.local_addr();
            let begin = |bytes: &[u8]| {
                let mut stream = TcpStream::connect(address).expect("somebody listens");
                stream.write_all(bytes).expect("it is let in, or waits to be");
                stream
            };
            // As many as are served, or more.
            let many = if round % 6 == 0 { 60 } else { 30 };
            let stages: [&[u8]; 3] = [b"", b"GET /met", b"GET /metrics HTTP/1.1\r\n\r\n"];
            let mut clients: Vec<TcpStream> = (0..many).map(|n| begin(stages[n % 3])).collect();
            // They are let in one after the other, so all are once the last is answered.
            let last = clients.last_mut().expect("there are many");
            last.read_exact(&mut [0]).expect("an answer");
            drop(endpoint);
            assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
            drop(clients);
        }
    });
}

#[test]
fn a_body_is_refused_whatever_its_length_and_whether_it_comes_or_not() {
    let _alone = alone();
    within(LIMIT, "requests with a body", || {
        let endpoint = serve();
        let address = endpoint.local_addr();
        for header in [
            "Content-Length: 1000000000000000000",
            "Content-Length: 99999999999999999999999999",
            "Content-Length: 2000",
            "Content-Length: -1",
            "Transfer-Encoding: chunked",
        ] {
            let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
            assert_eq!(status(&send(address, request.as_bytes())), 400, "{header}");
        }
        // One that is sent, and is more than anybody reads.
        let mut request = b"GET /metrics HTTP/1.1\r\nContent-Length: 8000000\r\n\r\n".to_vec();
        request.resize(8_000_000, b'x');
        let answer = send(address, &request);
        assert!(answer.is_empty() || status(&answer) == 400, "{answer}");
        scrape(address, "/metrics");
    });
}

#[test]
fn what_is_no_request_is_told_so_and_harms_nobody() {
    let _alone = alone();
    within(LIMIT, "malformed requests", || {
        let endpoint = serve();
        let address = endpoint.local_addr();
        let line = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100_000));
        let header = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(500));
        let cases: [(&[u8], u16); 14] = [
            (b"GET /metrics HTTP/9\r\n\r\n", 505),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            (b"\0\0\0\0\0\0\0\0\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
            (b"GET /metrics\r\n\r\n", 400),
            (b"GET\r\n\r\n", 400),
            (b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (b"GET /metrics HTTP/1.1\r\nHost: \0\r\n\r\n", 400),
            (b"GET /metrics HTTP/1.1\r\n: x\r\n\r\n", 400),
            ("GÉT /metrics HTTP/1.1\r\n\r\n".as_bytes(), 400),
            ("GET /métrics HTTP/1.1\r\n\r\n".as_bytes(), 404),
            // A line feed alone ends a line too, for readers that are kind.
            (b"GET /livez HTTP/1.1\nHost: x\n\n", 200),
            (b"GET /livez HTTP/1.0\r\n\r\n", 200),
            (many.as_bytes(), 431),
        ];
        for (bytes, expected) in cases {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(status(&send(address, bytes)), expected, "{text:?}");
        }
        for large in [line, header] {
            let answer = send(address, large.as_bytes());
            assert!(answer.is_empty() || status(&answer) == 431, "{answer}");
        }
        scrape(address, "/metrics");
    });
}

#[test]
fn half_a_request_is_answered_once_the_client_says_no_more() {
    let _alone = alone();
    within(LIMIT, "half a request", || {
        let endpoint = serve();
        let answer = say_no_more(endpoint.local_addr(), b"GET /metrics HTTP/1.1\r\nHost: x");
        assert_eq!(status(&answer), 400);
    });
}

#[test]
fn one_request_is_answered_and_nothing_behind_it() {
    let _alone = alone();
    within(LIMIT, "requests in a row", || {
        let endpoint = serve();
        let address = endpoint.local_addr();
        let two = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /gone HTTP/1.1\r\nHost: x\r\n\r\n";
        let answer = send(address, two);
        assert_eq!((status(&answer), answer.matches("HTTP/1.1").count()), (200, 1), "{answer}");
        // A client that says no more after its request is answered all the same.
        assert_eq!(status(&say_no_more(address, b"GET /livez HTTP/1.1\r\n\r\n")), 200);
    });
}

#[test]
fn a_path_is_itself_and_nothing_that_comes_to_the_same() {
    let _alone = alone();
    within(LIMIT, "paths", || {
        let endpoint = serve();
        for (target, expected) in [
            ("/livez?", 200),
            ("/livez?a=/debug/pools&b=%00", 200),
            ("/livez/", 404),
            ("//livez", 404),
            ("/./livez", 404),
            ("/x/../livez", 404),
            ("/%6civez", 404),
            ("/livez%00", 404),
            ("/livez;a=b", 404),
            ("/livez#a", 404),
            ("/LIVEZ", 404),
            ("http://localhost/livez", 404),
            ("localhost:80", 404),
            ("*", 404),
            ("?", 404),
        ] {
            let (status, _) = get(endpoint.local_addr(), target, "Host: x\r\n");
            assert_eq!(status, expected, "{target}");
        }
    });
}

#[test]
fn an_endpoint_serves_the_sixth_version_of_addresses_too() {
    let _alone = alone();
    within(LIMIT, "the sixth version", || {
        match Endpoint::builder(recorder()).debug_pools(true).serve("[::1]:0") {
            Ok(endpoint) => {
                let host = endpoint.local_addr();
                assert_eq!(get(host, "/debug/pools", &format!("Host: {host}\r\n")).0, 200);
            }
            Err(error) => eprintln!("skipped, this machine has none: {error}"),
        }
        let mapped = prometheus::serve("[::ffff:192.0.2.1]:0", recorder());
        assert_eq!(mapped.err().map(|e| e.kind()), Some(std::io::ErrorKind::InvalidInput));
    });
}

#[test]
fn pages_are_whole_while_pools_are_built_and_end() {
    let _alone = alone();
    within(LIMIT, "pages beside short-lived pools", || {
        let endpoint = Endpoint::builder(recorder()).debug_pools(true).serve("127.0.0.1:0");
        let endpoint = endpoint.expect("there is a free port");
        let address = endpoint.local_addr();
        let whole = |path: &str| {
            let (status, text) = get(address, path, "Host: 127.0.0.1\r\n");
            assert!([200, 503].contains(&status), "{status}: {text}");
            text
        };
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                // Not for ever, should the others fail.
                for _ in (0..10_000).take_while(|_| !over.load(Ordering::SeqCst)) {
                    let builder = Pool::builder("brief").workers(1..=2);
                    let pool = build(builder.histogram_sink(HistogramSink::Exact));
                    pool.submit(|| ()).expect("room").join().expect("it only returns");
                }
            });
            let mut counted = 0;
            while counted < 100 {
                let page = whole("/metrics");
                let series = page.lines().filter_map(|line| line.rsplit_once(' '));
                let mut series: Vec<&str> = series.map(|(series, _)| series).collect();
                let lines = series.len();
                series.sort_unstable();
                series.dedup();
                assert_eq!(series.len(), lines, "a series is there twice: {page}");
                let runs = "springtide_run_seconds_count{pool=\"brief\"} ";
                let now = page.lines().find_map(|line| line.strip_prefix(runs));
                let now = now.map_or(0, |count| count.parse::<u64>().expect("a count"));
                assert!(now >= counted, "{now} after {counted}");
                counted = now;
                let shown = whole("/debug/pools");
                assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
                whole("/healthz");
            }
            over.store(true, Ordering::SeqCst);
        });
    });
}

#[test]
fn nothing_but_get_is_allowed() {
    let _alone = alone();
    within(LIMIT, "methods", || {
        let endpoint = serve();
        for path in ["/metrics", "/healthz", "/livez"] {
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "X-Y"] {
                let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
                let answer = send(endpoint.local_addr(), request.as_bytes());
                assert_eq!(status(&answer), 405, "{request}");
                assert!(answer.contains("\r\nAllow: GET\r\n"), "{answer}");
            }
            let head = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            let answer = send(endpoint.local_addr(), head.as_bytes());
            assert!(
                answer.starts_with("HTTP/1.1 405 ") && answer.ends_with("\r\n\r\n"),
                "{answer}"
            );
        }
    });
}

#[test]
fn endpoints_that_end_leave_no_thread() {
    let _alone = alone();
    within(LIMIT, "threads of endpoints", || {
        let endpoints: Vec<Endpoint> = (0..20).map(|_| serve()).collect();
        endpoints.iter().for_each(|endpoint| scrape(endpoint.local_addr(), "/metrics"));
        drop(endpoints);
        ["springtide-http", "springtide-keep"].into_iter().for_each(until_no_thread_is_named);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn without_file_descriptors_it_rests_and_later_serves_who_came_meanwhile() {
    let _alone = alone();
    let this = std::env::current_exe().expect("it has a path");
    let said = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" --ignored --exact --nocapture few_descriptors"])
        .arg(this)
        .output()
        .expect("there is a shell");
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(said.status.success() && text.contains("1 passed"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "for a process of its own, which the test above starts"]
fn few_descriptors() {
    use std::fs::{File, read_dir, read_to_string};
    use std::io::{Seek, SeekFrom};

    within(LIMIT / 4, "an endpoint without descriptors", || {
        let endpoint = serve();
        // Its thread has its name once it has let somebody in, and is older than who serves.
        scrape(endpoint.local_addr(), "/livez");
        let tasks = read_dir("/proc/self/task").expect("it is Linux");
        let mut folders = tasks.map(|task| task.expect("a thread").path());
        let doorman = folders.find(|task| {
            read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "springtide-http")
        });
        let file = File::open(doorman.expect("it listens").join("status")).expect("it may");
        let rests = move || {
            let mut text = String::new();
            (&file).seek(SeekFrom::Start(0)).expect("it can be read again");
            (&file).read_to_string(&mut text).expect("it is text");
            let mut lines = text.lines();
            let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            count.and_then(|count| count.trim().parse::<u64>().ok()).expect("a count")
        };
        let mut files: Vec<File> = Vec::new();
        let fill = |files: &mut Vec<File>| {
            files.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
        };
        fill(&mut files);
        // Whoever waits for a client has a descriptor for it already: the first may be let in.
        let mut streams: Vec<TcpStream> = Vec::new();
        while streams.len() < 3 {
            files.pop();
            if let Ok(mut stream) = TcpStream::connect(endpoint.local_addr()) {
                stream.write_all(b"GET /livez HTTP/1.1\r\n\r\n").expect("there is room");
                streams.push(stream);
            }
        }
        // A thread that tries again and again hardly ever rests.
        let before = rests();
        while rests() < before + 15 {
            fill(&mut files);
            thread::sleep(Duration::from_millis(1));
        }
        drop(files);
        for mut stream in streams {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            assert_eq!(status(&answer), 200);
        }
    });
}
