//! What a client is answered: a status, a text and its type, as the bytes that are sent.

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
    pub(crate) text: String,
}

impl Response {
    /// A sentence for people, in lower case as the phrase of the status.
    pub(crate) fn plain(status: Status, text: impl Into<String>) -> Response {
        Response { status, content_type: PLAIN, text: text.into() }
    }

    /// The answer that has nothing to say but its status.
    pub(crate) fn bare(status: Status) -> Response {
        let phrase = status.line().split_once(' ').map_or("", |(_, phrase)| phrase);
        Response::plain(status, format!("{}\n", phrase.to_lowercase()))
    }

    /// The head and, unless it answers a `HEAD`, the text.
    pub(crate) fn into_bytes(self, to_head: bool) -> Vec<u8> {
        let allow = match self.status {
            Status::MethodNotAllowed => "Allow: GET\r\n",
            _ => "",
        };
        let mut bytes = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}\
             Connection: close\r\n\r\n",
            self.status.line(),
            self.content_type,
            self.text.len(),
        );
        if !to_head {
            bytes.push_str(&self.text);
        }
        bytes.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_head_is_the_head_of_the_answer() {
        let bytes = |to_head| Response::bare(Status::MethodNotAllowed).into_bytes(to_head);
        let (whole, head) = (bytes(false), bytes(true));
        assert!(head.ends_with(b"\r\n\r\n"));
        assert_eq!(whole, [head.as_slice(), b"method not allowed\n"].concat());
        let text = String::from_utf8(head).expect("it is text");
        assert!(text.contains("\r\nAllow: GET\r\n") && text.contains("\r\nContent-Length: 19\r\n"));
    }
}
