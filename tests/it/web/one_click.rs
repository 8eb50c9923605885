//! What mail programs make of one click, and of the link behind it.

use super::{
    Serve, fixture,
    leave::{is_mailed, path},
    send,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_post_to_the_address_is_the_wish_whatever_it_holds() {
    let form = "application/x-www-form-urlencoded";
    let bodies = [
        ("", "", "no body"),
        (form, "", "an empty form"),
        (form, "List-Unsubscribe=One-Click", "RFC 8058"),
        (form, "list-unsubscribe=one-click", "in small letters"),
        (form, "List-Unsubscribe=No", "another word"),
        ("application/json", r#"{"List-Unsubscribe":"One-Click"}"#, "JSON"),
        ("application/json", "{}", "empty JSON"),
        ("text/plain", "List-Unsubscribe=One-Click\r\n", "text"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=List-Unsubscribe\r\n\r\nOne-Click\r\n--x--\r\n",
            "form-data without quotes",
        ),
        ("multipart/form-data; boundary=x", "--x--\r\n", "empty form-data"),
        ("multipart/form-data", "One-Click", "form-data without a boundary"),
        ("nonsense", "\u{0}\u{1}", "anything"),
    ];
    let fixture = fixture(bodies.len() + 1);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    for (mail, (kind, body, name)) in mails.iter().zip(bodies) {
        let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("content-type", kind)] };
        for _ in 0..2 {
            let answer = serve.browser().ask("POST", &path(mail), headers, body);
            assert_eq!((answer.status, answer.title()), (200, "You are unsubscribed"), "{name}");
        }
        assert_eq!(serve.browser().get(&path(mail)).title(), "You are unsubscribed", "{name}");
    }
    // Without a length as well, as some clients send no body.
    let last = path(&mails[bodies.len()]);
    assert_eq!(serve.browser().get(&last).title(), "Unsubscribe");
    let raw = format!("POST {last} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = String::from_utf8(serve.browser().exchange(raw.as_bytes())).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("You are unsubscribed"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_was_damaged_on_its_way_finds_its_person_and_nobody_else() {
    let fixture = fixture(2);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    let good = path(&mails[0]);
    let (page, id) = good.split_once("?u=").unwrap();
    let nested = format!("url=https%3A%2F%2Fapp.example.com%2Funsubscribe%3Fu%3D{id}&data=05");
    for damaged in [
        format!("{page}?u=3D{id}"),
        format!("{page}?u={id}%3E"),
        format!("{page}?u={id}."),
        format!("{page}?u={id}%E2%80%8B"),
        format!("{page}?u={}%0D%0A{}", &id[..9], &id[9..]),
        format!("{page}?u={}=%0D%0A{}", &id[..9], &id[9..]),
        format!("{page}/?u={id}"),
        format!("/{page}?u={id}"),
        format!("{page}?amp;u={id}"),
        format!("{page}?{nested}"),
    ] {
        let answer = serve.browser().get(&damaged);
        assert_eq!((answer.status, answer.title()), (200, "Unsubscribe"), "{damaged}");
        assert!(answer.body.contains(&format!("u={id}").replace('=', "&#x3D;")) || answer.body.contains(id));
    }
    let answer = serve.browser().get(&format!("{page}?u={}", id.to_lowercase()));
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("capital letters"), "{answer:?}");
    assert_eq!(serve.browser().ask("POST", &format!("{page}?u=3D{id}"), &[], "").status, 200);
    assert_eq!(serve.browser().get(&good).title(), "You are unsubscribed");
    assert_eq!(serve.browser().get(&path(&mails[1])).title(), "Unsubscribe");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_after_a_purge_is_kept_by_hashes_and_the_next_campaign_leaves_the_person_out() {
    let fixture = fixture(3);
    let mails = send(&fixture).await;
    // The third person is on a list already that is booked before the wish.
    let everybody = fixture.read("people.csv");
    fixture.file("people.csv", "user_id,email,first_name\nuser_3,person3@example.com,C\n");
    assert!(is_mailed(&fixture, 3));
    fixture.file("people.csv", everybody);
    let purged = fixture.run(&["purge", "spring", "--yes"]);
    assert_eq!(purged.code, Some(0), "{purged:?}");
    let serve = Serve::start(&fixture);
    let page = serve.browser().get(&path(&mails[0]));
    assert_eq!((page.status, page.title()), (200, "Unsubscribe"));
    let answer = serve.browser().form(&path(&mails[0]), &page.fields());
    assert_eq!(answer.status, 303, "{answer:?}");
    for mail in [&mails[1], &mails[2]] {
        let answer = serve.browser().ask("POST", &path(mail), &[], "");
        assert_eq!((answer.status, answer.title()), (200, "You are unsubscribed"));
    }
    let known = fixture.run(&["suppress", "list", "--show-addresses"]);
    assert!(known.out.contains("person3@example.com"), "known by name: {known:?}");
    assert!(!known.out.contains("person1@example.com"), "known by hash alone: {known:?}");
    assert_eq!((is_mailed(&fixture, 1), is_mailed(&fixture, 2)), (false, false));
    // The mail that said it takes it back, and the person is mailed again.
    let page = serve.browser().get(&path(&mails[0]));
    assert_eq!(page.title(), "You are unsubscribed");
    assert_eq!(serve.browser().form(&path(&mails[0]), &page.fields()).status, 303);
    let campaign = fixture.read("spring.toml").replace("\"spring\"\n", "\"again\"\n");
    fixture.file("again.toml", campaign);
    let _ = fixture.run(&["send", "again.toml", "--yes", "--limit", "1", "--only", "nobody@example.com"]);
    let rows = fixture.run(&["status", "again", "--rows", "pending", "--show-addresses"]);
    assert!(rows.out.contains("person1@example.com") && !rows.out.contains("person2@"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_holds_for_the_user_at_another_address_and_for_the_address_of_another_user() {
    let fixture = fixture(3);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    assert_eq!(serve.browser().ask("POST", &path(&mails[0]), &[], "").status, 200);
    fixture.file(
        "people.csv",
        "user_id,email,first_name\nuser_1,moved@example.com,A\nuser_9,Person1@example.com,B\nuser_2,person2@example.com,C\n",
    );
    let campaign = fixture.read("spring.toml").replace("\"spring\"\n", "\"later\"\n");
    fixture.file("later.toml", campaign);
    let _ = fixture.run(&["send", "later.toml", "--yes", "--limit", "1", "--only", "nobody@example.com"]);
    let rows = fixture.run(&["status", "later", "--rows", "suppressed", "--show-addresses"]);
    assert!(rows.out.contains("moved@example.com") && rows.out.contains("the user is on"), "{rows:?}");
    assert!(rows.out.contains("Person1@example.com") && rows.out.contains("the address is on"), "{rows:?}");
    assert!(!rows.out.contains("person2@"), "{rows:?}");
}
