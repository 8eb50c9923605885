//! Mails whose answer was lost: the rules for all of them, a decision by hand, and the relay's log.

use linkpost::sandbox::{Act, Options, SandboxRelay, Script, Step};

use crate::support::{
    fixture::{Fixture, Said},
    mails::{counts, taken, token},
    sql::sql,
};

/// A relay that takes the mails to these people and hangs up before it says so, once each.
async fn lossy(people: &[usize]) -> SandboxRelay {
    let mut script = Script::new();
    for person in people {
        script = script
            .at(Step::Dot, Act::accept_then(Act::Drop))
            .for_recipient(&format!("person{person}@example.com"))
            .times(1);
    }
    SandboxRelay::start(Options { script, ..Options::default() }).await.unwrap()
}

/// A campaign for this many people, sent once through the relay.
fn sent(relay: &SandboxRelay, people: usize) -> Fixture {
    let fixture = Fixture::new();
    patient(fixture.relay(relay.address()).people(people));
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    fixture
}

/// Lost answers are failures of the relay, too: the run outlasts them.
fn patient(fixture: &Fixture) {
    fixture.edit("linkpost.toml", "give_up_after = \"1 ms\"", "give_up_after = \"5 min\"");
}

fn unknown(fixture: &Fixture) -> Vec<String> {
    let said = fixture.run(&["status", "spring.toml", "--rows", "unknown"]);
    said.out.lines().skip(1).map(str::to_owned).collect()
}

/// The Message-ID of the first unknown row.
fn message_id(fixture: &Fixture) -> String {
    unknown(fixture)[0].split(',').nth(5).unwrap().to_owned()
}

async fn audit(fixture: &Fixture) -> Vec<(String, String, String)> {
    let all = "select source, state, reason from resolution order by id";
    sql(fixture.path("linkpost.db")).await.rows(all).await
}

fn resolve(fixture: &Fixture, arguments: &[&str]) -> Said {
    let all: Vec<_> = ["resolve", "spring.toml"].iter().chain(arguments).copied().collect();
    fixture.run(&all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resend_sends_the_same_link_and_message_id_again_and_skip_takes_them_as_sent() {
    let relay = lossy(&[2]).await;
    let fixture = sent(&relay, 3);
    let said = fixture.run(&["send", "spring.toml", "--yes", "--on-unknown", "resend"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("WHO GOT THE FIRST ONE GETS IT TWICE"), "{said:?}");
    let mails = taken(&relay);
    assert_eq!(counts(&mails)["person2@example.com"], 2);
    let twice: Vec<_> = mails.iter().filter(|mail| mail.recipient == "person2@example.com").collect();
    assert_eq!(twice[0].message_id, twice[1].message_id);
    assert_eq!(token(&twice[0].text), token(&twice[1].text));
    let reason = "sent again by `--on-unknown resend`";
    assert_eq!(audit(&fixture).await, [("rule".into(), "pending".into(), reason.into())]);

    let relay = lossy(&[1]).await;
    let fixture = sent(&relay, 3);
    let said = fixture.run(&["send", "spring.toml", "--yes", "--on-unknown", "skip"]);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
    assert_eq!(audit(&fixture).await[0].1, "sent");
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_unknown_mails_are_not_sent_again_without_force() {
    let people: Vec<_> = (1..=11).collect();
    let relay = lossy(&people).await;
    let fixture = Fixture::new();
    patient(fixture.relay(relay.address()).people(20));
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, unknown(&fixture).len()), (Some(3), 11), "{said:?}");
    let said = fixture.run(&["send", "spring.toml", "--yes", "--on-unknown", "resend"]);
    assert_eq!((said.code, relay.count()), (Some(3), 20), "{said:?}");
    assert!(said.err.contains("11 mails of 20 would be sent again"), "{said:?}");
    let said = fixture.run(&["send", "spring.toml", "--yes", "--on-unknown", "resend", "--force"]);
    assert_eq!((said.code, relay.count()), (Some(0), 31), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_decides_by_message_id_or_address_and_it_is_written_down_for_good() {
    let relay = lossy(&[1, 2, 3]).await;
    let fixture = sent(&relay, 5);
    let id = message_id(&fixture);
    let why = ["--as", "sent", "--reason", "seen in the inbox of person1@example.com"];
    let said = resolve(&fixture, &[&["--message-id", id.trim_matches(['<', '>'])][..], &why].concat());
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.out.contains("p***@example.com,sent,"), "{said:?}");
    let said =
        resolve(&fixture, &["--only", "person2@example.com", "--as", "rejected", "--reason", "left us"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let said = resolve(&fixture, &["--only", "user_3", "--as", "pending", "--reason", "relay lost its disk"]);
    assert_eq!((said.code, unknown(&fixture).len()), (Some(0), 0), "{said:?}");
    let expected = [
        ("hand", "sent", "seen in the inbox of p***@example.com"),
        ("hand", "rejected", "left us"),
        ("hand", "pending", "relay lost its disk"),
    ];
    let found = audit(&fixture).await;
    let found: Vec<_> = found.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(found, expected);
    for statement in ["update resolution set reason = ''", "delete from resolution"] {
        let mut ledger = sql(fixture.path("linkpost.db")).await;
        assert!(ledger.try_run(statement).await.is_err(), "{statement}");
    }
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, counts(&taken(&relay))["person3@example.com"]), (Some(0), 2), "{said:?}");
    let said = resolve(&fixture, &[&["--message-id", &id][..], &why].concat());
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
    for wrong in [&["--only", "x"][..], &["--only", "x", "--as", "sent"], &["--as", "sent", "--reason", "x"]]
    {
        assert_eq!(resolve(&fixture, wrong).code, Some(2), "{wrong:?}");
    }
}

/// The fixture's campaign with a schedule: due since long ago, and begun however late.
fn scheduled(fixture: &Fixture) {
    let schedule = "[schedule]\nat = \"2020-01-01T09:00Z\"\nmax_late = \"36500 days\"\n";
    let campaign = fixture.read("spring.toml");
    fixture.file("spring.toml", format!("{campaign}{schedule}"));
}

const AGAIN: [&str; 6] = ["--only", "user_1", "--as", "pending", "--reason", "the relay lost its disk"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occasion_that_was_given_up_takes_no_mail_back() {
    let relay = lossy(&[1]).await;
    let fixture = Fixture::new();
    patient(fixture.relay(relay.address()));
    scheduled(&fixture);
    let said = fixture.run(&["send", "spring.toml", "--yes", "--limit", "2"]);
    assert_eq!((said.code, unknown(&fixture).len()), (Some(75), 1), "{said:?}");
    fixture.edit("spring.toml", "[schedule]\n", "[schedule]\ncancelled = true\n");
    let said = fixture.run(&["due", "."]);
    assert!(said.err.contains("the occasion `once` is over: 1 mail that waited expired"), "{said:?}");
    fixture.edit("spring.toml", "cancelled = true\n", "");
    let said = resolve(&fixture, &AGAIN);
    assert_eq!((said.code, said.out.as_str()), (Some(78), ""), "{said:?}");
    assert!(
        said.err.contains(
            "error: the occasion `once` is over (the campaign was cancelled), so nothing of it is sent again\n  \
             hint: decide `--as sent` or `--as rejected`"
        ),
        "{said:?}"
    );
    assert_eq!((unknown(&fixture).len(), audit(&fixture).await.len()), (1, 0));
    let said = resolve(&fixture, &["--only", "user_1", "--as", "sent", "--reason", "seen"]);
    assert_eq!((said.code, unknown(&fixture).len()), (Some(0), 0), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shall_be_sent_again_is_told_with_the_command_that_does_it() {
    let relay = lossy(&[1]).await;
    let fixture = Fixture::new();
    patient(fixture.relay(relay.address()));
    scheduled(&fixture);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, unknown(&fixture).len()), (Some(3), 1), "{said:?}");
    // Cancelled with nothing that waits: the occasion was not given up, and still no run takes it up.
    fixture.edit("spring.toml", "[schedule]\n", "[schedule]\ncancelled = true\n");
    let said = resolve(&fixture, &AGAIN);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains("`spring` is cancelled, so nothing of it is sent again"), "{said:?}");
    assert_eq!(unknown(&fixture).len(), 1);
    fixture.edit("spring.toml", "cancelled = true\n", "");
    let said = resolve(&fixture, &AGAIN);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("to send it: linkpost send spring.toml --occasion once\n"), "{said:?}");
    let said = fixture.run(&["send", "spring.toml", "--occasion", "once", "--yes"]);
    assert_eq!((said.code, counts(&taken(&relay))["person1@example.com"]), (Some(0), 2), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relays_log_decides_by_message_id() {
    let relay = lossy(&[1, 2, 3, 4]).await;
    let fixture = Fixture::new();
    patient(fixture.relay(relay.address()).people(6));
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(3));
    let ids: std::collections::BTreeMap<_, _> =
        taken(&relay).into_iter().map(|mail| (mail.recipient, mail.message_id)).collect();
    let id = |person: usize| &ids[&format!("person{person}@example.com")];
    let log = format!(
        "Nov 22 09:30:01 mx postfix/cleanup[11]: 4A1: message-id=<{}>\n\
         Nov 22 09:30:02 mx postfix/smtp[13]: 4A1: to=<person1@example.com>, relay=x, dsn=2.0.0, status=sent (250 ok person1@example.com)\n\
         2026-11-22T09:30:01.1+01:00 mx postfix/cleanup[11]: 4A2: message-id=<{}>\n\
         2026-11-22T09:30:02.1+01:00 mx postfix/smtp[13]: 4A2: to=<person2@example.com>, relay=x, dsn=5.1.1, status=bounced (550 5.1.1 no)\n\
         Nov 22 09:30:03 mx postfix/cleanup[11]: 4A3: message-id=<{}>\n",
        id(1),
        id(2),
        id(3)
    );
    fixture.file("mail.log", log);
    let said = resolve(&fixture, &["--log", "mail.log"]);
    assert_eq!((said.code, unknown(&fixture).len()), (Some(3), 2), "{said:?}");
    assert!(said.err.contains("2 mails decided, 2 mails unknown still"), "{said:?}");
    assert!(said.err.contains("1 mail of these the log mentions"), "{said:?}");
    assert_eq!(said.out.lines().count(), 2, "{said:?}");
    let mut found = audit(&fixture).await;
    found.sort();
    assert_eq!(found[0].2, "the relay's log: status=bounced (550 5.1.1 no)");
    assert_eq!(found[1].2, "the relay's log: status=sent (250 ok p***@example.com)");
    let again = resolve(&fixture, &["--log", "mail.log"]);
    assert_eq!((again.code, again.out.as_str()), (Some(3), ""), "{again:?}");
    fixture.file("mail.log.1.gz", b"\x1f\x8b\x08\0");
    let packed = resolve(&fixture, &["--log", "mail.log.1.gz"]);
    assert_eq!(packed.code, Some(2), "{packed:?}");
    assert!(packed.err.contains("zcat mail.log.1.gz | linkpost resolve spring.toml --log -"), "{packed:?}");
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_decides_in_whichever_form_it_comes() {
    let relay = lossy(&[1, 2, 3]).await;
    let fixture = Fixture::new();
    patient(fixture.relay(relay.address()));
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(3));
    let ids: std::collections::BTreeMap<_, _> =
        taken(&relay).into_iter().map(|mail| (mail.recipient, mail.message_id)).collect();
    let id = |person: usize| &ids[&format!("person{person}@example.com")];
    let decided = |log: &[u8], form: &str| {
        fixture.file("mail.log", log);
        let said = resolve(&fixture, &["--log", "mail.log"]);
        assert!(said.err.contains("1 mail decided") && said.err.contains(form), "{form}: {said:?}");
    };
    let journal = |text: &str| format!("{{\"SYSLOG_IDENTIFIER\":\"postfix/x\",\"MESSAGE\":\"{text}\"}}\n");
    let taken = format!("4A1B2C: message-id=<{}>", id(1));
    let status = "4A1B2C: to=<x>, status=sent (250 ok)";
    decided((journal(&taken) + &journal(status)).as_bytes(), "mail.log: 2 lines of Postfix\n");
    let rfc5424 = format!(
        "<22>1 2026-11-22T09:30:01Z mx postfix/cleanup 1 - - 4A2B2C: message-id=<{}>\r\n\
         <22>1 2026-11-22T09:30:02Z mx postfix/smtp 1 - - 4A2B2C: to=<x>, status=bounced (550 no)\r\n",
        id(2)
    );
    let utf16: Vec<u8> = format!("\u{feff}{rfc5424}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    decided(&utf16, "mail.log: 2 lines of Postfix\n");
    let exim = format!("2026-11-22 09:30:01 1wXyZa-0000Ab-3C <= news@example.com P=esmtp S=9 id={}\n", id(3));
    decided(exim.as_bytes(), "mail.log: 1 line of Exim\n");
    let mut found: Vec<_> =
        audit(&fixture).await.into_iter().map(|(_, state, reason)| (state, reason)).collect();
    found.sort();
    let expected = [
        ("rejected", "the relay's log: status=bounced (550 no)"),
        ("sent", "the relay's log: in the relay's queue"),
        ("sent", "the relay's log: status=sent (250 ok)"),
    ];
    assert_eq!(found, expected.map(|(state, reason)| (state.to_owned(), reason.to_owned())));
}
