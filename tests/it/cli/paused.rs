//! `send` of a campaign that is paused: somebody has to say that it goes out all the same.

use linkpost::sandbox::{SandboxRelay, Script};

use crate::support::{
    fixture::{Fixture, scheduled},
    mails::relay,
    shell::{paste, paste_at_a_terminal, printed},
};

const PAUSED: &str = "at = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\npaused = true\n";
const FILE: &str = "campaigns/autumn.toml";

async fn paused() -> (SandboxRelay, Fixture) {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", PAUSED);
    (relay, fixture)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_can_be_asked_it_is_refused_until_that_is_said() {
    let (relay, fixture) = paused().await;
    for more in [&[][..], &["--yes"], &["--yes", "--limit", "1"]] {
        let said = fixture.run(&[&["send", FILE][..], more].concat());
        assert_eq!((said.code, relay.count()), (Some(78), 0), "{said:?}");
        assert!(
            said.err.contains("error: `autumn` is paused (`paused = true` in `[schedule]`)\n"),
            "{said:?}"
        );
        assert!(!fixture.path("linkpost.db").exists(), "nothing is booked");
    }
    let said = fixture.run(&["send", FILE, "--limit", "1", "--yes"]);
    let line = printed(&said, "send all the same: ");
    let said = paste(&fixture, &line, "--yes");
    assert_eq!((said.code, relay.count()), (Some(75), 1), "{said:?}");
    assert!(
        said.err.contains("note: `autumn` is paused") && said.err.contains("by hand all the same"),
        "{said:?}"
    );
    // The way on does not go past the question.
    let said = paste(&fixture, &printed(&said, "to go on: "), "--yes");
    assert_eq!((said.code, relay.count()), (Some(78), 1), "{said:?}");
    // An occasion that is named is meant, and a rehearsal sends nothing.
    let said = fixture.run(&["send", FILE, "--yes", "--occasion", "once"]);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
    let said = fixture.run(&["send", FILE, "--sandbox"]);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_terminal_the_question_says_so() {
    let (relay, fixture) = paused().await;
    let line = format!("linkpost send {FILE}");
    for (answer, code, mails) in [("", 75, 0), ("n", 75, 0), ("y", 0, 3)] {
        let said = paste_at_a_terminal(&fixture, &line, answer);
        assert_eq!((said.code, relay.count()), (Some(code), mails), "{said:?}");
        let question = "Send 3 mails of `autumn`, which is paused, through 127.0.0.1:";
        assert!(said.out.contains(question), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_is_followed_by_the_same_question() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let said = paste_at_a_terminal(&fixture, "linkpost send spring.toml --limit 2", "n");
    assert_eq!((said.code, relay.count()), (Some(75), 0), "{said:?}");
    let line = said.out.split_once("to go on: ").unwrap().1.lines().next().unwrap().to_owned();
    let said = paste_at_a_terminal(&fixture, &line, "y");
    assert_eq!((said.code, relay.count()), (Some(75), 2), "{said:?}");
}
