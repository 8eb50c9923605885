//! The commands that the program prints to go on with, pasted into a real shell.

use linkpost::sandbox::{Act, SandboxRelay, Script, Step};

use crate::support::{
    fixture::{Fixture, Said, scheduled},
    mails::{counts, relay, taken},
    shell::{paste, printed},
};

/// The command in backticks between these words.
fn between(said: &Said, before: &str, after: &str) -> String {
    let rest = printed(said, &format!("{before}`"));
    rest.split_once(&format!("`{after}")).unwrap_or_else(|| panic!("no `{after}`: {said:?}")).0.to_owned()
}

/// The fixture's campaign in a folder with a name that a shell would take apart, and settings of such a name.
fn awkward(relay: &SandboxRelay) -> (Fixture, &'static str, &'static str) {
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let (campaign, settings) = ("it's $HOME/a \"b\"; `c`/spring.toml", "my settings $(x).toml");
    let text = fixture.read("spring.toml");
    let text = text.replace("templates/", "../../templates/").replace("people.csv", "../../people.csv");
    fixture.file(campaign, text).file(settings, fixture.read("linkpost.toml"));
    std::fs::remove_file(fixture.path("linkpost.toml")).unwrap();
    (fixture, campaign, settings)
}

fn mails(fixture: &Fixture) -> usize {
    std::fs::read_dir(fixture.path("sandbox/mail/spring/Maildir/new")).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_goes_on_as_a_rehearsal_and_in_the_same_steps() {
    let relay = relay(Script::new()).await;
    let (fixture, campaign, settings) = awkward(&relay);
    fixture.people(5);
    let occasion = ["--occasion", "2026-11"];
    let first = ["send", campaign, "--sandbox", "--limit", "2", "--settings", settings];
    let said = fixture.run(&[&first[..], &occasion].concat());
    assert_eq!((said.code, mails(&fixture)), (Some(75), 2), "{said:?}");
    let line = printed(&said, "to go on: ");
    let said = paste(&fixture, &line, "");
    assert_eq!((said.code, mails(&fixture)), (Some(75), 4), "{said:?}");
    assert_eq!(printed(&said, "to go on: "), line);
    let said = paste(&fixture, &line, "");
    assert_eq!((said.code, mails(&fixture)), (Some(0), 5), "{said:?}");
    assert_eq!(relay.count(), 0);
    let said = paste(&fixture, &line.replace("send", "status").replace("--limit 2", ""), "");
    assert!(said.out.contains("spring, occasion 2026-11\n"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_for_some_people_goes_on_for_them_alone_and_is_asked_again() {
    let later = Script::new()
        .at(Step::Rcpt, Act::reply(451, "4.3.0 later"))
        .for_recipient("o'neil+$x@example.com")
        .times(1);
    let relay = relay(later).await;
    let (fixture, campaign, settings) = awkward(&relay);
    let list = fixture.read("people.csv");
    fixture.file("people.csv", format!("{list}user$1,o'neil+$x@example.com,O\n-dash,d@example.com,D\n"));
    let whom = ["--only", "o'neil+$x@example.com", "--only=-dash"];
    let first = ["send", campaign, "--yes", "--settings", settings];
    let said = fixture.run(&[&first[..], &whom].concat());
    assert_eq!((said.code, relay.count()), (Some(75), 1), "{said:?}");
    let line = printed(&said, "to go on: ");
    assert_eq!(paste(&fixture, &line, "").code, Some(2), "it asks again");
    let said = paste(&fixture, &line, "--yes");
    assert_eq!(said.code, Some(75), "nothing of it is due yet, and nobody else is asked for: {said:?}");
    assert_eq!((printed(&said, "to go on: "), relay.count()), (line, 1));
    // Once they are settled there is nothing to paste: the rest of the list was not asked for.
    let said = fixture.run(&[&first[..], &["--only", "user_1"]].concat());
    assert_eq!(said.code, Some(75), "{said:?}");
    assert!(!said.err.contains("to go on") && said.err.contains("the rest of the list waits"), "{said:?}");
    assert_eq!(relay.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_first_are_never_followed_by_everybody() {
    let relay = relay(Script::new()).await;
    let (fixture, campaign, settings) = awkward(&relay);
    fixture.people(5);
    let first = ["send", campaign, "--limit", "2", "--settings", settings];
    let said = fixture.run(&first);
    assert_eq!((said.code, relay.count()), (Some(2), 0), "{said:?}");
    let line = printed(&said, "and a terminal asks: ");
    for (answer, code, mails) in [("--yes", 75, 2), ("", 2, 2), ("--yes", 75, 4), ("--yes", 0, 5)] {
        let said = paste(&fixture, &line, answer);
        assert_eq!((said.code, relay.count()), (Some(code), mails), "{answer}: {said:?}");
        if code == 75 {
            assert_eq!(printed(&said, "to go on: "), line);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_decision_is_listed_decided_and_sent_by_the_printed_commands() {
    let lost = Script::new()
        .at(Step::Dot, Act::accept_then(Act::Drop))
        .for_recipient("person2@example.com")
        .times(1);
    let relay = relay(lost).await;
    let (fixture, campaign, settings) = awkward(&relay);
    let said = fixture.run(&["send", campaign, "--yes", "--settings", settings]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let rows = paste(&fixture, &between(&said, "the relay's log, ", " lists them"), "");
    assert!(rows.out.contains("user_2,"), "{rows:?}");
    fixture.file("mail log's.gz", b"\x1f\x8b");
    let log = between(&said, "without an answer: ", " asks the relay's log");
    let said = paste(&fixture, &log.replace("FILE", "\"mail log's.gz\""), "");
    assert_eq!(said.code, Some(2), "{said:?}");
    let said = paste(&fixture, &printed(&said, "hint: ").replace("zcat", "echo"), "");
    assert_eq!(said.code, Some(3), "the log says nothing: {said:?}");
    let decide = ["resolve", campaign, "--settings", settings, "--as", "pending", "--reason", "lost"];
    let said = fixture.run(&[&decide[..], &["--only", "nobody"]].concat());
    let rows = paste(&fixture, &between(&said, "hint: ", " lists them"), "");
    assert!(rows.out.contains("user_2,"), "{rows:?}");
    let said = fixture.run(&[&decide[..], &["--only", "user_2"]].concat());
    let said = paste(&fixture, &printed(&said, "to send it: "), "--yes");
    assert_eq!((said.code, relay.count()), (Some(0), 4), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occasion_of_a_schedule_is_gone_on_with_by_its_name() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", "every = \"1 minute\"\nfrom = \"2026-11-20T09:00Z\"\n");
    fixture.edit("campaigns/autumn.toml", "waitlist", "promo");
    let said = fixture.run(&["send", "campaigns/autumn.toml", "--yes", "--limit", "1"]);
    assert_eq!(said.code, Some(75), "{said:?}");
    let line = printed(&said, "to go on: ");
    assert!(line.contains(" --occasion 20"), "{line}");
    // However late it is pasted: two more of the same people, and not the first again.
    let said = paste(&fixture, &line.replace("--limit 1", ""), "--yes");
    assert_eq!((said.code, relay.count(), counts(&taken(&relay)).len()), (Some(0), 3, 3), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_missing_are_made_for_the_settings_that_want_them() {
    let relay = relay(Script::new()).await;
    let (fixture, campaign, settings) = awkward(&relay);
    fixture.edit(settings, "[unsubscribe]", "keys = \"my keys\"\n[unsubscribe]");
    let said = fixture.run(&["send", campaign, "--yes", "--settings", settings]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert_eq!(paste(&fixture, &between(&said, "make them with ", ""), "").code, Some(0), "{said:?}");
    let said = fixture.run(&["send", campaign, "--yes", "--settings", settings]);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
}
