//! The first pass over a list: which encoding it has, how its lines end, and a count and a digest to hold the second
//! pass against.
//!
//! A file does not say its encoding. UTF-8 that validates is UTF-8: other encodings fail that test as soon as they
//! hold a few letters outside of ASCII. For the rest there are byte order marks, then a guess that is told.

use std::io::{self, BufRead, BufReader, Read, Seek};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::hash::Sha256;
use crate::problem::{Place, Problem};

/// How many bytes of the beginning decide between text, UTF-16 and something else.
const HEAD: u64 = 4096;

/// What the first pass found out about the text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detected {
    /// How to decode the file.
    pub(super) encoding: &'static Encoding,
    /// Whether the encoding was found out rather than told.
    pub(super) found_out: bool,
    /// The character that ends a line: `\n`, or `\r` where the file holds no `\n` at all.
    pub(super) line_end: u8,
    /// The number of physical lines, counted in the undecoded bytes.
    pub(super) lines: u64,
    /// What a person should know about the choice.
    pub(super) notes: Vec<String>,
}

/// Reads the whole file once, in blocks: SHA-256 of it, and what its text is or why it has none.
///
/// A byte order mark decides; then `wanted`, the label from the campaign file; then what the bytes look like.
pub(super) fn detect<R: Read + Seek>(
    file: &mut BufReader<R>,
    wanted: Option<&str>,
    place: &str,
) -> io::Result<([u8; 32], Result<Detected, Problem>)> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    let mut notes = Vec::new();
    let told = wanted.map(|label| named_encoding(label, place)).transpose();
    let sure = told.and_then(|told| {
        let sure = from_head(&head, told, wanted, &mut notes).map_err(|message| {
            Problem::new(Place::file(place), message).hint("export the list as CSV, encoded in UTF-8")
        });
        Ok((told, sure?))
    });
    let is_open = sure.as_ref().is_ok_and(|(_, sure)| sure.is_none_or(|sure| sure == UTF_8));
    let looks = if is_open { Looks::default() } else { Looks::Missed };
    let wide = sure.as_ref().ok().and_then(|(_, sure)| sure.filter(|encoding| is_utf16(encoding)));
    let (digest, counted) = count(&head, file, wide, looks)?;
    let (told, sure) = match sure {
        Ok(sure) => sure,
        Err(problem) => return Ok((digest, Err(problem))),
    };

    let looks_utf8 = counted.not_utf8 <= counted.multi_byte;
    let encoding = match sure {
        Some(encoding) => {
            if encoding == UTF_8 && !looks_utf8 {
                notes.push(format!(
                    "the file is not UTF-8 in {} places: it looks like {}",
                    counted.not_utf8,
                    counted.looks.guess(file)?.name()
                ));
            } else if told.is_some()
                && !is_utf16(encoding)
                && encoding != UTF_8
                && counted.not_utf8 == 0
                && counted.multi_byte > 0
            {
                notes.push(format!("read as {}, as told, but the file is valid UTF-8", encoding.name()));
            }
            encoding
        }
        None if looks_utf8 => UTF_8,
        None => {
            let guessed = counted.looks.guess(file)?;
            notes.push(format!(
                "read as {0}, by its looks: say `encoding = \"{0}\"` to be sure",
                guessed.name()
            ));
            guessed
        }
    };
    let line_end = if counted.line_feeds == 0 && counted.returns > 0 { b'\r' } else { b'\n' };
    let ends = if line_end == b'\r' { counted.returns } else { counted.line_feeds };
    let open_end = counted.last.is_some_and(|unit| unit != u16::from(line_end));
    let lines = ends + u64::from(open_end);
    Ok((digest, Ok(Detected { encoding, found_out: told != Some(encoding), line_end, lines, notes })))
}

fn is_utf16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

fn named_encoding(label: &str, place: &str) -> Result<&'static Encoding, Problem> {
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
        Problem::new(Place::file(place), format!("`{label}` is no encoding that linkpost knows")).hint(
            "use a WHATWG label such as `utf-8`, `windows-1252`, `iso-8859-2`, `utf-16le` or `shift_jis`",
        )
    })
}

/// What the first bytes decide for sure, or why they cannot be a list.
fn from_head(
    head: &[u8],
    told: Option<&'static Encoding>,
    wanted: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Option<&'static Encoding>, String> {
    if head.is_empty() {
        return Err("the file is empty: expected a header line and a line for each person".to_owned());
    }
    if let Some(format) = foreign_format(head) {
        return Err(format!("the file is {format}, not a CSV file"));
    }
    if head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Err("the file is encoded in UTF-32".to_owned());
    }
    if let Some((marked, _)) = Encoding::for_bom(head) {
        // `utf-16` is a label of UTF-16LE, but people mean "with a byte order mark".
        let same = told == Some(marked)
            || (is_utf16(marked) && wanted.is_some_and(|label| label.eq_ignore_ascii_case("utf-16")));
        if let Some(told) = told.filter(|_| !same) {
            notes.push(format!(
                "read as {}, as its byte order mark says, not as {}",
                marked.name(),
                told.name()
            ));
        }
        return Ok(Some(marked));
    }
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len().div_ceil(2));
    let looks = if odd * 10 > pairs * 4 && even * 20 <= pairs {
        Some(UTF_16LE)
    } else if even * 10 > pairs * 4 && odd * 20 <= pairs {
        Some(UTF_16BE)
    } else {
        None
    };
    match (looks, told) {
        (Some(looks), Some(told)) if looks != told => {
            Err(format!("the file is {}, but `encoding` says {}", looks.name(), told.name()))
        }
        (Some(looks), told) => {
            if told.is_none() {
                notes.push(format!(
                    "read as {0}, by its looks: say `encoding = \"{0}\"` to be sure",
                    looks.name()
                ));
            }
            Ok(Some(looks))
        }
        (None, Some(told)) if is_utf16(told) => {
            Err(format!("`encoding` says {}, but the file is not", told.name()))
        }
        (None, told) => {
            let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b);
            let controls = head.iter().filter(|&&byte| control(byte)).count();
            if controls * 10 > head.len() {
                return Err("the file is binary, not text".to_owned());
            }
            Ok(told)
        }
    }
}

/// Formats that end up under the name of a list, by their first bytes.
fn foreign_format(head: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 10] = [
        (b"\x1f\x8b", "compressed (gzip)"),
        (b"PK\x03\x04", "a zip archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        (b"BZh", "compressed (bzip2)"),
        (b"\xfd7zXZ\0", "compressed (xz)"),
        (b"\x28\xb5\x2f\xfd", "compressed (zstd)"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"%PDF-", "a PDF"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"PAR1", "a Parquet file"),
    ];
    known.into_iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| name)
}

/// What one pass over the bytes counts.
#[derive(Default)]
struct Count {
    line_feeds: u64,
    returns: u64,
    /// The last byte, or 16-bit unit.
    last: Option<u16>,
    /// Lead bytes of sequences that are longer than one byte and valid UTF-8.
    multi_byte: usize,
    /// Places that are not UTF-8.
    not_utf8: usize,
    looks: Looks,
}

/// SHA-256 of a file whose first bytes were read already, and what is counted in it. `wide` is its encoding where that
/// has units of 16 bits.
fn count<R: Read>(
    head: &[u8],
    file: &mut BufReader<R>,
    wide: Option<&'static Encoding>,
    looks: Looks,
) -> io::Result<([u8; 32], Count)> {
    let mut hash = Sha256::new();
    let mut counted = Count { looks, ..Count::default() };
    // What a block leaves over: half a UTF-16 unit or the beginning of a UTF-8 sequence.
    let mut block = Vec::new();
    let mut first = Some(head).filter(|head| !head.is_empty());
    loop {
        let from_head = first.take();
        let fresh = match from_head {
            Some(head) => head,
            None => fill(file)?,
        };
        let last = fresh.is_empty();
        hash.update(fresh);
        block.extend_from_slice(fresh);
        let left = if let Some(encoding) = wide {
            counted.add_units(&block, encoding == UTF_16BE)
        } else {
            let left = counted.add_bytes(&block, last);
            counted.looks.feed(fresh, counted.not_utf8 > 0);
            left
        };
        if from_head.is_none() {
            let read = fresh.len();
            file.consume(read);
        }
        block.drain(..block.len() - left);
        if last {
            if wide.is_some() && left > 0 {
                // Half a unit at the very end: no line end, whatever it was going to be.
                counted.last = Some(0);
            }
            break;
        }
    }
    Ok((hash.finish(), counted))
}

impl Count {
    fn add_units(&mut self, block: &[u8], big_endian: bool) -> usize {
        let units = block.chunks_exact(2);
        let left = units.remainder().len();
        for pair in units {
            let &[first, second] = pair else { continue };
            let unit = if big_endian { [first, second] } else { [second, first] };
            let unit = u16::from_be_bytes(unit);
            self.line_feeds += u64::from(unit == u16::from(b'\n'));
            self.returns += u64::from(unit == u16::from(b'\r'));
            self.last = Some(unit);
        }
        left
    }

    fn add_bytes(&mut self, block: &[u8], last: bool) -> usize {
        let mut left = 0;
        let mut chunks = block.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.multi_byte += chunk.valid().bytes().filter(|&byte| byte >= 0xc0).count();
            let invalid = chunk.invalid();
            let cut_off = !last
                && !invalid.is_empty()
                && chunks.peek().is_none()
                && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if cut_off {
                left = invalid.len();
            } else if !invalid.is_empty() {
                self.not_utf8 += 1;
            }
        }
        let (counted, _) = block.split_at(block.len() - left);
        self.line_feeds += counted.iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
        self.returns += counted.iter().map(|&byte| u64::from(byte == b'\r')).sum::<u64>();
        if let Some(&byte) = counted.last() {
            self.last = Some(u16::from(byte));
        }
        left
    }
}

/// Which legacy encoding a file looks like. Looking is slow, so it begins with the first place that is not UTF-8;
/// before it, only blocks of ASCII cost next to nothing.
enum Looks {
    /// Every block so far was looked at.
    Seen(Box<EncodingDetector>),
    /// Blocks with letters outside of ASCII were passed over: they were UTF-8.
    Missed,
}

impl Default for Looks {
    fn default() -> Self {
        Self::Seen(Box::new(EncodingDetector::new(Iso2022JpDetection::Deny)))
    }
}

impl Looks {
    /// Looks at the next block, or at the end where it is empty.
    fn feed(&mut self, block: &[u8], not_utf8: bool) {
        match self {
            Self::Seen(detector) if not_utf8 || block.is_ascii() => {
                detector.feed(block, block.is_empty());
            }
            Self::Seen(_) | Self::Missed => *self = Self::Missed,
        }
    }

    /// The encoding. UTF-8 was tried before.
    fn guess<R: Read + Seek>(self, file: &mut BufReader<R>) -> io::Result<&'static Encoding> {
        let detector = match self {
            Self::Seen(detector) => detector,
            Self::Missed => look_again(file)?,
        };
        Ok(detector.guess(None, Utf8Detection::Deny))
    }
}

/// Looks at the whole file once more.
fn look_again<R: Read + Seek>(file: &mut BufReader<R>) -> io::Result<Box<EncodingDetector>> {
    file.rewind()?;
    let mut detector = Box::new(EncodingDetector::new(Iso2022JpDetection::Deny));
    loop {
        let block = fill(file)?;
        let read = block.len();
        detector.feed(block, read == 0);
        if read == 0 {
            return Ok(detector);
        }
        file.consume(read);
    }
}

/// The next block of the file; empty at its end.
pub(super) fn fill<R: Read>(file: &mut BufReader<R>) -> io::Result<&[u8]> {
    while let Err(error) = file.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // The block is there: this asks the buffer, not the file.
    file.fill_buf()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn detected(bytes: &[u8], wanted: Option<&str>) -> Result<Detected, Problem> {
        // A small buffer, so that sequences are cut by its edge.
        let mut file = BufReader::with_capacity(7, Cursor::new(bytes));
        let (digest, detected) = detect(&mut file, wanted, "people.csv").unwrap();
        assert_eq!(digest, crate::hash::sha256(bytes));
        detected
    }

    fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
        let bytes = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn each_encoding_is_known_by_its_bytes() {
        let check = |bytes: &[u8], wanted: Option<&str>, expected: &str, notes: usize| {
            let found = detected(bytes, wanted).unwrap();
            assert_eq!((found.encoding.name(), found.notes.len()), (expected, notes), "{:?}", found.notes);
            assert_eq!(found.lines, 2, "{bytes:?}");
        };
        let text = "email,name\nada@example.com,Gökçe Şahin, José, Zoë\n";
        check(text.as_bytes(), None, "UTF-8", 0);
        check(format!("\u{feff}{text}").as_bytes(), None, "UTF-8", 0);
        check(format!("\u{feff}{text}").as_bytes(), Some("windows-1252"), "UTF-8", 1);
        check(text.as_bytes(), Some("windows-1252"), "windows-1252", 1);
        check(&utf16(text, false), None, "UTF-16LE", 1);
        check(&utf16(text, true), None, "UTF-16BE", 1);
        check(&utf16(&format!("\u{feff}{text}"), false), None, "UTF-16LE", 0);
        check(&utf16(&format!("\u{feff}{text}"), true), None, "UTF-16BE", 0);
        check(&utf16(&format!("\u{feff}{text}"), true), Some("UTF-16"), "UTF-16BE", 0);
        check(b"email,name\nada@example.com,Jos\xe9 Mu\xf1oz", None, "windows-1252", 1);
        check(b"email,name\nada@example.com,Jos\xe9 Mu\xf1oz", Some("latin1"), "windows-1252", 0);
    }

    #[test]
    fn a_guess_is_the_same_wherever_the_first_letter_stands() {
        for before in 4080..4120 {
            let mut bytes = b"email,name\n".to_vec();
            bytes.resize(before, b'x');
            bytes.extend_from_slice(b"\nada@example.com,Jos\xe9 Mu\xf1oz\n");
            assert_eq!(detected(&bytes, None).unwrap().encoding.name(), "windows-1252", "{before}");
        }
    }

    #[test]
    fn a_few_damaged_rows_do_not_turn_a_utf8_file_into_another() {
        let mut bytes = "email,name\na@example.com,Gökçe Şahin\nb@example.com,Jos".as_bytes().to_vec();
        bytes.extend_from_slice(b"\xe9\n");
        assert_eq!(detected(&bytes, None).unwrap().encoding, UTF_8);
    }

    #[test]
    fn what_is_no_text_is_refused_with_the_remedy() {
        let check = |bytes: &[u8], wanted: Option<&str>, expected: &str| {
            let problem = detected(bytes, wanted).unwrap_err();
            assert!(problem.what.message.contains(expected), "{problem}");
            assert!(problem.what.hint.is_some());
        };
        check(b"", None, "empty");
        check(b"\x1f\x8b\x08\x00", None, "gzip");
        check(b"PK\x03\x04\x14\x00", None, "Excel");
        check(b"\xff\xfe\x00\x00e\x00\x00\x00", None, "UTF-32");
        check(b"e\0\0\0m\0\0\0a\0\0\0", None, "binary");
        check(b"\x01\x02\x03\x04\x05", None, "binary");
        check(b"email\n", Some("utf-17"), "`utf-17`");
        check(b"email\n", Some("utf-16"), "but the file is not");
        check(&utf16("email,name\n", false), Some("utf-8"), "but `encoding` says UTF-8");
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        let check = |text: &str, line_end: u8, lines: u64| {
            let found = detected(text.as_bytes(), None).unwrap();
            assert_eq!((found.line_end, found.lines), (line_end, lines), "{text:?}");
        };
        check("a\nb\n", b'\n', 2);
        check("a\r\nb\r\nc", b'\n', 3);
        check("a\rb\rc", b'\r', 3);
        check("a\rb\r", b'\r', 2);
        check("a\rb\n", b'\n', 1);
        check("a", b'\n', 1);
        check("é", b'\n', 1);
    }
}
