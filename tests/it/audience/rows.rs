//! One row: what it needs, what it may hold, what it becomes.

use std::fmt::Write as _;

use linkpost::campaign::ColumnType;
use serde_json::{Value, json};

use super::List;

#[test]
fn a_plain_list_becomes_recipients_with_everything_checked() {
    let list =
        List::new("E-Mail,userId,First Name,Last Name,Plan\n Ada@Example.COM ,u1,Zoe\u{308},O'Brien,\n");
    let outcome = list.read();
    let [ada] = &outcome.good[..] else { panic!("{:?}", outcome.problems()) };
    assert_eq!((ada.line, ada.key.0.as_str(), ada.user_id.as_str()), (2, "u1", "u1"));
    assert_eq!(ada.address.to_string(), "Ada@example.com");
    assert_eq!(ada.name.as_deref(), Some("Zoë O'Brien"));
    assert_eq!(
        Value::Object(ada.fields.clone()),
        json!({
            "email": "Ada@Example.COM", "user_id": "u1", "first_name": "Zoë", "last_name": "O'Brien", "plan": null
        })
    );
    assert_eq!(list.open().header(), ["E-Mail", "userId", "First Name", "Last Name", "Plan"]);
    assert_eq!(list.open().columns(), ["email", "user_id", "first_name", "last_name", "plan"]);
}

#[test]
fn three_bad_rows_in_a_thousand_are_named_and_the_others_stand() {
    let mut text = "email,user_id,name\n".to_owned();
    for number in 2..=1001 {
        let row = match number {
            7 => "ada.example.com,u7,Ada".to_owned(),
            500 => format!("p{number}@example.com,,Bob"),
            1001 => format!("p{number}@example.com,u{number},Cy, jr"),
            _ => format!("p{number}@example.com,u{number},Person {number}"),
        };
        writeln!(text, "{row}").unwrap();
    }
    let outcome = List::new(text).read();
    assert_eq!(
        outcome.problems(),
        [
            "7 email: `ada.example.com` is refused: it has no `@`",
            "500 user_id: has no user id",
            "1001: found 4 cells, expected 3 as in the header"
        ]
    );
    assert_eq!(outcome.good.len(), 997);
}

#[test]
fn every_cell_that_would_do_harm_costs_its_row_and_is_named() {
    let check = |cell: &str, expected: &str| {
        let text = format!("email,user_id,subject\nada@example.com,u1,\"{cell}\"\nbob@example.com,u2,x\n");
        let outcome = List::new(text).read();
        assert_eq!(outcome.problems(), [format!("2 subject: {expected}")], "{cell:?}");
        assert_eq!(outcome.good.len(), 1);
    };
    check("a\0b", "holds the character U+0000");
    check("a\tb", "holds the character U+0009");
    check("a\u{b}b", "holds the character U+000B");
    check("a\u{1b}[2Jb", "holds the character U+001B");
    check("a\rBcc: b", "holds the character U+000D");
    check("a\u{85}b", "holds the character U+0085");
    check("a\u{2028}b", "holds the character U+2028");
    check("a\u{202e}b", "holds the character U+202E");
    check("a\u{2067}b", "holds the character U+2067");
    check("a\u{fffd}b", "holds bytes that could not be read (U+FFFD)");
    check("Hi\nBcc: b@example.com", "holds a line break: lines 2 to 3 were read as one record");
    check("Hi\r\nBcc: b@example.com", "holds a line break: lines 2 to 3 were read as one record");
    check("the \"best\" one", "has text behind its closing quote");
    check(&"x".repeat(8193), "is longer than 8 KiB");
}

#[test]
fn formulas_markup_and_template_code_are_data() {
    let cells = [
        "=cmd()",
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "{% include 'x' %}",
        "5\" pipe",
        "O'Brien & Söhne",
    ];
    for cell in cells {
        let outcome = List::new(format!("email,user_id,note\nada@example.com,u1,{cell}\n")).read();
        assert_eq!(outcome.problems(), [""; 0]);
        assert_eq!(outcome.good[0].fields["note"], json!(cell));
    }
}

#[test]
fn cells_are_typed_as_the_campaign_file_says() {
    let text = "email;user_id;cart_id;total;due;items\n\
                ada@example.com;u1;c1;12.50;2026-11-22;\"[{\"\"sku\"\":\"\"a\"\"}]\"\n\
                bob@example.com;u2;c2;12,50;2026-11-22;[]\n\
                cyd@example.com;u3;c3;12.50;22.11.2026;[]\n\
                dan@example.com;u4;;12.50;;[]\n\
                eve@example.com;u5;c5;;;{\n";
    let list = List::new(text).with(|spec| {
        spec.key_column = Some("cart_id".to_owned());
        spec.types = [("total", ColumnType::Number), ("due", ColumnType::Date), ("items", ColumnType::Json)]
            .map(|(name, kind)| (name.to_owned(), kind))
            .into();
    });
    let outcome = list.read();
    assert_eq!(outcome.good[0].key.0, "u1\u{1f}c1");
    assert_eq!(outcome.good[0].fields["total"], json!(12.5));
    assert_eq!(outcome.good[0].fields["items"][0]["sku"], json!("a"));
    assert_eq!(
        outcome.problems(),
        [
            "3 total: `12,50` is not a decimal number such as `12.50`",
            "4 due: `22.11.2026` is not a date such as `2026-11-22` or `2026-11-22T09:30`",
            "5 cart_id: is empty, but every row must fill it",
            "6 items: `{` is not JSON: EOF while parsing an object at character 1",
        ]
    );
}

#[test]
fn a_list_of_bare_addresses_identifies_people_by_their_address() {
    let list = List::new("email\nAda@Example.com\nbob@bücher.example\n")
        .with(|spec| spec.user_id_column = "email".to_owned());
    let outcome = list.read();
    let ids: Vec<&str> = outcome.good.iter().map(|recipient| recipient.user_id.as_str()).collect();
    assert_eq!(ids, ["ada@example.com", "bob@xn--bcher-kva.example"]);
    assert_eq!(outcome.good[0].address.to_string(), "Ada@example.com");
}

#[test]
fn a_live_run_refuses_domains_where_no_mail_arrives() {
    let list = List::new("email,user_id\nada@example.com,u1\nbob@corp.test,u2\n");
    let told = "is in a domain that is set aside for examples and tests, where no mail arrives";
    assert_eq!(
        list.read_as(true).problems(),
        [format!("2 email: `a***@example.com` {told}"), format!("3 email: `b***@corp.test` {told}")]
    );
    assert_eq!(list.read_as(false).good.len(), 2);
}

#[test]
fn user_ids_and_names_are_held_to_their_limits() {
    let check = |id: &str, name: &str, expected: &str| {
        let outcome = List::new(format!("email,user_id,name\na@example.com,{id},{name}\n")).read();
        assert_eq!(outcome.problems(), [expected]);
    };
    check("u\u{200b}1", "Ada", "2 user_id: holds the invisible character U+200B");
    check("u 1", "Ada", "2 user_id: `u 1` is no user id: it holds a space");
    check(
        &"u".repeat(256),
        "Ada",
        &format!("2 user_id: `{}…` is longer than 255 characters", "u".repeat(60)),
    );
    check(
        "u1",
        &"n".repeat(101),
        &format!("2 name: `{}…` is longer than 100 characters, too long for a name", "n".repeat(60)),
    );
}

#[test]
fn no_message_and_no_debug_text_tells_an_address() {
    let outcome =
        List::new("email,user_id,name\nada.lovelace@example.com,u1,Ada\nada.lovelace@example,u2,x\n").read();
    let text = format!("{:?} {:?}", outcome.good, outcome.bad);
    assert!(!text.contains("lovelace"), "{text}");
}
