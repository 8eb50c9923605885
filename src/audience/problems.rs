//! Refused rows as a list that can be corrected and read again.
//!
//! The file holds the header and the cells as they were read, and one more column with what is wrong. It is read again
//! as it is: the column `problem` is left out, if it is the last. Two rules pull at the cells. A spreadsheet takes a
//! cell that begins with `=` for a formula; and a corrected list must say the same as the one it came from. The cells
//! are the user's own, out of a file that the user's spreadsheet opens anyway, so they stay as they are; the words
//! that we add are made safe with [`spreadsheet_safe`].

use std::{
    borrow::Cow,
    io::{self, Write},
};

use csv::{QuoteStyle, Terminator, WriterBuilder};

use super::{Dialect, RowProblem, columns::PROBLEM_COLUMN};

/// Writes refused rows, one by one.
pub struct Writer<W: Write> {
    csv: csv::Writer<W>,
    /// How many cells a whole row has, without that of the problem.
    width: usize,
}

impl<W: Write> Writer<W> {
    /// Begins a list with the header and the delimiter of the one that is being read.
    ///
    /// It is UTF-8 with a byte order mark: spreadsheets need the mark, and it outweighs an `encoding` that the
    /// campaign file names for the original list.
    pub fn new(mut out: W, header: &[String], dialect: &Dialect) -> io::Result<Self> {
        out.write_all("\u{feff}".as_bytes())?;
        let mut csv = WriterBuilder::new()
            .delimiter(u8::try_from(dialect.delimiter).unwrap_or(b','))
            .quote_style(QuoteStyle::Necessary)
            .terminator(Terminator::CRLF)
            .flexible(true)
            .from_writer(out);
        csv.write_record(header.iter().map(String::as_str).chain([PROBLEM_COLUMN]))?;
        Ok(Self { csv, width: header.len() })
    }

    /// Writes one row. One with too few cells is filled up, as it was read.
    pub fn write(&mut self, problem: &RowProblem) -> io::Result<()> {
        let column = problem.column.as_ref().map(|column| format!(", column `{column}`")).unwrap_or_default();
        let words = format!("line {}{column}: {}", problem.line, problem.what.message);
        let words = spreadsheet_safe(&words);
        let missing = self.width.saturating_sub(problem.cells.len());
        let cells = problem.cells.iter().map(String::as_str).chain(std::iter::repeat_n("", missing));
        self.csv.write_record(cells.chain([words.as_ref()]))?;
        Ok(())
    }

    /// Writes out what is buffered and gives the file back.
    pub fn finish(self) -> io::Result<W> {
        self.csv.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// The text as a cell that no spreadsheet takes for a formula: with a `'` in front where it could be one (CWE-1236).
#[must_use]
pub fn spreadsheet_safe(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠']);
    if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A row of CSV without its line end, every cell quoted where it has to be and safe for a spreadsheet.
#[must_use]
pub fn quoted_row(cells: &[&str]) -> String {
    let mut csv = WriterBuilder::new().from_writer(Vec::new());
    let safe = cells.iter().map(|cell| spreadsheet_safe(cell));
    let row = safe.map(|cell| cell.into_owned().into_bytes()).collect::<Vec<_>>();
    csv.write_record(row).expect("a vector takes every row");
    let bytes = csv.into_inner().expect("a vector takes every row");
    String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_with_their_cells_unchanged_and_their_problem() {
        let dialect = Dialect {
            encoding: "UTF-8",
            encoding_detected: true,
            delimiter: ';',
            delimiter_detected: true,
            notes: Vec::new(),
        };
        let header = ["email".to_owned(), "Note".to_owned()];
        let mut writer = Writer::new(Vec::new(), &header, &dialect).unwrap();
        let mut problem = RowProblem {
            line: 7,
            column: Some("Note".to_owned()),
            what: crate::problem::Diagnosis::new("holds a line break"),
            cells: vec!["=cmd()".to_owned(), "a\n\"b\"; c".to_owned()],
        };
        writer.write(&problem).unwrap();
        problem = RowProblem { column: None, cells: vec!["one".to_owned()], ..problem };
        writer.write(&problem).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            "\u{feff}email;Note;problem\r\n\
             =cmd();\"a\n\"\"b\"\"; c\";line 7, column `Note`: holds a line break\r\n\
             one;;line 7: holds a line break\r\n"
        );
    }

    #[test]
    fn no_cell_of_ours_is_a_formula() {
        let check = |text: &str, expected: &str| assert_eq!(spreadsheet_safe(text), expected);
        check("=1+1", "'=1+1");
        check("+49", "'+49");
        check("-1", "'-1");
        check("@x", "'@x");
        check("\tx", "'\tx");
        check("\rx", "'\rx");
        check("＝1", "'＝1");
        check("line 1", "line 1");
        check("", "");
    }
}
