//! Tests of `due`: what cron starts, as cron starts it.

mod clock;
mod exit;
mod explain;
mod list_under_way;
mod ping;
mod together;
mod year;

use std::{process::Child, sync::Arc};

use linkpost::sandbox::{Act, SandboxRelay, Script, Step};
use tokio::sync::Notify;

use crate::support::{
    fixture::{Fixture, Said, scheduled},
    mails::{relay, taken},
};

/// Due since long ago, and begun however late.
const NOW: &str = "at = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\n";

fn due(fixture: &Fixture) -> Said {
    fixture.run(&["due"])
}

/// A tick whose first mail the relay has taken and not answered, until the gate opens.
async fn held_at_the_first_mail() -> (Arc<Notify>, SandboxRelay, Fixture, Child) {
    let gate = Arc::new(Notify::new());
    let relay = relay(Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).times(1)).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).sending("connections = 1");
    scheduled(&fixture, "autumn", NOW);
    let first = fixture.spawn(&["due"]);
    relay.accepted(1).await;
    (gate, relay, fixture, first)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_is_sent_once_and_then_nothing_is_due() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    scheduled(&fixture, "winter", "at = \"2999-01-01T09:00Z\"\n");
    fixture.file("campaigns/notes.txt", "not a campaign");
    let said = due(&fixture);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 3), "{said:?}");
    assert!(said.err.contains("autumn: occasion once: every row is settled (0)"), "{said:?}");
    let said = due(&fixture);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 3), "{said:?}");
    assert!(said.err.contains("nothing is due"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_by_hand_is_not_sent_again_when_it_is_due() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    assert_eq!(fixture.run(&["send", "campaigns/autumn.toml", "--yes"]).code, Some(0));
    assert_eq!((due(&fixture).code, taken(&relay).len()), (Some(0), 3));
}

#[test]
fn a_missed_time_is_told_once_with_the_reason_and_exits_3() {
    let fixture = Fixture::new();
    scheduled(&fixture, "autumn", "at = \"2020-01-01T09:00Z\"\n");
    let said = due(&fixture);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(
        said.err.contains("the occasion `once` is skipped") && said.err.contains("`max_late` is 1h"),
        "{said:?}"
    );
    assert_eq!(due(&fixture).code, Some(0));
    // Whoever missed the words finds them in the books.
    let said = fixture.run(&["status", "campaigns/autumn.toml"]);
    assert!(
        said.out.starts_with("autumn, occasion once\nover: ") && said.out.contains("`max_late` is 1h"),
        "{said:?}"
    );
    let said = fixture.run(&["send", "campaigns/autumn.toml", "--yes"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains("is over"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_is_the_worst_and_a_bad_campaign_holds_up_no_other() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", NOW);
    scheduled(&fixture, "broken", "at = \"soon\"\n");
    scheduled(&fixture, "listless", NOW);
    fixture.edit("campaigns/listless.toml", "../people.csv", "../nobody.csv");
    let said = due(&fixture);
    assert_eq!((said.code, taken(&relay).len()), (Some(78), 3), "{said:?}");
    for line in ["(0)", "(65)", "(78)", "broken.toml:"] {
        assert!(said.err.contains(line), "{line}: {said:?}");
    }
    // The list that was missing is still in time.
    fixture.edit("campaigns/listless.toml", "../nobody.csv", "../people.csv");
    std::fs::remove_file(fixture.path("campaigns/broken.toml")).unwrap();
    assert_eq!((due(&fixture).code, taken(&relay).len()), (Some(0), 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_overlap_send_once_and_the_second_exits_75() {
    let (gate, relay, fixture, mut first) = held_at_the_first_mail().await;
    let said = due(&fixture);
    assert_eq!(said.code, Some(75), "{said:?}");
    assert!(said.err.contains(&first.id().to_string()), "{said:?}");
    gate.notify_one();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!((due(&fixture).code, taken(&relay).len()), (Some(0), 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_run_goes_on_with_the_list_as_it_is() {
    let (gate, relay, fixture, mut first) = held_at_the_first_mail().await;
    first.kill().unwrap();
    first.wait().unwrap();
    fixture.people(9);
    let said = due(&fixture);
    // The mail that was under way is unknown; everybody else has theirs.
    assert_eq!((said.code, taken(&relay).len()), (Some(3), 9), "{said:?}");
    assert_eq!((due(&fixture).code, taken(&relay).len()), (Some(3), 9));
    gate.notify_one();
}

#[test]
fn a_question_about_another_time_sends_nothing_and_leaves_no_trace() {
    let fixture = Fixture::new();
    scheduled(&fixture, "autumn", "cron = \"30 2 * * *\"\nzone = \"Europe/Berlin\"\n");
    let said = fixture.run(&["due", "--at", "2027-03-28T01:10Z"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    insta::assert_snapshot!(said.out, @"
    autumn: At 02:30, Europe/Berlin
      due: occasion `2027-03-28T01:00Z` begins
      next: Mon 2027-03-29 02:30 Europe/Berlin (+02:00), in 23 h 20 min
      next: Tue 2027-03-30 02:30 Europe/Berlin (+02:00), in 1 d 23 h 20 min
      next: Wed 2027-03-31 02:30 Europe/Berlin (+02:00), in 2 d 23 h 20 min
    ");
    let said = fixture.run(&["due", "--at", "2027-10-31T02:45+01:00[Europe/Berlin]"]);
    insta::assert_snapshot!(said.out, @"
    autumn: At 02:30, Europe/Berlin
      not due
      next: Mon 2027-11-01 02:30 Europe/Berlin (+01:00), in 23 h 45 min
      next: Tue 2027-11-02 02:30 Europe/Berlin (+01:00), in 1 d 23 h 45 min
      next: Wed 2027-11-03 02:30 Europe/Berlin (+01:00), in 2 d 23 h 45 min
    ");
    assert!(!fixture.path("linkpost.db").exists());
    let said = fixture.run(&["due", "--at", "tomorrow"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn a_paused_campaign_lets_its_time_pass_and_a_cancelled_one_is_not_sent_by_hand() {
    let fixture = Fixture::new();
    scheduled(&fixture, "autumn", &format!("{NOW}paused = true\n"));
    let said = due(&fixture);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("the campaign was paused"), "{said:?}");
    scheduled(&fixture, "winter", &format!("{NOW}cancelled = true\n"));
    let said = fixture.run(&["due", "--explain"]);
    assert!(said.out.contains("winter") && said.out.contains("  cancelled"), "{said:?}");
    assert_eq!(fixture.run(&["send", "campaigns/winter.toml", "--yes"]).code, Some(78));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_the_window_nothing_leaves_and_the_exit_code_says_so() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    // One half of the day is open whenever this runs.
    scheduled(&fixture, "morning", &format!("{NOW}window = {{ hours = \"00:00-12:00\", zone = \"UTC\" }}\n"));
    scheduled(&fixture, "evening", &format!("{NOW}window = {{ hours = \"12:00-24:00\", zone = \"UTC\" }}\n"));
    let said = due(&fixture);
    assert_eq!((said.code, taken(&relay).len()), (Some(75), 3), "{said:?}");
    assert!(said.err.contains("(0)") && said.err.contains("(75)"), "{said:?}");
    assert_eq!((due(&fixture).code, taken(&relay).len()), (Some(75), 3));
}

#[test]
fn an_unknown_zone_is_a_problem_of_its_row() {
    let fixture = Fixture::new();
    scheduled(&fixture, "autumn", &format!("{NOW}window = {{ days = \"mon-sun\", zone = \"recipient\" }}\n"));
    fixture.file(
        "people.csv",
        "user_id,email,timezone\nu1,a@example.com,Europe/Berlin\nu2,b@example.com,Berlin\n",
    );
    let said = due(&fixture);
    assert_eq!(said.code, Some(65), "{said:?}");
    assert!(said.err.contains("people.csv:3") && said.err.contains("`Berlin` is no time zone"), "{said:?}");
}

#[test]
fn a_folder_where_nothing_can_ever_be_due_is_told() {
    let fixture = Fixture::new();
    fixture.file("campaigns/notes.txt", "not a campaign");
    let said = due(&fixture);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains("`campaigns` holds no campaign file"), "{said:?}");
    let unscheduled = fixture.read("spring.toml").replace("people.csv", "../people.csv");
    fixture.file("campaigns/spring.toml", unscheduled);
    let said = due(&fixture);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("note: no campaign in `campaigns` has a `[schedule]`"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_campaign_yields_to_one_whose_time_comes_and_goes_on_behind_it() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    // Fifteen seconds of work, and four of patience with it.
    fixture.relay(relay.address()).people(30).sending("rate = \"2/s\"");
    scheduled(&fixture, "autumn", NOW);
    let soon = linkpost::clock::Clock::System.now() + jiff::SignedDuration::from_secs(2);
    scheduled(&fixture, "baskets", &format!("at = \"{soon}\"\nmax_late = \"16 seconds\"\n"));
    fixture.file("eve.csv", "user_id,email,first_name\neve,eve@example.com,Eve\n");
    fixture.edit("campaigns/baskets.toml", "people.csv", "eve.csv");
    let said = due(&fixture);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("the time of `baskets` has come"), "{said:?}");
    let order: Vec<_> = taken(&relay).iter().map(|mail| mail.recipient.clone()).collect();
    let eve = order.iter().position(|recipient| recipient == "eve@example.com").unwrap();
    assert!(order.len() == 31 && (1..30).contains(&eve), "{eve} of {order:?}");
    assert!(said.err.contains("autumn: occasion once: every row is settled (0)"), "{said:?}");
    // Where the rest takes so long that the other is over meanwhile, the last look does not mention it any more.
    for (name, sent) in [("autumn", 30), ("baskets", 1)] {
        let books = fixture.run(&["status", name, "--json"]);
        let all = format!("\"sent\":{sent},\"pending\":0,");
        assert!(books.out.contains(&all) && books.out.contains(&format!("\"rows\":{sent},")), "{books:?}");
    }
}
