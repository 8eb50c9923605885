//! Rows that came to their end without a mail: whom `retry` lets wait again, whom it never does, and what it says.

use insta::assert_snapshot;
use jiff::SignedDuration;
use linkpost::{
    ledger::{PutBack, Source, State},
    sandbox::{Act, SandboxRelay, Script, Step},
};

use crate::support::{
    fixture::{Fixture, Said},
    mails::{counts, relay, taken, token},
    rig::{How, Rig, smtp},
    sql::sql,
};

const GONE: &str = "5.1.1 no such user";
const FULL: &str = "5.2.2 the mailbox is full";

/// A relay that refuses these people once each.
async fn refusing(people: &[(usize, &str)]) -> SandboxRelay {
    let mut script = Script::new();
    for (person, words) in people {
        script = script
            .at(Step::Rcpt, Act::reply(550, words))
            .for_recipient(&format!("person{person}@example.com"))
            .times(1);
    }
    relay(script).await
}

/// A campaign for five people, sent once through the relay.
fn sent(relay: &SandboxRelay) -> Fixture {
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(5);
    fixture.run(&["send", "spring.toml", "--yes"]);
    fixture
}

fn retry(fixture: &Fixture, arguments: &[&str]) -> Said {
    let all: Vec<_> = ["retry", "spring.toml"].iter().chain(arguments).copied().collect();
    fixture.run(&all)
}

fn rejected(fixture: &Fixture) -> usize {
    rows(fixture, "rejected").len()
}

fn rows(fixture: &Fixture, state: &str) -> Vec<String> {
    let said = fixture.run(&["status", "spring.toml", "--rows", state]);
    said.out.lines().filter(|line| !line.starts_with("line,")).map(str::to_owned).collect()
}

/// The command behind these words, without the program's name.
fn printed(said: &Said, before: &str) -> Vec<String> {
    let line = said.err.lines().find_map(|line| line.split_once(before));
    let line = line.unwrap_or_else(|| panic!("no `{before}`: {said:?}")).1;
    assert!(!line.contains("--yes") && !line.contains(" -y"), "{line}");
    line.split(' ').skip(1).map(str::to_owned).collect()
}

/// Runs a command that was printed, and answers its question.
fn follow(fixture: &Fixture, command: &[String]) -> Said {
    let all: Vec<_> = command.iter().map(String::as_str).chain(["--yes"]).collect();
    fixture.run(&all)
}

async fn change(fixture: &Fixture, statement: &'static str) {
    sql(fixture.path("linkpost.db")).await.run(statement).await;
}

async fn audit(fixture: &Fixture) -> Vec<(String, String, String, String)> {
    let all = "select source, was, state, reason from resolution order by id";
    sql(fixture.path("linkpost.db")).await.rows(all).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_refused_is_shown_put_back_and_mailed_once_by_the_commands_that_are_printed() {
    let relay = refusing(&[(2, GONE), (4, GONE)]).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(5);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((rejected(&fixture), relay.count()), (2, 3), "{said:?}");

    let first = printed(&said, "says why, `").join(" ");
    let first: Vec<_> = first.split('`').next().unwrap().split(' ').map(str::to_owned).collect();
    let asked = fixture.run(&first.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((asked.code, asked.out.as_str()), (Some(2), ""), "{asked:?}");
    assert_snapshot!(asked.err, @r"
    2 rejected rows of `spring`, occasion once:
     reason                        rows
     RCPT: 550 5.1.1 no such user     2
    line 3, user_2, p***@example.com
    line 5, user_4, p***@example.com
    error: 2 rows would be put back, and there is no terminal to ask at
      hint: `--yes` does it without asking, and a terminal asks: linkpost retry spring.toml --rows rejected --occasion once
    ");
    assert_eq!((rejected(&fixture), audit(&fixture).await.len()), (2, 0), "nothing has changed");

    let again = printed(&asked, "and a terminal asks: ");
    let said = follow(&fixture, &again);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.out.lines().count(), 2, "{said:?}");
    assert!(said.out.starts_with("3,user_2,p***@example.com,pending,"), "{said:?}");
    assert!(said.err.contains("2 rows wait again, each with a new link"), "{said:?}");
    let command = printed(&said, "to send them: ");
    assert_eq!(command.join(" "), "send spring.toml --occasion once");

    let said = follow(&fixture, &command);
    assert_eq!((said.code, relay.count()), (Some(0), 5), "{said:?}");
    assert!(counts(&taken(&relay)).values().all(|mails| *mails == 1));
    let why = ("hand".into(), "rejected".into(), "pending".into(), "put back with `linkpost retry`".into());
    assert_eq!(audit(&fixture).await, [why.clone(), why]);
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_or_a_person_narrows_it_down() {
    let relay = refusing(&[(1, GONE), (2, FULL), (3, FULL)]).await;
    let fixture = sent(&relay);
    let said = retry(
        &fixture,
        &["--rows", "rejected", "--reason-contains", "MAILBOX is", "--only", "person3@EXAMPLE.com", "--yes"],
    );
    assert_eq!((said.code, rejected(&fixture)), (Some(0), 2), "{said:?}");
    let said = retry(
        &fixture,
        &[
            "--rows",
            "rejected",
            "--only",
            "user_2",
            "--reason",
            "asked person2@example.com",
            "--yes",
            "--json",
        ],
    );
    assert_eq!((said.code, rejected(&fixture)), (Some(0), 1), "{said:?}");
    let events: Vec<serde_json::Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        events,
        [
            serde_json::json!({ "event": "put_back", "line": 3, "user_id": "user_2", "address": "p***@example.com",
                "was": "rejected", "state": "pending", "reason": "RCPT: 550 5.2.2 the mailbox is full" }),
            serde_json::json!({ "event": "ended", "occasion": "once", "put_back": 1, "stay": 0 }),
        ]
    );
    assert_eq!(audit(&fixture).await[1].3, "asked p***@example.com");
    let said = retry(&fixture, &["--rows", "rejected", "--show-addresses", "--yes"]);
    assert!(said.out.contains("person1@example.com"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_fits_the_words_say_what_there_is_and_the_hint_works() {
    let relay = refusing(&[(2, GONE)]).await;
    let fixture = sent(&relay);
    let check = |arguments: &[&str], words: &str| {
        let said = retry(&fixture, arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains(words), "{words}: {said:?}");
        said
    };
    let said =
        check(&["--rows", "expired"], "error: no row of `spring` is expired\n  hint: `linkpost status");
    assert!(said.err.contains("`linkpost status spring.toml` shows the books"), "{said:?}");
    let said = check(
        &["--rows", "rejected", "--reason-contains", "quota"],
        "no rejected row of `spring` has a reason with `quota` in it",
    );
    assert!(said.err.contains("`linkpost status spring.toml --rows rejected` lists them"), "{said:?}");
    check(
        &["--rows", "rejected", "--only", "nobody@example.com"],
        "nobody on the list has the address or user id `n***@example.com`",
    );
    check(
        &["--rows", "rejected", "--only", "person1@example.com"],
        "the row of `p***@example.com` is sent, not rejected\n  hint: who has the mail is not mailed again",
    );
    check(&["--rows", "expired", "--only", "user_2"], "is rejected, not expired\n  hint: `--rows rejected`");
    check(&["--rows", "invalid", "--only", "user_2"], "rows with a problem are booked without their address");
    check(&["--rows", "sent"], "who has the mail is not mailed again");
    check(&["--rows", "unknown"], "`linkpost resolve` decides about it");
    check(&["--rows", "whatever"], "expected rejected, expired, invalid or suppressed");
    let said = fixture.run(&["retry", "autumn", "--rows", "rejected"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert_eq!((rejected(&fixture), audit(&fixture).await.len()), (1, 0));
    assert_eq!(fixture.run(&["purge", "spring.toml", "--yes"]).code, Some(0));
    check(
        &["--rows", "rejected"],
        "`spring` was purged: whom its rejected rows were for is not known any more",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_whose_answer_was_lost_is_not_put_back_and_one_that_was_given_up_gets_another_link() {
    let script = Script::new()
        .at(Step::Dot, Act::accept_then(Act::Drop))
        .for_recipient("person2@example.com")
        .times(1);
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    fixture.edit("linkpost.toml", "give_up_after = \"1 ms\"", "give_up_after = \"5 min\"");
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(3));
    let said = retry(&fixture, &["--rows", "rejected", "--only", "user_2", "--yes"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("is unknown, not rejected"), "{said:?}");
    assert!(said.err.contains("`linkpost resolve` decides about it"), "{said:?}");

    let given_up = ["--only", "user_2", "--as", "rejected", "--reason", "it never came"];
    assert_eq!(fixture.run(&[&["resolve", "spring.toml"][..], &given_up].concat()).code, Some(0));
    assert_eq!(retry(&fixture, &["--rows", "rejected", "--yes"]).code, Some(0));
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    let mails: Vec<_> =
        taken(&relay).into_iter().filter(|mail| mail.recipient == "person2@example.com").collect();
    assert_eq!(mails.len(), 2);
    assert_ne!(token(&mails[0].text), token(&mails[1].text), "the link of the first is not built again");
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_unsubscribed_is_not_put_back_and_who_is_off_that_list_is() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    change(
        &fixture,
        "insert into suppression (address, reason, since) values ('person2@example.com', 'asked', 0)",
    )
    .await;
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    let said = retry(&fixture, &["--rows", "suppressed", "--yes"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
    assert!(
        said.err.contains("1 is on the suppression list, and who unsubscribed is not mailed again"),
        "{said:?}"
    );
    assert_eq!(rows(&fixture, "suppressed").len(), 1);
    change(&fixture, "delete from suppression").await;
    let said = retry(&fixture, &["--rows", "suppressed", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = follow(&fixture, &printed(&said, "to send it: "));
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_occasions_one_is_chosen_and_its_people_alone_are_put_back() {
    let relay = refusing(&[(1, FULL), (2, FULL)]).await;
    let fixture = Fixture::new();
    fixture.edit("spring.toml", "kind = \"waitlist\"", "kind = \"promo\"");
    fixture.relay(relay.address()).people(1);
    fixture.run(&["send", "spring.toml", "--yes", "--occasion", "may"]);
    fixture.people(2);
    fixture.run(&["send", "spring.toml", "--yes", "--occasion", "june"]);
    let said = retry(&fixture, &["--rows", "rejected", "--yes"]);
    assert_eq!((said.code, rejected(&fixture)), (Some(2), 2), "{said:?}");
    assert!(said.err.contains("2 occasions have rejected rows that fit: `june` (1), `may` (1)"), "{said:?}");
    let said = follow(&fixture, &printed(&said, "the newest for example: "));
    assert_eq!((said.code, rejected(&fixture)), (Some(0), 1), "{said:?}");
    assert!(said.out.contains("user_2"), "{said:?}");
    assert_eq!(printed(&said, "to send it: ").join(" "), "send spring.toml --occasion june");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occasion_that_is_over_and_a_cancelled_campaign_take_nobody_back() {
    let relay = refusing(&[(1, GONE)]).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let schedule = "[schedule]\nat = \"2020-01-01T09:00Z\"\nmax_late = \"36500 days\"\n";
    let campaign = fixture.read("spring.toml");
    fixture.file("spring.toml", format!("{campaign}{schedule}"));
    fixture.run(&["send", "spring.toml", "--yes", "--limit", "2"]);
    assert_eq!(rejected(&fixture), 1);
    fixture.edit("spring.toml", "[schedule]\n", "[schedule]\ncancelled = true\n");
    let check = |words: &str| {
        let said = retry(&fixture, &["--rows", "rejected", "--yes"]);
        assert_eq!((said.code, said.out.as_str()), (Some(78), ""), "{said:?}");
        assert!(said.err.contains(words), "{said:?}");
    };
    check("`spring` is cancelled, so nothing of it is sent again\n  hint: take `cancelled = true` out");
    fixture.run(&["due", "."]);
    check("the occasion `once` is over (the campaign was cancelled), so nothing of it is sent again");
    assert_eq!((rejected(&fixture), audit(&fixture).await.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_the_list_stays_and_it_is_said() {
    let relay = refusing(&[(2, GONE), (3, GONE)]).await;
    let fixture = sent(&relay);
    fixture.people(2);
    fixture.run(&["send", "spring.toml", "--yes"]);
    let said = retry(&fixture, &["--rows", "rejected", "--yes", "--quiet"]);
    assert_eq!((said.code, said.out.lines().count()), (Some(0), 1), "{said:?}");
    assert_eq!(said.err, "note: 1 more row stays as it is: 1 left the list\n");
    let said = retry(&fixture, &["--rows", "rejected", "--yes"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err.contains("none of the 1 rejected rows that fit can be put back: 1 left the list"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_with_a_problem_is_looked_at_again_and_never_mailed_with_it() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    fixture.edit("people.csv", "user_2,person2@example.com", "user_2,person2");
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--skip-problems"]).code, Some(0));
    let settled = fixture.run(&["send", "spring.toml", "--yes"]);
    assert!(settled.err.contains("nothing to send"), "{settled:?}");
    let said = retry(&fixture, &["--rows", "invalid"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    let said = follow(&fixture, &printed(&said, "and a terminal asks: "));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("a row whose problem is gone is mailed"), "{said:?}");
    let command = printed(&said, "to send it: ");
    let said = follow(&fixture, &command);
    assert_eq!((said.code, relay.count()), (Some(65), 2), "{said:?}");
    assert!(said.err.contains("people.csv:3"), "{said:?}");
    fixture.edit("people.csv", "user_2,person2", "user_2,person2@example.com");
    let said = follow(&fixture, &command);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
    assert!(counts(&taken(&relay)).values().all(|mails| *mails == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_template_spoilt_is_mailed_once_the_template_is_mended() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let body = "{% if first_name == 'Person 2' %}{{ 1 / 0 }}{% endif %}{{ link }}\n{{ unsubscribe_url }}\n";
    fixture.file("templates/spring/body.txt", body);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--skip-problems"]).code, Some(0));
    assert_eq!(rows(&fixture, "invalid").len(), 1);
    fixture.edit("templates/spring/body.txt", "{{ 1 / 0 }}", "Hello");
    let said = fixture.run(&["send", "spring.toml", "--yes", "--accept-changed-template"]);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
    assert!(counts(&taken(&relay)).values().all(|mails| *mails == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_is_named_by_its_name_as_well_and_a_rehearsal_does_not_ask() {
    let relay = refusing(&[(1, GONE)]).await;
    let fixture = sent(&relay);
    let said = fixture.run(&["retry", "spring", "--rows", "rejected", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(printed(&said, "to send it: ").join(" "), "send ./spring.toml --occasion once");
    assert_eq!(fixture.run(&["send", "spring.toml", "--sandbox"]).code, Some(0));
    let refused = "update recipient set state = 'rejected', reason = 'no' where user_id = 'user_1'";
    sql(fixture.path("sandbox/linkpost.db")).await.run(refused).await;
    let said = retry(&fixture, &["--rows", "rejected", "--sandbox"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(printed(&said, "to send it: ").join(" "), "send spring.toml --occasion once --sandbox");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_was_corrected_in_the_list_is_mailed_by_the_next_run_and_another_name_is_not() {
    let relay = refusing(&[(2, GONE), (3, FULL)]).await;
    let fixture = sent(&relay);
    fixture.edit("people.csv", "person2@", "person.two@").edit("people.csv", "Person 3", "Persona 3");
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert!(
        said.err.contains("1 with another address after they were refused or expired (to be sent)"),
        "{said:?}"
    );
    assert!(
        said.err.contains(
            "1 changed after they were refused or expired (not sent; `linkpost retry` puts them back)"
        ),
        "{said:?}"
    );
    let mails = counts(&taken(&relay));
    assert_eq!((mails.len(), mails["person.two@example.com"]), (4, 1), "{said:?}");
    fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(relay.count(), 4);
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}

#[tokio::test(start_paused = true)]
async fn what_is_put_back_after_its_occasions_time_leaves_by_the_schedule_until_its_own_time_is_over() {
    let hour = std::time::Duration::from_hours(1);
    for (late, state) in [(false, State::Sent), (true, State::Expired)] {
        let relay = refusing(&[(1, GONE)]).await;
        let rig = Rig::new(1).mails_may_leave_for(SignedDuration::from_hours(1));
        let how = || How { scheduled: true, ..How::default() };
        rig.send(smtp(&relay, |_| {}).into(), how(), |_, _| {}).await.unwrap();
        rig.pass(2 * hour).await;
        let run = rig.run().await;
        let id = run.rows(State::Rejected, 0, 1).await.unwrap()[0].id;
        run.put_back(vec![PutBack { id, source: Source::Rule, reason: "it was about us".into() }])
            .await
            .unwrap();
        drop(run);
        if late {
            rig.pass(2 * hour).await;
        }
        rig.send(smtp(&relay, |_| {}).into(), how(), |_, _| {}).await.unwrap();
        assert_eq!(rig.tally().await.get(state), 1, "{state}");
    }
}
