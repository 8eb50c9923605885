//! Lists that are not as they should be.

use std::fs;

use insta::assert_snapshot;
use linkpost::sandbox::{Keep, Options, SandboxRelay};

use super::{books, send, steady, told};
use crate::support::{fixture::Fixture, mails::taken};

fn checked(list: impl AsRef<[u8]>) -> String {
    let fixture = Fixture::new();
    fixture.file("people.csv", list);
    told(&fixture.run(&["check", "spring.toml"]))
}

#[test]
fn a_missing_column_is_told_with_those_that_are_there() {
    let fixture = Fixture::new();
    fixture.edit("spring.toml", "csv =", "required = [\"code\"]\ncsv =");
    assert_snapshot!(told(&send(&fixture, &[])), @r#"
    exit 65
    error: people.csv:1: no column `code`: the header has `user_id`, `email`, `first_name`
      hint: add the column, or name the one that is meant: `aliases.code = ["…"]` under `[audience]`
    "#);
    assert_snapshot!(checked("user_id,adress,first_name\nuser_1,ada@example.com,Ada\n"), @r#"
    exit 65
    error: people.csv:1: no column `email`: the header has `user_id`, `adress`, `first_name`
      hint: the cells of `adress` look like addresses: `aliases.email = ["adress"]` under `[audience]`
    "#);
}

#[test]
fn a_quote_that_does_not_close_swallows_nobody() {
    assert_snapshot!(checked("user_id,email,first_name\nu1,a@example.com,Ada\nu2,b@example.com,\"Bo\nu3,c@example.com,Cy\n"), @r"
    exit 65
    error: people.csv:3: the quote that opens here does not close: it swallows every line up to 4, the last
      hint: close the quote, or double it if it is meant as text
    ");
}

#[test]
fn a_list_that_is_not_there_is_told() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.path("people.csv")).unwrap();
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 65
    error: people.csv: the list cannot be read: no such file or directory
      hint: `csv` under `[audience]` is relative to the campaign file
    ");
    assert_snapshot!(told(&fixture.run(&["check", "spring.toml"])), @r"
    exit 65
    error: people.csv: the list cannot be read: no such file or directory
      hint: `csv` under `[audience]` is relative to the campaign file
    ");
}

#[test]
fn a_list_in_utf_16_is_read_and_one_that_is_a_workbook_is_refused() {
    let text = "user_id\temail\tfirst_name\nuser_1\tada@example.com\tZoë\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_snapshot!(checked([&[0xff, 0xfe][..], &utf16].concat()), @r"
    exit 0
    1 row: 1 new
    every row can be mailed; nothing was sent
    ");
    assert_snapshot!(checked(utf16), @r#"
    exit 0
    note: people.csv: read as UTF-16LE, by its looks: say `encoding = "UTF-16LE"` to be sure
    1 row: 1 new
    every row can be mailed; nothing was sent
    "#);
    assert_snapshot!(checked(b"PK\x03\x04\x14\0\x06\0"), @r"
    exit 65
    error: people.csv: the file is a zip archive or an Excel workbook, not a CSV file
      hint: export the list as CSV, encoded in UTF-8
    ");
}

#[test]
fn a_list_without_anybody_is_told() {
    assert_snapshot!(checked(""), @r"
    exit 65
    error: people.csv: the file is empty: expected a header line and a line for each person
      hint: export the list as CSV, encoded in UTF-8
    ");
    assert_snapshot!(checked("user_id,email,first_name\n"), @r"
    exit 0
    0 rows: nobody is on the list
    every row can be mailed; nothing was sent
    ");
}

#[test]
fn addresses_of_examples_are_refused_for_a_real_relay_and_the_rehearsal_is_named() {
    let fixture = Fixture::new();
    fixture.edit("linkpost.toml", "host = \"127.0.0.1\"", "host = \"smtp.corp.internal\"").edit(
        "linkpost.toml",
        "tls = \"none\"",
        "tls = \"implicit\"",
    );
    assert_snapshot!(told(&fixture.run(&["check", "spring.toml"])), @r"
    exit 65
    error: people.csv:2: column `email`: `p***@example.com` is in a domain that is set aside for examples and tests, where no mail arrives
    error: people.csv:3: column `email`: `p***@example.com` is in a domain that is set aside for examples and tests, where no mail arrives
    error: people.csv:4: column `email`: `p***@example.com` is in a domain that is set aside for examples and tests, where no mail arrives
      hint: rehearse such a list with `linkpost send … --sandbox`, where nothing leaves this machine
    nothing was sent; `--skip-problems` goes on without these rows, `--problems FILE` writes them out for correction
    ");
}

#[test]
fn somebody_who_is_not_on_the_list_cannot_be_chosen() {
    let fixture = Fixture::new();
    let chosen = ["--only", "person2@example.com", "--only", "nobody@example.com", "--only", "user_9"];
    assert_snapshot!(told(&send(&fixture, &chosen)), @r"
    exit 2
    3 rows: 3 new
    error: `--only`: nobody on the list has the address or user id `n***@example.com`, `user_9`
      hint: write it as the list does; rows with a problem and duplicates cannot be chosen
    ");
    assert_eq!(books(&fixture), "pending 3, in all 3");
    let preview = fixture.run(&["preview", "spring.toml", "--only", "user_9"]);
    assert_snapshot!(told(&preview), @r"
    exit 2
    3 rows: 3 new
    error: `--only`: nobody on the list has the address or user id `user_9`
      hint: write it as the list does; rows with a problem and duplicates cannot be chosen
    ");
    assert!(!fixture.path("preview").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_bad_rows_of_a_thousand_stop_the_run_before_the_first_mail() {
    let _steady = steady();
    let relay = SandboxRelay::start(Options { keep: Keep::Memory, ..Options::default() }).await.unwrap();
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(1000);
    fixture.edit("people.csv", "person17@example.com", "person17").edit("people.csv", "user_400,", ",").edit(
        "people.csv",
        "Person 999\n",
        "\"Person\n999\"\n",
    );
    assert_snapshot!(told(&send(&fixture, &["--problems", "problems.csv"])), @r#"
    exit 65
    error: people.csv:18: column `email`: `person17` is refused: it has no `@`
    error: people.csv:401: column `user_id`: has no user id
      hint: fill `user_id`, or name another column with `user_id = "…"` under `[audience]`
    error: people.csv:1000: column `first_name`: holds a line break: lines 1000 to 1001 were read as one record
      hint: close the quote, or double it if it is meant as text; if the break is meant, add `first_name` to `multiline_columns`
    nothing was sent; these rows are in problems.csv, to be corrected, and `--skip-problems` goes on without them
    "#);
    assert_eq!(taken(&relay).len(), 0);
    assert_eq!(books(&fixture), "in all 0", "nothing is booked");
    assert_snapshot!(fixture.read("problems.csv").trim_start_matches('\u{feff}').replace('\r', ""), @r#"
    user_id,email,first_name,problem
    user_17,person17,Person 17,"line 18, column `email`: `person17` is refused: it has no `@`"
    ,person400@example.com,Person 400,"line 401, column `user_id`: has no user id"
    user_999,person999@example.com,"Person
    999","line 1000, column `first_name`: holds a line break: lines 1000 to 1001 were read as one record"
    "#);

    assert_snapshot!(told(&fixture.run(&["check", "spring.toml", "--skip-problems"])), @r"
    exit 0
    1,000 rows: 997 new, 3 with a problem
    every other row can be mailed; nothing was sent
    ");
    assert_snapshot!(told(&send(&fixture, &["--skip-problems"])), @r"
    exit 0
    1,000 rows: 997 new, 3 with a problem
    sending 997 mails of `spring` through 127.0.0.1:[port]
    997 mails in [time]: sent 997
     state     rows
     sent       997
     invalid      3
     in all   1,000
    note: of 1,000 mails 3 left out with a problem: `linkpost status spring.toml --rows invalid` says why, `linkpost retry spring.toml --rows invalid --occasion once` lets them wait again
    ");
    assert_eq!(taken(&relay).len(), 997);
    assert_eq!(books(&fixture), "sent 997, invalid 3, in all 1,000");
    assert_snapshot!(told(&fixture.run(&["status", "spring.toml", "--rows", "invalid"])), @r"
    exit 0
    --- stdout
    line,user_id,address,state,attempts,message_id,reason,in_list
    18,,,invalid,0,,email: `person17` is refused: it has no `@`,yes
    401,,,invalid,0,,user_id: has no user id,yes
    1000,,,invalid,0,,first_name: holds a line break: lines 1000 to 1001 were read as one record,yes
    --- stderr
    ");
    // `--strict` counts them as a failure.
    assert_eq!(send(&fixture, &["--strict"]).code, Some(3));
}

#[test]
fn a_domain_that_mixes_alphabets_is_told_once_and_mailed() {
    let fixture = Fixture::new();
    // A Cyrillic letter among Latin ones; a domain that is all Cyrillic is somebody's own.
    fixture
        .edit("people.csv", "person2@example.com", "person2@ex\u{430}mple.com")
        .edit("people.csv", "person3@example.com", "person3@ex\u{430}mple.com")
        .edit(
            "people.csv",
            "person1@example.com",
            "person1@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.example",
        );
    assert_snapshot!(told(&fixture.run(&["check", "spring.toml"])), @r"
    exit 0
    note: people.csv:3: the domain `exаmple.com` mixes alphabets: is it what it looks like? (2 rows with such a domain)
    3 rows: 3 new
    every row can be mailed; nothing was sent
    ");
}
