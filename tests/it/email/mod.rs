//! Tests of `email`: from templates to bytes that are for one recipient and nobody else.
#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

mod hostile;
mod loading;
mod mixups;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use linkpost::{
    audience::{Address, Cells, Recipient, RecipientKey},
    campaign::{Attachment, AudienceSpec, Campaign, CampaignId, Kind, ListPath, ListSource, ListSpec},
    email::{Letter, Letterhead, Link, MessageKeys, Unsubscribe},
    message::Message,
    problem::Diagnosis,
};
use mail_parser::MessageParser;
use serde_json::{Map, Value, json};

const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c2VyX2FkYSJ9.c2lnbmF0dXJlLW9mLWFkYS1pcy1oZXJl";
const OTHER_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c2VyX2JvYiJ9.c2lnbmF0dXJlLW9mLWJvYi1pcy1oZXJl";

fn url(token: &str) -> String {
    format!("https://app.example/accept?token={token}&utm_source=mail")
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn link<'a>(url: &'a str, token: &'a str) -> Link<'a> {
    Link { url, token, expires: time("2026-11-29T12:00:00Z") }
}

fn letterhead() -> Letterhead {
    Letterhead {
        sender_name: Some("Example Team".into()),
        sender: Address::parse("hello@mail.example.com").unwrap(),
        reply_to: Some((None, Address::parse("help@example.com").unwrap())),
        postal_address: "1 Example Street, Exampleton".into(),
        list_id: "waitlist.list.example.com".into(),
        sender_id: "example01".into(),
        unsubscribe: Unsubscribe {
            url: Some("https://app.example/unsubscribe".parse().unwrap()),
            mailto: Some(Address::parse("leave@example.com").unwrap()),
        },
        precedence_bulk: true,
        max_message_bytes: Letterhead::MAX_MESSAGE_BYTES,
    }
}

fn keys() -> MessageKeys {
    let key = |byte: u8| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
    MessageKeys { message_id: key(1), unsubscribe: key(2) }
}

fn campaign(template: impl Into<PathBuf>) -> Campaign {
    Campaign {
        file: "campaigns/welcome.toml".into(),
        id: CampaignId::parse("welcome").unwrap(),
        title: "Welcome".into(),
        kind: Kind::Waitlist,
        occasion: "2026-11".into(),
        list: ListSpec {
            source: ListSource::File(ListPath::parse("people.csv", |folder| PathBuf::from(folder)).unwrap()),
            max_age: None,
            settle: jiff::SignedDuration::ZERO,
            skip_problems: None,
            done: None,
        },
        audience: AudienceSpec::default(),
        template: template.into(),
        variables: Map::new(),
        token_life: linkpost::campaign::TokenLife::of_days(7),
        link_parameters: Vec::new(),
        not_after: jiff::SignedDuration::from_hours(72),
        attachments: Vec::new(),
        questions: Vec::new(),
        survey: "once".into(),
        schedule: None,
    }
}

fn recipient(user: &str, fields: Value) -> Recipient {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    let name = fields.get("name").and_then(Value::as_str).map(str::to_owned);
    Recipient {
        line: 2,
        key: RecipientKey(user.to_owned()),
        user_id: user.to_owned(),
        address: Address::parse(&format!("{user}@example.org")).unwrap(),
        name,
        fields,
        cells: Cells::default(),
    }
}

fn ada() -> Recipient {
    recipient("ada", json!({ "name": "Ada Lovelace", "email": "ada@example.org", "note": null }))
}

fn welcome() -> Letter {
    Letter::load(&campaign("tests/data/templates/welcome"), letterhead(), keys()).unwrap()
}

/// A campaign folder with these three files.
fn written(subject: &str, text: &str, html: &str) -> (tempfile::TempDir, Campaign) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("mail");
    fs::create_dir(&folder).unwrap();
    for (file, content) in [("subject.txt", subject), ("body.txt", text), ("body.html", html)] {
        fs::write(folder.join(file), content).unwrap();
    }
    (root, campaign(folder))
}

const TEXT: &str = "{{ link }}\n{{ unsubscribe_url }}\n";
const HTML: &str = "<p>Hi</p><a href=\"{{ link }}\">Go</a><a href=\"{{ unsubscribe_url }}\">Leave</a>";

fn compose(letter: &Letter, recipient: &Recipient) -> Result<Message, Diagnosis> {
    let url = url(TOKEN);
    let link = link(&url, TOKEN);
    let email = letter.render(recipient, &link)?;
    letter.compose(recipient, &email, &link, time("2026-11-22T09:30:00Z"))
}

/// The defect that these templates and this row lead to.
fn defect(subject: &str, text: &str, html: &str, recipient: &Recipient) -> Diagnosis {
    let (_root, campaign) = written(subject, text, html);
    let letter = Letter::load(&campaign, letterhead(), keys()).unwrap();
    compose(&letter, recipient).unwrap_err()
}

/// Body text and HTML, read back.
fn bodies(message: &Message) -> (String, String) {
    let parsed = MessageParser::default().parse(message.bytes()).unwrap();
    (parsed.body_text(0).unwrap().into_owned(), parsed.body_html(0).unwrap().into_owned())
}

#[test]
fn a_mail_carries_exactly_the_headers_of_the_house() {
    let message = compose(&welcome(), &ada()).unwrap();
    let text = std::str::from_utf8(message.bytes()).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n", "\n");
    insta::assert_snapshot!(head, @r#"
    From: "Example Team" <hello@mail.example.com>
    To: "Ada Lovelace" <ada@example.org>
    Reply-To: help@example.com
    Subject: Welcome, Ada Lovelace
    Date: Sun, 22 Nov 2026 09:30:00 +0000
    Message-ID: <nbm7k7cyuvluqlwl24bynjpozj@mail.example.com>
    List-Id: "Welcome" <waitlist.list.example.com>
    List-Unsubscribe: <https://app.example/unsubscribe?u=4K3L_uoeo41LmSIFNZ95TU>,
     <mailto:leave@example.com?subject=unsubscribe%204K3L_uoeo41LmSIFNZ95TU>
    List-Unsubscribe-Post: List-Unsubscribe=One-Click
    Feedback-ID: welcome:waitlist::example01
    Precedence: bulk
    MIME-Version: 1.0
    Content-Type: multipart/alternative;
     boundary="=_a_nbm7k7cyuvluqlwl24bynjpozj"
    "#);
}

#[test]
fn a_title_with_quotes_and_backslashes_is_one_phrase_of_the_list_id() {
    let list_id = |title: &str| {
        let campaign = Campaign { title: title.into(), ..campaign("tests/data/templates/welcome") };
        let message = compose(&Letter::load(&campaign, letterhead(), keys()).unwrap(), &ada()).unwrap();
        let parsed = MessageParser::default().parse(message.bytes()).unwrap();
        let read = parsed.list_id().as_address().unwrap().first().unwrap();
        assert_eq!(read.address(), Some("waitlist.list.example.com"));
        (read.name().unwrap().to_owned(), parsed.header_raw("List-Id").unwrap().trim_end().to_owned())
    };
    let title = r#"The "best" of \o/"#;
    let raw = r#" "The \"best\" of \\o/" <waitlist.list.example.com>"#;
    assert_eq!(list_id(title), (title.to_owned(), raw.to_owned()));
    let title = r#"Das „beste“ "von" \o/"#;
    assert_eq!(list_id(title).0, title);
}

#[test]
fn the_bodies_read_back_as_written() {
    let message = compose(&welcome(), &ada()).unwrap();
    let (text, html) = bodies(&message);
    insta::assert_snapshot!(text.replace("\r\n", "\n").replace(TOKEN, "TOKEN"), @r#"
    Hello Ada Lovelace,

    your place is ready.

    Sign in: https://app.example/accept?token=TOKEN&utm_source=mail
    The link works until 29 November 2026.
    -- 
    Example Team, 1 Example Street, Exampleton
    Unsubscribe: https://app.example/unsubscribe?u=4K3L_uoeo41LmSIFNZ95TU
    "#);
    insta::assert_snapshot!(html.replace("\r\n", "\n").replace(TOKEN, "TOKEN"), @r#"
    <!DOCTYPE html><html lang="en" dir="ltr"><head><meta charset="utf-8"><style>@media (max-width: 600px) { .wide { width: 100% !important; } } </style>

    <title>Welcome</title>

    </head>
    <body>
    <table class="wide" role="presentation" width="600"><tbody><tr><td>

    <p style="margin: 0 0 16px;color: #222222;">Hello Ada Lovelace,</p>
    <p title="" style="margin: 0 0 16px;color: #222222;">your place is ready.</p>
    <p style="margin: 0 0 16px;color: #222222;"><a class="button" href="https://app.example/accept?token=TOKEN&amp;utm_source=mail&amp;to=%2Fstart" style="padding: 12px 20px;color: #ffffff;background-color: #1a5fb4;">Sign in</a></p>


    <p style="margin: 0 0 16px;color: #222222;">Example Team, 1 Example Street, Exampleton. <a href="https://app.example/unsubscribe?u=4K3L_uoeo41LmSIFNZ95TU">Unsubscribe</a></p>
    </td></tr></tbody></table>


    </body></html>
    "#);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let first = compose(&welcome(), &ada()).unwrap();
    let again = compose(&welcome(), &ada()).unwrap();
    assert_eq!(first.bytes(), again.bytes());
    assert_eq!(first.sha256(), again.sha256());
    let other =
        compose(&welcome(), &recipient("bob", json!({ "name": "Ada Lovelace", "note": null }))).unwrap();
    assert_ne!(first.message_id(), other.message_id());
    assert_ne!(first.unsubscribe_id(), other.unsubscribe_id());
}

#[test]
fn one_letter_serves_many_threads() {
    let letter = welcome();
    let expected = compose(&letter, &ada()).unwrap().sha256();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| compose(&letter, &ada()).unwrap().sha256())).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == expected));
    });
}

#[test]
fn pictures_and_attachments_come_along() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("logo.png"), [0x89, b'P', b'N', b'G', 13, 10, 0]).unwrap();
    fs::write(folder.path().join("terms.txt"), "bare\nline\rends\r\n").unwrap();
    let attachment = |file: &str, name: &str, media_type: &str, id: Option<&str>| Attachment {
        file: folder.path().join(file),
        name: name.into(),
        media_type: media_type.into(),
        content_id: id.map(str::to_owned),
    };
    let mut cart = campaign("tests/data/templates/cart");
    cart.attachments = vec![
        attachment("logo.png", "logo.png", "image/png", Some("logo")),
        attachment("terms.txt", "Bedingungen für Ünal.txt", "text/plain", None),
    ];
    let letter = Letter::load(&cart, letterhead(), keys()).unwrap();
    let items = json!([{ "title": "Café <b>", "price": "1234.5", "options": { "z": 1, "a": 2 } }]);
    let row = recipient("ada", json!({ "cart_id": "c 1", "items": items }));
    let message = compose(&letter, &row).unwrap();
    let (text, html) = bodies(&message);
    assert!(
        text.contains("Café <b>: €1,234.50") && text.contains("&utm_source=mail&cart=c+1&to=%2Fcart"),
        "{text}"
    );
    assert!(html.contains("Café &lt;b&gt;: €1,234.50 z=1 a=2"), "{html}");
    let parsed = MessageParser::default().parse(message.bytes()).unwrap();
    let contents: Vec<&[u8]> = parsed.attachments().map(mail_parser::MessagePart::contents).collect();
    assert_eq!(contents, [&[0x89, b'P', b'N', b'G', 13, 10, 0][..], b"bare\nline\rends\r\n"]);
    assert_eq!(parsed.subject(), Some("You left 1 thing behind"));

    cart.attachments.remove(0);
    let problems = Letter::load(&cart, letterhead(), keys()).err().unwrap();
    assert_eq!(
        problems[0].to_string().lines().next().unwrap(),
        "tests/data/templates/cart/body.html:5:14: no attachment has the content id `logo`"
    );
    let mut welcome = campaign("tests/data/templates/welcome");
    welcome.attachments = vec![attachment("logo.png", "logo.png", "image/png", Some("logo"))];
    let problems = Letter::load(&welcome, letterhead(), keys()).err().unwrap();
    assert_eq!(problems[0].to_string(), "campaigns/welcome.toml: no template shows the picture `cid:logo`");
}

/// Python's parser is the third opinion.
#[test]
fn python_reads_the_mail_without_defects() {
    let script = Path::new("tests/judges/read_mail.py");
    let row = recipient("ada", json!({ "name": "Ünal 🎉 \"O'Brien\"", "note": "zwei\n. Zeilen =20 ü" }));
    let message = compose(&welcome(), &row).unwrap();
    let spawned = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut python) = spawned else {
        eprintln!("skipped: python3 is missing");
        return;
    };
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), message.bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (text, html) = bodies(&message);
    let plain = |text: &str| text.replace("\r\n", "\n");
    assert_eq!(
        found,
        json!({
            "defects": [],
            "repeated": [],
            "types": ["multipart/alternative", "text/plain", "text/html"],
            "to": ["Ünal 🎉 \"O'Brien\"", "ada@example.org"],
            "subject": "Welcome, Ünal 🎉 \"O'Brien\"",
            "text": plain(&text),
            "html": plain(&html),
        })
    );
}
