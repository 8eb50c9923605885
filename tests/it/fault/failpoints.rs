//! F3: the program dies at a named place, and the ledger is in exactly the state that the protocol promises there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::ExitStatusExt,
    process::Stdio,
};

use linkpost::{
    ledger::State,
    sandbox::{Event, Script},
};

use super::{Ordeal, told};
use crate::support::{books::Ledger, postbox::Postbox, skipped};

/// Where to die in a run of five rows on one connection, what the ledger holds then, how many mails the relay has taken
/// by then, and whether the row that was under way is unknown in the end.
struct Place {
    at: &'static str,
    ledger: &'static str,
    accepted: usize,
    unknown: bool,
}

const fn place(at: &'static str, ledger: &'static str, accepted: usize, unknown: bool) -> Place {
    Place { at, ledger, accepted, unknown }
}

/// In the order of a run. The second mail is the one under way, save where there is only one such moment.
const PLACES: [Place; 20] = [
    place("locked:1", "", 0, false),
    place("recovering:1", "", 0, false),
    place("begun:1", "", 0, false),
    place("listing:1", "", 0, false),
    place("listed:1", "pending 5", 0, false),
    place("claimed:1", "claimed 5", 0, false),
    place("minted:2", "claimed 4, sent 1", 1, false),
    place("composed:2", "claimed 4, sent 1", 1, false),
    place("MAIL:2", "claimed 4, sent 1", 1, false),
    place("RCPT:2", "claimed 4, sent 1", 1, false),
    place("DATA:2", "claimed 4, sent 1", 1, false),
    place("intending:2", "claimed 4, sent 1", 1, false),
    place("intended:2", "claimed 3, sending 1, sent 1", 1, true),
    // The body takes two writes: this is in the middle of the second mail's.
    place("body:3", "claimed 3, sending 1, sent 1", 1, true),
    place("before-dot:2", "claimed 3, sending 1, sent 1", 1, true),
    place("after-dot:2", "claimed 3, sending 1, sent 1", 2, true),
    place("answered:2", "claimed 3, sending 1, sent 1", 2, true),
    place("settling:2", "claimed 3, sending 1, sent 1", 2, true),
    place("settled:2", "claimed 3, sent 2", 2, false),
    place("released:1", "sent 5", 5, false),
];

/// Whether the program under test has failpoints; without, that is said aloud.
pub(super) fn there() -> bool {
    let there = cfg!(feature = "failpoints");
    if !there {
        skipped("built without `--features failpoints` (tests/run.sh runs it with them)");
    }
    there
}

/// The states in the ledger, as text.
async fn states(ordeal: &Ordeal) -> String {
    let states: BTreeMap<_, _> = Ledger::open(&ordeal.fixture).await.states().await;
    states.iter().map(|(state, number)| format!("{state} {number}")).collect::<Vec<_>>().join(", ")
}

/// Runs until the program dies at `at`.
fn crash(ordeal: &Ordeal, at: &str) {
    let mut command = ordeal.command();
    command.env("LINKPOST_CRASH_AT", at).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = command.status().unwrap();
    assert_eq!(ended.signal(), Some(6), "{at} was not reached: {ended}");
}

async fn five() -> Ordeal {
    let ordeal = Ordeal::new(Postbox::sandbox(Script::new()).await, 5, 1);
    let filler = "0123456789012345678901234567890123456789012345678901234567890123\n".repeat(1100);
    ordeal.fixture.edit("templates/spring/body.txt", "\n\nSign in", &format!("\n\n{filler}\nSign in"));
    ordeal
}

async fn die_at(place: &Place) -> usize {
    let mut ordeal = five().await;
    crash(&ordeal, place.at);
    assert_eq!(states(&ordeal).await, place.ledger, "{}", place.at);
    // The relay lives on and takes what is on the wire: wait until it has seen the end of the connection.
    if place.accepted > 0 {
        ordeal.postbox.relay().until(|event| matches!(event, Event::Closed { .. })).await;
    }
    assert_eq!(ordeal.postbox.accepted().len(), place.accepted, "{}", place.at);
    ordeal.lost = usize::from(place.unknown);
    let found = ordeal.end().await;
    assert_eq!(found.count(State::Unknown), ordeal.lost, "{}: {}", place.at, found.line());
    assert_eq!(found.count(State::Sent), 5 - ordeal.lost, "{}: {}", place.at, found.line());
    found.count(State::Unknown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_place_to_die_leaves_the_state_that_the_protocol_promises() {
    if !there() {
        return;
    }
    let mut unknown = 0;
    for place in &PLACES {
        unknown += die_at(place).await;
    }
    let (places, rows) = (PLACES.len(), 5 * PLACES.len());
    told(&format!(
        "F3 failpoints | places {places} | rows {rows} | duplicates 0 | lost 0 | unknown {unknown}"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_again_while_recovering_changes_nothing() {
    if !there() {
        return;
    }
    let mut ordeal = five().await;
    crash(&ordeal, "after-dot:2");
    for at in ["locked:1", "recovering:1"] {
        crash(&ordeal, at);
        assert_eq!(states(&ordeal).await, "claimed 3, sending 1, sent 1", "{at}");
    }
    crash(&ordeal, "begun:1");
    assert_eq!(states(&ordeal).await, "pending 3, sent 1, unknown 1");
    ordeal.lost = 1;
    let found = ordeal.end().await;
    assert_eq!((found.count(State::Unknown), found.accepted), (1, 5), "{}", found.line());
}

#[test]
fn every_place_in_the_program_is_in_the_table() {
    let mut named = BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            for call in ["failpoint::reach(\"", ".pass(\""] {
                for (at, _) in text.match_indices(call) {
                    let call = text[at..].split(')').next().unwrap();
                    named.extend(call.split('"').skip(1).step_by(2).map(str::to_owned));
                }
            }
        }
    }
    // Where a journal is written the database has failed: `storage` goes there.
    let elsewhere = ["kept"];
    let mut table: BTreeSet<_> =
        PLACES.iter().map(|place| place.at.split(':').next().unwrap().to_owned()).collect();
    table.retain(|name| !["MAIL", "RCPT", "DATA"].contains(&name.as_str()));
    table.extend(elsewhere.map(str::to_owned));
    assert_eq!(named, table);
}

#[test]
fn a_program_without_the_feature_has_no_failpoints_in_it() {
    let program = fs::read(env!("CARGO_BIN_EXE_linkpost")).unwrap();
    let program = String::from_utf8_lossy(&program);
    for name in ["LINKPOST_CRASH_AT", "LINKPOST_STOP_AT"] {
        assert_eq!(program.contains(name), cfg!(feature = "failpoints"), "{name}");
    }
}
