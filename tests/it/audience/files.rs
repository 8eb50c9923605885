//! The file as a whole: encodings, delimiters, what is no list.

use std::fs;

use linkpost::audience::{self, Audience, Row};

use super::List;

fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    let bytes = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(bytes).collect()
}

const PEOPLE: &str = "email,user_id,name\nada@example.com,u1,Gökçe Şahin\nbob@example.com,u2,محمد علي\n";

#[test]
fn the_same_list_is_read_from_every_encoding() {
    let check = |bytes: Vec<u8>, encoding: &str, delimiter: char| {
        let list = List::new(bytes);
        assert_eq!(list.read().names(), ["Gökçe Şahin", "محمد علي"], "{encoding}");
        let audience = list.open();
        assert_eq!((audience.dialect().encoding, audience.dialect().delimiter), (encoding, delimiter));
    };
    let marked = format!("\u{feff}{PEOPLE}");
    check(PEOPLE.into(), "UTF-8", ',');
    check(marked.clone().into(), "UTF-8", ',');
    check(format!("\u{feff}{marked}").into(), "UTF-8", ',');
    check(PEOPLE.replace('\n', "\r\n").into(), "UTF-8", ',');
    check(PEOPLE.replace('\n', "\r").into(), "UTF-8", ',');
    check(PEOPLE.replace(',', ";").into(), "UTF-8", ';');
    check(PEOPLE.replace(',', "\t").into(), "UTF-8", '\t');
    check(PEOPLE.replace(',', "|").into(), "UTF-8", '|');
    check(format!("sep=;\r\n{}", PEOPLE.replace(',', ";")).into(), "UTF-8", ';');
    check(utf16(&marked, false), "UTF-16LE", ',');
    check(utf16(&marked, true), "UTF-16BE", ',');
    check(utf16(PEOPLE, false), "UTF-16LE", ',');
    check(utf16(&marked.replace(',', "\t"), false), "UTF-16LE", '\t');
}

#[test]
fn a_legacy_encoding_is_read_and_told() {
    let list = List::new(fs::read("tests/data/lists/excel-windows-1252.csv").unwrap())
        .with(|spec| spec.user_id_column = "Benutzer-ID".to_owned());
    let outcome = list.read();
    assert_eq!(outcome.names(), ["José Muñoz", "Zoë Süß", "François Lefèvre"]);
    let audience = list.open();
    assert_eq!(
        audience.dialect().notes,
        ["read as windows-1252, by its looks: say `encoding = \"windows-1252\"` to be sure"]
    );
    assert!(audience.dialect().encoding_detected);
    let told = list.with(|spec| spec.encoding = Some("windows-1252".to_owned()));
    assert!(told.open().dialect().notes.is_empty());
    assert!(!told.open().dialect().encoding_detected);
}

#[test]
fn bytes_that_are_not_the_encoding_cost_their_row_and_no_other() {
    let mut bytes = PEOPLE.as_bytes().to_vec();
    bytes.extend_from_slice(b"c@example.com,u3,Jos\xe9\nd@example.com,u4,Dan\n");
    let outcome = List::new(bytes).read();
    assert_eq!(outcome.problems(), ["4 name: holds bytes that could not be read (U+FFFD)"]);
    assert_eq!(outcome.good.len(), 3);
}

#[test]
fn a_file_that_is_no_list_is_refused_with_the_remedy() {
    let check = |bytes: &[u8], expected: &str| {
        assert_eq!(List::new(bytes).refused(), [expected]);
    };
    check(
        b"",
        "people.csv: the file is empty: expected a header line and a line for each person\n  hint: export the list as CSV, encoded in UTF-8",
    );
    check(
        b"\x1f\x8b\x08\0\0\0",
        "people.csv: the file is compressed (gzip), not a CSV file\n  hint: export the list as CSV, encoded in UTF-8",
    );
    check(
        b"PK\x03\x04\x14\0\x06\0",
        "people.csv: the file is a zip archive or an Excel workbook, not a CSV file\n  hint: export the list as CSV, encoded in UTF-8",
    );
    check(b"\n\n", "people.csv: the list is empty: expected a header line such as `email,user_id,name`");
    check(
        b"email,\"user_id\n",
        "people.csv:1: the header opens a quote that does not close\n  hint: close the quote, or double it if it is meant as text",
    );
}

#[test]
fn text_that_is_no_list_is_called_by_its_name() {
    let check = |text: &str, expected: &str| {
        let found = List::new(text).refused().remove(0);
        assert!(found.starts_with(&format!("people.csv: the file is {expected}, not a list")), "{found}");
        assert!(found.contains("hint: export the list as CSV"), "{found}");
    };
    check("<!DOCTYPE html>\n<html><table>", "a web page (HTML)");
    check("\n <table border=1><tr><td>email</td></tr></table>", "a web page (HTML)");
    check("[{\"email\": \"ada@example.com\"}]", "JSON");
    check("{\n  \"users\": [\n", "JSON");
    check("<?xml version=\"1.0\"?>\n<people/>", "XML");
    check("BEGIN:VCARD\r\nVERSION:3.0", "a set of visiting cards (vCard)");
    check("{\\rtf1\\ansi email", "a text with formats (RTF)");
    let twice = List::new("\"user_id,email,name\"\n\"1,ada@example.com,Ada\"\n").refused();
    assert_eq!(
        twice,
        [
            "people.csv:1: each line is in quotes as a whole: this CSV was exported as a column of another\n  hint: export it again, or take away the first and the last quote of each line and write `\"\"` as `\"`"
        ]
    );
    assert_eq!(List::new("\"email\"\n\"ada@example.com\"\n").with(by_address).read().good.len(), 1);
}

fn by_address(spec: &mut linkpost::campaign::AudienceSpec) {
    "email".clone_into(&mut spec.user_id_column);
}

#[test]
fn a_missing_file_a_folder_and_a_wrong_delimiter_are_told() {
    let mut list = List::new(PEOPLE);
    let found = list.profile();
    fs::remove_file(&list.csv).unwrap();
    assert!(list.refused_as(&found)[0].starts_with("people.csv: the list cannot be read: "));
    list.csv = list.folder.path().to_owned();
    assert!(list.refused()[0].contains("the list is not a file"));
    let list = List::new(PEOPLE).with(|spec| spec.delimiter = Some('"'));
    assert!(list.refused()[0].contains("`\\\"` cannot part columns"));
    let list = List::new(PEOPLE).with(|spec| spec.delimiter = Some(';'));
    assert_eq!(
        list.refused(),
        ["email", "user_id"].map(|name| format!(
            "people.csv:1: no column `{name}`: the header has `email,user_id,name`\n  hint: this is one column only: \
             write `delimiter = \",\"` under `[audience]`"
        ))
    );
}

#[test]
fn a_list_with_a_header_alone_has_no_rows() {
    let outcome = List::new("email,user_id\n").read();
    assert_eq!((outcome.good.len(), outcome.bad.len(), outcome.end), (0, 0, None));
}

#[test]
fn a_file_that_changes_while_it_is_read_ends_with_a_problem() {
    let rows: Vec<String> = (0..20_000).map(|number| format!("p{number}@example.com,u{number}\n")).collect();
    let list = List::new(format!("email,user_id\n{}", rows.concat()));
    let mut audience = list.open();
    assert!(matches!(audience.next(), Some(Ok(Row::Good(_)))));
    let changed = fs::read_to_string(&list.csv).unwrap().replace("p19999@", "evil9@");
    fs::write(&list.csv, changed).unwrap();
    let end = audience.last();
    assert!(
        matches!(&end, Some(Err(problem)) if problem.what.message == "the file changed while it was read"),
        "{end:?}"
    );
}

#[test]
fn a_file_that_changed_since_it_was_found_is_told_as_such_whatever_is_wrong_with_it() {
    for text in ["name\nAda\n", "", "email,user_id,name\n\"ada@example.com,u1,Ada\n", "email,user_id,name\n"]
    {
        let list = List::new(PEOPLE);
        let found = list.profile();
        fs::write(&list.csv, text).unwrap();
        let words = match Audience::open(&list.spec, [&found], &list.used, false) {
            Err(problems) => list.words(&problems),
            Ok(audience) => list.words(&[audience.last().unwrap().unwrap_err()]),
        };
        assert_eq!(
            words,
            ["people.csv: the file changed while it was read\n  hint: run again when it is complete"],
            "{text:?}"
        );
    }
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let list = List::new("abc");
    let digest = audience::digest(&list.csv).unwrap();
    assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf], "FIPS 180-4, example B.1");
    let list = List::new(PEOPLE);
    assert_eq!(list.profile().digest, audience::digest(&list.csv).unwrap());
}

#[test]
fn a_list_can_be_read_on_another_thread() {
    let audience = List::new(PEOPLE);
    let audience = audience.open();
    assert_eq!(std::thread::spawn(move || audience.count()).join().unwrap(), 2);
}
