//! Physical lines, joined to records and parsed by crate `csv`.
//!
//! Every record is split twice, by [`Scan`] and by `csv`, and the two must agree on its end and on its cells. If they
//! do not, reading stops: a row that one of them does not see would be a person who silently gets no mail.

use std::io::{self, Read};

use csv::{ReaderBuilder, StringRecord, Terminator};

use super::{
    lines::Lines,
    scan::{Fault, RECORD_MAX, Scan, Shape},
};
use crate::problem::{Place, Problem};

/// One record, good or not.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The physical line on which it starts.
    pub(super) line: u64,
    /// The physical line on which it ends.
    pub(super) last_line: u64,
    /// What is wrong with it as a whole.
    pub(super) fault: Option<Fault>,
    /// Its cells as they stand; none where the record is too long.
    pub(super) cells: StringRecord,
}

/// The records of a file, one after the other.
pub(super) struct Records<R> {
    lines: Lines<R>,
    place: String,
    /// The number of physical lines that were read to their end.
    line: u64,
    parser: csv::Reader<Feed>,
    /// How many bytes the parser was handed.
    fed: u64,
    shape: Shape,
    text: String,
}

/// Hands the parser the text of one record, then "end of file" until the next is loaded.
#[derive(Debug, Default)]
struct Feed {
    text: Vec<u8>,
    at: usize,
}

impl Read for Feed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (_, mut rest) = self.text.split_at(self.at);
        let read = rest.read(out)?;
        self.at += read;
        Ok(read)
    }
}

impl<R: Read> Records<R> {
    /// Goes on with `lines` behind its first `line` lines, by delimiter.
    pub(super) fn new(lines: Lines<R>, line: u64, delimiter: u8, place: &str) -> Self {
        let parser = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            // Lines come with one line feed, whatever the file has; a lone carriage return is text (and refused).
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Feed::default());
        let shape = Shape { delimiter, ..Shape::default() };
        Self { lines, place: place.to_owned(), line, parser, fed: 0, shape, text: String::new() }
    }

    /// Says which cells may hold line breaks and where the address stands, once the header is read.
    pub(super) fn set_shape(&mut self, multiline: Vec<bool>, email: usize) {
        self.shape = Shape { delimiter: self.shape.delimiter, multiline, email };
    }

    /// Parses the header, which stands on one line.
    pub(super) fn header(&mut self, text: &str) -> Result<StringRecord, Problem> {
        let mut scan = Scan::default();
        scan.text(text, self.line, &self.shape);
        if scan.line_end(self.line, &self.shape) {
            return Err(self.problem(self.line, "the header opens a quote that does not close on its line"));
        }
        let message = match scan.fault() {
            None => {
                text.clone_into(&mut self.text);
                let mut cells = StringRecord::new();
                self.parse(&scan, self.line, &mut cells)?;
                return Ok(cells);
            }
            Some(Fault::TooManyCells) => "the header has more than 256 columns",
            Some(Fault::AfterQuote { .. }) => {
                "the header has text between a closing quote and the next delimiter"
            }
            Some(
                Fault::LineBreak { .. }
                | Fault::RowInside { .. }
                | Fault::CellTooLong { .. }
                | Fault::RecordTooLong,
            ) => "the header is too long",
        };
        Err(self.problem(self.line, message))
    }

    /// Reads the next record that is not a blank line; `false` at the end of the file.
    ///
    /// An error means that nothing behind it can be read.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, Problem> {
        let scan = loop {
            let mut scan = Scan::default();
            self.text.clear();
            record.line = self.line + 1;
            if !self.take_line(&mut scan)? {
                return Ok(false);
            }
            while scan.line_end(self.line, &self.shape) {
                self.text.push('\n');
                if !self.take_line(&mut scan)? {
                    return Err(self.unclosed(scan.quote_line()));
                }
            }
            let blank = self.text.is_empty() && scan.fault().is_none();
            if !blank {
                break scan;
            }
        };
        record.last_line = self.line;
        record.fault = scan.fault();
        record.cells.clear();
        if record.fault != Some(Fault::RecordTooLong) {
            self.parse(&scan, record.line, &mut record.cells)?;
        }
        Ok(true)
    }

    /// Takes in one physical line; `false` where the file has ended.
    fn take_line(&mut self, scan: &mut Scan) -> Result<bool, Problem> {
        let number = self.line + 1;
        loop {
            let piece = self.lines.next_piece().map_err(|error| {
                Problem::new(Place::line(&*self.place, number), format!("failed to read on: {error}"))
            })?;
            let Some(piece) = piece else { return Ok(self.line == number) };
            self.line = number;
            scan.text(piece.text, number, &self.shape);
            if self.text.len() + piece.text.len() <= RECORD_MAX {
                self.text.push_str(piece.text);
            }
            if piece.ends_line {
                return Ok(true);
            }
        }
    }

    /// The number of physical lines so far, and SHA-256 of the bytes: at the end, what the first pass must have found.
    pub(super) fn totals(&self) -> (u64, [u8; 32]) {
        (self.line, self.lines.digest())
    }

    /// Has `csv` parse the text of one record.
    fn parse(&mut self, scan: &Scan, line: u64, cells: &mut StringRecord) -> Result<(), Problem> {
        self.text.push('\n');
        self.fed += self.text.len() as u64;
        let feed = self.parser.get_mut();
        feed.text.clear();
        feed.text.extend_from_slice(self.text.as_bytes());
        feed.at = 0;
        let found = self.parser.read_record(cells);
        let agrees = matches!(found, Ok(true))
            && self.parser.position().byte() == self.fed
            && cells.len() == scan.cells();
        if agrees {
            Ok(())
        } else {
            Err(self.problem(
                line,
                "the record was read in two ways that do not agree; this is a fault of linkpost",
            ))
        }
    }

    fn unclosed(&self, line: u64) -> Problem {
        let message = if line == self.line {
            "the quote that opens here does not close before the file ends".to_owned()
        } else {
            format!(
                "the quote that opens here does not close: it swallows every line up to {}, the last",
                self.line
            )
        };
        self.problem(line, &message).hint("close the quote, or double it if it is meant as text")
    }

    fn problem(&self, line: u64, message: &str) -> Problem {
        Problem::new(Place::line(&*self.place, line), message)
    }
}
