//! Reads a message body off the wire: takes out the dots, finds the end, and holds the bytes to RFC 5321 and 5322.

use std::fmt;

/// What a body must not hold (RFC 5321 §2.3.8 and §4.5.3.1.6, RFC 5322 §2.3), or how a client broke the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Defect {
    /// A CR without its LF.
    BareCr,
    /// An LF without its CR.
    BareLf,
    /// A NUL byte.
    Nul,
    /// A byte above 0x7F although the client did not ask for `8BITMIME`.
    EightBit,
    /// A line of more than 998 octets.
    LongLine,
    /// Bytes after a command whose reply the client has to wait for (RFC 2920 §3.1), or pipelining that was not
    /// offered.
    Hasty,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareCr => "bare CR",
            Self::BareLf => "bare LF",
            Self::Nul => "NUL byte",
            Self::EightBit => "8-bit byte without 8BITMIME",
            Self::LongLine => "line over 998 octets",
            Self::Hasty => "bytes sent before the reply",
        })
    }
}

const LINE_LIMIT: usize = 998;

/// A body on its way in.
pub(super) struct Body {
    bytes: Vec<u8>,
    limit: usize,
    eight_bit: bool,
    framing: Framing,
    at: At,
    line: usize,
    defects: Vec<Defect>,
    overflow: bool,
}

/// How the end of the body is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `DATA`: a line that is one dot.
    Dot,
    /// `BDAT`: the caller counts.
    Counted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Middle,
    Cr,
    Dot,
    DotCr,
    End,
}

impl Body {
    pub(super) fn new(framing: Framing, limit: usize, eight_bit: bool) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            eight_bit,
            framing,
            at: At::LineStart,
            line: 0,
            defects: Vec::new(),
            overflow: false,
        }
    }

    /// Takes in what belongs to the body; returns how many bytes that were. All of them, unless the end was found.
    pub(super) fn push(&mut self, input: &[u8]) -> usize {
        let mut used = 0;
        while let Some(rest) = input.get(used..).filter(|rest| !rest.is_empty() && self.at != At::End) {
            let run = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
            let plain = self.at == At::Middle && run > 0;
            if let Some(text) = rest.get(..run).filter(|_| plain) {
                self.text(text);
                used += run;
            } else if let Some(byte) = rest.first() {
                self.step(*byte);
                used += 1;
            }
        }
        used
    }

    /// Whether the final dot was read.
    pub(super) fn ended(&self) -> bool {
        self.at == At::End
    }

    /// Whether the body outgrew the limit; what lies beyond it was not kept.
    pub(super) fn overflow(&self) -> bool {
        self.overflow
    }

    /// The body without its framing, and what is wrong with it.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<Defect>) {
        if self.at == At::Cr {
            self.defect(Defect::BareCr);
        }
        (self.bytes, self.defects)
    }

    fn step(&mut self, byte: u8) {
        match (self.at, byte) {
            (At::LineStart, b'.') if self.framing == Framing::Dot => self.at = At::Dot,
            (At::Dot, b'\r') => self.at = At::DotCr,
            (At::DotCr, b'\n') => self.at = At::End,
            (At::Cr, b'\n') => {
                self.keep(b"\r\n");
                self.line = 0;
                self.at = At::LineStart;
            }
            (At::Cr | At::DotCr, other) => {
                self.defect(Defect::BareCr);
                self.keep(b"\r");
                self.at = At::Middle;
                self.step(other);
            }
            (At::LineStart | At::Middle, b'\r') => self.at = At::Cr,
            (At::LineStart | At::Middle | At::Dot, b'\n') => {
                // Not the end of a line, and so nothing that a dot may follow: that is how mails are smuggled.
                self.defect(Defect::BareLf);
                self.keep(b"\n");
                self.at = At::Middle;
            }
            (At::LineStart | At::Middle | At::Dot, other) => {
                self.at = At::Middle;
                self.text(&[other]);
            }
            (At::End, _) => {}
        }
    }

    fn text(&mut self, text: &[u8]) {
        if text.contains(&0) {
            self.defect(Defect::Nul);
        }
        if !self.eight_bit && !text.is_ascii() {
            self.defect(Defect::EightBit);
        }
        self.line += text.len();
        if self.line > LINE_LIMIT {
            self.defect(Defect::LongLine);
        }
        self.keep(text);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() > self.limit {
            self.overflow = true;
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn defect(&mut self, defect: Defect) {
        if !self.defects.contains(&defect) {
            self.defects.push(defect);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the wire cuts the bytes, the same body comes out.
    #[track_caller]
    fn check(wire: &[u8], body: &[u8], defects: &[Defect], rest: usize) {
        for step in 1..=wire.len() {
            let mut reader = Body::new(Framing::Dot, 10_000, false);
            let mut used = 0;
            for piece in wire.chunks(step) {
                used += reader.push(piece);
                if reader.ended() {
                    break;
                }
            }
            assert!(reader.ended(), "cut in pieces of {step}");
            assert_eq!(wire.len() - used, rest, "cut in pieces of {step}");
            let (bytes, found) = reader.finish();
            assert_eq!((bytes.as_slice(), found.as_slice()), (body, defects), "cut in pieces of {step}");
        }
    }

    #[test]
    fn the_dots_come_out_and_the_end_is_found() {
        check(b".\r\n", b"", &[], 0);
        check(b"a\r\n.\r\n", b"a\r\n", &[], 0);
        check(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", &[], 6);
        check(b"..\r\n...\r\n.x\r\n.\r\n", b".\r\n..\r\nx\r\n", &[], 0);
        check(b"a.\r\n.\r\n", b"a.\r\n", &[], 0);
    }

    #[test]
    fn what_the_standard_forbids_is_named_and_ends_nothing() {
        check(b"a\rb\r\n.\r\n", b"a\rb\r\n", &[Defect::BareCr], 0);
        check(b"a\r\r\n.\r\n", b"a\r\r\n", &[Defect::BareCr], 0);
        check(b"a\n.\r\n.\r\n", b"a\n.\r\n", &[Defect::BareLf], 0);
        check(b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n", &[Defect::BareLf], 0);
        check(b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n", &[Defect::BareLf], 0);
        check(b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n", &[Defect::BareCr], 0);
        check(b"\0\r\n.\r\n", b"\0\r\n", &[Defect::Nul], 0);
        check("ä\r\n.\r\n".as_bytes(), "ä\r\n".as_bytes(), &[Defect::EightBit], 0);
    }

    #[test]
    fn a_line_may_hold_998_octets_and_no_more() {
        for (length, defects) in [(998, &[][..]), (999, &[Defect::LongLine][..])] {
            let line = [vec![b'a'; length], b"\r\n".to_vec()].concat();
            let mut reader = Body::new(Framing::Dot, 10_000, false);
            reader.push(&line);
            reader.push(b"b\r\n.\r\n");
            assert!(reader.ended());
            assert_eq!(reader.finish().1, defects);
        }
    }

    #[test]
    fn a_body_over_the_limit_is_read_to_its_end_but_not_kept() {
        let mut reader = Body::new(Framing::Dot, 5, false);
        assert_eq!(reader.push(b"123456789\r\nabc\r\n.\r\nRSET\r\n"), 19);
        assert!(reader.ended() && reader.overflow());
        assert!(reader.finish().0.len() <= 5);
    }

    #[test]
    fn a_counted_body_keeps_its_dots() {
        let mut reader = Body::new(Framing::Counted, 100, true);
        assert_eq!(reader.push("a\r\n.\r\n..ä\r\n".as_bytes()), 12);
        assert_eq!(reader.finish(), ("a\r\n.\r\n..ä\r\n".into(), vec![]));
    }
}
