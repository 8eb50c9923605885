//! What is written is read back, and every line of a file is accounted for.

use linkpost::audience::{Address, Row, problems};
use proptest::prelude::*;
use serde_json::json;

use super::List;

#[test]
fn refused_rows_are_written_for_correction_and_read_again() {
    let text = "E-Mail;user_id;Note\nada@example.com;u1;=1+1\nbob;u2;\"=x; \"\"y\"\"\"\nc@example.com;u3;x;y\nd@example.com;;ok\n";
    let list = List::new(text);
    let write = |list: &List| {
        let audience = list.open();
        let mut writer = problems::Writer::new(Vec::new(), audience.header(), audience.dialect()).unwrap();
        for bad in &list.read().bad {
            writer.write(bad).unwrap();
        }
        String::from_utf8(writer.finish().unwrap()).unwrap()
    };
    let written = write(&list);
    assert_eq!(
        written,
        "\u{feff}E-Mail;user_id;Note;problem\r\n\
         bob;u2;\"=x; \"\"y\"\"\";line 3, column `E-Mail`: `bob` is refused: it has no `@`\r\n\
         c@example.com;u3;x;y;line 4: found 4 cells, expected 3 as in the header\r\n\
         d@example.com;;ok;line 5, column `user_id`: has no user id\r\n"
    );

    // Uncorrected, each row is refused for the same reason as before, however often it goes round.
    let again = List::new(&written).with(|spec| spec.encoding = Some("windows-1252".to_owned()));
    let messages = |list: &List| list.read().bad.into_iter().map(|bad| bad.what.message).collect::<Vec<_>>();
    assert_eq!(messages(&again), messages(&list));
    assert_eq!(messages(&List::new(write(&again))), messages(&list));

    // Corrected, with the column still there, the cells say what they said.
    let corrected = List::new(
        written
            .replace("bob;", "bob@example.com;")
            .replace("u3;x;y", "u3;x")
            .replace("d@example.com;;", "d@example.com;u4;"),
    );
    let outcome = corrected.read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.good[0].fields["note"], json!("=x; \"y\""));
    assert_eq!(corrected.open().columns(), ["email", "user_id", "note"]);
}

/// Cells that stay as they are: letters and punctuation of several scripts, without space at the ends.
fn cell() -> impl Strategy<Value = String> {
    "([a-zA-Z0-9äöüßşğعليд日,;|\"'=+@<>{}&%#/-]([a-z ,;\"']{0,10}[a-z\"',;])?)?"
}

/// The text without the spaces in front of an opening quote.
fn unpadded(text: &str) -> String {
    #[derive(PartialEq)]
    enum At {
        Start,
        Plain,
        Quoted,
        Behind,
    }
    let (mut out, mut spaces, mut at) = (String::new(), String::new(), At::Start);
    for character in text.chars() {
        if at == At::Start && character == ' ' {
            spaces.push(character);
            continue;
        }
        if !(at == At::Start && character == '"') {
            out.push_str(&spaces);
        }
        spaces.clear();
        out.push(character);
        at = match (at, character) {
            (At::Quoted, '"') => At::Behind,
            (At::Start | At::Behind, '"') | (At::Quoted, _) => At::Quoted,
            (At::Start | At::Plain | At::Behind, ',' | '\n') => At::Start,
            // Spaces behind a closing quote are followed by nothing but an end.
            (At::Start | At::Plain | At::Behind, _) => At::Plain,
        };
    }
    out + &spaces
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_address_passes_that_another_strict_reader_refuses(
        local in "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}",
        domain in "([a-zA-Z0-9äßöşğعد日-]{1,8}\\.){1,3}[a-z0-9ü]{1,4}",
    ) {
        if let Ok(address) = Address::parse(&format!("{local}@{domain}")) {
            let printed = address.to_string();
            prop_assert!(printed.parse::<lettre::Address>().is_ok(), "{}", printed);
        }
    }

    #[test]
    fn any_table_that_crate_csv_writes_is_read_back_equal(
        rows in prop::collection::vec((cell(), cell()), 1..20),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        crlf in any::<bool>(),
    ) {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(u8::try_from(delimiter).unwrap())
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .from_writer(Vec::new());
        writer.write_record(["email", "user_id", "one", "two"]).unwrap();
        for (at, (one, two)) in rows.iter().enumerate() {
            writer.write_record([&format!("p{at}@example.com"), &format!("u{at}"), one, two]).unwrap();
        }
        let outcome = List::new(writer.into_inner().unwrap()).read();
        prop_assert_eq!(outcome.problems(), Vec::<String>::new());
        let read: Vec<(String, String)> = outcome.good.iter().map(|recipient| {
            let text = |name: &str| recipient.fields[name].as_str().unwrap_or_default().to_owned();
            (text("one"), text("two"))
        }).collect();
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn every_line_of_any_file_is_in_a_row_or_in_a_problem(
        lines in prop::collection::vec("[a-c@\",; ]{0,12}", 0..30),
        multiline in any::<bool>(),
    ) {
        let text = format!("email,user_id,note\n{}", lines.join("\n"));
        let list = List::new(&text).with(|spec| {
            spec.multiline_columns = if multiline { vec!["note".to_owned()] } else { Vec::new() };
        });
        let (mut rows, mut line, mut is_cut) = (0, 1, false);
        for row in list.open() {
            let starts = match row {
                Ok(Row::Good(recipient)) => recipient.line,
                Ok(Row::Bad(problem)) => problem.line,
                Err(_) => {
                    is_cut = true;
                    continue;
                }
            };
            prop_assert!(starts > line);
            line = starts;
            rows += 1;
        }
        // Crate csv, which minds neither quotes nor widths, sees as many records; an unclosed quote makes its last. It
        // takes no quote behind spaces for an opening one.
        let text = unpadded(&text);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let mut records: Vec<_> = reader.records().map(Result::unwrap).collect();
        if is_cut {
            records.pop();
        }
        let filled = records.iter().filter(|record| record.iter().any(|cell| !cell.trim_matches(' ').is_empty())).count();
        prop_assert_eq!(rows, filled, "{:?}", text);
    }
}
