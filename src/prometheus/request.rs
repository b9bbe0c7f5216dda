//! What a client asks for: the head of one request, and nothing behind it.

use std::net::{Ipv6Addr, SocketAddr};

use super::response::Status;

/// The longest head that is read.
pub(crate) const HEAD_LIMIT: usize = 8 << 10;
/// The most headers in it. A scraper sends half a dozen.
const HEADERS: usize = 64;

/// A request as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without what follows a question mark.
    pub(crate) path: String,
    /// The `Host` header, if there is exactly one.
    host: Option<String>,
    /// It announces a body, which nobody will read.
    pub(crate) has_body: bool,
}

impl Request {
    /// The request that `bytes` begin with; `None` while its head is incomplete.
    ///
    /// # Errors
    ///
    /// The status of the answer to what is no request, or too large a one.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Request>, Status> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        match head.parse(bytes) {
            Ok(parsed) if parsed.is_complete() => Ok(Some(Request::of(&head))),
            Ok(_) if bytes.len() >= HEAD_LIMIT => Err(Status::HeadTooLarge),
            Ok(_) => Ok(None),
            Err(httparse::Error::TooManyHeaders) => Err(Status::HeadTooLarge),
            Err(httparse::Error::Version) => Err(Status::VersionNotSupported),
            Err(_) => Err(Status::BadRequest),
        }
    }

    fn of(head: &httparse::Request<'_, '_>) -> Request {
        let of_name = |name: &'static str| {
            head.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name))
        };
        let target = head.path.unwrap_or_default();
        let mut hosts = of_name("Host");
        let host = hosts.next().and_then(|header| std::str::from_utf8(header.value).ok());
        let is_zero = |length: &[u8]| length.trim_ascii() == b"0";
        Request {
            method: head.method.unwrap_or_default().to_owned(),
            path: target.split('?').next().unwrap_or_default().to_owned(),
            host: host.filter(|_| hosts.next().is_none()).map(str::to_owned),
            has_body: of_name("Transfer-Encoding").next().is_some()
                || of_name("Content-Length").any(|header| !is_zero(header.value)),
        }
    }

    /// Whether it was sent to an address or to `localhost`. A page from elsewhere that has its own
    /// name resolve to this machine is read by the browser as if it came from there; its requests
    /// carry that name.
    pub(crate) fn is_to_an_address(&self) -> bool {
        self.host.as_deref().is_some_and(is_address)
    }
}

fn is_address(host: &str) -> bool {
    let host = host.trim();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::Ipv4Addr>().is_ok()
        || bracketed.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        || host.parse::<SocketAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Request>, Status> {
        Request::parse(text.as_bytes())
    }

    fn whole(text: &str) -> Request {
        parse(text).expect("it is a request").expect("it is complete")
    }

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let text = "GET /metrics?name=x HTTP/1.1\r\nHost: here\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), Ok(None), "{end}");
        }
        let request = whole(text);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/metrics"));
        assert!(!request.has_body);
    }

    #[test]
    fn what_is_no_head_is_told_so() {
        let huge = format!("GET /{} HTTP/1.1\r\n", "x".repeat(HEAD_LIMIT));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(HEADERS + 1));
        for (text, status) in [
            ("GET / HTTP/9.9\r\n\r\n", Status::VersionNotSupported),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nA: \0\r\n\r\n", Status::BadRequest),
            ("\0\0\0\0", Status::BadRequest),
            (&huge, Status::HeadTooLarge),
            (&many, Status::HeadTooLarge),
        ] {
            assert_eq!(parse(text), Err(status), "{text:?}");
        }
    }

    #[test]
    fn a_body_is_noticed_however_it_is_announced() {
        for header in [
            "Content-Length: 1",
            "content-length: 1000000000000000000",
            "Content-Length: nonsense",
            "Content-Length: 0\r\nContent-Length: 5",
            "Content-Length: -0",
            "Transfer-Encoding: chunked",
        ] {
            assert!(whole(&format!("GET / HTTP/1.1\r\n{header}\r\n\r\n")).has_body, "{header}");
        }
        assert!(!whole("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").has_body);
    }

    #[test]
    fn addresses_are_told_from_names() {
        let is_to_an_address =
            |lines: &str| whole(&format!("GET / HTTP/1.1\r\n{lines}\r\n")).is_to_an_address();
        for host in
            ["127.0.0.1", "10.0.0.7:9898", "localhost", "LocalHost:9898", "[::1]", "[::1]:9"]
        {
            assert!(is_to_an_address(&format!("Host: {host}\r\n")), "{host}");
        }
        let names =
            ["evil.example", "127.0.0.1.evil.example:9898", "localhost.evil.example", "[::1", ""];
        for host in names {
            assert!(!is_to_an_address(&format!("Host: {host}\r\n")), "{host}");
        }
        assert!(!is_to_an_address(""), "no host");
        assert!(!is_to_an_address("Host: localhost\r\nHost: localhost\r\n"), "two hosts");
    }
}
