//! F1: `kill -9` at random instants, restarted until quiet, against two relays.

use std::{ops::AddAssign, time::Duration};

use linkpost::{ledger::State, sandbox::Script};

use super::{Ordeal, told};
use crate::support::{chance::Chance, long, postbox::Postbox, skipped, wait};

/// What came of a number of campaigns.
#[derive(Default)]
struct Sum {
    campaigns: usize,
    kills: usize,
    rows: usize,
    accepted: usize,
    unknown: usize,
    allowed: usize,
    /// Unknown rows whose mail the relay has after all.
    arrived: usize,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.campaigns += other.campaigns;
        self.kills += other.kills;
        self.rows += other.rows;
        self.accepted += other.accepted;
        self.unknown += other.unknown;
        self.allowed += other.allowed;
        self.arrived += other.arrived;
    }
}

/// Kills a campaign up to `most` times, each time within `longest`, until a run comes through; then one more run.
async fn ordeal(chance: &mut Chance, postbox: Postbox, people: usize, most: usize, longest: Duration) -> Sum {
    let connections = chance.below(1..9);
    let mut ordeal = Ordeal::new(postbox, people, connections);
    let mut kills = 0;
    while kills < most {
        let while_sending = chance.percent(70);
        let before = ordeal.postbox.count();
        let mut run = ordeal.start();
        // Most of the time counts from the first mail, so that a slow machine is not only killed while it starts.
        if while_sending {
            wait::until(|| ordeal.postbox.count() > before || wait::ended(&run));
        }
        chance.pause(longest);
        if let Some(ended) = run.try_wait().unwrap() {
            assert!(matches!(ended.code(), Some(0 | 3)), "a run ended by itself with {ended}");
            break;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        kills += 1;
        ordeal.killed();
    }
    let found = ordeal.end().await;
    let unknown = found.count(State::Unknown);
    let sent = found.count(State::Sent);
    // Lost: neither sent nor told as unknown.
    assert_eq!(sent + unknown, people, "{}", found.line());
    Sum {
        campaigns: 1,
        kills,
        rows: people,
        accepted: found.accepted,
        unknown,
        allowed: kills * connections,
        arrived: found.accepted - sent,
    }
}

/// Campaigns of `people` until there were `kills`, by turns against our relay and Postfix's.
async fn programme(what: &'static str, kills: usize, people: usize, longest: Duration) {
    let mut chance = Chance::new(what);
    let mut sum = Sum::default();
    while sum.kills < kills {
        let sink = if sum.campaigns % 2 == 1 { Postbox::sink() } else { None };
        let postbox = match sink {
            Some(sink) => sink,
            None => Postbox::sandbox(Script::new()).await,
        };
        sum += ordeal(&mut chance, postbox, people, kills - sum.kills, longest).await;
    }
    let Sum { campaigns, kills, rows, accepted, unknown, allowed, arrived } = sum;
    told(&format!(
        "{what} | campaigns {campaigns} | kills {kills} | rows {rows} | accepted {accepted} | duplicates 0 | lost 0 | \
         unknown {unknown} of {allowed} allowed ({arrived} of them had arrived)"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_anywhere_sends_nobody_twice_and_loses_nobody() {
    programme("F1 kill -9", 40, 200, Duration::from_millis(250)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_of_two_thousand_rows() {
    if !long() {
        skipped("F1, 200 kills on 2,000 rows (LINKPOST_TEST_LONG)");
        return;
    }
    programme("F1 kill -9, long", 200, 2000, Duration::from_millis(500)).await;
}
