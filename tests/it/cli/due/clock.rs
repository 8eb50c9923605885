//! Ticks whose clock is wrong, and campaign files that are not what they seem: nothing that is lost, nobody mailed twice.

use linkpost::sandbox::{SandboxRelay, Script};

use crate::support::{
    faketime::{library, shift},
    fixture::{Fixture, Said, scheduled},
    mails::{relay, taken},
};

const DAILY: &str = "zone = \"Europe/Berlin\"\ncron = \"0 9 * * *\"\n";

/// A campaign that has sent its first occasion, on the first of December at nine in Berlin.
async fn begun(schedule: &str) -> Option<(&'static str, SandboxRelay, Fixture)> {
    let library = library()?;
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", schedule);
    // Each occasion goes to the same people.
    fixture.edit("campaigns/autumn.toml", "\"waitlist\"", "\"promo\"");
    let said = tick(&fixture, library, "2026-12-01 08:00:30", &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    Some((library, relay, fixture))
}

fn tick(fixture: &Fixture, library: &str, time: &str, more: &[&str]) -> Said {
    let mut command = fixture.command(&[&["due"], more].concat());
    shift(&mut command, library, &format!("@{time}"));
    fixture.finish(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_a_clock_ahead_has_skipped_are_due_again() {
    let Some((library, relay, fixture)) = begun(DAILY).await else { return };
    let said = tick(&fixture, library, "2026-12-04 12:00:00", &[]);
    assert_eq!((said.code, taken(&relay).len()), (Some(3), 3), "{said:?}");
    assert!(said.err.contains("autumn: the occasion `2026-12-03T08:00Z` is skipped"), "{said:?}");
    // The clock is right again, and a question changes nothing.
    let said = tick(&fixture, library, "2026-12-02 08:00:10", &["--explain"]);
    assert!(said.out.contains("due: occasion `2026-12-02T08:00Z` begins"), "{said:?}");
    let said = tick(&fixture, library, "2026-12-02 08:00:30", &["--quiet"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 6), "{said:?}");
    assert!(
        said.err.contains("note: autumn: the clock of an earlier tick was ahead, at 2026-12-04T12:00:00Z: 3 occasions that it had ended are due again, `2026-12-02T08:00Z` to `2026-12-04T08:00Z`"),
        "{said:?}"
    );
    for (day, mails) in [("03", 9), ("04", 12)] {
        let said = tick(&fixture, library, &format!("2026-12-{day} 08:00:30"), &["--quiet"]);
        assert_eq!((said.code, taken(&relay).len(), said.err.as_str()), (Some(0), mails, ""), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_clock_ahead_has_begun_is_refused_until_somebody_says_which_clock_is_right() {
    let Some((library, relay, fixture)) = begun(DAILY).await else { return };
    let said = tick(&fixture, library, "2026-12-04 08:00:30", &[]);
    assert_eq!((said.code, taken(&relay).len()), (Some(3), 6), "{said:?}");
    for _ in 0..2 {
        let said = tick(&fixture, library, "2026-12-02 08:00:30", &["--quiet"]);
        assert_eq!((said.code, taken(&relay).len()), (Some(78), 6), "{said:?}");
        assert!(
            said.err.contains("the clock says 2026-12-02T08:00:30Z") && said.err.contains("--accept-clock"),
            "{said:?}"
        );
    }
    let said = tick(&fixture, library, "2026-12-02 08:00:40", &["--explain"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    // Nothing is due at that time, and it is remembered all the same.
    let said = tick(&fixture, library, "2026-12-02 07:00:00", &["--accept-clock"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 6), "{said:?}");
    for (time, mails) in [("02 08:00:30", 9), ("03 08:00:30", 12), ("04 08:00:30", 12), ("05 08:00:30", 15)] {
        let said = tick(&fixture, library, &format!("2026-12-{time}"), &["--quiet"]);
        assert_eq!((said.code, taken(&relay).len()), (Some(0), mails), "{time}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_time_that_was_tried_out_by_hand_outlives_a_clock_ahead() {
    let Some(library) = library() else { return };
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", "at = \"2026-12-05T09:00[Europe/Berlin]\"\n");
    let mut first = fixture.command(&["send", "campaigns/autumn.toml", "--yes", "--limit", "1"]);
    shift(&mut first, library, "@2026-12-01 10:00:00");
    let said = fixture.finish(first);
    assert_eq!(taken(&relay).len(), 1, "{said:?}");
    let said = tick(&fixture, library, "2027-12-01 10:00:00", &[]);
    assert_eq!((said.code, taken(&relay).len()), (Some(3), 1), "{said:?}");
    let said = tick(&fixture, library, "2026-12-05 08:00:30", &["--accept-clock"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 3), "{said:?}");
    assert!(said.err.contains("1 occasion that it had ended is due again, `once`"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_missed_occasions_are_one_line_and_a_new_file_has_missed_none() {
    let patient = "zone = \"UTC\"\ncron = \"* * * * *\"\nmax_late = \"3 days\"\n";
    let Some((library, relay, fixture)) = begun(patient).await else { return };
    let said = tick(&fixture, library, "2026-12-04 08:01:30", &["--quiet"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(3), 6), "{said:?}");
    assert_eq!(
        said.err,
        "note: autumn: 4,320 occasions are skipped, `2026-12-01T08:01Z` to `2026-12-04T08:00Z`; the last: missed, and `2026-12-04T08:01Z` is newer\n"
    );
}

#[test]
fn of_two_files_with_one_name_that_nobody_has_used_neither_runs_and_hidden_ones_are_none() {
    let fixture = Fixture::new();
    scheduled(&fixture, "autumn", super::NOW);
    let text = fixture.read("campaigns/autumn.toml");
    for hidden in [".autumn.toml", "._autumn.toml", ".#autumn.toml", "#autumn.toml", "~$autumn.toml"] {
        fixture.file(&format!("campaigns/{hidden}"), "half a fi");
    }
    fixture.file("campaigns/autumn.toml~", &text).file("campaigns/autumn.toml.bak", &text);
    fixture.file("campaigns/Copy of autumn.toml", &text);
    let said = fixture.run(&["due", "--sandbox"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(
        said.err.contains("`autumn` is the name of campaigns/Copy of autumn.toml and of campaigns/autumn.toml: none of them runs"),
        "{said:?}"
    );
    assert!(!fixture.path("sandbox/mail/autumn").exists());
    std::fs::remove_file(fixture.path("campaigns/Copy of autumn.toml")).unwrap();
    let said = fixture.run(&["due", "--sandbox"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    // Who has used it goes on.
    fixture.file("campaigns/A copy.toml", &text);
    let said = fixture.run(&["due", "--sandbox"]);
    assert!(said.code == Some(78) && said.err.contains("A copy.toml"), "{said:?}");
    assert!(!said.err.contains("none of them runs"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_that_was_given_another_name_is_told_before_anybody_is_mailed_twice() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", super::NOW);
    assert_eq!(super::due(&fixture).code, Some(0));
    fixture.edit("campaigns/autumn.toml", "\"autumn\"", "\"autumn-launch\"");
    for arguments in
        [&["due"][..], &["send", "campaigns/autumn.toml", "--yes"], &["check", "campaigns/autumn.toml"]]
    {
        let said = fixture.run(arguments);
        assert_eq!((said.code, taken(&relay).len()), (Some(78), 3), "{said:?}");
        assert!(
            said.err.contains("this file was called `autumn` when 3 recipients had their mail by it"),
            "{said:?}"
        );
        assert!(said.err.contains("linkpost check campaigns/autumn.toml --accept-new-name"), "{said:?}");
    }
    let books = fixture.run(&["status", "autumn"]);
    assert_eq!(books.code, Some(0), "{books:?}");
    let said = fixture.run(&["check", "campaigns/autumn.toml", "--accept-new-name"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = super::due(&fixture);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 6), "{said:?}");
    // The old name is told of as before.
    fixture.edit("campaigns/autumn.toml", "\"autumn-launch\"", "\"autumn\"");
    assert_eq!(super::due(&fixture).code, Some(0));
    assert_eq!(taken(&relay).len(), 6);
}
