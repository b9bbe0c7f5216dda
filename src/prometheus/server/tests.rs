use std::io::{Read, Write};

use super::*;
use crate::run::spawner::RefusingSpawner;
use crate::sync::plain::AtomicUsize;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn room_is_made_by_whoever_has_been_waited_for_longest_and_by_nobody_before() {
    let room =
        |stays: &[(Turn, u64)]| make_room(stays.iter().map(|(turn, stay)| (*turn, millis(*stay))));
    let (client, server, over) = (Turn::Client, Turn::Server, Turn::Over);
    assert_eq!(room(&[(client, 10), (client, 30), (server, 900)]), Room::Wait(millis(20)));
    assert_eq!(room(&[(client, 50), (client, 70), (client, 60)]), Room::Cut(1));
    assert_eq!(room(&[(over, 100_000), (client, 49)]), Room::Wait(millis(1)));
    // Whose answer is being made is not to blame for that.
    assert_eq!(room(&[(server, 100_000), (client, 50)]), Room::Cut(1));
    assert_eq!(room(&[(server, 100_000)]), Room::Wait(Duration::MAX - millis(100_000)));
}

/// A server that is refused threads by their number, counted from 0, which is the one that listens.
fn open(refuses: fn(usize) -> bool, answer: Box<Answer>) -> io::Result<Server> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let asked = AtomicUsize::new(0);
    let rule = move |_: &str| refuses(asked.fetch_add(1, Ordering::SeqCst));
    Server::open(listener, Arc::new(RefusingSpawner::new(rule)), answer)
}

fn ask(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.local_addr()).unwrap();
    let mut answer = String::new();
    // A refused client may be told so and left before it has asked.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_refused_thread_costs_one_client_and_not_the_server() {
    let refuses = |number| (1..=2 * CONNECTIONS).contains(&number);
    let server = open(refuses, Box::new(|_| Response::plain(Status::Ok, "here"))).unwrap();
    for _ in 0..2 * CONNECTIONS {
        let answer = ask(&server);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
    assert!(ask(&server).ends_with("here"));
}

#[test]
fn a_server_without_a_thread_is_an_error() {
    let refused = open(|number| number == 0, Box::new(|_| Response::bare(Status::Ok)));
    assert_eq!(refused.err().map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
}

#[test]
fn an_answer_that_panics_is_a_500_and_costs_nobody_else_anything() {
    let answer = |request: &Request| match request.method.as_str() {
        "GET" => panic!("no answer"),
        _ => Response::bare(Status::Ok),
    };
    let server = open(|_| false, Box::new(answer)).unwrap();
    for _ in 0..2 * CONNECTIONS {
        assert!(ask(&server).starts_with("HTTP/1.1 500 "));
    }
}
