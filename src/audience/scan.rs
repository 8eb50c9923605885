//! Where one record ends and what is wrong with its quotes, before the parser of crate `csv` sees it.
//!
//! `csv` reads an unclosed quote without a word and puts the rows behind it into one cell. So the quotes are followed
//! here, by the same rules, line by line: a break inside a cell is noticed where it happens, with its line.

/// The longest record, in bytes as UTF-8.
pub(super) const RECORD_MAX: usize = 64 * 1024;
/// The longest cell, in bytes as UTF-8.
pub(super) const CELL_MAX: usize = 8 * 1024;
/// The most columns.
pub(super) const COLUMNS_MAX: usize = 256;

/// What makes a record unfit as a whole. Columns are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A cell that may not hold line breaks holds one.
    LineBreak { column: usize },
    /// A line inside a cell reads like a row of its own.
    RowInside { column: usize, line: u64 },
    /// Text stands between a closing quote and the next delimiter.
    AfterQuote { column: usize },
    /// A cell is longer than [`CELL_MAX`].
    CellTooLong { column: usize },
    /// There are more than [`COLUMNS_MAX`] cells.
    TooManyCells,
    /// The record is longer than [`RECORD_MAX`]; its text was not kept.
    RecordTooLong,
}

/// What the header says about the shape of records.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    pub(super) delimiter: u8,
    /// Column by column, whether cells may hold line breaks.
    pub(super) multiline: Vec<bool>,
    /// The column of the address.
    pub(super) email: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted cell: the cell's end, or the first half of a doubled quote.
    QuoteInQuoted,
    /// Behind the closing quote and a space.
    Closed,
}

/// Follows one record through its lines.
#[derive(Debug, Default)]
pub(super) struct Scan {
    state: State,
    column: usize,
    cell_length: usize,
    length: usize,
    quote_line: u64,
    /// The opening quote that is to blame for the first fault.
    culprit_line: Option<u64>,
    fault: Option<Fault>,
    inside: Inside,
}

/// What a continuation line looks like, read as if it were a row of its own.
#[derive(Debug, Default)]
struct Inside {
    /// Whether the line began inside a quoted cell.
    continues: bool,
    /// The column whose cell it continues.
    column: usize,
    pieces: usize,
    has_at: bool,
    has_gap: bool,
}

impl Scan {
    /// Takes in a stretch of a line, without line breaks. `line` is its number.
    pub(super) fn text(&mut self, text: &str, line: u64, shape: &Shape) {
        self.length += text.len();
        for byte in text.bytes() {
            self.byte(byte, line, shape);
        }
        if self.length > RECORD_MAX {
            self.fault = Some(Fault::RecordTooLong);
        }
    }

    /// Takes in the end of a line; returns whether the record goes on with the next.
    pub(super) fn line_end(&mut self, line: u64, shape: &Shape) -> bool {
        self.look_inside(line, shape);
        if self.state != State::Quoted {
            return false;
        }
        if !shape.multiline.get(self.column).is_some_and(|&may| may) {
            self.culprit_line.get_or_insert(self.quote_line);
            self.blame(Fault::LineBreak { column: self.column });
        }
        self.length += 1;
        self.cell_length += 1;
        self.inside = Inside { continues: true, column: self.column, ..Inside::default() };
        true
    }

    /// What is wrong with the record: the first fault, but a record that is too long is that above all.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The number of cells so far.
    pub(super) fn cells(&self) -> usize {
        self.column + 1
    }

    /// The line of the opening quote that went wrong first, else of the last one.
    pub(super) fn quote_line(&self) -> u64 {
        self.culprit_line.unwrap_or(self.quote_line)
    }

    fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn byte(&mut self, byte: u8, line: u64, shape: &Shape) {
        let delimits = byte == shape.delimiter;
        if self.inside.continues {
            self.inside_byte(byte, delimits, shape);
        }
        self.state = match self.state {
            State::CellStart | State::Plain | State::QuoteInQuoted | State::Closed if delimits => {
                self.column += 1;
                self.cell_length = 0;
                if self.column == COLUMNS_MAX {
                    self.blame(Fault::TooManyCells);
                }
                State::CellStart
            }
            State::CellStart if byte == b'"' => {
                self.quote_line = line;
                State::Quoted
            }
            State::Quoted if byte == b'"' => State::QuoteInQuoted,
            State::QuoteInQuoted if byte == b'"' => self.content(State::Quoted),
            State::QuoteInQuoted | State::Closed if matches!(byte, b' ' | b'\t') => {
                self.content(State::Closed)
            }
            State::QuoteInQuoted | State::Closed => {
                self.culprit_line.get_or_insert(self.quote_line);
                self.blame(Fault::AfterQuote { column: self.column });
                self.content(State::Plain)
            }
            State::CellStart | State::Plain => self.content(State::Plain),
            State::Quoted => self.content(State::Quoted),
        };
    }

    fn content(&mut self, next: State) -> State {
        self.cell_length += 1;
        if self.cell_length > CELL_MAX {
            self.blame(Fault::CellTooLong { column: self.column });
        }
        next
    }

    /// Reads a continuation line as if it were a row: does the address stand where the header says?
    fn inside_byte(&mut self, byte: u8, delimits: bool, shape: &Shape) {
        let inside = &mut self.inside;
        inside.pieces += usize::from(delimits);
        if self.state == State::Quoted && inside.pieces == shape.email && !delimits {
            inside.has_at |= byte == b'@';
            inside.has_gap |= byte == b' ';
        }
    }

    fn look_inside(&mut self, line: u64, shape: &Shape) {
        let inside = &self.inside;
        let width = shape.multiline.len();
        if inside.continues && inside.has_at && !inside.has_gap && inside.pieces + 1 == width && width > 1 {
            let column = inside.column;
            self.blame(Fault::RowInside { column, line });
        }
        self.inside.continues = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault and the number of cells of the record at the start of `text`, and on which line it ends.
    fn scanned(text: &str, multiline: &[bool]) -> (Option<Fault>, usize, u64) {
        let shape = Shape { delimiter: b',', multiline: multiline.to_vec(), email: 1 };
        let mut scan = Scan::default();
        let mut number = 0;
        for line in text.split('\n') {
            number += 1;
            scan.text(line, number, &shape);
            if !scan.line_end(number, &shape) {
                break;
            }
        }
        (scan.fault(), scan.cells(), number)
    }

    #[test]
    fn quotes_are_followed_as_the_parser_follows_them() {
        let check = |text: &str, expected: (Option<Fault>, usize, u64)| {
            assert_eq!(scanned(text, &[false, false, true]), expected, "{text:?}");
        };
        check("a,b,c", (None, 3, 1));
        check("\"a,b\",c", (None, 2, 1));
        check("\"a\"\"b\",c", (None, 2, 1));
        check("5\" pipe,b\"c", (None, 2, 1));
        check("\"a\" ,b", (None, 2, 1));
        check("a,\"b\" c,d", (Some(Fault::AfterQuote { column: 1 }), 3, 1));
        check("a,\"b\nc\",d", (Some(Fault::LineBreak { column: 1 }), 3, 2));
        check("a,b,\"c\nd\"", (None, 3, 2));
        check("a,b,\"c\n\nd, e\"", (None, 3, 3));
    }

    #[test]
    fn a_row_that_a_quote_swallowed_is_noticed_even_where_line_breaks_are_allowed() {
        let check = |text: &str, expected: Option<Fault>| {
            assert_eq!(scanned(text, &[true, false, true]).0, expected, "{text:?}");
        };
        check(
            "u1,a@example.com,\"hello\nu2,b@example.com,5\"",
            Some(Fault::RowInside { column: 2, line: 2 }),
        );
        check("u1,a@example.com,\"write, if you like,\nto b@example.com\"", None);
        check("u1,a@example.com,\"Hi,\nask b@example.com, please\"", None);
        check("\"two\nlines\",a@example.com,hello", None);
    }

    #[test]
    fn whatever_is_too_big_is_told_and_not_kept() {
        let check = |text: &str, expected: Fault| {
            assert_eq!(scanned(text, &[]).0, Some(expected));
        };
        check(&"x".repeat(CELL_MAX + 1), Fault::CellTooLong { column: 0 });
        check(&",".repeat(COLUMNS_MAX), Fault::TooManyCells);
        check(&"x".repeat(RECORD_MAX + 1), Fault::RecordTooLong);
        assert_eq!(scanned(&"x".repeat(CELL_MAX), &[]).0, None);
        assert_eq!(scanned(&",".repeat(COLUMNS_MAX - 1), &[]).0, None);
    }
}
