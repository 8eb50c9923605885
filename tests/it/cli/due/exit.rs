//! What the exit code of `due` tells cron: each case by running the program, as cron does.

use std::sync::Arc;

use linkpost::sandbox::{Act, Auth, Keep, Options, SandboxRelay, Script, Step};
use tokio::sync::Notify;

use crate::support::{
    faketime::{library, shift},
    fixture::{Fixture, Said, closed_window, scheduled},
    mails::taken,
};

const NOW: &str = "at = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\n";
const LATER: &str = "at = \"2999-01-01T09:00Z\"\n";
const MISSED: &str = "at = \"2020-01-01T09:00Z\"\n";

/// A fixture with a relay that does as the script says, and a campaign `autumn`.
async fn world(script: Script, schedule: &str) -> (Fixture, SandboxRelay) {
    let options = Options { script, keep: Keep::Memory, ..Options::default() };
    let relay = SandboxRelay::start(options).await.unwrap();
    let fixture = Fixture::new();
    fixture.relay(relay.address()).sending("connections = 1");
    scheduled(&fixture, "autumn", schedule);
    (fixture, relay)
}

/// Two ticks: the codes of both, and what the second said.
fn twice(fixture: &Fixture) -> ([Option<i32>; 2], Said) {
    let first = fixture.run(&["due"]);
    let second = fixture.run(&["due"]);
    ([first.code, second.code], second)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_due_and_everything_settled_are_0() {
    let (fixture, relay) = world(Script::new(), LATER).await;
    assert_eq!(twice(&fixture).0, [Some(0), Some(0)]);
    // A time that is moved into the past is not passed over.
    scheduled(&fixture, "autumn", NOW);
    assert_eq!((twice(&fixture).0, relay.count()), ([Some(0), Some(0)], 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_that_wait_are_75_until_they_are_gone() {
    let later =
        Script::new().at(Step::Rcpt, Act::reply(451, "4.3.0 later")).for_recipient("person2@example.com");
    let (fixture, relay) = world(later, NOW).await;
    let (codes, said) = twice(&fixture);
    assert_eq!((codes, relay.count()), ([Some(75), Some(75)], 2), "{said:?}");
    scheduled(&fixture, "autumn", &format!("{NOW}cancelled = true\n"));
    let (codes, said) = twice(&fixture);
    assert_eq!(codes, [Some(3), Some(0)], "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_without_an_answer_are_3_at_every_tick_until_somebody_decides() {
    let lost = Script::new().at(Step::Dot, Act::accept_then(Act::Drop)).for_recipient("person2@example.com");
    let (fixture, relay) = world(lost, NOW).await;
    let (codes, said) = twice(&fixture);
    assert_eq!((codes, relay.count()), ([Some(3), Some(3)], 3));
    assert!(said.err.contains("autumn: 1 mail waits for a decision: finished, but a person"), "{said:?}");
    // What is open is not hidden by another campaign that goes well.
    scheduled(&fixture, "winter", NOW);
    fixture.edit("campaigns/winter.toml", "../people.csv", "../others.csv");
    fixture.file("others.csv", "user_id,email\nuser_9,person9@example.com\n");
    let said = fixture.run(&["due"]);
    assert_eq!((said.code, relay.count()), (Some(3), 4), "{said:?}");
    let whom = ["--only", "person2@example.com", "--as", "sent", "--reason", "Ada asked"];
    let said = fixture.run(&[&["resolve", "campaigns/autumn.toml"], &whom[..]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(twice(&fixture).0, [Some(0), Some(0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_occasion_that_waits_for_a_decision_shows_while_newer_ones_go_well() {
    let Some(library) = library() else { return };
    let lost = Script::new().at(Step::Dot, Act::accept_then(Act::Drop)).times(1);
    let (fixture, relay) = world(lost, "every = \"1 minute\"\nfrom = \"2026-11-20T09:00Z\"\n").await;
    fixture.edit("campaigns/autumn.toml", "waitlist", "promo");
    assert_eq!(at(&fixture, library, "2026-11-23 09:00:10").code, Some(3));
    let said = at(&fixture, library, "2026-11-23 09:01:10");
    assert_eq!((said.code, relay.count()), (Some(3), 6), "{said:?}");
    assert!(said.err.contains("autumn: occasion 2026-11-23T09:01Z: finished, but a person"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_whose_window_opens_too_late_are_3_when_their_time_is_over() {
    let Some(library) = library() else { return };
    let monday = "at = \"2026-11-23T09:00Z\"\nwindow = { hours = \"08:00-09:00\", zone = \"UTC\" }\n";
    let (fixture, relay) = world(Script::new(), monday).await;
    fixture.edit("campaigns/autumn.toml", "[audience]", "not_after = \"2 hours\"\n[audience]");
    assert_eq!(at(&fixture, library, "2026-11-23 09:00:10").code, Some(75));
    assert_eq!(at(&fixture, library, "2026-11-23 11:00:00").code, Some(75));
    let said = at(&fixture, library, "2026-11-23 11:02:00");
    assert_eq!((said.code, relay.count()), (Some(3), 0), "{said:?}");
    assert!(
        said.err.contains("note: 3 mails could not leave in their time (`not_after`) and expired"),
        "{said:?}"
    );
    let rows = fixture.run(&["status", "campaigns/autumn.toml", "--rows", "expired"]);
    assert!(
        rows.out.contains("not sent within 2 h of its occasion's time: its window was closed"),
        "{rows:?}"
    );
    assert_eq!(at(&fixture, library, "2026-11-24 08:30:00").code, Some(0));
    assert_eq!(relay.count(), 0);
}

/// A tick at a time of the machine's clock.
fn at(fixture: &Fixture, library: &str, time: &str) -> Said {
    let mut command = fixture.command(&["due"]);
    shift(&mut command, library, &format!("@{time}"));
    fixture.finish(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_skipped_occasion_is_3_once() {
    let (fixture, relay) = world(Script::new(), MISSED).await;
    assert_eq!((twice(&fixture).0, relay.count()), ([Some(3), Some(0)], 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_with_problems_is_65_until_it_is_mended() {
    let (fixture, relay) = world(Script::new(), NOW).await;
    fixture.file("people.csv", "user_id,email\nuser_1,nobody\n");
    let (codes, said) = twice(&fixture);
    assert_eq!((codes, relay.count()), ([Some(65), Some(65)], 0));
    // The way out is one that a line of cron can go.
    assert!(said.err.contains("such as `skip_problems = \"10 rows\"`") && !said.err.contains("--skip"));
    fixture.people(1);
    assert_eq!((twice(&fixture).0, relay.count()), ([Some(0), Some(0)], 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_away_is_69_until_it_is_back() {
    let (fixture, relay) = world(Script::new(), NOW).await;
    let port = format!("port = {}", relay.address().port());
    fixture.edit("linkpost.toml", &port, "port = 1");
    assert_eq!(twice(&fixture).0, [Some(69), Some(69)]);
    fixture.edit("linkpost.toml", "port = 1", &port);
    assert_eq!((twice(&fixture).0, relay.count()), ([Some(0), Some(0)], 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_runner_is_75_for_its_own_campaign_alone() {
    let gate = Arc::new(Notify::new());
    let hold = Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).times(1);
    let (fixture, relay) = world(hold, NOW).await;
    let mut first = fixture.spawn(&["due"]);
    relay.accepted(1).await;
    scheduled(&fixture, "winter", NOW);
    let said = fixture.run(&["due"]);
    assert_eq!(said.code, Some(75), "{said:?}");
    assert!(said.err.contains("winter: occasion once: every row is settled (0)"), "{said:?}");
    gate.notify_one();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!((fixture.run(&["due"]).code, taken(&relay).len()), (Some(0), 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_cannot_be_written_is_74() {
    let (fixture, relay) = world(Script::new(), NOW).await;
    // No file may grow, as on a disk that is full.
    let mut command =
        fixture.wrapped(&["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"], &["due"]);
    command.env("PATH", "/usr/bin:/bin");
    let said = fixture.finish(command);
    assert_eq!((said.code, relay.count()), (Some(74), 0), "{said:?}");
    assert_eq!((fixture.run(&["due"]).code, relay.count()), (Some(0), 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_credentials_are_77() {
    let auth = Some(Auth::new("campaigns", "right"));
    let relay =
        SandboxRelay::start(Options { auth, keep: Keep::Memory, ..Options::default() }).await.unwrap();
    let fixture = Fixture::new();
    fixture.relay(relay.address()).edit(
        "linkpost.toml",
        "tls = \"none\"",
        "tls = \"none\"\nuser = \"campaigns\"",
    );
    scheduled(&fixture, "autumn", NOW);
    for (password, code) in [("wrong", 77), ("right", 0)] {
        let mut command = fixture.command(&["due"]);
        command.env("LINKPOST_SMTP_PASSWORD", password);
        let said = fixture.finish(command);
        assert_eq!(said.code, Some(code), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worst_of_all_campaigns_wins() {
    let (fixture, _relay) = world(Script::new(), NOW).await;
    let closed = format!("{NOW}{}", closed_window());
    for (name, schedule, worst) in [
        ("missed", MISSED, 3),
        ("waiting", closed.as_str(), 75),
        ("listless", NOW, 65),
        ("broken", "at = \"soon\"\n", 78),
    ] {
        scheduled(&fixture, name, schedule);
        if name == "listless" {
            fixture.edit("campaigns/listless.toml", "../people.csv", "../nobody.csv");
        }
        let said = fixture.run(&["due"]);
        assert_eq!(said.code, Some(worst), "{said:?}");
    }
}
