//! Where one record ends and what is wrong with its quotes, before the parser of crate `csv` sees it.
//!
//! `csv` reads an unclosed quote without a word and puts the rows behind it into one cell. So the quotes are followed
//! here, by the same rules, line by line: a break inside a cell is noticed where it happens, with its line.

use std::ops::Range;

/// The longest record, in bytes as UTF-8.
pub(super) const RECORD_MAX: usize = 1024 * 1024;
/// The longest cell of a column that is used, in bytes as UTF-8.
pub(super) const CELL_MAX: usize = 8 * 1024;

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
    /// The record is longer than [`RECORD_MAX`]; its text was not kept.
    RecordTooLong,
}

/// What the header says about the shape of records.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    pub(super) delimiter: u8,
    /// Column by column, whether cells may hold line breaks.
    pub(super) multiline: Vec<bool>,
    /// Column by column, whether nothing uses it: its cells may be long and hold what they like.
    pub(super) free: Vec<bool>,
    /// The column of the address.
    pub(super) email: usize,
}

impl Shape {
    fn is_free(&self, column: usize) -> bool {
        self.free.get(column).is_some_and(|&free| free)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    CellStart,
    /// Behind spaces at the start of a cell: a quote that follows opens it all the same.
    Padded,
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
    /// The first fault of those in columns that nothing uses. It counts where the cells are not as many as the columns.
    forgiven: Option<Fault>,
    has_breaks: bool,
    has_loose_quote: bool,
    /// Where the spaces stand that pad an opening quote, in bytes of the record.
    paddings: Vec<Range<usize>>,
    padding_start: usize,
    inside: Inside,
}

/// How much of a line a quoted cell takes in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Taken {
    #[default]
    Nothing,
    /// What is behind the quote that was opened on it last.
    Rest,
    /// All of it, as far as the quote does not close: it began inside the cell.
    Whole,
}

/// What a line looks like that a quoted cell takes in, or the rest of: read as if it were a row of its own.
#[derive(Debug, Default)]
struct Inside {
    taken: Taken,
    /// The column whose cell it continues.
    column: usize,
    pieces: usize,
    has_at: bool,
    has_gap: bool,
}

impl Scan {
    /// Takes in a stretch of a line, without line breaks. `line` is its number.
    pub(super) fn text(&mut self, text: &str, line: u64, shape: &Shape) {
        let before = self.length;
        self.length += text.len();
        for (at, byte) in text.bytes().enumerate() {
            self.byte(byte, before + at, line, shape);
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
        self.has_breaks = true;
        if !shape.multiline.get(self.column).is_some_and(|&may| may) {
            if !shape.is_free(self.column) {
                self.culprit_line.get_or_insert(self.quote_line);
            }
            self.blame(Fault::LineBreak { column: self.column }, shape);
        }
        self.length += 1;
        self.cell_length += 1;
        self.inside = Inside { taken: Taken::Whole, column: self.column, ..Inside::default() };
        true
    }

    /// What is wrong with the record where nothing uses the column: forgiven as long as there are as many cells as columns.
    pub(super) fn forgiven(&self) -> Option<Fault> {
        self.forgiven
    }

    /// Where spaces pad an opening quote, which the parser does not expect, in bytes of the record.
    pub(super) fn paddings(&self) -> &[Range<usize>] {
        &self.paddings
    }

    /// What is wrong with the record: the first fault, but a record that is too long is that above all.
    pub(super) fn fault(&self) -> Option<Fault> {
        // A quote that closes in the middle of a text, lines below where it opened: it is not the one that was meant.
        let astray = self.has_breaks && self.has_loose_quote;
        self.fault.or(self.forgiven.filter(|_| astray))
    }

    /// The number of cells so far.
    pub(super) fn cells(&self) -> usize {
        self.column + 1
    }

    /// The line of the opening quote that went wrong first, else of the last one.
    pub(super) fn quote_line(&self) -> u64 {
        self.culprit_line.unwrap_or(self.quote_line)
    }

    fn blame(&mut self, fault: Fault, shape: &Shape) {
        let column = match fault {
            Fault::LineBreak { column } | Fault::AfterQuote { column } | Fault::CellTooLong { column } => {
                Some(column)
            }
            // Somebody would be lost, whatever the column.
            Fault::RowInside { .. } | Fault::RecordTooLong => None,
        };
        if !column.is_some_and(|column| shape.is_free(column)) {
            self.fault.get_or_insert(fault);
        } else if !matches!(fault, Fault::CellTooLong { .. }) {
            self.forgiven.get_or_insert(fault);
        }
    }

    fn byte(&mut self, byte: u8, at: usize, line: u64, shape: &Shape) {
        let delimits = byte == shape.delimiter;
        if self.inside.taken != Taken::Nothing {
            self.inside_byte(byte, delimits, shape);
        }
        self.state = match self.state {
            State::CellStart | State::Padded | State::Plain | State::QuoteInQuoted | State::Closed
                if delimits =>
            {
                self.column += 1;
                self.cell_length = 0;
                State::CellStart
            }
            State::CellStart | State::Padded if byte == b'"' => {
                if self.state == State::Padded {
                    self.paddings.push(self.padding_start..at);
                }
                self.quote_line = line;
                if self.inside.taken != Taken::Whole {
                    let (column, pieces) = (self.column, self.column);
                    self.inside = Inside { taken: Taken::Rest, column, pieces, ..Inside::default() };
                }
                State::Quoted
            }
            State::CellStart if matches!(byte, b' ' | b'\t') => {
                self.padding_start = at;
                self.content(State::Padded, shape)
            }
            State::Padded if matches!(byte, b' ' | b'\t') => self.content(State::Padded, shape),
            State::Quoted if byte == b'"' => State::QuoteInQuoted,
            State::QuoteInQuoted if byte == b'"' => self.content(State::Quoted, shape),
            State::QuoteInQuoted | State::Closed if matches!(byte, b' ' | b'\t') => {
                self.content(State::Closed, shape)
            }
            State::QuoteInQuoted | State::Closed => {
                if !shape.is_free(self.column) {
                    self.culprit_line.get_or_insert(self.quote_line);
                }
                self.has_loose_quote = true;
                self.blame(Fault::AfterQuote { column: self.column }, shape);
                self.content(State::Plain, shape)
            }
            State::CellStart | State::Padded | State::Plain => self.content(State::Plain, shape),
            State::Quoted => self.content(State::Quoted, shape),
        };
    }

    fn content(&mut self, next: State, shape: &Shape) -> State {
        self.cell_length += 1;
        if self.cell_length == CELL_MAX + 1 {
            self.blame(Fault::CellTooLong { column: self.column }, shape);
        }
        next
    }

    /// Reads a line as if it were a row: does the address stand where the header says?
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
        // On the line that opens the quote, the person is lost only where the quote takes in their address.
        let takes_in = match inside.taken {
            Taken::Nothing => false,
            Taken::Rest => self.state == State::Quoted,
            Taken::Whole => true,
        };
        if takes_in && inside.has_at && !inside.has_gap && inside.pieces + 1 == width && width > 1 {
            let column = inside.column;
            self.blame(Fault::RowInside { column, line }, shape);
        }
        self.inside.taken = Taken::Nothing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault and the number of cells of the record at the start of `text`, and on which line it ends.
    fn scanned(text: &str, multiline: &[bool]) -> (Option<Fault>, usize, u64) {
        let (scan, number) = followed(text, multiline, &[], 1);
        (scan.fault(), scan.cells(), number)
    }

    fn followed(text: &str, multiline: &[bool], free: &[bool], email: usize) -> (Scan, u64) {
        let shape = Shape { delimiter: b',', multiline: multiline.to_vec(), free: free.to_vec(), email };
        let mut scan = Scan::default();
        let mut number = 0;
        for line in text.split('\n') {
            number += 1;
            scan.text(line, number, &shape);
            if !scan.line_end(number, &shape) {
                break;
            }
        }
        (scan, number)
    }

    #[test]
    fn what_nothing_uses_is_forgiven_unless_somebody_may_be_lost_in_it() {
        let check = |text: &str, email: usize, fault: Option<Fault>, forgiven: Option<Fault>| {
            let free: Vec<bool> = (0..3).map(|at| at == 2 - email).collect();
            let (scan, _) = followed(text, &[false; 3], &free, email);
            assert_eq!((scan.fault(), scan.forgiven()), (fault, forgiven), "{text:?}");
        };
        check(&format!("u1,a@example.com,{}", "x".repeat(CELL_MAX + 1)), 0, None, None);
        let (line_break, loose) = (Fault::LineBreak { column: 2 }, Fault::AfterQuote { column: 2 });
        check("a@example.com,u1,\"tea\nlater\"", 0, None, Some(line_break));
        check("a@example.com,u1,the \"best\" one", 0, None, None);
        check("a@example.com,u1,\"the \"best\" one\"", 0, None, Some(loose));
        check("a@example.com,u1,\"the \"best\n one\"", 0, None, Some(loose));
        check("a@example.com,u1,\"the\nbest\" one", 0, Some(line_break), Some(line_break));
        // The note stands in front of the address: an open quote takes the address in.
        let lost = Fault::RowInside { column: 0, line: 1 };
        let line_break = Fault::LineBreak { column: 0 };
        check("\"tea,u1,a@example.com\nlater\",u2,b@example.com", 2, Some(lost), Some(line_break));
        check("\"tea, later\nwith a@example.com\",u2,b@example.com", 2, None, Some(line_break));
    }

    #[test]
    fn a_padded_quote_opens_a_cell() {
        let (scan, _) = followed("a , \"b, c\" ,\t\"d\"", &[false; 3], &[], 0);
        assert_eq!((scan.fault(), scan.cells(), scan.paddings()), (None, 3, &[3..4, 12..13][..]));
        let (scan, _) = followed("a b \"c\", d", &[false; 2], &[], 0);
        assert_eq!((scan.fault(), scan.cells(), scan.paddings().len()), (None, 2, 0));
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
        check(&"x".repeat(RECORD_MAX + 1), Fault::RecordTooLong);
        assert_eq!(scanned(&"x".repeat(CELL_MAX), &[]).0, None);
        assert_eq!(scanned(&",".repeat(RECORD_MAX), &[]).0, None);
    }
}
