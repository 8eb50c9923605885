//! SMTP replies, read from bytes: pure and incremental, whatever way the network cuts them.
//!
//! Lenient where servers differ harmlessly (a bare code, LF alone, any octet in the text), strict where a mistake
//! would shift a reply to the wrong command (RFC 5321 §4.2).

use crate::{
    ledger::printable,
    replies::{EnhancedCode, leading},
};

/// The longest line, in bytes, with its line break.
pub const LONGEST_LINE: usize = 4 * 1024;
/// The most lines of one reply.
pub const MOST_LINES: usize = 100;
/// The longest reply, in bytes, with its line breaks.
pub const LONGEST_REPLY: usize = 64 * 1024;

/// One complete reply: a code from 200 to 599 and the text of each line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    lines: Vec<Vec<u8>>,
}

/// The first digit of a code: what a reply means, before any detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 2yz: done.
    Done,
    /// 3yz: go on.
    GoOn,
    /// 4yz: not now.
    NotNow,
    /// 5yz: no.
    No,
}

/// The reason that bytes are no reply. The connection cannot be trusted after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A line that does not begin with a code.
    #[error("a line without a reply code")]
    NoCode,
    /// The lines of one reply carry several codes.
    #[error("lines with different codes in one reply")]
    MixedCodes,
    /// A line over [`LONGEST_LINE`].
    #[error("a line over {LONGEST_LINE} bytes")]
    LongLine,
    /// A reply over [`MOST_LINES`].
    #[error("a reply over {MOST_LINES} lines")]
    ManyLines,
    /// A reply over [`LONGEST_REPLY`].
    #[error("a reply over {LONGEST_REPLY} bytes")]
    LongReply,
}

/// Collects the bytes of one reply.
#[derive(Debug, Default)]
pub struct ReplyParser {
    line: Vec<u8>,
    code: Option<u16>,
    lines: Vec<Vec<u8>>,
    length: usize,
}

/// A line without its line break: the code, whether more lines follow, the text.
struct Line<'a> {
    code: u16,
    last: bool,
    text: &'a [u8],
}

impl ReplyParser {
    /// Takes bytes until the reply is complete: the reply and how many of `bytes` belong to it, or `None` if it wants
    /// more. After a reply or an error the parser is spent.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<(Reply, usize)>, ReplyError> {
        for (used, &byte) in (1..).zip(bytes) {
            self.length += 1;
            self.line.push(byte);
            if self.line.len() > LONGEST_LINE {
                return Err(ReplyError::LongLine);
            }
            if self.length > LONGEST_REPLY {
                return Err(ReplyError::LongReply);
            }
            if byte == b'\n'
                && let Some(reply) = self.end_line()?
            {
                return Ok(Some((reply, used)));
            }
        }
        Ok(None)
    }

    fn end_line(&mut self) -> Result<Option<Reply>, ReplyError> {
        let line = Line::parse(&self.line)?;
        if self.code.is_some_and(|code| code != line.code) {
            return Err(ReplyError::MixedCodes);
        }
        if self.lines.len() == MOST_LINES {
            return Err(ReplyError::ManyLines);
        }
        self.code = Some(line.code);
        self.lines.push(line.text.to_vec());
        let reply = line.last.then(|| Reply { code: line.code, lines: std::mem::take(&mut self.lines) });
        self.line.clear();
        Ok(reply)
    }
}

impl<'a> Line<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ReplyError> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let [first @ b'2'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9', rest @ ..] = line else {
            return Err(ReplyError::NoCode);
        };
        let [hundreds, tens, ones] = [first, second, third].map(|digit| u16::from(digit - b'0'));
        let code = hundreds * 100 + tens * 10 + ones;
        match rest {
            [] => Ok(Self { code, last: true, text: rest }),
            [b' ', text @ ..] => Ok(Self { code, last: true, text }),
            [b'-', text @ ..] => Ok(Self { code, last: false, text }),
            _ => Err(ReplyError::NoCode),
        }
    }
}

impl Reply {
    /// The three digits.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The meaning of the first digit.
    #[must_use]
    pub fn class(&self) -> Class {
        match self.code / 100 {
            2 => Class::Done,
            3 => Class::GoOn,
            4 => Class::NotNow,
            _ => Class::No,
        }
    }

    /// The text of each line, as the server sent it: any octet, no line break.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(Vec::as_slice)
    }

    /// The enhanced status code that leads the text.
    #[must_use]
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        self.lines().next().and_then(leading).map(|(code, _)| code)
    }

    /// The text on one line without the code, whatever it holds.
    #[must_use]
    pub fn text(&self) -> String {
        let lines: Vec<_> = self.lines().map(String::from_utf8_lossy).collect();
        lines.join(" ")
    }

    /// Code and text on one line, fit for a terminal, a log and the ledger: escaped, at most 1 KiB.
    ///
    /// An enhanced code that every line repeats is said once.
    #[must_use]
    pub fn words(&self) -> String {
        let mut text = self.code.to_string().into_bytes();
        let lead = self.enhanced();
        for (number, line) in self.lines().enumerate() {
            let line = match leading(line) {
                Some((code, rest)) if number > 0 && Some(code) == lead => rest,
                _ => line,
            };
            if !line.is_empty() {
                text.push(b' ');
                text.extend_from_slice(line);
            }
        }
        printable(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, ReplyError> {
        ReplyParser::default().feed(bytes)
    }

    #[track_caller]
    fn check(bytes: &[u8], code: u16, words: &str) {
        let (reply, used) = parse(bytes).expect("well formed").expect("complete");
        assert_eq!((reply.code(), reply.words().as_str(), used), (code, words, bytes.len()));
    }

    #[test]
    fn replies_are_read_in_every_shape_that_servers_use() {
        check(b"250 ok\r\n", 250, "250 ok");
        check(b"250\r\n", 250, "250");
        check(b"250 \r\n", 250, "250");
        check(b"250\n", 250, "250");
        check(b"354 go on\n", 354, "354 go on");
        check(b"250-one\r\n250-two\r\n250 three\r\n", 250, "250 one two three");
        check(b"250-one\n250-\n250\n", 250, "250 one");
        check(b"250 \xfcbel\r\n", 250, "250 \\xfcbel");
        check("250 übel\r\n".as_bytes(), 250, "250 übel");
        check(b"250 a\0b\x1b[31m\r\r\n", 250, "250 a\\u{0}b\\u{1b}[31m\\u{d}");
    }

    #[test]
    fn a_code_that_every_line_repeats_is_said_once_and_one_that_differs_is_kept() {
        check(b"550-5.1.1 no such\r\n550 5.1.1 user\r\n", 550, "550 5.1.1 no such user");
        check(b"550-5.1.1 no such user\r\n550 5.7.1 policy\r\n", 550, "550 5.1.1 no such user 5.7.1 policy");
        check(b"550-no\r\n550 5.7.1 policy\r\n", 550, "550 no 5.7.1 policy");
    }

    #[test]
    fn what_follows_a_reply_is_left_alone() {
        let (reply, used) = parse(b"250 ok\r\n221 bye\r\n").expect("well formed").expect("complete");
        assert_eq!((reply.code(), used), (250, 8));
    }

    #[test]
    fn a_reply_that_could_be_misread_is_refused() {
        let check = |bytes: &[u8], expected| assert_eq!(parse(bytes), Err(expected));
        for bytes in
            [&b"\r\n"[..], b"2\r\n", b"999 what\r\n", b"100 go\r\n", b"250ok\r\n", b"ok\n", b"25O ok\r\n"]
        {
            check(bytes, ReplyError::NoCode);
        }
        check(b"250-one\r\n550 two\r\n", ReplyError::MixedCodes);
        check(&[b'2'; LONGEST_LINE + 1], ReplyError::LongLine);
        check(&b"250-x\r\n".repeat(MOST_LINES + 1), ReplyError::ManyLines);
        check(&[&b"250-"[..], &[b'x'; 1000], b"\r\n"].concat().repeat(66), ReplyError::LongReply);
    }

    #[test]
    fn an_incomplete_reply_waits() {
        for bytes in [&b""[..], b"250", b"250 ok", b"250 ok\r", b"250-ok\r\n", b"250-ok\r\n250 "] {
            assert_eq!(parse(bytes), Ok(None));
        }
    }

    #[test]
    fn the_enhanced_code_is_read_where_it_leads() {
        let check = |bytes: &[u8], expected: Option<(u16, u16, u16)>| {
            let (reply, _) = parse(bytes).expect("well formed").expect("complete");
            assert_eq!(reply.enhanced().map(|code| (code.class, code.subject, code.detail)), expected);
        };
        check(b"550 5.1.1 no such user\r\n", Some((5, 1, 1)));
        check(b"550 5.7.515\r\n", Some((5, 7, 515)));
        check(b"550 5.7.5150 x\r\n", None);
        check(b"550 5.1 x\r\n", None);
        check(b"550 5.1.1.1 x\r\n", None);
        check(b"550 3.1.1 x\r\n", None);
        check(b"550 no 5.1.1\r\n", None);
    }

    /// Feeds the pieces one after the other, as a connection would.
    fn parse_pieces(pieces: &[&[u8]]) -> Result<Option<(Reply, usize)>, ReplyError> {
        let (mut parser, mut before) = (ReplyParser::default(), 0);
        for piece in pieces {
            if let Some((reply, used)) = parser.feed(piece)? {
                return Ok(Some((reply, before + used)));
            }
            before += piece.len();
        }
        Ok(None)
    }

    /// Bytes that look like replies often enough to reach every branch.
    fn nearly_replies() -> impl Strategy<Value = Vec<u8>> {
        let piece = proptest::prop_oneof![
            "(250|354|421|550)[- ]?[a-z0-9. ]{0,12}(\r\n|\n)".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..8),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn any_split_of_the_bytes_gives_the_same_reply(bytes in nearly_replies(), size in 1_usize..9) {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(parse_pieces(&pieces), parse(&bytes));
        }

        #[test]
        fn no_bytes_make_the_parser_or_the_words_panic(bytes in nearly_replies()) {
            if let Ok(Some((reply, used))) = parse(&bytes) {
                prop_assert!(used <= bytes.len());
                prop_assert!((200..600).contains(&reply.code()));
                let words = reply.words();
                prop_assert!(words.len() <= 1024 && !words.contains(char::is_control));
            }
        }
    }
}
