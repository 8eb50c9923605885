//! Mails whose bytes were altered after they had been composed: each is told apart from the mail that it was.

use std::fs;

use aws_lc_rs::hmac;
use jiff::Timestamp;

use super::{Letter, Letterhead, Link, MessageKeys, Unsubscribe, proof::Proof};
use crate::{
    audience::{Address, Cells, Recipient, RecipientKey},
    campaign::Campaign,
};

const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c2VyX2FkYSJ9.c2lnbmF0dXJlLW9mLWFkYQ";
const TEXT: &str = "Dear reader,\n{{ link }}\n{{ unsubscribe_url }}\n";
const HTML: &str =
    "<p>Dear friend</p><a href=\"{{ link }}\">Go</a><a href=\"{{ unsubscribe_url }}\">Leave</a>";

fn letter() -> Letter {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("welcome.toml");
    fs::write(&file, "name = 'x'\nkind = 'waitlist'\ntemplate = 'mail'\naudience.csv = 'x.csv'\n").unwrap();
    fs::create_dir(folder.path().join("mail")).unwrap();
    for (name, text) in [("subject.txt", "Welcome"), ("body.txt", TEXT), ("body.html", HTML)] {
        fs::write(folder.path().join("mail").join(name), text).unwrap();
    }
    let address = |text| Address::parse(text).unwrap();
    let letterhead = Letterhead {
        sender_name: None,
        sender: address("hello@example.com"),
        reply_to: Some((None, address("help@example.com"))),
        postal_address: "1 Example Street".into(),
        list_id: "list.example.com".into(),
        sender_id: "example".into(),
        unsubscribe: Unsubscribe { url: "https://app.example/leave".parse().ok(), mailto: None },
        precedence_bulk: false,
        max_message_bytes: Letterhead::MAX_MESSAGE_BYTES,
    };
    let key = || hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let keys = MessageKeys { message_id: key(), unsubscribe: key() };
    Letter::load(&Campaign::load(&file).unwrap(), letterhead, keys).unwrap()
}

/// A mail that passes is held against its recipient once more, with `from` exchanged for `to` in its bytes. There
/// `BOUNDARY` is what stands between its parts.
fn check(from: &str, to: &str, expected: &str) {
    let letter = letter();
    let ada = Recipient {
        line: 2,
        key: RecipientKey("ada".into()),
        user_id: "ada".into(),
        address: Address::parse("ada@example.org").unwrap(),
        name: Some("Ada Lovelace".into()),
        fields: serde_json::Map::new(),
        cells: Cells::default(),
    };
    let url = format!("https://app.example/in?token={TOKEN}");
    let link = Link { url: &url, token: TOKEN, expires: Timestamp::UNIX_EPOCH };
    let email = letter.render(&ada, &link).unwrap();
    let message = letter.compose(&ada, &email, &link, Timestamp::UNIX_EPOCH).unwrap();
    let text = str::from_utf8(message.bytes()).unwrap();
    assert_eq!(text.matches(from).count(), 1, "`{from}` stands once in the mail");
    let proof = Proof::new(&letter, &ada, &link, &email).unwrap();
    proof.check_message(text.as_bytes(), message.message_id()).unwrap();
    let boundary = text.split('"').find(|quoted| quoted.starts_with("=_a_")).unwrap();
    let changed = text.replace(from, &to.replace("BOUNDARY", boundary));
    let defect = proof.check_message(changed.as_bytes(), message.message_id()).unwrap_err();
    assert_eq!(defect.message, expected, "{to}");
}

/// None of the addresses is a stranger's: each may stand in the mail, but not there.
#[test]
fn a_mail_goes_to_its_recipient_alone_and_comes_from_its_sender() {
    let to = "To: \"Ada Lovelace\" <ada@example.org>\r\n";
    let alone = "the mail is not addressed to this recipient alone";
    check(to, "To: \"Ada Lovelace\" <help@example.com>\r\n", alone);
    check(to, "To: \"Ada Lovelace\" <ada@example.org>, <help@example.com>\r\n", alone);
    check(to, "To: <help@example.com>, \"Ada Lovelace\" <ada@example.org>\r\n", alone);
    check(to, "", alone);
    check(to, &format!("{to}Cc: help@example.com\r\n"), alone);
    check(to, &format!("{to}Bcc: help@example.com\r\n"), alone);
    let sender = "the mail is not from its sender";
    check("From: hello@example.com\r\n", "From: help@example.com\r\n", sender);
    check("From: hello@example.com\r\n", "From: hello@example.com, help@example.com\r\n", sender);
}

#[test]
fn every_word_of_a_mail_reads_back_as_it_was_written() {
    let header = "a header of the mail reads back differently";
    check("Message-ID: <", "Message-ID: <x", header);
    check("Subject: Welcome\r\n", "Subject: Welcome back\r\n", header);
    let name = "the name in the mail reads back differently";
    check("To: \"Ada Lovelace\" <", "To: \"Ada Byron\" <", name);
    let part = "a part of the mail reads back differently";
    check("Dear reader", "Dear leader", part);
    check("Dear friend", "Dear fiend", part);
    let parts = "the mail does not have the expected parts";
    let html = "Content-Type: text/html";
    check(html, "Content-Type: text/plain", parts);
    check(html, "Content-Type: image/png", parts);
    for kind in ["text/plain", "text/html", "image/png"] {
        check(html, &format!("Content-Type: {kind}\r\n\r\nx\r\n--BOUNDARY\r\n{html}"), parts);
    }
}
