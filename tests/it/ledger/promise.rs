//! Tests of `ledger`: what holds whatever happens, and that it holds for long lists too.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use linkpost::{
    audience::Row,
    clock::Clock,
    ledger::{
        Accept, Claim, Held, Intended, Intent, Ledger, Options, PutBack, Run, Selection, Source, State,
    },
};
use proptest::{collection::vec, prelude::*};

use crate::ledger::desk::{
    Desk, OCCASION, accepted, attempt, claim, deferred, enlist, mark, recipient, rejected, row, unknown,
};

/// A thing that happens to a campaign.
#[derive(Debug, Clone)]
enum Event {
    /// A list of (user, mailbox), perhaps given up at the end.
    List(Vec<(u8, u8)>, bool),
    Claim(u32),
    Intend,
    Settle(u8),
    SettleClaim(bool),
    Release,
    Expire,
    Later,
    /// Somebody asks for every row that there is to be put back.
    Retry,
    /// The run dies with all that it holds.
    Crash,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (vec((0..8_u8, 0..8_u8), 0..10), prop::bool::weighted(0.2)).prop_map(|(rows, gone)| Event::List(rows, gone)),
        4 => (1..4_u32).prop_map(Event::Claim),
        6 => Just(Event::Intend),
        6 => (0..4_u8).prop_map(Event::Settle),
        1 => any::<bool>().prop_map(Event::SettleClaim),
        1 => Just(Event::Release),
        1 => Just(Event::Expire),
        2 => Just(Event::Later),
        2 => Just(Event::Retry),
        2 => Just(Event::Crash),
    ]
}

/// What a recipient's mailboxes have been through, kept beside the ledger as the relay would know it.
#[derive(Default)]
struct Relay {
    /// Rows that may have been mailed, and where: an intent was given and no definite "no" followed.
    perhaps: BTreeMap<String, String>,
    listed: usize,
}

struct World {
    desk: Desk,
    time: Timestamp,
    run: Option<Run>,
    claims: Vec<Claim>,
    intents: Vec<Intent>,
    relay: Relay,
}

impl World {
    async fn new() -> Self {
        let time = "2026-11-22T10:00:00Z".parse().unwrap_or_default();
        let mut world = Self {
            desk: Desk::new(),
            time,
            run: None,
            claims: Vec::new(),
            intents: Vec::new(),
            relay: Relay::default(),
        };
        world.begin().await;
        world
    }

    async fn begin(&mut self) {
        self.claims.clear();
        self.intents.clear();
        self.run = None;
        let ledger = self.desk.ledger_at(Clock::Stopped(self.time)).await;
        self.run = Some(
            ledger.begin(&self.desk.campaign, OCCASION, Accept::default()).await.expect("the lock is free"),
        );
    }

    fn run(&self) -> &Run {
        self.run.as_ref().expect("a run is on")
    }

    async fn apply(&mut self, event: Event) {
        match event {
            Event::List(rows, given_up) => self.list(&rows, given_up).await,
            Event::Claim(limit) => {
                let claims = self.run().claim(&Selection::default(), limit).await.expect("claimed");
                self.claims.extend(claims);
            }
            Event::Intend => self.intend().await,
            Event::Settle(which) => self.settle(usize::from(which)).await,
            Event::SettleClaim(lasting) => {
                if let Some(claim) = self.claims.pop() {
                    let outcome = if lasting { rejected() } else { deferred() };
                    self.run().settle(claim, outcome).await.expect("written");
                }
            }
            Event::Release => self.release().await,
            Event::Expire => {
                self.run().expire(SignedDuration::from_hours(8)).await.expect("written");
            }
            Event::Retry => self.put_all_back().await,
            Event::Later => {
                self.time += SignedDuration::from_hours(3);
                self.begin().await;
            }
            Event::Crash => self.begin().await,
        }
    }

    async fn release(&mut self) {
        let claims = std::mem::take(&mut self.claims);
        self.run().release(claims).await.expect("written");
    }

    async fn list(&mut self, rows: &[(u8, u8)], given_up: bool) {
        // A run takes in its list before it claims.
        self.release().await;
        let list: Vec<_> = (2..)
            .zip(rows)
            .map(|(line, (user, box_))| {
                Row::Good(recipient(line, &format!("u{user}"), &format!("m{box_}@example.com")))
            })
            .collect();
        let mut enlistment = self.run().enlist().await.expect("begun");
        enlistment.add(list).await.expect("added");
        if given_up {
            enlistment.abandon().await.expect("given up");
            return;
        }
        let plan = enlistment.finish(mark()).await.expect("finished");
        self.relay.listed = rows.len();
        let parts = plan.new
            + plan.changed
            + plan.unchanged
            + plan.returned
            + plan.corrected
            + plan.changed_after_sent
            + plan.changed_after_end
            + plan.duplicates
            + plan.invalid;
        assert_eq!((plan.rows, parts), (rows.len() as u64, rows.len() as u64));
    }

    async fn intend(&mut self) {
        let Some(claim) = self.claims.pop() else { return };
        let key = claim.recipient().key.0.clone();
        let mailbox = claim.recipient().address.to_string();
        let words = attempt(&claim);
        let Intended::Go(intent) = self.run().intend(claim, words).await.expect("written") else { return };
        let mailed = &mut self.relay.perhaps;
        assert!(!mailed.values().any(|other| *other == mailbox), "{mailbox} may have a mail already");
        assert_eq!(mailed.insert(key.clone(), mailbox), None, "{key} may have a mail already");
        self.intents.push(intent);
    }

    async fn settle(&mut self, which: usize) {
        let Some(intent) = self.intents.pop() else { return };
        let key = intent.recipient().key.0.clone();
        let outcome = [accepted, unknown, deferred, rejected][which]();
        self.run().settle(Held::Intent(intent), outcome).await.expect("written");
        if which >= 2 {
            self.relay.perhaps.remove(&key);
        }
    }

    async fn put_all_back(&mut self) {
        let run = self.run();
        let mut rows = Vec::new();
        for state in State::ALL {
            rows.extend(run.rows(state, 0, 1000).await.expect("read"));
        }
        let all = rows.iter().map(|row| {
            let reason = "somebody asked".to_owned();
            PutBack { id: row.id, source: Source::Hand, reason }
        });
        let backs = run.put_back(all.collect()).await.expect("written");
        assert_eq!(backs.len(), rows.len(), "each is told what became of it");
    }

    /// What must hold after everything that happens.
    /// `again`: those who came to their end without a mail may wait again.
    async fn check(
        &self,
        before: &BTreeMap<i64, (String, State)>,
        again: bool,
    ) -> BTreeMap<i64, (String, State)> {
        assert_eq!(self.run().tally().await.expect("read").total(), self.relay.listed as u64, "the sum rule");
        let ledger = Ledger::open_existing(&self.desk.path().into(), Clock::System, &Options::default())
            .await
            .expect("opened");
        let views = ledger.rows(&self.desk.campaign, OCCASION, None, 0, 1000).await.expect("read");
        let mut now = BTreeMap::new();
        for view in views {
            let Some(key) = view.key else { continue };
            assert_eq!(
                view.state.is_mailed(),
                self.relay.perhaps.contains_key(&key),
                "{key} is {}, and the relay knows better",
                view.state
            );
            let silent = matches!(view.state, State::Pending | State::Claimed | State::Sending | State::Sent);
            assert!(silent || view.reason.is_some(), "{key} is {} without a reason", view.state);
            now.insert(view.id, (key, view.state));
        }
        for (id, (key, state)) in before {
            let found = now.get(id).map(|(_, state)| *state);
            let ended = matches!(state, State::Rejected | State::Expired);
            let put_back = again && ended && found == Some(State::Pending);
            if (ended && !put_back) || matches!(state, State::Sent | State::Unknown) {
                assert_eq!(found, Some(*state), "{key} moved by itself");
            }
            assert!(found.is_some(), "{key} has vanished");
        }
        now
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nobody_is_mailed_twice_and_the_sum_is_right(events in vec(event(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            let mut rows = BTreeMap::new();
            for event in events {
                let again = matches!(event, Event::Retry | Event::List(..));
                world.apply(event).await;
                rows = world.check(&rows, again).await;
            }
        });
    }
}

#[tokio::test]
async fn a_long_list_is_taken_in_whole_and_claimed_in_its_order() {
    let desk = Desk::new();
    let run = desk.run().await;
    let list = || (0..20_000).map(|n| row(n + 2, &format!("user{n}")));
    let mut enlistment = run.enlist().await.unwrap();
    let rows: Vec<_> = list().collect();
    for batch in rows.chunks(1000) {
        assert_eq!(enlistment.add(batch.to_vec()).await.unwrap(), []);
    }
    let plan = enlistment.finish(mark()).await.unwrap();
    assert_eq!((plan.rows, plan.new, plan.tally.get(State::Pending)), (20_000, 20_000, 20_000));
    assert_eq!(enlist(&run, list().rev().collect()).await.unchanged, 20_000);
    let plan = enlist(&run, list().skip(1000).collect()).await;
    assert_eq!((plan.unchanged, plan.withdrawn), (19_000, 1000));
    let mut next = 1002;
    for _ in 0..4 {
        for claim in claim(&run, 250).await {
            assert_eq!(claim.recipient().line, next);
            next += 1;
        }
    }
    assert_eq!(next, 2002);
}
