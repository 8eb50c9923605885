//! The list of an occasion that is under way: `due` reads it at each tick as it is.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use linkpost::{
    clock::Clock,
    sandbox::{Act, SandboxRelay, Script, Step},
};
use tokio::sync::Notify;

use crate::support::{
    faketime::{library, shift},
    fixture::{Fixture, Said, closed_window, scheduled},
    mails::{relay, taken},
};

const NOW: &str = "at = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\n";

/// An occasion of four that has begun: the first has her mail, the others wait.
async fn begun() -> (SandboxRelay, Fixture) {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(4);
    scheduled(&fixture, "autumn", NOW);
    begin(&fixture);
    assert_eq!(relay.count(), 1);
    (relay, fixture)
}

fn begin(fixture: &Fixture) {
    let said = fixture.run(&["send", "campaigns/autumn.toml", "--yes", "--limit", "1"]);
    assert_eq!(said.code, Some(75), "{said:?}");
}

fn tick(fixture: &Fixture) -> Said {
    fixture.run(&["due", "--quiet"])
}

/// Who was mailed, in order, and the name in each mail.
fn mailed(relay: &SandboxRelay) -> Vec<(String, String)> {
    let name = |subject: &str| subject.trim_start_matches("Welcome, ").to_owned();
    let mut mails: Vec<_> =
        taken(relay).iter().map(|mail| (mail.recipient.clone(), name(&mail.subject))).collect();
    mails.sort();
    mails
}

fn rows(fixture: &Fixture, state: &str) -> usize {
    fixture.run(&["status", "campaigns/autumn.toml", "--rows", state]).out.lines().count() - 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_taken_off_is_not_mailed_who_was_added_is_and_a_corrected_cell_is_taken() {
    let (relay, fixture) = begun().await;
    fixture.edit("people.csv", "user_3,person3@example.com,Person 3\n", "");
    fixture.edit("people.csv", "person4@example.com,Person 4", "new4@example.com,Dora");
    fixture.edit("people.csv", "Person 1\n", "Nobody\nuser_9,person9@example.com,Nine\n");
    let said = tick(&fixture);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.err, "note: autumn: 1 person left the list before their mail did, and get none\n");
    let expected = [
        ("new4@example.com", "Dora"),
        ("person1@example.com", "Person 1"),
        ("person2@example.com", "Person 2"),
        ("person9@example.com", "Nine"),
    ];
    assert_eq!(mailed(&relay), expected.map(|(who, name)| (who.to_owned(), name.to_owned())));
    assert_eq!(rows(&fixture, "withdrawn"), 1);
    assert_eq!(tick(&fixture), Said { code: Some(0), out: String::new(), err: String::new() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_did_not_change_is_not_read_row_by_row_again() {
    let (relay, fixture) = begun().await;
    scheduled(&fixture, "autumn", &format!("{NOW}{}", closed_window()));
    for _ in 0..2 {
        fixture.file("people.csv", fixture.read("people.csv"));
        let said = fixture.run(&["due"]);
        assert_eq!(said.code, Some(75), "{said:?}");
        assert!(!said.err.contains(" rows: "), "{said:?}");
    }
    fixture.people(5);
    let said = fixture.run(&["due"]);
    assert!(said.err.contains("5 rows: 1 new, 4 known"), "{said:?}");
    assert_eq!(relay.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_gone_is_told_once_and_the_rows_in_the_ledger_go_on() {
    let later =
        Script::new().at(Step::Rcpt, Act::reply(451, "4.3.0 later")).for_recipient("person2@example.com");
    let relay = relay(later).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    begin(&fixture);
    let list = fixture.read("people.csv");
    let gone = "note: people.csv: the list cannot be read: no such file or directory; going on with the rows in the ledger\n";
    for _ in 0..2 {
        fs::remove_file(fixture.path("people.csv")).unwrap();
        for said in [gone, "", ""] {
            let found = tick(&fixture);
            assert_eq!((found.code, found.err.as_str()), (Some(75), said), "{found:?}");
        }
        assert_eq!(relay.count(), 2);
        // It is back, and gone once more: that is another thing to tell.
        fixture.file("people.csv", &list);
        assert_eq!(tick(&fixture).err, "");
    }
    // A person at the terminal is told each time.
    fs::remove_file(fixture.path("people.csv")).unwrap();
    for _ in 0..2 {
        assert!(
            fixture.run(&["send", "campaigns/autumn.toml", "--yes", "--quiet"]).err.contains(gone.trim())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_became_broken_mails_nobody_and_loses_nobody_until_it_is_mended() {
    let (relay, fixture) = begun().await;
    let good = fixture.read("people.csv");
    for (broken, words) in [
        (good.replace("person3@example.com", "person3"), "people.csv:4: column `email`: "),
        ("user_id,first_name\nuser_2,B\n".to_owned(), "people.csv"),
        ("user_id,email,first_name\n".to_owned(), "people.csv: the list has no rows, and 3 people who wait"),
        (String::new(), "people.csv"),
    ] {
        fixture.file("people.csv", &broken);
        for _ in 0..2 {
            let said = tick(&fixture);
            assert_eq!((said.code, relay.count()), (Some(65), 1), "{said:?}");
            assert!(said.err.contains(words), "{words}: {said:?}");
            assert!(
                said.err.contains("3 mails of this occasion wait until the list is in order"),
                "{said:?}"
            );
        }
        assert_eq!(rows(&fixture, "pending"), 3, "{broken}");
    }
    fixture.file("people.csv", good);
    assert_eq!((tick(&fixture).code, relay.count()), (Some(0), 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_changed_on_the_way_still_stops_the_occasion() {
    let (relay, fixture) = begun().await;
    fixture.edit("templates/spring/body.txt", "Sign in", "Come in").people(5);
    let said = tick(&fixture);
    assert_eq!((said.code, relay.count()), (Some(78), 1), "{said:?}");
    fixture.edit("templates/spring/body.txt", "Come in", "Sign in");
    assert_eq!((tick(&fixture).code, relay.count()), (Some(0), 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_added_while_the_last_mails_leave_is_not_forgotten() {
    let gate = Arc::new(Notify::new());
    let relay = relay(Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).times(1)).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).sending("connections = 1");
    scheduled(&fixture, "autumn", NOW);
    let run = fixture.spawn(&["due"]);
    relay.accepted(1).await;
    fixture.people(5);
    gate.notify_one();
    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!((ended.status.code(), relay.count()), (Some(0), 5), "{said}");
    assert!(said.contains("autumn: the list changed meanwhile\n"), "{said}");
    assert_eq!(tick(&fixture), Said { code: Some(0), out: String::new(), err: String::new() });
}

/// Sets the file's time of change to so many minutes ago.
fn age(fixture: &Fixture, name: &str, minutes: u64) {
    let file = fs::File::options().write(true).open(fixture.path(name)).unwrap();
    file.set_modified(SystemTime::from(Clock::System.now()) - Duration::from_secs(60 * minutes)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occasion_keeps_its_files_and_takes_what_they_say_now() {
    let sources = [
        ("in/list-2020-01-01.csv", "../in/list-{date}.csv\"", true),
        ("in/list-1.csv", "../in/list-*.csv\"", true),
        ("in/list-1.csv", "../in/list-*.csv\"\ntake = \"all-new\"", false),
    ];
    for (name, source, takes_edits) in sources {
        let (relay, fixture) = (relay(Script::new()).await, Fixture::new());
        fixture.relay(relay.address());
        scheduled(&fixture, "autumn", NOW);
        fixture.edit("campaigns/autumn.toml", "../people.csv\"", source);
        fixture.file(name, fixture.read("people.csv"));
        age(&fixture, name, 9);
        begin(&fixture);
        // The next occasion's list is there already.
        fixture.file("in/list-2.csv", "user_id,email,first_name\neve,eve@example.com,Eve\n");
        age(&fixture, "in/list-2.csv", 2);
        fixture.edit(name, "Person 2", "Bea");
        age(&fixture, name, 3);
        let said = tick(&fixture);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{source}: {said:?}");
        let second = if takes_edits { "Bea" } else { "Person 2" };
        let people = [("person1", "Person 1"), ("person2", second), ("person3", "Person 3")];
        let expected = people.map(|(who, name)| (format!("{who}@example.com"), name.to_owned()));
        assert_eq!(mailed(&relay), expected, "{source}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_asked_at_each_tick_and_one_that_fails_is_no_list() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    fixture.edit("campaigns/autumn.toml", "csv = \"../people.csv\"", "command = [\"../export.sh\"]");
    fixture.edit("linkpost.toml", "[list]", "[audience]\ncommands = [\"../export.sh\"]\n[list]");
    fixture.file("export.sh", "#!/bin/sh\n[ ! -e ../broken ] && exec cat ../people.csv\n");
    fs::set_permissions(fixture.path("export.sh"), Permissions::from_mode(0o755)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = fixture.command(arguments);
        command.env("PATH", "/usr/bin:/bin");
        fixture.finish(command)
    };
    assert_eq!(run(&["send", "campaigns/autumn.toml", "--yes", "--limit", "1"]).code, Some(75));
    let text = fixture.read("campaigns/autumn.toml");
    fixture.file("campaigns/autumn.toml", text + &closed_window());
    fixture.file("broken", "");
    let said = [run(&["due", "--quiet"]), run(&["due", "--quiet"])];
    assert!(
        said[0].err.contains("the program ended with exit status: 1, so its output is no list; going on")
    );
    assert_eq!((said[1].code, said[1].err.as_str()), (Some(75), ""));
    fs::remove_file(fixture.path("broken")).unwrap();
    fixture.edit("people.csv", "user_2,person2@example.com,Person 2\n", "");
    let said = run(&["due", "--quiet"]);
    assert!(said.err.contains("autumn: 1 person left the list"), "{said:?}");
    assert_eq!((said.code, relay.count()), (Some(75), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_tried_out_before_its_time_is_not_given_up_once_it_has_begun() {
    let Some(library) = library() else { return };
    let later =
        Script::new().at(Step::Rcpt, Act::reply(451, "4.3.0 later")).for_recipient("person2@example.com");
    let relay = relay(later).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", "at = \"2026-11-23T09:00Z\"\nmax_late = \"1 hour\"\n");
    let at = |time: &str, arguments: &[&str]| {
        let mut command = fixture.command(arguments);
        shift(&mut command, library, &format!("@2026-11-23 {time}"));
        let said = fixture.finish(command);
        (said.code, relay.count(), said.err)
    };
    let tried = ["send", "campaigns/autumn.toml", "--occasion", "once", "--yes", "--limit", "1"];
    let (code, mails, said) = at("08:00:00", &tried);
    assert_eq!((code, mails), (Some(75), 1), "{said}");
    let (code, mails, said) = at("09:00:30", &["due"]);
    assert_eq!((code, mails), (Some(75), 2), "{said}");
    let (code, mails, said) = at("10:30:00", &["due"]);
    assert_eq!((code, mails), (Some(75), 2), "{said}");
    assert!(!said.contains("skipped"), "{said}");
}
