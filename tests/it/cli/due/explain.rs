//! `due --explain`: what would stop a campaign is told before its time, and nothing is booked.

use linkpost::sandbox::Script;

use crate::support::{
    fixture::{Fixture, scheduled},
    mails::relay,
    shell::{paste, printed},
};

const NOW: &str = "at = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\n";
const LATER: &str = "at = \"2999-01-01T09:00Z\"\n";

/// What is said of a campaign beside its schedule, and the exit code.
fn explained(fixture: &Fixture, schedule: &str, change: impl Fn(&Fixture)) -> (Option<i32>, String) {
    scheduled(fixture, "autumn", schedule);
    change(fixture);
    let said = fixture.run(&["due", "--explain"]);
    assert_eq!(said.err, "", "{said:?}");
    let lines = said.out.lines().skip(1).filter(|line| !line.starts_with("  next: "));
    (said.code, lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn what_is_in_order_is_a_line_and_leaves_no_trace() {
    let fixture = Fixture::new();
    for (schedule, words) in [(NOW, "  due: occasion `once` begins"), (LATER, "  not due")] {
        assert_eq!(explained(&fixture, schedule, |_| {}), (Some(0), words.to_owned()));
    }
    assert!(!fixture.path("linkpost.db").exists());
}

#[test]
fn rows_with_problems_are_told_before_their_time_and_check_tells_all() {
    for schedule in [NOW, LATER] {
        let fixture = Fixture::new();
        fixture.file("people.csv", format!("user_id,email,first_name\n{}", "user,nobody,N\n".repeat(5)));
        let (code, said) = explained(&fixture, schedule, |_| {});
        assert_eq!(code, Some(65), "{said}");
        assert!(said.lines().count() <= 8, "{said}");
        for line in 2..=4 {
            assert!(
                said.contains(&format!("  would stop it: people.csv:{line}: column `email`: ")),
                "{said}"
            );
        }
        let all = said.split_once("… and 2 more: `").unwrap().1.split_once('`').unwrap().0;
        let checked = paste(&fixture, all, "");
        assert_eq!(checked.code, Some(65), "{checked:?}");
        assert!(checked.err.contains("people.csv:6: column `email`: "), "{checked:?}");
        // What the campaign goes out without does not stop it.
        let leeway = |fixture: &Fixture| {
            fixture.edit("campaigns/autumn.toml", "[schedule]", "skip_problems = \"5 rows\"\n[schedule]");
        };
        assert_eq!(explained(&fixture, schedule, leeway).0, Some(0));
    }
}

#[test]
fn a_template_a_list_that_is_not_there_and_one_that_is_to_come() {
    let fixture = Fixture::new();
    let (code, said) = explained(&fixture, LATER, |fixture| {
        fixture.edit("campaigns/autumn.toml", "../people.csv", "../nobody.csv");
    });
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("  would stop it: nobody.csv: the list cannot be read: no such file"), "{said}");
    let dated = |fixture: &Fixture| {
        fixture.edit("campaigns/autumn.toml", "../people.csv", "../in-{date}.csv");
    };
    let (code, said) = explained(&fixture, LATER, dated);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "  not due\n  the list: in-2999-01-01.csv: the list is not there yet")
    );
    let (code, said) = explained(&fixture, NOW, dated);
    assert!(
        code == Some(75) && said.contains("would stop it: in-2020-01-01.csv: the list is not there yet"),
        "{said}"
    );
    let (code, said) = explained(&fixture, LATER, |fixture| {
        fixture.file("templates/spring/body.txt", "{{ link }} {{ unsubscribe_url }} {{ first_nme }}");
    });
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("  would stop it: templates/spring/body.txt:1:"), "{said}");
    // A campaign that goes nowhere is stopped by nothing.
    for word in ["paused", "cancelled"] {
        assert_eq!(explained(&fixture, &format!("{NOW}{word} = true\n"), |_| {}).0, Some(0), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_middle_of_an_occasion_it_says_what_the_next_tick_would_say() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    assert_eq!(fixture.run(&["send", "campaigns/autumn.toml", "--yes", "--limit", "1"]).code, Some(75));
    let before = fixture.run(&["status", "autumn", "--json"]).out;
    let goes_on = "  due: occasion `once` goes on, mails wait";
    let good = fixture.read("people.csv");
    assert_eq!(explained(&fixture, NOW, |_| {}), (Some(0), goes_on.to_owned()));
    for (list, code, words) in [
        (
            "user_id,email,first_name\n",
            65,
            "would stop it: people.csv: the list has no rows, and 2 people who wait",
        ),
        ("user_id,email,first_name\nx,y,z\n", 65, "would stop it: people.csv:2: "),
        ("user_id,email,first_name\nuser_7,seven@example.com,S\n", 0, goes_on),
    ] {
        fixture.file("people.csv", list);
        let (found, said) = explained(&fixture, NOW, |_| {});
        assert!(found == Some(code) && said.contains(words), "{said}");
    }
    std::fs::remove_file(fixture.path("people.csv")).unwrap();
    let (code, said) = explained(&fixture, NOW, |_| {});
    assert!(
        code == Some(0)
            && said.contains("the list: people.csv: ")
            && said.contains("the 2 rows in the ledger would go on"),
        "{said}"
    );
    fixture.file("people.csv", good).edit("templates/spring/body.txt", "Sign in", "Come in");
    let (code, said) = explained(&fixture, NOW, |_| {});
    assert!(
        code == Some(78)
            && said.contains("would stop it: the template, the sender or the link of `autumn` changed"),
        "{said}"
    );
    assert_eq!((fixture.run(&["status", "autumn", "--json"]).out, relay.count()), (before, 1));
    let said = fixture.run(&["due", "--explain", "--json"]);
    let event: serde_json::Value = serde_json::from_str(said.out.trim()).unwrap();
    assert!(
        event["exit"] == 78 && event["problems"][0].as_str().unwrap().contains("changed after"),
        "{event}"
    );
    // And what it says to do about it can be done.
    let line = printed(&fixture.run(&["due"]), "in the new words: ");
    assert!(said.out.contains(&line), "{line}: {said:?}");
    let said = paste(&fixture, &line, "--yes");
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
}
