//! Quotes and line breaks: no row disappears in a cell.

use std::fmt::Write as _;

use serde_json::json;

use super::List;

#[test]
fn line_breaks_pass_where_they_are_declared() {
    let text = "email,user_id,note\nada@example.com,u1,\"two\r\nlines, \"\"quoted\"\"\"\n\n;;\nbob@example.com,u2,x\n";
    let list =
        List::new(text.replace(";;", ",,")).with(|spec| spec.multiline_columns = vec!["Note".to_owned()]);
    let outcome = list.read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.good[0].fields["note"], json!("two\nlines, \"quoted\""));
    // Blank lines and empty rows are no rows, but they are lines.
    assert_eq!(outcome.good[1].line, 6);
}

#[test]
fn an_unclosed_quote_that_meets_another_costs_the_lines_it_names() {
    let mut text = "email,user_id,name\n".to_owned();
    for number in 2..=12 {
        let name = match number {
            5 => "\"Eve".to_owned(),
            9 => "\"Bob, jr\"".to_owned(),
            _ => format!("Person {number}"),
        };
        writeln!(text, "p{number}@example.com,u{number},{name}").unwrap();
    }
    let check = |multiline: &[&str], expected: &str| {
        let multiline = multiline.iter().map(ToString::to_string).collect();
        let outcome = List::new(&text).with(|spec| spec.multiline_columns = multiline).read();
        assert_eq!(outcome.problems(), [expected]);
        let lines: Vec<u64> = outcome.good.iter().map(|recipient| recipient.line).collect();
        assert_eq!(lines, [2, 3, 4, 10, 11, 12]);
    };
    check(&[], "5 name: holds a line break: lines 5 to 9 were read as one record");
    check(
        &["name"],
        "5 name: line 6 stands inside this cell but reads like a row of its own: lines 5 to 9 were read as one record",
    );
}

#[test]
fn an_unclosed_quote_that_meets_none_stops_the_reading_and_names_its_line() {
    let check = |text: &str, multiline: bool, expected: &str| {
        let list = List::new(text).with(|spec| {
            spec.multiline_columns = if multiline { vec!["name".to_owned()] } else { Vec::new() };
        });
        let outcome = list.read();
        assert_eq!(outcome.good.len(), 1);
        assert_eq!(list.words(&[outcome.end.unwrap()]), [expected]);
    };
    let hint = "\n  hint: close the quote, or double it if it is meant as text";
    let text = "email,user_id,name\na@example.com,u1,Ada\nb@example.com,u2,\"Bob\nc@example.com,u3,Cy\nd@example.com,u4,Di\n";
    let swallows = format!(
        "people.csv:3: the quote that opens here does not close: it swallows every line up to 5, the last{hint}"
    );
    check(text, false, &swallows);
    check(text, true, &swallows);
    check(
        "email,user_id,name\na@example.com,u1,Ada\nb@example.com,u2,\"Bob",
        false,
        &format!("people.csv:3: the quote that opens here does not close before the file ends{hint}"),
    );
}

#[test]
fn a_row_swallowed_by_a_cell_that_may_hold_line_breaks_is_noticed() {
    let text = "email,user_id,note\na@example.com,u1,\"hello\nb@example.com,u2,5\"\nc@example.com,u3,x\n";
    let outcome = List::new(text).with(|spec| spec.multiline_columns = vec!["note".to_owned()]).read();
    assert_eq!(
        outcome.problems(),
        [
            "2 note: line 3 stands inside this cell but reads like a row of its own: lines 2 to 3 were read as one record"
        ]
    );
}

#[test]
fn a_record_without_end_costs_no_memory_and_one_row() {
    let long = "x".repeat(3_000_000);
    let text = format!(
        "email,user_id,name\na@example.com,u1,{long}\nb@example.com,u2,\"{long}\n{long}\"\nc@example.com,u3,Cy\n"
    );
    let outcome = List::new(text).read();
    assert_eq!(
        outcome.problems(),
        [
            "2: the record is longer than 1 MiB",
            "3: the record is longer than 1 MiB: lines 3 to 4 were read as one record"
        ]
    );
    assert!(outcome.bad.iter().all(|bad| bad.cells.is_empty()));
    assert_eq!(outcome.names(), ["Cy"]);
}

/// Three bytes as UTF-8 for one of the file: every block of such a row is too long for a record by itself, so none of
/// its text is kept, and it must not be taken for an empty line.
#[test]
fn a_record_of_which_nothing_is_kept_is_told_all_the_same() {
    let mut bytes = b"email,user_id,name\na@example.com,u1,".to_vec();
    bytes.extend([0x80].repeat(400_000));
    bytes.extend_from_slice(b"\nb@example.com,u2,Bob\n");
    let outcome = List::new(bytes).with(|spec| spec.encoding = Some("windows-1252".to_owned())).read();
    assert_eq!(outcome.problems(), ["2: the record is longer than 1 MiB"]);
    assert_eq!(outcome.names(), ["Bob"]);
}
