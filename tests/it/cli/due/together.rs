//! Three programs `linkpost due`, started at the same moment on one ledger and one relay: each occasion once, each mail
//! once, and nobody is blamed for having come second.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Stdio},
};

use linkpost::sandbox::{Keep, Options, SandboxRelay, Script};

use crate::support::{
    faketime::{library, shift},
    fixture::{Fixture, scheduled},
    long,
    mails::taken,
};

const PEOPLE: usize = 12;
/// A minute apart, and nobody is told of those that nobody was there for.
const MINUTELY: &str = "every = \"1 minute\"\nfrom = \"2026-11-20T09:00Z\"\nmax_late = \"1 minute\"\n";

async fn world() -> (Fixture, SandboxRelay) {
    let options = Options { script: Script::new(), keep: Keep::Memory, ..Options::default() };
    let relay = SandboxRelay::start(options).await.unwrap();
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(PEOPLE).sending("connections = 2");
    scheduled(&fixture, "autumn", MINUTELY);
    fixture.edit("campaigns/autumn.toml", "waitlist", "promo");
    (fixture, relay)
}

/// Starts one whose clock shows so many seconds after nine.
fn start(fixture: &Fixture, library: &str, seconds: i64) -> Child {
    let mut command = fixture.command(&["due"]);
    let nine: jiff::civil::DateTime = "2026-11-23T09:00".parse().unwrap();
    let time = nine + jiff::SignedDuration::from_secs(seconds);
    shift(&mut command, library, &time.strftime("@%Y-%m-%d %H:%M:%S").to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Three at once, each with its own clock; their exit codes, and what they said.
fn together(fixture: &Fixture, library: &str, clocks: [i64; 3]) -> (BTreeSet<i32>, String) {
    let started = clocks.map(|seconds| start(fixture, library, seconds));
    let ended = started.map(|child| child.wait_with_output().unwrap());
    let said = ended.iter().map(|end| String::from_utf8_lossy(&end.stderr).into_owned()).collect();
    (ended.iter().filter_map(|end| end.status.code()).collect(), said)
}

/// How many mails each occasion's people have, by the mails' own ids: an id stands for a person and an occasion.
fn mails(relay: &SandboxRelay) -> BTreeMap<String, usize> {
    let mut mails = BTreeMap::new();
    for mail in taken(relay) {
        *mails.entry(mail.message_id).or_default() += 1;
    }
    mails
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_that_tick_together_send_each_occasion_once() {
    let Some(library) = library() else { return };
    let (fixture, relay) = world().await;
    let rounds = if long() { 60 } else { 6 };
    for round in 0..rounds {
        // Within one minute, so that all three mean the same occasion.
        let (codes, said) = together(&fixture, library, [20, 5, 50].map(|clock| clock + 60 * round));
        assert!(codes.contains(&0) && codes.iter().all(|code| [0, 75].contains(code)), "{codes:?} {said}");
        let sent = PEOPLE * usize::try_from(round + 1).unwrap();
        let mails = mails(&relay);
        assert_eq!((mails.len(), mails.values().sum()), (sent, sent), "{said}");
    }
    let books = fixture.run(&["status", "campaigns/autumn.toml", "--json"]);
    let occasions = books.out.matches("2026-11-23T09:").count();
    assert!(occasions >= usize::try_from(rounds).unwrap(), "{books:?}");
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_whose_clocks_differ_never_mail_an_occasion_twice() {
    let Some(library) = library() else { return };
    let (fixture, relay) = world().await;
    let rounds = if long() { 60 } else { 5 };
    for round in 0..rounds {
        let skews = [[-90, 0, 110], [119, -119, 30], [0, 59, 61]][usize::try_from(round).unwrap() % 3];
        let (codes, said) = together(&fixture, library, skews.map(|skew| skew + 300 + 60 * round));
        // One that is behind may find that a newer occasion has taken the place of its own.
        assert!(codes.iter().all(|code| [0, 3, 75].contains(code)), "{codes:?} {said}");
        let mails = mails(&relay);
        assert!(mails.values().all(|count| *count == 1), "{said}");
        assert_eq!(mails.len() % PEOPLE, 0, "{} mails: {said}", mails.len());
    }
    assert_eq!(fixture.run(&["ledger", "verify"]).code, Some(0));
}
