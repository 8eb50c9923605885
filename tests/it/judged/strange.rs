//! A list as no list should be, sent through `aiosmtpd`, read back by Python's parser and `PyJWT`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    fixture::{Fixture, Said},
    judges::Inbox,
};

const HEADER: &str = "User ID;E-Mail;First name;Last name;Greeting;Note\r\n";

/// A row that has to arrive: how the list says it, and what the recipient has to get.
struct Row {
    cells: String,
    user: &'static str,
    address: &'static str,
    name: String,
    subject: String,
    note: String,
}

fn row(
    user: &'static str,
    [written, address]: [&str; 2],
    wire: &'static str,
    [first, last, greeting, note]: [&str; 4],
) -> Row {
    let quoted = |cell: &str| {
        if cell.contains(['"', ';', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.to_owned()
        }
    };
    let cells = [written, address, first, last, greeting, note].map(quoted).join(";");
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    Row {
        cells: cells + "\r\n",
        user,
        address: wire,
        name: format!("{first} {last}").trim().to_owned(),
        subject: format!("{}, {}", or(greeting, "Hello"), or(first, "you")),
        note: note.to_owned(),
    }
}

/// A row whose id and address are written as they arrive.
fn plain(user: &'static str, address: &'static str, words: [&str; 4]) -> Row {
    row(user, [user, address], address, words)
}

fn good() -> Vec<Row> {
    let long = ["Ü".repeat(60), "n".repeat(39)];
    vec![
        plain("user_ada", "ada@example.com", ["Ada", "Lovelace", "", ""]),
        plain("user_empty", "nobody.in.particular@example.com", ["", "", "", ""]),
        plain("user_tr", "ibrahim@example.org", ["İbrahim", "Şahin-Gülçiçek", "Merhaba", "ı İ ş Ş ğ Ğ"]),
        plain("user_ar", "m@example.net", ["محمد", "العربي عبد الله", "مرحبا", "أهلاً ١٢٣"]),
        plain("user_cjk", "hana@example.net", ["花", "黒田", "こんにちは", "𠮷野家"]),
        plain("user_cmd", "cmd@example.com", ["=cmd|' /C calc'!A0", "@SUM(1+1)", "+Hi", "-2+3"]),
        plain(
            "user_script",
            "script@example.com",
            ["<script>alert(1)</script>", "<img src=x onerror=\"alert(1)\">", "Hi <b>", "</p></body></html>"],
        ),
        plain("user_plus", "ada+news@example.com", ["Ada", "Plus", "Hi", ""]),
        row(
            "user_idn",
            ["user_idn", "leser@BÜCHER.example"],
            "leser@xn--bcher-kva.example",
            ["Jürgen", "Weiß", "Grüß Gott", ""],
        ),
        plain("user_long", "long@example.com", [&long[0], &long[1], "Hi", "wort ".repeat(600).trim_end()]),
        plain("user_emoji", "emoji@example.com", ["👩\u{200d}🚀 🎉", "", "Hi 🎂", "🏳\u{fe0f}\u{200d}🌈"]),
        plain(
            "user_lines",
            "lines@example.com",
            ["Lin", "Es", "Hi", "One\n.\n..two dots\nFrom here\n\nQUIT\n\"quoted\"; and a semicolon"],
        ),
        plain(
            "user_quotes",
            "o'brien+x=y@sub.example.org",
            ["Pat \"Paddy\"", "O'Brien; Smith, Jr. (home)", "A \\ b", ""],
        ),
        plain(
            "user_header",
            "header@example.com",
            ["Bcc: eve@example.net", "X-Eve: 1", "Subject: y", "Bcc: eve@example.net"],
        ),
        plain("user_percent", "percent@example.com", ["%0d%0aBcc:x", "=0D=0A", "Hi %0A", "=3D=20 =\n= 100%"]),
        row(
            "user_nbsp",
            ["\u{a0}user_nbsp\u{a0}", "\u{a0}nbsp@example.com "],
            "nbsp@example.com",
            ["No", "Break", "Hi", ""],
        ),
        Row {
            // Letters and their accents apart, as some systems export them.
            cells: "user_nfd;nfd@example.com;Zoe\u{308};A\u{30a}s;Hi;\r\n".to_owned(),
            user: "user_nfd",
            address: "nfd@example.com",
            name: "Zoë Ås".to_owned(),
            subject: "Hi, Zoë".to_owned(),
            note: String::new(),
        },
    ]
}

/// Rows that repeat somebody: an id, and a mailbox in another spelling.
const REPEATED: &str =
    "user_ada;ada.second@example.com;Ada;Lovelace;Hi;\r\nuser_ada2;ADA@Example.com;Ada;L;Hi;\r\n";

/// A row that cannot be mailed, what is told about it, and the text in the file of problems that is put right.
struct Bad {
    cells: String,
    told: &'static str,
    wrong: &'static str,
    right: &'static str,
    user: &'static str,
    address: &'static str,
}

fn bad() -> Vec<Bad> {
    let bad = |cells: &str, told, [wrong, right]: [&'static str; 2], [user, address]: [&'static str; 2]| {
        Bad { cells: format!("{cells}\r\n"), told, wrong, right, user, address }
    };
    vec![
        bad(
            "bad_crlf;b1@example.com;Bo;One;\"Hi\r\nBcc: eve@example.net\";",
            "column `Greeting`: holds a line break",
            ["\"Hi\nBcc: eve@example.net\"", "Hi"],
            ["bad_crlf", "b1@example.com"],
        ),
        bad(
            "bad_at;b3@@example.com;Bo;Three;Hi;",
            "column `E-Mail`: `b***@***@example.com` is refused: it has more than one `@`",
            ["b3@@", "b3@"],
            ["bad_at", "b3@example.com"],
        ),
        bad(
            ";b4@example.com;Bo;Four;Hi;",
            "column `User ID`: has no user id",
            [";b4@", "bad_id;b4@"],
            ["bad_id", "b4@example.com"],
        ),
        bad(
            &format!("bad_long;b5@example.com;{};;Hi;", "n".repeat(101)),
            "is longer than 100 characters, too long for a name",
            ["nn;;", "n;;"],
            ["bad_long", "b5@example.com"],
        ),
        bad(
            "bad_word;b7@example.com;=?utf-8?q?Eve?=;Seven;Hi;",
            "holds `=?`, which mail programs decode",
            ["=?utf-8?q?Eve?=", "Eve"],
            ["bad_word", "b7@example.com"],
        ),
        bad(
            "bad_nul;b8@example.com;Bo\0;Eight;Hi;",
            "column `First name`: holds the character U+0000",
            ["Bo\0", "Bo"],
            ["bad_nul", "b8@example.com"],
        ),
        bad(
            "bad_ls;b9@example.com;Bo;Nine;Hi\u{2028}Bcc: eve@example.net;",
            "column `Greeting`: holds the character U+2028",
            ["\u{2028}Bcc: eve@example.net", ""],
            ["bad_ls", "b9@example.com"],
        ),
    ]
}

/// A campaign whose subject and text take cells of the list.
fn fixture(inbox: &Inbox) -> Fixture {
    let fixture = Fixture::new();
    fixture
        .relay(inbox.address())
        .edit("spring.toml", "csv = \"people.csv\"", "csv = \"people.csv\"\nmultiline_columns = [\"note\"]")
        .file("templates/spring/subject.txt", "{{ greeting or 'Hello' }}, {{ first_name or 'you' }}")
        .edit("templates/spring/body.txt", "Sign in:", "[[{{ note or '' }}]]\n\nSign in:")
        .edit(
            "templates/spring/body.html",
            "<p><a href=\"{{ link }}",
            "<p title=\"{{ note or '' }}\">[[{{ note or '' }}]]</p><p><a href=\"{{ link }}",
        );
    fixture
}

/// The judges' findings about one mail that is as it has to be.
fn check(letter: &Value, Row { user, address, name, subject, note, .. }: &Row) {
    assert_eq!(letter["defects"], json!([]), "{letter}");
    assert_eq!(letter["repeated"], json!([]), "{letter}");
    assert_eq!(letter["types"], json!(["multipart/alternative", "text/plain", "text/html"]));
    assert_eq!(letter["wire"], true, "7-bit, lines of at most 998 octets, no bare CR or LF: {letter}");
    assert_eq!(
        letter["envelope"],
        json!({ "hello": "example.com", "from": "hello@example.com", "to": [address] })
    );
    assert_eq!(letter["to"], json!([name, address]));
    assert_eq!(letter["subject"], *subject);
    assert_eq!(letter["text_subjects"], json!([user]), "{letter}");
    assert_eq!(letter["html_subjects"], json!([user]), "{letter}");
    assert_eq!(letter["tokens"].as_array().unwrap().len(), 1, "{letter}");
    for part in ["text", "words"] {
        let words = letter[part].as_str().unwrap();
        assert!(words.contains(&format!("[[{note}]]")), "{note:?} in {words}");
    }
}

/// What is the same in every mail, whatever the list says: header names, elements, and where links lead.
fn shape(letter: &Value) -> Value {
    json!([letter["headers"], letter["tags"], letter["pages"]])
}

fn found<'a>(letters: &'a [Value], address: &str) -> &'a Value {
    let mut all = letters.iter().filter(|letter| letter["envelope"]["to"] == json!([address]));
    let first = all.next().unwrap_or_else(|| panic!("{address} got no mail"));
    assert!(all.next().is_none(), "{address} got two mails");
    first
}

fn books(fixture: &Fixture, expected: &[(&str, u64)]) {
    let said = fixture.run(&["status", "spring.toml", "--json"]);
    let books: Value = serde_json::from_str(&said.out).unwrap();
    let found: Vec<_> = books["books"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, number)| **number != json!(0))
        .map(|(state, number)| (state.as_str(), number.as_u64().unwrap()))
        .collect();
    assert_eq!(found, expected, "{said:?}");
}

fn send(fixture: &Fixture, more: &[&str]) -> Said {
    fixture.run(&[&["send", "spring.toml", "--yes"], more].concat())
}

#[test]
fn a_strange_list_reaches_the_right_people_with_their_own_links_and_nothing_else() {
    let Some(inbox) = Inbox::start() else { return };
    let fixture = fixture(&inbox);
    let (good, bad) = (good(), bad());
    let rows: String = good.iter().map(|row| row.cells.as_str()).collect();
    let refused: String = bad.iter().map(|bad| bad.cells.as_str()).collect();
    fixture.file("people.csv", format!("\u{feff}{HEADER}{refused}{rows}{REPEATED}"));

    // As it is: nothing leaves.
    let said = send(&fixture, &[]);
    assert_eq!((said.code, inbox.count()), (Some(65), 0), "{said:?}");
    for bad in &bad {
        assert!(said.err.contains(bad.told), "{} is not in {}", bad.told, said.err);
    }

    // Without the bad rows: the rest leaves, once.
    let said = send(&fixture, &["--skip-problems", "--problems", "problems.csv"]);
    assert_eq!((said.code, inbox.count()), (Some(0), good.len()), "{said:?}");
    books(&fixture, &[("sent", 17), ("invalid", 7), ("duplicate", 2)]);
    let letters = inbox.letters(&fixture);
    for row in &good {
        check(found(&letters, row.address), row);
    }

    // The bad rows, put right in the file that the program wrote, are a list of their own.
    let mut problems = fixture.read("problems.csv");
    for bad in &bad {
        assert!(problems.contains(bad.wrong), "{} is not in {problems}", bad.wrong);
        problems = problems.replacen(bad.wrong, bad.right, 1);
    }
    fixture.file("corrected.csv", problems).edit("spring.toml", "people.csv", "corrected.csv");
    let said = send(&fixture, &[]);
    assert_eq!((said.code, inbox.count()), (Some(0), good.len() + bad.len()), "{said:?}");
    let letters = inbox.letters(&fixture);
    for bad in &bad {
        assert_eq!(found(&letters, bad.address)["html_subjects"], json!([bad.user]));
    }
    let shapes: BTreeSet<_> = letters.iter().map(|letter| shape(letter).to_string()).collect();
    assert_eq!(shapes.len(), 1, "a cell changed more than words: {shapes:#?}");
    let ids: BTreeSet<_> = letters.iter().map(|letter| letter["id"].to_string()).collect();
    assert_eq!(ids.len(), letters.len());

    // And again: nothing.
    let said = send(&fixture, &[]);
    assert_eq!((said.code, inbox.count()), (Some(0), good.len() + bad.len()), "{said:?}");
}

#[test]
fn a_list_in_another_encoding_arrives_as_it_was_written() {
    let rows = [
        plain("user_zoe", "zoe@example.com", ["Zoë", "Müller-Lüdenscheidt", "Grüße", "“5 €” – naïve"]),
        plain("user_fr", "francois@example.org", ["François", "Œuvre", "Ça va", "Ÿ … ™"]),
        plain("user_no", "hakon@example.net", ["Håkon", "Ærø", "Hei", "¿Qué?"]),
    ];
    let text = format!("{HEADER}{}", rows.iter().map(|row| row.cells.as_str()).collect::<String>());
    let windows = encoding_rs::WINDOWS_1252.encode(&text).0.into_owned();
    let tabs = format!("\u{feff}{}", text.replace(';', "\t"));
    let utf16 = tabs.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (list, told) in
        [(windows, "note: people.csv: read as windows-1252, by its looks"), (utf16, "3 rows: 3 new")]
    {
        let Some(inbox) = Inbox::start() else { return };
        let fixture = fixture(&inbox);
        fixture.file("people.csv", list);
        let said = send(&fixture, &[]);
        assert_eq!((said.code, inbox.count()), (Some(0), rows.len()), "{said:?}");
        assert!(said.err.contains(told), "{said:?}");
        let letters = inbox.letters(&fixture);
        for row in &rows {
            check(found(&letters, row.address), row);
        }
    }
}
