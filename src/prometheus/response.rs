//! What a client is answered: a status, a text and its type, as the bytes that are sent.

use crate::sync::Arc;

/// The statuses that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    HeadTooLarge,
    InternalError,
    Unavailable,
    VersionNotSupported,
}

impl Status {
    /// Code and phrase, as they stand in the first line.
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::InternalError => "500 Internal Server Error",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// The type of the page.
pub(crate) const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The type of everything that is to be read by people.
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

/// One answer. Every connection ends with it.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: Status,
    pub(crate) content_type: &'static str,
    /// Others may be sent the same.
    pub(crate) text: Arc<str>,
}

impl Response {
    /// A sentence for people, in lower case as the phrase of the status.
    pub(crate) fn plain(status: Status, text: impl Into<String>) -> Response {
        Response { status, content_type: PLAIN, text: text.into().into() }
    }

    /// The answer that has nothing to say but its status.
    pub(crate) fn bare(status: Status) -> Response {
        let phrase = status.line().split_once(' ').map_or("", |(_, phrase)| phrase);
        Response::plain(status, format!("{}\n", phrase.to_lowercase()))
    }

    /// What comes before the text: as it would come before an answer to `GET`.
    pub(crate) fn head(&self) -> String {
        let allow = match self.status {
            Status::MethodNotAllowed => "Allow: GET\r\n",
            _ => "",
        };
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}\
             Connection: close\r\n\r\n",
            self.status.line(),
            self.content_type,
            self.text.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_long_its_text_is_and_what_is_allowed() {
        let refused = Response::bare(Status::MethodNotAllowed);
        assert_eq!(&*refused.text, "method not allowed\n");
        let head = refused.head();
        assert!(head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{head}");
        assert!(head.contains("\r\nAllow: GET\r\n") && head.contains("\r\nContent-Length: 19\r\n"));
        assert!(head.contains("\r\nConnection: close\r\n") && head.ends_with("\r\n\r\n"));
        assert!(!Response::bare(Status::Ok).head().contains("Allow"));
    }
}
