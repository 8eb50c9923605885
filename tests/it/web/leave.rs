//! One-click unsubscribe, judged by curl.

use std::{process::Command, sync::Arc};

use linkpost::sandbox::{Act, Keep, Options, SandboxRelay, Script, Step};

use super::{Serve, fixture, send};
use crate::support::{
    fixture::Fixture,
    judge,
    mails::{Mail, taken},
};

pub(super) fn path(mail: &Mail) -> String {
    let (_, rest) =
        mail.text.split_once(super::ORIGIN).and_then(|(_, rest)| rest.split_once(super::ORIGIN)).unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

fn curl(arguments: &[&str]) -> Option<String> {
    let output = Command::new("curl").args(["-sS", "-i", "--max-time", "20"]).args(arguments).output();
    if !judge("curl", output.is_ok()) {
        return None;
    }
    Some(String::from_utf8_lossy(&output.unwrap().stdout).into_owned())
}

/// Whether a further campaign would mail this person.
pub(super) fn is_mailed(fixture: &Fixture, number: usize) -> bool {
    let name = format!("later-{number}");
    let campaign = fixture.read("spring.toml").replace("\"spring\"\n", &format!("\"{name}\"\n"));
    fixture.file(&format!("{name}.toml"), campaign);
    let _ = fixture.run(&[
        "send",
        &format!("{name}.toml"),
        "--yes",
        "--limit",
        "1",
        "--only",
        "nobody@example.com",
    ]);
    let said = fixture.run(&["status", &name, "--rows", "suppressed", "--show-addresses"]);
    !said.out.contains(&format!("person{number}@example.com"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_click_unsubscribes_with_either_form_and_twice_is_the_same() {
    let fixture = fixture(3);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    for (mail, form) in mails.iter().zip(["-d", "-F"]) {
        let path = path(mail);
        let url = format!("http://{}{path}", serve.address);
        for look in [&["-I"][..], &[]] {
            let Some(answer) = curl(&[look, &[url.as_str()]].concat()) else { return };
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        for _ in 0..2 {
            let answer = curl(&["-X", "POST", form, "List-Unsubscribe=One-Click", &url]).unwrap();
            let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{answer}");
            assert!(!head.contains("location:") && !head.contains("set-cookie:"), "{answer}");
            assert!(
                answer.contains("You are unsubscribed") && answer.contains("p***@example.com"),
                "{answer}"
            );
        }
    }
    let untouched = path(&mails[2]);
    assert_eq!(serve.browser().get(&untouched).title(), "Unsubscribe");
    assert_eq!(serve.browser().ask("HEAD", &untouched, &[], "").status, 200);
    assert_eq!(
        (is_mailed(&fixture, 1), is_mailed(&fixture, 2), is_mailed(&fixture, 3)),
        (false, false, true)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_id_is_nobodys_and_changes_nothing() {
    let fixture = fixture(1);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    let path = path(&mails[0]);
    let (page, id) = path.split_once("?u=").unwrap();
    let first = id.chars().next().unwrap();
    let other = if first == 'A' { 'B' } else { 'A' };
    for wrong in [&format!("{other}{}", &id[1..]), &id[1..], &format!("{id}A"), "", "%27%20or%201=1", "x"] {
        let url = format!("{page}?u={wrong}");
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let answer = serve.browser().ask("POST", &url, &kind, "List-Unsubscribe=One-Click");
        assert_eq!((answer.status, answer.title()), (404, "This link does not work"), "{wrong}");
    }
    assert!(is_mailed(&fixture, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_after_the_link_has_expired_and_the_key_is_gone_and_signs_nobody_in() {
    let fixture = fixture(1);
    fixture.edit("spring.toml", "7 days", "1 minute");
    let mails = send(&fixture).await;
    assert_eq!(fixture.run(&["keys", "new"]).code, Some(0));
    let oldest = std::fs::read_dir(fixture.path("keys")).unwrap().map(|entry| entry.unwrap().path());
    let oldest = oldest.filter(|path| path.extension().is_some_and(|ending| ending == "pem")).min().unwrap();
    std::fs::remove_file(oldest).unwrap();
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    let page = browser.get(&path(&mails[0]));
    assert_eq!(page.title(), "Unsubscribe");
    let answer = browser.form(&path(&mails[0]), &page.fields());
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(browser.get(answer.header("location").unwrap()).title(), "You are unsubscribed");
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    assert_eq!(super::redeemed(&fixture), 0);
    assert!(!is_mailed(&fixture, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_honoured_before_the_next_mail_of_a_running_campaign() {
    let gate = Arc::new(tokio::sync::Notify::new());
    // The second mail stays with the relay until the other process has recorded the wish of the third person, whose
    // earlier campaign's link is used.
    let fixture = fixture(3);
    let earlier = send(&fixture).await;
    let campaign = fixture.read("spring.toml").replace("\"spring\"\n", "\"summer\"\n");
    fixture.file("summer.toml", campaign);
    let script = Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).times(1);
    let relay =
        SandboxRelay::start(Options { keep: Keep::Memory, script, ..Options::default() }).await.unwrap();
    let settings = fixture.read("linkpost.toml");
    let (before, rest) = settings.split_once("host = \"127.0.0.1\"\nport = ").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    let port = relay.address().port();
    fixture.file(
        "linkpost.toml",
        format!("{before}host = \"127.0.0.1\"\nport = {port}\n{after}")
            .replace("[sign_in", "[sending]\nconnections = 1\n[sign_in"),
    );
    let serve = Serve::start(&fixture);
    let run = fixture.spawn(&["send", "summer.toml", "--yes"]);
    relay.accepted(1).await;
    for mail in &earlier[1..] {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let answer = serve.browser().ask("POST", &path(mail), &kind, "List-Unsubscribe=One-Click");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    gate.notify_one();
    let output = tokio::task::spawn_blocking(move || run.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let recipients: Vec<_> = taken(&relay).into_iter().map(|mail| mail.recipient).collect();
    assert_eq!(recipients, ["person1@example.com"]);
    let said = fixture.run(&["status", "summer", "--json"]);
    assert!(said.out.contains("\"sent\":1") && said.out.contains("\"suppressed\":2"), "{said:?}");
}
