//! The second pass over a list: decoded text, in pieces that end where physical lines end.
//!
//! A piece is never longer than what one block decodes to, so a line of ten gigabytes costs no memory here.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{CoderResult, Decoder};

use super::encoding::{Detected, fill};
use crate::hash::Sha256;

/// A file as decoded text. Bytes that cannot be decoded become U+FFFD, which no cell may hold.
pub(super) struct Lines<R> {
    file: BufReader<R>,
    decoder: Decoder,
    decoded: String,
    at: usize,
    line_end: u8,
    /// A delimiter outside of ASCII, which [`DELIMITER`] stands for.
    delimiter: Option<char>,
    /// Whether the next piece begins a line.
    begins: bool,
    ended: bool,
    hash: Sha256,
}

/// What stands for a delimiter outside of ASCII: the parser of crate `csv` takes one byte.
pub(super) const DELIMITER: char = '\u{1f}';

/// The mark with which DOS ended a text, and which is in the middle where such files were joined.
const CTRL_Z: char = '\u{1a}';

/// A stretch of one physical line, without its end.
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Whether the line ends behind this piece. The last line of a file may lack its end.
    pub(super) ends_line: bool,
}

impl<R: Read> Lines<R> {
    /// Reads a file from its start, as the first pass found it.
    pub(super) fn new(file: BufReader<R>, found: &Detected) -> Self {
        Self {
            file,
            decoder: found.encoding.new_decoder_with_bom_removal(),
            decoded: String::new(),
            at: 0,
            line_end: found.line_end,
            delimiter: None,
            begins: true,
            ended: false,
            hash: Sha256::new(),
        }
    }

    /// The first lines, at most so many and about so many bytes of them; they are still to be read.
    pub(super) fn ahead(&mut self, lines: usize, bytes: usize) -> io::Result<Vec<String>> {
        let line_end = self.line_end;
        let ends = |text: &str| text.bytes().filter(|byte| *byte == line_end).take(lines).count();
        while !self.ended && self.decoded.len() < bytes && ends(&self.decoded) < lines {
            self.refill()?;
        }
        let lines = self.decoded.split(char::from(line_end)).take(lines);
        let tidy =
            |line: &str| line.trim_start_matches([CTRL_Z, '\u{feff}']).trim_end_matches('\r').to_owned();
        Ok(lines.map(tidy).collect())
    }

    /// The same text with [`DELIMITER`] in the place of a delimiter outside of ASCII.
    pub(super) fn part_by(&mut self, delimiter: char) {
        self.delimiter = Some(delimiter).filter(|delimiter| !delimiter.is_ascii());
        self.replace_delimiter(0);
    }

    /// The delimiter that [`DELIMITER`] stands for.
    pub(super) fn replaced_delimiter(&self) -> Option<char> {
        self.delimiter
    }

    /// Replaces the delimiter from there on.
    fn replace_delimiter(&mut self, from: usize) {
        if let Some(delimiter) = self.delimiter
            && let Some(new) = self.decoded.get(from..)
            && new.contains([delimiter, DELIMITER])
        {
            let new = new.replace(DELIMITER, "\u{fffd}").replace(delimiter, "\u{1f}");
            self.decoded.truncate(from);
            self.decoded.push_str(&new);
        }
    }

    /// The next piece; `None` at the end of the file.
    pub(super) fn next_piece(&mut self) -> io::Result<Option<Piece<'_>>> {
        let (text_end, ends_line, next) = loop {
            let (_, rest) = self.decoded.split_at(self.at);
            if let Some(length) = rest.bytes().position(|byte| byte == self.line_end) {
                break (self.at + length, true, self.at + length + 1);
            }
            if self.ended {
                if rest.is_empty() {
                    return Ok(None);
                }
                break (self.decoded.len(), false, self.decoded.len());
            }
            // A carriage return that is the last of the block may be half of a CRLF: it waits for the other half. So
            // does what may be the end of a DOS text.
            let rest = rest.trim_end_matches(CTRL_Z);
            let ready = rest.strip_suffix('\r').unwrap_or(rest).len();
            if ready > 0 {
                break (self.at + ready, false, self.at + ready);
            }
            self.refill()?;
        };
        let (before, _) = self.decoded.split_at(text_end);
        let (_, text) = before.split_at(self.at);
        let text = if self.ended && !ends_line { text.trim_end_matches(CTRL_Z) } else { text };
        let text = if ends_line || self.ended { text.strip_suffix('\r').unwrap_or(text) } else { text };
        // Joined files have the first one's end and the second one's byte order mark here.
        let text = if self.begins { text.trim_start_matches([CTRL_Z, '\u{feff}']) } else { text };
        self.at = next;
        self.begins = ends_line;
        Ok(Some(Piece { text, ends_line }))
    }

    fn refill(&mut self) -> io::Result<()> {
        self.decoded.drain(..self.at);
        self.at = 0;
        let block = fill(&mut self.file)?;
        let is_last = block.is_empty();
        self.decoded.reserve(self.decoder.max_utf8_buffer_length(block.len()).unwrap_or(usize::MAX / 4));
        let before = self.decoded.len();
        let (result, read, _) = self.decoder.decode_to_string(block, &mut self.decoded, is_last);
        self.hash.update(block.split_at(read).0);
        self.ended = is_last && result == CoderResult::InputEmpty;
        self.file.consume(read);
        self.replace_delimiter(before);
        Ok(())
    }

    /// SHA-256 of what was read so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.hash.clone().finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Seek};

    use super::*;
    use crate::audience::encoding::detect;

    fn read(bytes: &[u8], capacity: usize) -> Vec<String> {
        let mut file = BufReader::with_capacity(capacity, Cursor::new(bytes));
        let (digest, found) = detect(&mut file, None, "people.csv").unwrap();
        let found = found.unwrap();
        file.rewind().unwrap();
        let mut lines = Lines::new(file, &found);
        let mut out = vec![String::new()];
        while let Some(piece) = lines.next_piece().unwrap() {
            out.last_mut().unwrap().push_str(piece.text);
            if piece.ends_line {
                out.push(String::new());
            }
        }
        assert_eq!(lines.digest(), digest);
        if out.last().is_some_and(String::is_empty) {
            out.pop();
        }
        assert_eq!(out.len() as u64, found.lines, "{bytes:?}");
        out
    }

    #[test]
    fn lines_are_the_same_wherever_the_blocks_are_cut() {
        let check = |bytes: &[u8], expected: &[&str]| {
            for capacity in 1..=bytes.len() {
                assert_eq!(read(bytes, capacity), expected, "{capacity}");
            }
        };
        check(b"a,b\nc,d\n", &["a,b", "c,d"]);
        check(b"a,b\r\nc,d", &["a,b", "c,d"]);
        check(b"a,b\r\n\r\nc,d\r", &["a,b", "", "c,d"]);
        check(b"a,b\rc,d\r", &["a,b", "c,d"]);
        check(b"a\rb\nc", &["a\rb", "c"]);
        check("\u{feff}é\nüçş\n".as_bytes(), &["é", "üçş"]);
        check("é\nüçş ok ş\n\u{fffd}".as_bytes(), &["é", "üçş ok ş", "\u{fffd}"]);
        check(b"Jos\xe9\nx", &["José", "x"]);
        check(b"\xff\xfea\0\n\0b\0", &["a", "b"]);
    }
}
