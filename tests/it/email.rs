//! Tests of `email`: from templates to bytes that are for one recipient and nobody else.
#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use aws_lc_rs::hmac;
use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use jiff::Timestamp;
use linkpost::{
    audience::{Address, Recipient, RecipientKey},
    campaign::{Attachment, AudienceSpec, Campaign, CampaignId, Kind},
    email::{Defect, Letter, Letterhead, Link, Message, MessageKeys, Unsubscribe, check_bytes},
};
use mail_parser::MessageParser;
use proptest::prelude::*;
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
        allowed_link_hosts: None,
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
        audience: AudienceSpec {
            csv: "people.csv".into(),
            encoding: None,
            delimiter: None,
            multiline_columns: Vec::new(),
            aliases: [].into(),
            types: [].into(),
            required: Vec::new(),
            user_id_column: "user_id".into(),
            key_column: None,
        },
        template: template.into(),
        variables: Map::new(),
        token_life: jiff::SignedDuration::from_hours(168),
        link_parameters: Vec::new(),
        not_after: jiff::SignedDuration::from_hours(72),
        attachments: Vec::new(),
        questions: Vec::new(),
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

fn compose(letter: &Letter, recipient: &Recipient) -> Result<Message, Defect> {
    let url = url(TOKEN);
    let link = link(&url, TOKEN);
    let email = letter.render(recipient, &link)?;
    letter.compose(recipient, &email, &link, time("2026-11-22T09:30:00Z"))
}

/// The defect that these templates and this row lead to.
fn defect(subject: &str, text: &str, html: &str, recipient: &Recipient) -> Defect {
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
    <!DOCTYPE html><html lang="en" dir="ltr"><head><style>@media (max-width: 600px) { .wide { width: 100% !important; } } </style>
    <meta charset="utf-8">
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
fn a_mail_with_somebody_elses_link_never_leaves() {
    let letter = welcome();
    let ada = ada();
    let bob = recipient("bob", json!({ "name": "Bob", "email": "bob@example.org", "note": null }));
    let date = time("2026-11-22T09:30:00Z");
    let (url_a, url_b) = (url(TOKEN), url(OTHER_TOKEN));
    let (link_a, link_b) = (link(&url_a, TOKEN), link(&url_b, OTHER_TOKEN));
    let for_ada = letter.render(&ada, &link_a).unwrap();
    let for_bob = letter.render(&bob, &link_b).unwrap();
    assert!(letter.compose(&ada, &for_ada, &link_a, date).is_ok());
    let refused = |recipient, email, link| letter.compose(recipient, email, link, date).unwrap_err().message;
    assert_eq!(refused(&ada, &for_ada, &link_b), "the text holds a link with another token");
    assert_eq!(refused(&ada, &for_bob, &link_a), "the mail was rendered for another recipient");
    assert_eq!(refused(&bob, &for_ada, &link_a), "the mail was rendered for another recipient");

    // Swapped inside, behind the type's back.
    let mut mixed = for_ada.clone();
    mixed.html.clone_from(&for_bob.html);
    assert_eq!(refused(&ada, &mixed, &link_a), "the HTML holds a link with another token");
    let mut mixed = for_ada.clone();
    mixed.html = mixed.html.replace("Hello", "Hello bob@example.org");
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds somebody else's address: b***@example.org");
    let mut mixed = for_ada.clone();
    mixed.html =
        mixed.html.replace("Hello", &format!("<a href=\"https://x.example/?email=bob%40example.org\">x</a>"));
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds somebody else's address: b***@example.org");
    let mut mixed = for_ada.clone();
    mixed.text = mixed.text.replace("Hello", OTHER_TOKEN);
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds another token");
    let mut mixed = for_ada.clone();
    mixed.subject = "for bob@example.org".to_owned();
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds somebody else's address: b***@example.org");
    let mut mixed = for_ada.clone();
    mixed.subject = TOKEN.to_owned();
    assert_eq!(refused(&ada, &mixed, &link_a), "a header holds the token");
    let mut mixed = for_ada.clone();
    let ours = letter.compose(&ada, &for_ada, &link_a, date).unwrap();
    let theirs = letter.compose(&bob, &for_bob, &link_b, date).unwrap();
    mixed.text.push_str(&format!("https://app.example/unsubscribe?u={}\n", theirs.unsubscribe_id()));
    assert_eq!(refused(&ada, &mixed, &link_a), "the text holds somebody else's unsubscribe link");
    assert!(mixed.text.contains(ours.unsubscribe_id()));
}

#[test]
fn the_token_stands_in_the_link_and_nowhere_else() {
    let ada = ada();
    for (subject, text, html, expected) in [
        ("{{ link }}", TEXT, HTML, "the subject holds"),
        ("Hi", "no link {{ unsubscribe_url }}", HTML, "the text does not hold the sign-in link"),
        ("Hi", TEXT, "<a href=\"{{ unsubscribe_url }}\">x</a>", "the HTML does not hold the sign-in link"),
        ("Hi", "{{ link }}", HTML, "the text does not hold the unsubscribe link"),
        ("Hi", TEXT, "<a href=\"{{ link }}\">x</a>", "the HTML does not hold the unsubscribe link"),
        ("Hi", TEXT, "<p>{{ link }}</p>", "the HTML does not hold the sign-in link"),
        (
            "Hi",
            TEXT,
            "<p>{{ link }}</p><a href=\"{{ link }}\">x</a><a href=\"{{ unsubscribe_url }}\">y</a>",
            "preview",
        ),
        ("Hi", TEXT, "<img src=\"{{ link }}\"><a href=\"{{ link }}\">x</a>", "outside its link"),
        ("Hi", TEXT, "<!-- {{ link }} --><a href=\"{{ link }}\">x</a>", "outside its link"),
        ("Hi", TEXT, "<a title=\"{{ link }}\" href=\"{{ link }}\">x</a>", "outside its link"),
        ("Hi", TEXT, "<a href=\"https://evil.example/?to={{ link | urlencode }}\">x</a>", "another page"),
        ("Hi", "{{ link | replace(from=\"app.\", to=\"evil.\") }}", HTML, "another page"),
        ("Hi", "{{ link }} {{ link | replace(from=\"https://\", to=\"\") }}", HTML, "outside its link"),
        ("Hi", "{{ link(to=long) }}{{ unsubscribe_url }}", HTML, "more than 1000 characters"),
    ] {
        let mut row = ada.clone();
        row.fields.insert("long".into(), json!("x".repeat(1000)));
        let found = if subject == "{{ link }}" {
            // Short enough for a subject: the header check must still see it.
            let (_root, campaign) = written(subject, text, html);
            let letter = Letter::load(&campaign, letterhead(), keys()).unwrap();
            let url = url(TOKEN);
            let email = letter.render(&row, &link(&url, TOKEN)).unwrap();
            letter.compose(&row, &email, &link(&url, TOKEN), time("2026-11-22T09:30:00Z")).unwrap_err()
        } else {
            defect(subject, text, html, &row)
        };
        let expected = if subject == "{{ link }}" { "a header holds the token" } else { expected };
        assert!(found.message.contains(expected), "{subject} {text} {html}: {found}");
        assert!(!found.to_string().contains(TOKEN));
    }
}

#[test]
fn cells_are_data_and_come_out_as_typed() {
    let letter = welcome();
    for name in [
        "{{ 7*7 }}",
        "{% include \"parts/button.html\" %}",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "O'Brien & Söhne \"x\" <x>",
        "Ada 🎉 Lovelace",
        "İbrahim Çağlayan Şıkoğlu",
        "محمد عبد الله",
        "שרה \\ כהן",
        "王小明",
        &"n".repeat(100),
        &"ü".repeat(100),
        "a, b; c (d) [e] : f",
        "x=\"onmouseover=alert(1)\"",
        "Ünal, Müller; \"quoted\"",
    ] {
        let row = recipient("ada", json!({ "name": name, "note": name }));
        let message = compose(&letter, &row).unwrap_or_else(|defect| panic!("{name}: {defect}"));
        let parsed = MessageParser::default().parse(message.bytes()).unwrap();
        assert_eq!(parsed.to().unwrap().first().unwrap().name(), Some(name));
        assert_eq!(parsed.subject(), Some(format!("Welcome, {name}").as_str()));
        let (text, html) = bodies(&message);
        assert!(text.contains(&format!("your place is ready: {name}.")), "{text}");
        let shown = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(html.contains(&format!("Hello {shown},")), "{name}: {html}");
        assert!(elements(&html).iter().all(|(element, _)| element != "script" && element != "x"), "{html}");
    }
    let word = "w".repeat(3000);
    let row = recipient("ada", json!({ "name": "Ada", "note": word }));
    assert!(bodies(&compose(&letter, &row).unwrap()).0.contains(&word));
}

#[test]
fn what_no_header_may_hold_makes_the_row_invalid() {
    let letter = welcome();
    for name in [
        "Ada\r\nBcc: eve@example.net",
        "Ada\nx",
        "Ada\u{0}",
        "Ada\u{b}x",
        "Ada\u{85}",
        "Ada\u{2028}x",
        "\u{202e}adA",
        "=?utf-8?q?x?=",
        &"n".repeat(101),
        &"wort ".repeat(1000),
    ] {
        let found = compose(&letter, &recipient("ada", json!({ "name": name, "note": null }))).unwrap_err();
        assert!(!found.message.contains("eve@"), "{found}");
    }
    let found = defect("{{ note }}", TEXT, HTML, &recipient("ada", json!({ "note": "x".repeat(5000) })));
    assert_eq!(found.message, "the subject has 5000 characters, more than 200");
    assert_eq!(defect("  \n", TEXT, HTML, &ada()).message, "the subject is empty");
}

#[test]
fn an_undefined_variable_names_file_and_line() {
    let html = format!("<p>\n  {{{{ nam }}}}\n</p>{HTML}");
    let (root, campaign) = written("Hi", TEXT, &html);
    let letter = Letter::load(&campaign, letterhead(), keys()).unwrap();
    let place = root.path().join("mail/body.html").display().to_string();
    let found = compose(&letter, &ada()).unwrap_err();
    assert_eq!(found.message, format!("{place}:2:6: variable `nam` is not defined"));

    let columns = ["name".to_owned(), "note".to_owned()];
    let problems = letter.check_variables(&columns);
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].to_string(),
        format!("{place}:2:6: nothing provides the variable `nam`\n  hint: did you mean `name`?")
    );
    assert_eq!(welcome().check_variables(&columns), []);
    assert_eq!(welcome().check_variables(&[]), [], "guarded variables may be absent");
    let problems = welcome().check_variables(&["link".to_owned()]);
    assert!(problems[0].message.contains("is a column and also what every template has"), "{problems:?}");
}

#[test]
fn all_template_mistakes_are_reported_at_once_with_their_places() {
    let (root, campaign) = written("{{ name", "{% if %}", HTML);
    let problems = Letter::load(&campaign, letterhead(), keys()).err().unwrap();
    let files: Vec<&str> =
        problems.iter().map(|problem| problem.place.file.rsplit('/').next().unwrap()).collect();
    assert_eq!(files, ["body.txt", "subject.txt"], "{problems:?}");
    assert!(problems.iter().all(|problem| problem.place.line == Some(1) && problem.place.column.is_some()));

    fs::write(root.path().join("mail/subject.txt"), "{{ name | shout }}").unwrap();
    fs::write(root.path().join("mail/body.txt"), "\n{{ env() }}").unwrap();
    let problems = Letter::load(&campaign, letterhead(), keys()).err().unwrap();
    let words: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(words, ["unknown function `env`", "unknown filter `shout`"]);
    assert_eq!(problems[0].place.line, Some(2));

    fs::remove_file(root.path().join("mail/body.txt")).unwrap();
    fs::write(root.path().join("mail/subject.txt"), "{{ name | safe }}").unwrap();
    let problems = Letter::load(&campaign, letterhead(), keys()).err().unwrap();
    assert!(problems.iter().any(|problem| problem.message == "there is no template `mail/body.txt`"));
    assert!(problems.iter().any(|problem| problem.message.contains("values are always escaped")));
}

#[test]
fn templates_are_read_inside_their_root_alone() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.html"), "secret").unwrap();
    for name in [
        "../secret.html",
        "mail/../../secret.html",
        "/etc/passwd.html",
        "linked.html",
        "folder/secret.html",
        "secret.html.tera",
        "body.HTML",
        "mail//body.html",
        "./base.html",
        "C:\\x.html",
        "missing.html",
        "base.txt",
    ] {
        let (root, campaign) = written("Hi", TEXT, &format!("{{% include '{name}' %}}{HTML}"));
        fs::write(root.path().join("base.txt"), "x").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outside.path().join("secret.html"), root.path().join("linked.html"))
                .unwrap();
            std::os::unix::fs::symlink(outside.path(), root.path().join("folder")).unwrap();
        }
        let problems = Letter::load(&campaign, letterhead(), keys()).err();
        let problems = problems.unwrap_or_else(|| panic!("{name} was read"));
        assert!(problems.iter().any(|problem| problem.place.line == Some(1)), "{name}: {problems:?}");
    }
    let problems = Letter::load(&campaign("no/such/folder"), letterhead(), keys()).err().unwrap();
    assert_eq!(problems[0].message, "the template folder does not exist");
}

#[test]
fn runaway_templates_end_as_a_defect() {
    let nested =
        "{% for a in range(end=3000) %}{% for b in range(end=3000) %}xxxxxxxx{% endfor %}{% endfor %}";
    assert!(defect("Hi", nested, HTML, &ada()).message.contains("writes more than"));
    let deep = format!("{}{HTML}", "<div>".repeat(60_000));
    assert!(defect("Hi", TEXT, &deep, &ada()).message.contains("opens more than"));
    let long = format!("{HTML}{{% for a in range(end=30000) %}}<br>{{% endfor %}}");
    assert!(defect("Hi", TEXT, &long, &ada()).message.contains("bytes, more than 102400"));
    let (_root, campaign) = written("Hi", TEXT, &format!("{{% include \"mail/body.html\" %}}{HTML}"));
    assert!(Letter::load(&campaign, letterhead(), keys()).is_err());
}

/// OWASP's XSS filter evasion list and its relatives, as a cell in text and in an attribute, as a link, and as the template's own HTML. Nothing of it may survive.
#[test]
fn no_script_survives() {
    let corpus = fs::read_to_string("tests/data/templates/xss.list").unwrap();
    let attacks: Vec<&str> = corpus.lines().filter(|line| !line.is_empty()).collect();
    assert!(attacks.len() >= 60, "{}", attacks.len());
    let load = |html: &str| {
        let (_root, campaign) = written("Hi", TEXT, &format!("{html}{HTML}"));
        Letter::load(&campaign, letterhead(), keys()).unwrap()
    };
    let own = ["html", "head", "body", "p", "p", "p", "p", "a", "a"];
    let quoted = load("<p>{{ x }}</p><p title=\"{{ x }}\">a</p><p title='{{ x }}'>b</p>");
    let linked = load("<a href=\"{{ x }}\">a</a>");
    let (_root, campaign) = written("Hi", TEXT, "<p title={{ x }}>a</p>");
    let problems = Letter::load(&campaign, letterhead(), keys()).err().unwrap();
    assert_eq!(problems[0].message, "an attribute's value stands without quotes");
    for attack in &attacks {
        let row = recipient("ada", json!({ "x": attack }));
        // It leaves, as text: no element and no attribute but the template's own.
        let (_, html) = bodies(&compose(&quoted, &row).unwrap_or_else(|defect| panic!("{attack}: {defect}")));
        let found = elements(&html);
        assert!(found.iter().map(|(name, _)| name.as_str()).eq(own), "{attack}: {html}");
        let titles = found.iter().flat_map(|(_, attributes)| attributes).filter(|(name, _)| name == "title");
        assert!(
            titles.clone().count() == 2 && titles.clone().all(|(_, value)| value == attack),
            "{attack}: {html}"
        );
        assert!(html.contains("<p>&lt;") || !attack.starts_with('<'), "{html}");

        assert!(compose(&linked, &row).is_err(), "as a link: {attack}");
        let raw = load(&format!("{{% raw %}}{attack}{{% endraw %}}"));
        if let Ok(message) = compose(&raw, &ada()) {
            let (_, html) = bodies(&message);
            let names = elements(&html).into_iter().map(|(name, _)| name);
            assert!(
                names.eq(["html", "head", "body", "p", "a", "a"]),
                "as the template's own: {attack}: {html}"
            );
        }
    }
}

/// Every start tag with its attributes.
fn elements(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    #[derive(Default)]
    struct Sink(RefCell<Vec<(String, Vec<(String, String)>)>>);
    impl TokenSink for Sink {
        type Handle = ();
        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            if let Token::TagToken(tag) = token
                && tag.kind == TagKind::StartTag
            {
                let attributes = tag
                    .attrs
                    .iter()
                    .map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string()));
                self.0.borrow_mut().push((tag.name.to_string(), attributes.collect()));
            }
            TokenSinkResult::Continue
        }
    }
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(html.into());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
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

#[test]
fn the_digest_changes_with_the_content() {
    let digest = |campaign: &Campaign, letterhead: Letterhead| {
        Letter::load(campaign, letterhead, keys()).unwrap().digest()
    };
    let (root, campaign) = written("Hi", TEXT, HTML);
    let first = digest(&campaign, letterhead());
    assert_eq!(first, digest(&campaign, letterhead()));
    assert_ne!(first, digest(&campaign, Letterhead { sender_name: None, ..letterhead() }));
    let mut with_constant = campaign.clone();
    with_constant.variables.insert("a".into(), json!(1));
    assert_ne!(first, digest(&with_constant, letterhead()));
    fs::create_dir(root.path().join("parts")).unwrap();
    fs::write(root.path().join("parts/unused.html"), "x").unwrap();
    assert_eq!(first, digest(&campaign, letterhead()));
    fs::write(root.path().join("mail/subject.txt"), "Hello").unwrap();
    assert_ne!(first, digest(&campaign, letterhead()));
}

/// Python's parser is the third opinion.
#[test]
fn python_reads_the_mail_without_defects() {
    let script = Path::new("tests/data/templates/read_mail.py");
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Whatever a name holds, the mail has the same headers, or there is none.
    #[test]
    fn no_name_adds_or_removes_a_header(name in "\\PC{0,60}|[ -~]{0,110}|(?s).{0,30}|(a|\\r|\\n|:| |=|\\?|\"|\\\\){0,30}") {
        let letter = welcome();
        let row = recipient("ada", json!({ "name": name, "note": name }));
        if let Ok(message) = compose(&letter, &row) {
            prop_assert!(check_bytes(message.bytes(), 1 << 20).is_ok());
            let parsed = MessageParser::default().parse(message.bytes()).unwrap();
            prop_assert_eq!(parsed.headers().len(), 13);
            prop_assert_eq!(parsed.to().unwrap().iter().count(), 1);
        } else {
            let fit = !name.contains(|char: char| char.is_control() || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
            prop_assert!(!fit || name.contains("=?") || name.chars().count() > 100, "refused: {:?}", name);
        }
    }
}
