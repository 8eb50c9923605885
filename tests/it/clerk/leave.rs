//! People leave a campaign whose links Clerk takes: `serve` has their way out and nothing of the way in.

use linkpost::sandbox::{Event, SandboxRelay, Script};

use super::{PAGE, campaign, relay, run, send};
use crate::{
    support::{
        clerk::{FakeClerk, Options},
        mails::taken,
    },
    web::Serve,
};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// The path of the page in `List-Unsubscribe` of the mail to this person; the mail has to offer one click.
fn way_out(relay: &SandboxRelay, person: &str) -> String {
    let log = relay.log();
    let raw = log.iter().find_map(|event| match event {
        Event::Accepted { recipient, message: Some(message), .. } if recipient == person => Some(message),
        _ => None,
    });
    let text = String::from_utf8_lossy(raw.unwrap()).replace("\r\n ", " ");
    assert!(text.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{text}");
    let (_, rest) = text.split_once("\r\nList-Unsubscribe: <https://app.example.com").unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_click_leaves_a_campaign_of_clerks_and_is_honoured_by_the_next() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 3).await);
    let fixture = campaign(&relay, PAGE, 3);
    let said = send(&fixture, &clerk);
    assert_eq!(said.code, Some(0), "{said:?}");
    let path = way_out(&relay, "person2@example.com");
    assert!(taken(&relay).iter().any(|mail| mail.html.contains(&path)), "the foot of the mail has it, too");

    // Neither Clerk's key nor a folder of keys is needed for it.
    std::fs::remove_dir_all(fixture.path("keys")).unwrap();
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    assert_eq!(browser.get(&path).title(), "Unsubscribe");
    let left = browser.ask("POST", &path, &FORM, "List-Unsubscribe=One-Click");
    assert_eq!((left.status, left.title()), (200, "You are unsubscribed"), "{left:?}");
    assert!(left.header("set-cookie").is_none() && left.header("strict-transport-security").is_some());
    let said = serve.said_with(
        "people unsubscribe at https://app.example.com/unsubscribe; Clerk takes the sign-in links",
    );
    assert!(!said.contains("token API") && !said.contains("page of ours"), "{said}");

    let made = run(&fixture, &clerk, &["keys", "new"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let later = fixture.read("spring.toml").replace("\"spring\"\n", "\"summer\"\n");
    fixture.file("summer.toml", later);
    let said = run(&fixture, &clerk, &["send", "summer.toml", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut again: Vec<_> = taken(&relay).split_off(3).into_iter().map(|mail| mail.recipient).collect();
    again.sort();
    assert_eq!(again, ["person1@example.com", "person3@example.com"]);
    let status = run(&fixture, &clerk, &["status", "summer", "--json"]);
    assert!(status.out.contains("\"suppressed\":1"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_the_way_in_is_there_where_clerk_takes_the_links() {
    let relay = relay(Script::new()).await;
    let fixture = campaign(&relay, PAGE, 1);
    let serve = Serve::start(&fixture);
    for path in [
        "/accept-token?token=x",
        "/signed-in",
        "/answered",
        "/.well-known/jwks.json",
        "/v1/sign_in_tokens",
        "/v1/sign_in_tokens/sit_1/revoke",
        "/v1/tickets/redeem",
    ] {
        for method in ["GET", "POST"] {
            let answer = serve.browser().ask(method, path, &FORM, "");
            assert_eq!(answer.status, 404, "{method} {path}");
            // Programs are told so as JSON.
            let words = if path.starts_with("/v1/") { "resource_not_found" } else { "There is nothing here" };
            assert!(answer.body.contains(words), "{method} {path}: {answer:?}");
        }
    }
    for path in ["/healthz", "/metrics", "/linkpost/style.css", "/linkpost/logo"] {
        assert_eq!(serve.browser().get(path).status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_out_of_a_rehearsal_is_on_this_machine() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::start(Options::default()).await);
    let fixture = campaign(&relay, PAGE, 1);
    let said = run(&fixture, &clerk, &["send", "spring.toml", "--sandbox"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let kept = std::fs::read_dir(fixture.path("sandbox/mail/spring")).unwrap();
    let mut kept = kept.map(|entry| entry.unwrap().path());
    let mail = kept.find(|path| path.extension().is_some_and(|ending| ending == "txt")).unwrap();
    let text = std::fs::read_to_string(mail).unwrap();
    let (_, rest) = text.split_once("http://127.0.0.1:8025").expect(&text);
    let path = rest.split_whitespace().next().unwrap();
    let serve = Serve::started(fixture.command(&["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"]));
    let left = serve.browser().ask("POST", path, &FORM, "List-Unsubscribe=One-Click");
    assert_eq!((left.status, left.title()), (200, "You are unsubscribed"), "{left:?}");
}
