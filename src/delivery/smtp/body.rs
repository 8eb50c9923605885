//! The bytes of a message on their way to a relay: checked once more, then dot-stuffed block by block.

/// Bytes in one write, about.
const BLOCK: usize = 64 * 1024;

/// The longest line, without its line break (RFC 5321 §4.5.3.1.6).
const LONGEST_LINE: usize = 998;

/// A message that no relay can take for two, or rewrite: 7-bit, CRLF, no long line.
#[derive(Clone, Copy)]
pub struct Body<'a>(&'a [u8]);

/// The reason that bytes may not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It has no byte.
    #[error("the message is empty")]
    Empty,
    /// A line ends otherwise than with CR LF.
    #[error("the message has a CR or an LF alone")]
    BareLineBreak,
    /// A byte is NUL or above 126.
    #[error("the message has a byte that is not 7-bit text")]
    Byte,
    /// A line is longer than SMTP allows.
    #[error("the message has a line over {LONGEST_LINE} bytes")]
    LongLine,
}

impl<'a> Body<'a> {
    /// Checks the bytes. Composing has done so already; here is the last place where a mistake costs nothing.
    pub fn check(bytes: &'a [u8]) -> Result<Self, Flaw> {
        if bytes.is_empty() {
            return Err(Flaw::Empty);
        }
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let text = match line.strip_suffix(b"\n") {
                Some(rest) => rest.strip_suffix(b"\r").ok_or(Flaw::BareLineBreak)?,
                None => line,
            };
            if text.len() > LONGEST_LINE {
                return Err(Flaw::LongLine);
            }
            if text.contains(&b'\r') {
                return Err(Flaw::BareLineBreak);
            }
            if !text.iter().all(|byte| matches!(byte, 1..=0x7e)) {
                return Err(Flaw::Byte);
            }
        }
        Ok(Self(bytes))
    }

    /// The message's bytes, without dot-stuffing: the meaning of `SIZE` (RFC 1870 §6).
    pub(super) fn size(self) -> usize {
        self.0.len() + if self.0.ends_with(b"\n") { 0 } else { 2 }
    }

    /// The bytes for the wire, without the final dot: every leading dot doubled, the last line ended.
    pub(super) fn blocks(self) -> impl Iterator<Item = Vec<u8>> {
        let mut lines = self.0.split_inclusive(|&byte| byte == b'\n').peekable();
        std::iter::from_fn(move || {
            lines.peek()?;
            let mut block = Vec::with_capacity(self.0.len().min(BLOCK) + 2 * LONGEST_LINE);
            while block.len() < BLOCK
                && let Some(line) = lines.next()
            {
                if line.starts_with(b".") {
                    block.push(b'.');
                }
                block.extend_from_slice(line);
                if !line.ends_with(b"\n") {
                    block.extend_from_slice(b"\r\n");
                }
            }
            Some(block)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn bytes_that_a_relay_could_misread_are_refused() {
        let check = |bytes: &[u8], expected| assert_eq!(Body::check(bytes).err(), expected);
        check(b"a\r\n.\r\nb\r\n", None);
        check(b"a", None);
        check(b"", Some(Flaw::Empty));
        for bytes in [&b"a\n.\nb\r\n"[..], b"a\r.\rb\r\n", b"a\r\r\n", b"a\r", b"\n", b"a\r\n.\r"] {
            check(bytes, Some(Flaw::BareLineBreak));
        }
        for bytes in [&b"a\0\r\n"[..], b"\x7f\r\n", "ü\r\n".as_bytes()] {
            check(bytes, Some(Flaw::Byte));
        }
        check(&[&[b'x'; 998][..], b"\r\n"].concat(), None);
        check(&[&[b'x'; 999][..], b"\r\n"].concat(), Some(Flaw::LongLine));
    }

    #[test]
    fn leading_dots_are_doubled_and_the_last_line_is_ended() {
        let check = |bytes: &[u8], expected: &[u8]| {
            let body = Body::check(bytes).expect("good bytes");
            assert_eq!(body.blocks().flatten().collect::<Vec<u8>>(), expected);
        };
        check(b".\r\n", b"..\r\n");
        check(b"a\r\n..b\r\n.c", b"a\r\n...b\r\n..c\r\n");
        check(b"a.\r\n", b"a.\r\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 50, ..ProptestConfig::default() })]

        #[test]
        fn a_relay_reads_back_what_was_meant_and_no_dot_ends_it_early(
            lines in prop::collection::vec(r"\.{0,2}[a-z.]{0,9}", 1..30).prop_map(|lines| lines.join("\r\n") + "\r\n")
        ) {
            // Often enough that a message takes several blocks.
            let lines = lines.repeat(500);
            let body = Body::check(lines.as_bytes()).expect("good bytes");
            let sent = String::from_utf8(body.blocks().flatten().collect()).expect("ASCII");
            prop_assert!(body.blocks().all(|block| block.len() < BLOCK + 2 * LONGEST_LINE));
            prop_assert!(!sent.split("\r\n").any(|line| line == "."));
            let unstuffed: Vec<&str> = sent.split("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
            prop_assert_eq!(unstuffed.join("\r\n"), lines);
        }
    }
}
