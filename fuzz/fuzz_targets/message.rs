//! A row of any cells becomes a mail that no relay and no reader can take for another one, or is refused.
#![no_main]

use std::{fs, sync::LazyLock};

use aws_lc_rs::hmac;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use linkpost::{
    audience::{Address, Recipient, RecipientKey},
    campaign::Campaign,
    email::{Letter, Letterhead, Link, MessageKeys, Unsubscribe},
};
use mail_parser::MessageParser;
use serde_json::{Map, Value};

const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c2VyX2FkYSJ9.c2lnbmF0dXJlLW9mLWFkYS1pcy1oZXJl";
const TEXT: &str = "Hello {{ name or 'you' }}\n{{ note }}\n\n{{ link }}\n\n{{ unsubscribe_url }}\n";
const HTML: &str = r#"<!doctype html><html lang="en"><head><title>{{ note }}</title></head><body><p>{{ name }}</p>
<p title="{{ note }}">{{ note }}</p><p><a href="{{ link }}">in</a> <a href="{{ unsubscribe_url }}">out</a></p></body></html>"#;
const CAMPAIGN: &str = r#"
name = "spring"
title = "Spring"
kind = "waitlist"
template = "mail"
token_life = "7 days"
[audience]
csv = "people.csv"
"#;

struct World {
    letter: Letter,
    now: Timestamp,
    headers: usize,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("mail")).expect("a folder");
    for (name, text) in [
        ("spring.toml", CAMPAIGN),
        ("mail/subject.txt", "Hello {{ name or 'you' }}"),
        ("mail/body.txt", TEXT),
        ("mail/body.html", HTML),
    ] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let campaign = Campaign::load(&folder.path().join("spring.toml")).expect("a campaign");
    let address = |text| Address::parse(text).expect("an address");
    let letterhead = Letterhead {
        sender_name: Some("Example".into()),
        sender: address("hello@example.com"),
        reply_to: None,
        postal_address: "1 Example Street".into(),
        list_id: "news.example.com".into(),
        sender_id: "example01".into(),
        unsubscribe: Unsubscribe {
            url: Some("https://app.example.com/out".parse().expect("a URL")),
            mailto: None,
        },
        precedence_bulk: true,
        max_message_bytes: Letterhead::MAX_MESSAGE_BYTES,
        allowed_link_hosts: None,
    };
    let key = |byte| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
    let keys = MessageKeys { message_id: key(1), unsubscribe: key(2) };
    let letter = Letter::load(&campaign, letterhead, keys).expect("a letter");
    let now = "2026-11-22T09:30:15Z".parse().expect("a time");
    let plain = compose(&letter, now, "Ada", "").expect("a plain row is a mail");
    let headers = MessageParser::default().parse(&plain).expect("a mail").headers().len();
    World { letter, now, headers }
});

fn compose(letter: &Letter, now: Timestamp, name: &str, note: &str) -> Option<Vec<u8>> {
    let fields: Map<String, Value> =
        [("name".to_owned(), name.into()), ("note".to_owned(), note.into())].into_iter().collect();
    let recipient = Recipient {
        line: 2,
        key: RecipientKey("ada".to_owned()),
        user_id: "ada".to_owned(),
        address: Address::parse("ada@example.org").expect("an address"),
        name: Some(name.to_owned()),
        fields,
    };
    let url = format!("https://app.example.com/in?token={TOKEN}");
    let link = Link { url: &url, token: TOKEN, expires: now + SignedDuration::from_hours(72) };
    let email = letter.render(&recipient, &link).ok()?;
    let message = letter.compose(&recipient, &email, &link, now).ok()?;
    Some(message.bytes().to_vec())
}

fuzz_target!(|cells: (String, String)| {
    let World { letter, now, headers } = &*WORLD;
    let Some(bytes) = compose(letter, *now, &cells.0, &cells.1) else { return };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").expect("every line ends in CRLF");
        assert!(text.len() <= 998 && text.iter().all(|byte| (1..=0x7e).contains(byte) && *byte != b'\r'));
    }
    let parsed = MessageParser::default().parse(&bytes).expect("a mail");
    assert_eq!(parsed.headers().len(), *headers, "a cell has made a header");
    let to: Vec<_> = parsed.to().expect("a recipient").iter().collect();
    assert_eq!(to.len(), 1);
    assert_eq!(to.first().and_then(|one| one.address.as_deref()), Some("ada@example.org"));
    assert_eq!((parsed.text_body_count(), parsed.html_body_count(), parsed.attachment_count()), (1, 1, 0));
    for body in [parsed.body_text(0), parsed.body_html(0)] {
        assert!(body.expect("a body").contains(TOKEN));
    }
});
