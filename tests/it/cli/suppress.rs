//! `suppress`: wishes that come by mail and by telephone.

use crate::support::fixture::Fixture;

/// A fixture whose people have had a mail of a rehearsal, and the header of the first of them.
fn rehearsed() -> (Fixture, String) {
    let fixture = Fixture::new();
    fixture.edit(
        "linkpost.toml",
        "url = \"https://app.example.com/unsubscribe\"",
        "url = \"https://app.example.com/unsubscribe\"\nmailto = \"leave@example.com\"",
    );
    let said = fixture.run(&["send", "spring.toml", "--sandbox"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mails = std::fs::read_dir(fixture.path("sandbox/mail/spring")).unwrap();
    let mails = mails.map(|entry| entry.unwrap().path());
    let mails = mails.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
    let mail = mails.map(|path| std::fs::read_to_string(path).unwrap());
    let mail = mail.into_iter().find(|mail| mail.contains("To: ") && mail.contains("person1@")).unwrap();
    let (_, id) = mail.split_once("subject=unsubscribe%20").unwrap();
    let id = id.split('>').next().unwrap().to_owned();
    (fixture, id)
}

fn listed(fixture: &Fixture) -> String {
    fixture.run(&["suppress", "list", "--sandbox", "--show-addresses"]).out
}

#[test]
fn a_wish_is_booked_by_the_subject_that_came_by_the_id_by_address_and_by_user() {
    let (fixture, id) = rehearsed();
    let link = format!("http://127.0.0.1:8025/unsubscribe?u={id}");
    for who in [
        format!("unsubscribe {id}"),
        format!("Fwd: Re: unsubscribe {id}"),
        format!("Subject: unsubscribe {id}."),
        id,
        link,
        "person1@example.com".to_owned(),
        "Person1@Example.com".to_owned(),
        "mailto:person1@example.com".to_owned(),
        "Person 1 <person1@example.com>".to_owned(),
        "user_1".to_owned(),
    ] {
        let said = fixture.run(&["suppress", "add", "--sandbox", &who]);
        assert_eq!(said.code, Some(0), "{who}: {said:?}");
        assert!(said.err.contains("***@example.com gets no more mails"), "{who}: {said:?}");
        let list = listed(&fixture);
        let names: Vec<_> =
            list.lines().skip(1).map(|line| line.split(',').take(2).collect::<Vec<_>>()).collect();
        assert_eq!(names.len(), 2, "{who}: {list}");
        assert!(names[0][0].eq_ignore_ascii_case("person1@example.com") && names[1][1] == "user_1", "{list}");
        let twice = fixture.run(&["suppress", "add", "--sandbox", &who]);
        assert!(twice.code == Some(0) && twice.err.contains("on the list already"), "{twice:?}");
        let back = fixture.run(&["suppress", "remove", "--sandbox", &who]);
        assert_eq!(back.code, Some(0), "{who}: {back:?}");
        assert_eq!(listed(&fixture).lines().count(), 1, "{who}");
    }
}

#[test]
fn a_slip_changes_nothing_and_is_told_with_the_nearest_name() {
    let (fixture, _) = rehearsed();
    for (who, expected) in [
        ("user_l", "did you mean `user_"),
        ("unsubscribe", "the ledger knows nobody"),
        ("unsubscribe AAAAAAAAAAAAAAAAAAAAAA", "the ledger knows nobody"),
        ("ada@", "is no address"),
    ] {
        let said = fixture.run(&["suppress", "add", "--sandbox", "person2@example.com", who]);
        assert_eq!(said.code, Some(2), "{who}: {said:?}");
        assert!(said.err.contains(expected) && said.err.contains("hint:"), "{who}: {said:?}");
        assert_eq!(listed(&fixture).lines().count(), 1, "{who}: nobody is on the list");
    }
    let said = fixture.run(&["suppress", "remove", "--sandbox", "person3@example.com"]);
    assert!(said.code == Some(2) && said.err.contains("not on the suppression list"), "{said:?}");
    // Wishes come from another address of the person's: it is booked, and told.
    let said = fixture.run(&["suppress", "add", "--sandbox", "icloud@example.net"]);
    assert!(said.code == Some(0) && said.err.contains("stands on no list"), "{said:?}");
    assert!(listed(&fixture).contains("icloud@example.net"));
}

#[test]
fn addresses_are_masked_and_reasons_are_kept() {
    let (fixture, _) = rehearsed();
    let added = ["suppress", "add", "--sandbox", "--reason", "by telephone", "person1@example.com"];
    assert_eq!(fixture.run(&added).code, Some(0));
    let list = fixture.run(&["suppress", "list", "--sandbox"]);
    assert!(list.out.contains("p***@example.com") && !list.out.contains("person1@"), "{list:?}");
    assert!(list.out.contains("by telephone"), "{list:?}");
    let events = fixture.run(&["suppress", "list", "--sandbox", "--json"]);
    assert!(
        events.out.contains("\"reason\":\"by telephone\"") && !events.out.contains("person1@"),
        "{events:?}"
    );
}
