//! Postfix's `smtp-sink` as the relay: no work of ours, and as fast as a relay gets.

use std::collections::BTreeSet;

use crate::support::{fixture::Fixture, mails::parse, postbox::Postbox};

#[test]
fn as_many_mails_arrive_as_the_books_say() {
    let Some(postbox) = Postbox::sink() else { return };
    let fixture = Fixture::new();
    fixture.relay(postbox.address()).people(200);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let books = fixture.run(&["status", "spring.toml", "--json"]);
    assert!(books.out.contains("\"sent\":200") && books.out.contains("\"rows\":200"), "{books:?}");

    let Postbox::Sink(sink) = &postbox else { panic!("another relay") };
    let mails = sink.texts();
    assert_eq!(mails.len(), 200);
    let recipients = postbox.accepted().into_iter().map(|mail| mail.recipient);
    let expected = (1..=200).map(|number| format!("person{number}@example.com"));
    assert_eq!(recipients.collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
    let tokens: BTreeSet<_> = mails.iter().map(|mail| parse("", mail.as_bytes()).text).collect();
    assert_eq!(tokens.len(), 200);
}
