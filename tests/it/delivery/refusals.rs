//! Whose fault is a refusal? Nobody is marked for one that is about us, whatever the relay is called and whatever its
//! words are; a limit opens again; the same words to everybody are about us.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use jiff::SignedDuration;
use linkpost::{
    delivery::Relays,
    ledger::{State, Tally},
    pacing::Cap,
    pipeline::{Halt, News},
    replies::{self, Fault, Rules},
    sandbox::{Act, Event, SandboxRelay, Script, Step},
};

use crate::support::{
    fixture::{Fixture, scheduled},
    long,
    mails::{counts, relay, taken},
    rig::{How, Rig, smtp},
    sql::sql,
};

fn one(relay: &SandboxRelay) -> Relays {
    smtp(relay, |_| {}).into()
}

fn states(tally: &Tally) -> Vec<(State, u64)> {
    tally.iter().filter(|(_, rows)| *rows > 0).collect()
}

/// What relays of many kinds say of us: the step, the class, the reply. Short quotes of what their users report.
const ABOUT_US: [(Step, &str, &str); 62] = [
    // Limits of the account.
    (Step::Dot, "quota", "550 5.4.5 Daily user sending limit exceeded. - gsmtp"),
    (Step::Dot, "quota", "550 5.4.5 Daily SMTP relay limit exceeded for customer. - gsmtp"),
    (
        Step::Rcpt,
        "quota",
        "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
    ),
    (
        Step::Dot,
        "quota",
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message",
    ),
    (Step::Dot, "quota", "454 Throttling failure: Daily message quota exceeded."),
    (
        Step::Rcpt,
        "quota",
        "550 Domain example.com has exceeded the max emails per hour (120/100 (120%)) allowed. Message discarded.",
    ),
    (
        Step::Rcpt,
        "quota",
        "452 4.3.1 Domain example.com has exceeded the max defers and failures per hour (5/5 (100%)) allowed.",
    ),
    (Step::Mail, "quota", "550 5.4.6 Unusual sending activity detected. Please try after sometime"),
    (Step::Dot, "quota", "451 Maximum credits exceeded"),
    (Step::Dot, "quota", "451 You have exceeded your messaging limits"),
    (Step::Mail, "quota", "450 Requested mail action not taken: mail send limit exceeded"),
    (Step::Rcpt, "quota", "550 Exceed Sending Limit (hourly)"),
    (Step::Dot, "quota", "550 5.7.1 Daily sending quota exceeded"),
    (Step::Rcpt, "quota", "552 5.2.2 This message is larger than your remaining daily quota allows"),
    (Step::Mail, "quota", "452 4.5.3 You have reached your sending limit, try again in 6 hours"),
    (Step::Rcpt, "quota", "450 4.7.1 Recipient address rejected: Policy Rejection: Quota Exceeded."),
    (Step::Dot, "quota", "550 5.7.0 Out of credits"),
    (Step::Mail, "quota", "421 4.7.0 example.com: 24 hour limit reached"),
    (Step::Rcpt, "quota", "550 Your account has exceeded its outgoing message limit"),
    (Step::Mail, "quota", "526 5.7.1 Tageslimit erreicht"),
    // The login.
    (Step::Mail, "login", "530 5.7.0 Authentication Required. - gsmtp"),
    (Step::Mail, "login", "530 5.7.57 Client not authenticated to send mail"),
    (
        Step::Rcpt,
        "login",
        "503 This mail server requires authentication when attempting to send to a non-local address",
    ),
    (Step::Rcpt, "login", "550 Authentication is required for relay"),
    (Step::Rcpt, "login", "550 Please turn on SMTP Authentication in your mail client"),
    (Step::Mail, "login", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled"),
    (Step::Rcpt, "login", "553 5.7.1 You must log in first"),
    // Relaying.
    (Step::Rcpt, "relaying", "550 relay not permitted"),
    (Step::Rcpt, "relaying", "554 5.7.1 Relay access denied"),
    (Step::Rcpt, "relaying", "454 4.7.1 Relay access denied"),
    (Step::Rcpt, "relaying", "550 5.7.1 Unable to relay"),
    (Step::Rcpt, "relaying", "550 5.7.64 TenantAttribution; Relay Access Denied SMTP"),
    (Step::Rcpt, "relaying", "553 sorry, that domain isn't in my list of allowed rcpthosts"),
    (Step::Rcpt, "relaying", "550 5.7.1 relaying denied"),
    (Step::Rcpt, "relaying", "571 We do not relay"),
    // The sender.
    (Step::Dot, "sender", "550 5.7.60 SMTP; Client does not have permissions to send as this sender"),
    (
        Step::Dot,
        "sender",
        "554 Message rejected: Email address is not verified. The following identities failed the check",
    ),
    (Step::Mail, "sender", "553 5.7.1 Sender address rejected: not owned by user"),
    (Step::Rcpt, "sender", "450 4.1.8 Sender address rejected: Domain not found"),
    (Step::Rcpt, "sender", "553 5.1.8 Domain of sender address does not exist"),
    (Step::Dot, "sender", "550 The from address does not match a verified Sender Identity"),
    (Step::Mail, "sender", "501 5.1.7 Invalid address"),
    (Step::Mail, "sender", "553 Mail from must equal authorized user"),
    (Step::Dot, "sender", "550 5.7.0 From address is not one of your addresses"),
    (Step::Dot, "sender", "550 5.7.1 Unconfigured Sending Domain"),
    (Step::Mail, "sender", "550 5.1.1 no such user"),
    // SPF, DKIM, DMARC.
    (
        Step::Dot,
        "authentication",
        "550 5.7.26 This mail has been blocked because the sender is unauthenticated. - gsmtp",
    ),
    (Step::Dot, "authentication", "550 SPF check failed"),
    (
        Step::Dot,
        "authentication",
        "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
    ),
    (Step::Dot, "authentication", "421 4.7.30 DKIM authentication did not pass"),
    (Step::Rcpt, "authentication", "550 5.7.1 Message rejected due to DMARC policy of the domain"),
    // This machine.
    (Step::Rcpt, "host", "450 4.7.1 Client host rejected: cannot find your reverse hostname"),
    (Step::Rcpt, "host", "504 5.5.2 Helo command rejected: need fully-qualified hostname"),
    (Step::Rcpt, "host", "550 5.7.25 The sending IP address does not have a PTR record"),
    // The connection.
    (Step::Mail, "encryption", "530 5.7.0 Must issue a STARTTLS command first"),
    (Step::Dot, "encryption", "421 4.7.29 mail must be sent over a TLS connection: TLS required"),
    // The account.
    (Step::Dot, "account", "554 Sending suspended for this account"),
    (Step::Dot, "account", "550 5.1.8 Access denied, bad outbound sender"),
    (Step::Mail, "account", "525 5.7.1 Your SMTP account is not yet activated"),
    (Step::Dot, "account", "550 5.7.705 Access denied, tenant has exceeded threshold"),
    (
        Step::Dot,
        "account",
        "421 Domain example.com is not allowed to send: Free accounts are for test purposes only",
    ),
    (Step::Dot, "account", "550 5.7.708 Access denied, traffic not accepted from this IP"),
];

/// How many connections the relay has seen.
fn connections(relay: &SandboxRelay) -> usize {
    relay.log().iter().filter(|event| matches!(event, Event::Connected { .. })).count()
}

/// The code and the words.
fn split(reply: &str) -> (u16, &str) {
    let (code, text) = reply.split_once(' ').unwrap();
    (code.parse().unwrap(), text)
}

fn says(step: Step, reply: &str) -> Script {
    let (code, text) = split(reply);
    Script::new().at(step, Act::reply(code, text))
}

#[tokio::test(start_paused = true)]
async fn whatever_a_provider_refuses_us_for_everybody_else_waits_and_nobody_is_mailed_twice() {
    let people = if long() { 1000 } else { 12 };
    let mut wrong = String::new();
    for (step, class, reply) in ABOUT_US {
        let (code, text) = split(reply);
        let refusing = relay(Script::new().at(step, Act::reply(code, text)).skip(9)).await;
        let rig = Rig::new(people);
        let halt = rig.send(one(&refusing), How::default(), |_, _| {}).await.unwrap_err();
        let fault = match &halt {
            Halt::Refused { refusal, refused: 1, .. } => refusal.reading.fault.name(),
            other => panic!("{reply}: {other:?}"),
        };
        if fault != class {
            writeln!(wrong, "{reply}: {fault}, not {class}").unwrap();
        }
        let left = u64::try_from(people).unwrap() - 9;
        assert_eq!(states(&rig.tally().await), [(State::Sent, 9), (State::Pending, left)], "{reply}");

        let cured = relay(Script::new()).await;
        rig.send(one(&cured), How::default(), |_, _| {}).await.unwrap();
        assert_eq!(states(&rig.tally().await), [(State::Sent, left + 9)], "{reply}");
        let mails: Vec<_> = taken(&refusing).into_iter().chain(taken(&cured)).collect();
        assert_eq!(mails.len(), people, "{reply}");
        assert!(counts(&mails).values().all(|count| *count == 1), "{reply}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test(start_paused = true)]
async fn words_that_nobody_knows_said_to_everybody_are_about_us_and_put_back_who_was_marked() {
    let refusing = relay(says(Step::Rcpt, "550 heute leider nicht")).await;
    let rig = Rig::new(30);
    let mut back = 0;
    let halt = rig
        .send(one(&refusing), How::default(), |news, _| {
            if let News::PutBack { rows } = news {
                back = *rows;
            }
        })
        .await
        .unwrap_err();
    assert!(matches!(&halt, Halt::Refused { refused: 5, .. }), "{halt:?}");
    assert_eq!(back, 5);
    assert_eq!(states(&rig.tally().await), [(State::Pending, 30)]);
    let cured = relay(Script::new()).await;
    rig.send(one(&cured), How::default(), |_, _| {}).await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 30)]);
    assert!(counts(&taken(&cured)).values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn three_people_who_are_all_refused_in_the_same_unknown_words_wait_as_well() {
    let refusing = relay(says(Step::Dot, "554 nope")).await;
    let rig = Rig::new(3);
    let halt = rig.send(one(&refusing), How::default(), |_, _| {}).await.unwrap_err();
    assert!(matches!(&halt, Halt::Refused { refused: 3, .. }), "{halt:?}");
    assert_eq!(states(&rig.tally().await), [(State::Pending, 3)]);
    // Taken at its word, the relay means them.
    let how = How { accept_refusals: true, ..How::default() };
    rig.send(one(&refusing), how, |_, _| {}).await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Rejected, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_is_not_there_is_the_recipients_matter_alone() {
    let script = Script::new().at(Step::Rcpt, Act::reply(550, "5.1.1 user unknown")).skip(3).times(2);
    let relay = relay(script).await;
    let rig = Rig::new(10);
    rig.send(one(&relay), How::default(), |_, _| {}).await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 8), (State::Rejected, 2)]);
}

#[tokio::test(start_paused = true)]
async fn what_one_relay_has_no_quota_for_goes_through_the_next() {
    let full = relay(
        Script::new().at(Step::Mail, Act::reply(550, "5.4.5 Daily user sending limit exceeded")).skip(2),
    )
    .await;
    let other = relay(Script::new()).await;
    let relays = Relays::new(
        vec![(smtp(&full, |_| {}), None), (smtp(&other, |_| {}), None)],
        linkpost::delivery::Patience::default(),
    );
    let rig = Rig::new(10);
    let mut resting = 0;
    let ended = rig.send(relays, How::default(), |news, _| {
        resting += u32::from(matches!(news, News::Resting(_)));
    });
    ended.await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 10)]);
    assert_eq!((taken(&full).len(), taken(&other).len(), resting), (2, 8, 1));
}

#[tokio::test(start_paused = true)]
async fn an_hour_holds_as_many_mails_as_it_may_over_all_runs() {
    let hourly =
        || How { caps: vec![Cap { most: 4, within: SignedDuration::from_hours(1) }], ..How::default() };
    let relay = relay(Script::new()).await;
    let rig = Rig::new(10);
    let mut capped = Vec::new();
    for _ in 0..2 {
        let ended = rig.send(one(&relay), hourly(), |news, _| {
            if let News::Capped { until } = news {
                capped.push(*until);
            }
        });
        ended.await.unwrap();
        assert_eq!(states(&rig.tally().await), [(State::Sent, 4), (State::Pending, 6)]);
    }
    assert_eq!(capped.len(), 2, "told by each run, once");
    let in_an_hour = capped[0].duration_since(rig.clock.now());
    assert!(in_an_hour <= SignedDuration::from_hours(1), "{in_an_hour}");
    rig.pass(Duration::from_secs(3_700)).await;
    let how = How { wait: true, ..hourly() };
    rig.send(one(&relay), how, |_, _| {}).await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 10)]);
    assert!(rig.elapsed() >= Duration::from_hours(2), "the last two left in the third hour");
    assert!(counts(&taken(&relay)).values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_comes_back_when_the_limit_has_opened_and_asks_nobody_before() {
    let words = "5.4.5 Daily user sending limit exceeded, try again in 2 hours";
    let script = Script::new().at(Step::Dot, Act::reply(550, words)).skip(1).times(1);
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).sending("connections = 1");
    scheduled(&fixture, "autumn", "at = \"2020-01-01T09:00Z\"\nmax_late = \"36500 days\"\n");
    let said = fixture.run(&["due", "--quiet"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(69), 1), "{said:?}");
    assert!(
        said.err.starts_with("error: Gmail: the daily limit of this account is reached; the relay"),
        "{said:?}"
    );
    assert_eq!(said.err.lines().count(), 2, "one sentence and what to do: {said:?}");
    let asked = connections(&relay);
    let said = fixture.run(&["due", "--quiet"]);
    assert_eq!((said.code, said.err.as_str()), (Some(75), ""), "{said:?}");
    assert_eq!(connections(&relay), asked, "nobody was asked");
    let said = fixture.run(&["due"]);
    assert!(said.err.contains("nothing is sent before"), "{said:?}");

    let mut ledger = sql(fixture.path("linkpost.db")).await;
    let hours: i64 = ledger.value("select (until - since + 30000) / 60000 from rest").await;
    assert_eq!(hours, 121, "the time in the relay's words, and a minute");
    ledger.run("update rest set until = since").await;
    drop(ledger);
    let said = fixture.run(&["due", "--quiet"]);
    assert_eq!((said.code, said.err.as_str(), taken(&relay).len()), (Some(0), "", 3), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cron_hears_one_sentence_of_what_is_about_us_with_the_right_code() {
    for (step, class, reply) in ABOUT_US {
        let (code, text) = split(reply);
        let refusing = relay(Script::new().at(step, Act::reply(code, text)).skip(1)).await;
        let fixture = Fixture::new();
        fixture.relay(refusing.address()).sending("connections = 1");
        scheduled(&fixture, "autumn", "at = \"2020-01-01T09:00Z\"\nmax_late = \"36500 days\"\n");
        let said = fixture.run(&["due", "--quiet"]);
        let expected = match class {
            "login" => 77,
            "sender" | "authentication" | "encryption" => 78,
            _ => 69,
        };
        assert_eq!(said.code, Some(expected), "{reply}: {said:?}");
        let lines: Vec<_> = said.err.lines().collect();
        let told = lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("  hint: ");
        assert!(told && lines[0].contains("; the relay `127.0.0.1:"), "{reply}: {said:?}");
        let cured = relay(Script::new()).await;
        let port = |relay: &SandboxRelay| format!("port = {}\n", relay.address().port());
        fixture.edit("linkpost.toml", &port(&refusing), &port(&cured));
        let said = fixture.run(&["due", "--quiet"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{reply}");
        assert_eq!((taken(&refusing).len(), taken(&cured).len()), (1, 2), "{reply}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_refused_is_told_in_one_line_and_by_the_exit_code_also_to_cron() {
    let script = Script::new()
        .at(Step::Rcpt, Act::reply(550, "5.1.1 user unknown"))
        .for_recipient("person2@example.com");
    let relay = relay(script).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "autumn", "at = \"2020-01-01T09:00Z\"\nmax_late = \"36500 days\"\n");
    let said = fixture.run(&["due", "--quiet"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(
        said.err.starts_with("note: of 3 mails 1 refused (`RCPT: 550 5.1.1 user unknown`): `linkpost status"),
        "{said:?}"
    );
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    let said = fixture.run(&["due", "--quiet"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "told once: {said:?}");
}

/// Real replies of providers, where they are at hand: whatever is said at whatever step, a row is sent, waits, or is
/// refused for a reason about this person or this message.
#[test]
fn no_real_reply_at_any_step_costs_somebody_their_mail_for_our_sake() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/replies/responses.toml");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: the real replies are not at hand");
        return;
    };
    let all: toml::Table = text.parse().unwrap();
    let mut looked_at = 0;
    for kind in ["bounce", "defer"] {
        for replies in all[kind].as_table().unwrap().values() {
            for reply in replies.as_array().unwrap() {
                let code = u16::try_from(reply["code"].as_integer().unwrap()).unwrap();
                let text = reply["msg"].as_str().unwrap();
                for step in [
                    replies::Step::Opening,
                    replies::Step::Mail,
                    replies::Step::Rcpt,
                    replies::Step::Data,
                    replies::Step::Dot,
                ] {
                    looked_at += 1;
                    let found = Rules::shipped().smtp(step, code, text);
                    let said = format!("{step:?} {code} {text}: {:?}", found.fault);
                    match found.fault {
                        Fault::Person => {
                            let us = ["your ip", "policy", "spam", "reputation", "relay", "authenticat"];
                            let lower = text.to_lowercase();
                            assert!(!found.everybody, "{said}");
                            assert!(!us.iter().any(|word| lower.contains(word)), "{said}");
                        }
                        Fault::Unclear => assert_eq!(code, 501, "{said}"),
                        Fault::Message
                        | Fault::Identity(_)
                        | Fault::Quota
                        | Fault::Reputation
                        | Fault::TooFast
                        | Fault::Theirs => {}
                    }
                }
            }
        }
    }
    assert!(looked_at > 200, "{looked_at}");
}

/// The table of the README is made from the rules.
#[test]
fn the_readme_tells_every_kind_of_refusal() {
    let mut table =
        String::from("| a relay says, for example | whose fault it is | in words |\n|---|---|---|\n");
    let mut kinds = BTreeMap::new();
    for row in Rules::table() {
        kinds.entry(row.fault.name()).or_insert(row);
        writeln!(table, "| `{}` | {} | {} |", row.example, row.fault.name(), row.say).unwrap();
    }
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.contains(&table), "the README wants this table:\n{table}");
    assert!(kinds.len() > 12, "{kinds:?}");
}
