//! What no mail uses decides nothing; and a list is as wide as its header, whatever its rows leave out.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::List;

#[test]
fn what_nothing_uses_may_hold_anything() {
    let long = "word ".repeat(1_800);
    let text = format!(
        "user_id,email,phone,,notes,notes,bio\n\
         u1,ada@example.com,\u{202a}+47 400\u{202c},x,{long},,\n\
         u2,bo@example.com,,,\"likes tea\ncall later\",\"5\"\" pipe\",\"Poet\u{2028}Oslo\"\n\
         u3,cy@example.com,a\u{b}b,,\"the \"best\" one\",\0,\u{fffd}\n"
    );
    let list = List::new(&text).using(&["first_name"]);
    let outcome = list.read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.odd(), [""; 0]);
    assert_eq!(outcome.good.len(), 3);
    assert_eq!(
        Value::Object(outcome.good[0].fields.clone()),
        json!({"user_id": "u1", "email": "ada@example.com"})
    );
    let cells: Vec<&str> = outcome.good[1].cells.iter().collect();
    assert_eq!(cells[4], "likes tea\ncall later");
    // The same cells are mended or cost their rows where a template names the column.
    let used = List::new(&text).using(&["phone", "bio"]).read();
    assert_eq!(used.problems(), ["3 bio: holds the character U+2028", "5 phone: holds the character U+000B"]);
    assert_eq!(used.good[0].fields["phone"], json!("+47 400"));
    assert_eq!(used.odd(), ["1 has the invisible character U+202A in `phone`: taken out [2]"]);
}

#[test]
fn a_row_that_an_unused_cell_would_take_in_is_never_lost() {
    let check = |rows: &str, expected: &[&str]| {
        let outcome = List::new(format!("note,user_id,email\n{rows}\n")).using(&[]).read();
        assert_eq!(outcome.problems(), expected, "{rows}");
    };
    check("\"tea\nlater\",u1,a@example.com", &[]);
    check(
        "\"tea,u1,a@example.com\nlater\",u2,b@example.com",
        &[
            "2 note: line 2 stands inside this cell but reads like a row of its own: lines 2 to 3 were read as one record",
        ],
    );
    check(
        "\"tea,u1,a@example.com\nx,u2,b@example.com\nlater\",u3,c@example.com",
        &[
            "2 note: line 2 stands inside this cell but reads like a row of its own: lines 2 to 4 were read as one record",
        ],
    );
    check(
        "\"tea\nlater\"s, and more\",u1,a@example.com",
        &["2 note: holds a line break: lines 2 to 3 were read as one record"],
    );
    check("the \"best\" one,u1,a@example.com", &[]);
    check("\"the \"best, one\",u1,a@example.com", &["2 note: has text behind its closing quote"]);
}

#[test]
fn short_rows_are_filled_and_empty_surplus_is_dropped() {
    let text = "user_id,email,name,note\n1,ada@example.com,Ada,hi\n2,bo@example.com\n3,cy@example.com,Cy\n4,dd@example.com,Dd,,,\n";
    let outcome = List::new(text).read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.good.len(), 4);
    assert_eq!(outcome.good[1].fields["note"], Value::Null);
    assert_eq!(
        outcome.odd(),
        [
            "2 are shorter than the header: their missing cells are empty [3, 4]",
            "1 has more cells than the header, all empty [5]"
        ]
    );
    let outcome = List::new("user_id,email\n1,ada@example.com,x\n").read();
    assert_eq!(outcome.problems(), ["2: found 3 cells, expected 2 as in the header"]);
}

#[test]
fn a_file_that_breaks_off_in_a_row_is_told() {
    let cut = "user_id,email,plan\nu1,a@example.com,pro\nu2,b@example.com,pro\nu31,c@exam";
    let outcome = List::new(cut).read();
    assert_eq!(outcome.problems(), ["4: found 2 cells, expected 3 as in the header"]);
    assert!(outcome.bad[0].what.hint.as_ref().unwrap().contains("the file ends in the middle of this row"));
    // The hint: end the line if it is whole.
    assert_eq!(List::new(format!("{cut}ple.com\n")).read().good.len(), 3);
    // A list whose rows are short anyhow may end with one.
    let outcome = List::new("user_id,email,plan\nu1,a@example.com\nu2,b@example.com").read();
    assert_eq!(outcome.good.len(), 2);
}

#[test]
fn columns_without_a_name_are_taken_and_may_hold_something() {
    let outcome = List::new(",email,user_id,\n0,ada@example.com,u1,\n1,bo@example.com,u2,fine\n").read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.good.len(), 2);
    let outcome = List::new("email;user_id;;\na@example.com;u1;;\n;;;\nb@example.com;u2;x;\n").read();
    assert_eq!(outcome.good.len(), 2);
}

#[test]
fn a_list_may_have_more_columns_than_anybody_reads() {
    let mut header = "user_id,email".to_owned();
    let mut row = "u1,ada@example.com".to_owned();
    for number in 0..5_000 {
        write!(header, ",Column {number}").unwrap();
        write!(row, ",{number}").unwrap();
    }
    let outcome = List::new(format!("{header}\n{row}\n")).using(&["column_4711"]).read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.good[0].fields["column_4711"], json!("4711"));
}

#[test]
fn both_names_of_a_column_can_be_asked_for() {
    let text = "Benutzer,E-Mail-Adresse,Vorname\nu1,ada@example.com,Ada\n";
    let read = |names: &[&str]| {
        let list = List::new(text).using(names).with(|spec| spec.user_id_column = "Benutzer".to_owned());
        let outcome = list.read();
        (list.open().columns().to_vec(), outcome.good[0].fields.clone(), outcome.names()[0].to_owned())
    };
    let (columns, fields, name) = read(&["vorname"]);
    assert!(columns.contains(&"vorname".to_owned()) && columns.contains(&"first_name".to_owned()));
    assert_eq!((fields["vorname"].as_str(), name.as_str()), (Some("Ada"), "Ada"));
    let (_, fields, _) = read(&["first_name"]);
    assert_eq!(fields["first_name"], json!("Ada"));
    assert!(!fields.contains_key("vorname"));
}
