//! Lines of a request's head end with CR and LF, and with nothing else: whoever sees other line ends than we do sees
//! another request (RFC 9112 §2.2). The parser takes a bare LF, so the bytes are looked at before it gets them.
//!
//! Only heads are looked at. What cannot be told from the lengths alone (a chunked body) ends the looking, and the
//! connection is closed behind such a request.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use hyper::{
    HeaderMap, Version,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    http::uri::Authority,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So much of a line is kept: enough for the headers that tell a body's length.
const KEPT: usize = 64;

/// What was seen of a connection: the number of the first request whose head has a bare LF.
#[derive(Debug, Clone)]
pub(super) struct Seen(Arc<AtomicU64>);

impl Seen {
    /// Whether the head of the request with this number, from 0, has line ends of its own kind.
    pub(super) fn is_bare(&self, number: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= number
    }
}

/// A connection that is looked at while it is read.
pub(super) struct Watched<S> {
    stream: S,
    seen: Seen,
    heads: u64,
    at: At,
}

/// Where in the bytes we are.
enum At {
    Head(Head),
    /// So many bytes of a body are to come.
    Body(u64),
    /// Nobody knows where the next head begins.
    Blind,
}

#[derive(Default)]
struct Head {
    line: Vec<u8>,
    last: u8,
    has_begun: bool,
    length: Option<u64>,
    is_blind: bool,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Seen) {
        let seen = Seen(Arc::new(AtomicU64::new(u64::MAX)));
        (Self { stream, seen: seen.clone(), heads: 0, at: At::Head(Head::default()) }, seen)
    }

    fn look(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Blind => return,
                At::Body(left) => {
                    let passed = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= passed as u64;
                    bytes = bytes.get(passed..).unwrap_or_default();
                    if *left == 0 {
                        self.at = At::Head(Head::default());
                    }
                }
                At::Head(head) => {
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        head.add(bytes);
                        return;
                    };
                    let (line, rest) = bytes.split_at(end);
                    head.add(line);
                    bytes = rest.get(1..).unwrap_or_default();
                    match head.end_line() {
                        Line::Bare => {
                            self.seen.0.fetch_min(self.heads, Ordering::Relaxed);
                            self.at = At::Blind;
                        }
                        Line::More => {}
                        Line::Last(next) => {
                            self.heads += 1;
                            self.at = next;
                        }
                    }
                }
            }
        }
    }
}

/// What the end of a line was.
enum Line {
    Bare,
    More,
    /// The end of the head, and what follows.
    Last(At),
}

impl Head {
    fn add(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.last = *last;
        }
        let room = KEPT.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend(bytes.iter().take(room));
    }

    fn end_line(&mut self) -> Line {
        if std::mem::take(&mut self.last) != b'\r' {
            return Line::Bare;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii();
        match (line.is_empty(), self.has_begun) {
            // Empty lines before a request are nobody's (RFC 9112 §2.2).
            (true, false) => Line::More,
            (true, true) if self.is_blind => Line::Last(At::Blind),
            (true, true) => Line::Last(match self.length {
                Some(length @ 1..) => At::Body(length),
                Some(0) | None => At::Head(Self::default()),
            }),
            (false, false) => {
                self.has_begun = true;
                Line::More
            }
            (false, true) => {
                self.header(line);
                Line::More
            }
        }
    }

    fn header(&mut self, line: &[u8]) {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
        if name.eq_ignore_ascii_case(TRANSFER_ENCODING.as_str().as_bytes()) {
            self.is_blind = true;
        } else if name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str().as_bytes()) {
            let digits = value.get(1..).unwrap_or_default().trim_ascii();
            let length = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            self.is_blind |= self.length.is_some() || length.is_none();
            self.length = length;
        }
    }
}

/// Whether nobody can tell from a request's head alone where the next one begins: the connection ends behind it.
pub(super) fn ends_unseen(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some()
}

/// Whether a request names one host, as it has to from HTTP/1.1 on (RFC 9112 §3.2).
pub(super) fn has_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => {
            let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
            host.is_some_and(|host| !host.as_str().contains('@'))
        }
        (Some(_), Some(_)) => false,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Some(new) = buffer.filled().get(before..) {
            self.look(new);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first request with a bare LF in its head, however the bytes come in pieces.
    fn first_bare(bytes: &[u8], piece: usize) -> Option<u64> {
        let (mut watched, seen) = Watched::new(());
        for piece in bytes.chunks(piece) {
            watched.look(piece);
        }
        (0..8).find(|number| seen.is_bare(*number))
    }

    #[test]
    fn a_bare_line_end_is_seen_in_heads_alone_and_in_the_right_one() {
        let check = |text: &str, expected: Option<u64>| {
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(first_bare(text.as_bytes(), piece), expected, "{text:?} in pieces of {piece}");
            }
        };
        let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na\nb\nc";
        check(get, None);
        check(&get.repeat(3), None);
        check(&format!("\r\n{get}"), None);
        check(&format!("{post}{get}{post}"), None);
        check("GET / HTTP/1.1\nHost: x\n\n", Some(0));
        check("GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", Some(0));
        check("GET / HTTP/1.1\r\nHost: x\r\n\n", Some(0));
        check("\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", Some(0));
        check(&format!("{post}{get}GET / HTTP/1.1\nHost: x\n\n"), Some(2));
        check(&format!("GET /{} HTTP/1.1\nHost: x\n\n", "y".repeat(200)), Some(0));
        // Behind a chunked body nobody knows, and the connection ends there.
        check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\nGET / HTTP/1.1\n\n",
            None,
        );
        check(&format!("POST / HTTP/1.1\r\ncontent-length:3\r\n\r\na\nb{get}"), None);
        check("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\n\n", Some(1));
    }

    #[test]
    fn one_host_is_named_and_it_can_be_one() {
        let check = |version: Version, hosts: &[&str], expected: bool| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().unwrap());
            }
            assert_eq!(has_host(version, &headers), expected, "{version:?} {hosts:?}");
        };
        check(Version::HTTP_11, &["app.example.com"], true);
        check(Version::HTTP_11, &["127.0.0.1:8025"], true);
        check(Version::HTTP_11, &["[::1]:8025"], true);
        check(Version::HTTP_11, &[], false);
        check(Version::HTTP_10, &[], true);
        check(Version::HTTP_10, &["a", "b"], false);
        for wrong in [&["a", "a"][..], &["a, b"], &[""], &["a b"], &["user@a"], &["http://a/"], &["a/b"]] {
            check(Version::HTTP_11, wrong, false);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_bodies_hold_no_head_is_accused(bodies in proptest::collection::vec("(?s).{0,40}", 1..6), piece in 1_usize..50) {
            let mut text = String::new();
            for body in &bodies {
                let head = format!("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
                text.extend([head.as_str(), body]);
            }
            prop_assert_eq!(first_bare(text.as_bytes(), piece), None);
        }
    }
}
