//! A year of cron ticks on stopped clocks: two machines that tick together, sleep, are killed in the middle, and live
//! through both changes of the clocks. Real schedules, a real ledger; only the relay is left out. Without
//! `LINKPOST_TEST_LONG` the year of baskets is its two months around the changes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use linkpost::{
    audience::Row,
    campaign::Campaign,
    ledger::{Claim, Intended, LedgerError, Run, Tick},
    schedule::{Act, Schedule},
};

use crate::ledger_desk::{Desk, accepted, at, attempt, cart, claim, enlist};

const YEAR: (&str, &str) = ("2026-12-01T00:00Z", "2027-12-01T00:00Z");

/// The same numbers on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What became of the due times, and who was mailed.
#[derive(Default)]
struct Year {
    begun: BTreeMap<Timestamp, u32>,
    skipped: BTreeMap<String, u32>,
    mailed: BTreeMap<String, u32>,
    busy: u32,
    killed: u32,
    waited: u64,
}

fn campaign(desk: &Desk, kind: &str, schedule: &str) -> Campaign {
    let path = desk.folder.path().join("spring.toml");
    let text = format!(
        "name = \"spring\"\nkind = \"{kind}\"\ntemplate = \"t\"\n[audience]\ncsv = \"c.csv\"\n[schedule]\n{schedule}"
    );
    std::fs::write(&path, text).unwrap();
    Campaign::load(&path).unwrap()
}

/// The carts that the shop exports at a time: each is on the lists of two days.
fn carts(now: Timestamp) -> Vec<Row> {
    let day = now.as_second() / 86_400;
    (day - 1..=day)
        .zip(2..)
        .map(|(day, line)| cart(line, &format!("user{}", day % 40), &format!("c{day}")))
        .collect()
}

/// Sends until the dice say that the machine loses power; `true` where it got to the end.
async fn send(run: &Run, year: &mut Year, dice: &mut Dice, deadly: bool, occasion: &str) -> bool {
    loop {
        let claims: Vec<Claim> = claim(run, 1).await;
        let Some(claim) = claims.into_iter().next() else { return true };
        if deadly && dice.roll(4) == 0 {
            return false;
        }
        let key = format!("{:?}", claim.recipient().key.0);
        let mut attempt = attempt(&claim);
        for (at, byte) in occasion.bytes().enumerate() {
            attempt.token.jti_hash[at % 32] ^= byte.rotate_left(3);
        }
        let Intended::Go(intent) = run.intend(claim, attempt).await.unwrap() else { continue };
        *year.mailed.entry(key).or_default() += 1;
        if deadly && dice.roll(4) == 0 {
            return false;
        }
        run.settle(intent, accepted()).await.unwrap();
    }
}

/// One tick of one machine.
async fn tick(desk: &Desk, campaign: &Campaign, now: Timestamp, year: &mut Year, dice: &mut Dice) {
    let schedule = campaign.schedule.as_ref().unwrap();
    let ledger = desk.ledger_at(at(&now.to_string())).await;
    let tick = match ledger.tick(campaign, schedule).await {
        Ok(tick) => tick,
        Err(LedgerError::Busy { .. }) => {
            year.busy += 1;
            return;
        }
        Err(error) => panic!("{now}: {error}"),
    };
    told(year, &tick, schedule, now);
    let (Act::Begin(due) | Act::GoOn(due)) = tick.act else { return };
    assert!(due <= now, "{due} {now}");
    let occasion = schedule.occasion(due, &campaign.occasion);
    let mut run = match ledger.begin(&campaign.id, &occasion).await {
        Ok(run) => run,
        Err(LedgerError::Busy { .. }) => {
            year.busy += 1;
            return;
        }
        Err(error) => panic!("{now}: {error}"),
    };
    run.plan(Some(due), campaign.once_in()).await.unwrap();
    let deadly = dice.roll(5) == 0;
    if let Act::Begin(_) = tick.act {
        if deadly && dice.roll(5) == 0 {
            year.killed += 1;
            return;
        }
        enlist(&run, carts(now)).await;
        *year.begun.entry(due).or_default() += 1;
    }
    // The other machine ticks while this one is at it.
    if dice.roll(8) == 0 {
        let other = desk.ledger_at(at(&now.to_string())).await;
        match other.tick(campaign, schedule).await {
            Ok(second) => {
                told(year, &second, schedule, now);
                assert!(
                    matches!(second.act, Act::GoOn(same) if same == due)
                        || matches!(second.act, Act::Nothing(_)),
                    "{second:?}"
                );
                if let Act::GoOn(_) = second.act {
                    assert!(matches!(
                        other.begin(&campaign.id, &occasion).await,
                        Err(LedgerError::Busy { .. })
                    ));
                    year.busy += 1;
                }
            }
            Err(error) => panic!("{now}: {error}"),
        }
    }
    if !send(&run, year, dice, deadly, &occasion).await {
        year.killed += 1;
    }
}

fn told(year: &mut Year, tick: &Tick, schedule: &Schedule, now: Timestamp) {
    for skipped in &tick.skipped {
        *year.skipped.entry(skipped.occasion.clone()).or_default() += 1;
        assert!(!skipped.reason.is_empty() && skipped.due <= now);
    }
    year.waited += tick.given_up.iter().map(|(_, waited)| waited).sum::<u64>();
    assert_eq!(tick.next, schedule.next_after(now));
}

/// A time of ticks, a quarter of an hour apart, with sleeps of up to thirty hours.
async fn live(desk: &Desk, campaign: &Campaign, (from, to): (&str, &str), seed: u64) -> Year {
    let (mut year, mut dice) = (Year::default(), Dice(seed));
    let (mut now, end): (Timestamp, Timestamp) = (from.parse().unwrap(), to.parse().unwrap());
    let schedule = campaign.schedule.as_ref().unwrap();
    let quiet = desk.ledger().await;
    while now < end {
        // Most ticks have nothing to do; they are decided like any other, without opening the files anew.
        let history = quiet.history(&campaign.id).await.unwrap();
        let decision = schedule.decide(now, &history);
        if history.newest.is_none()
            || !decision.skipped.is_empty()
            || !matches!(decision.act, Act::Nothing(_))
        {
            tick(desk, campaign, now, &mut year, &mut dice).await;
        }
        let minutes = if dice.roll(300) == 0 { 60 * (1 + dice.roll(30)) } else { 15 };
        now += SignedDuration::from_mins(i64::try_from(minutes).unwrap());
    }
    year
}

/// Every due time of the year was begun once or told as skipped once, and never both.
fn check_books(campaign: &Campaign, from: &str, year: &Year) {
    let schedule = campaign.schedule.as_ref().unwrap();
    let last: Timestamp = year.begun.keys().next_back().copied().unwrap();
    let first = from.parse::<Timestamp>().unwrap();
    for due in schedule.dues_after(first).take_while(|due| *due <= last) {
        let name = schedule.occasion(due, &campaign.occasion);
        let (begun, skipped) = (year.begun.get(&due), year.skipped.get(&name));
        // A run that died before its list was taken in is begun anew; one that died later goes on.
        assert!(
            matches!((begun, skipped), (Some(1), None) | (None, Some(1))),
            "{name}: {begun:?} {skipped:?}"
        );
    }
    assert!(year.killed > 0 && year.busy > 0);
}

#[tokio::test]
async fn a_year_of_baskets_reminds_nobody_twice() {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
    let long = std::env::var("LINKPOST_TEST_LONG").is_ok();
    let spans = [("2027-03-13T00:00Z", "2027-04-12T00:00Z"), ("2027-10-17T00:00Z", "2027-11-16T00:00Z")];
    for span in if long { vec![YEAR] } else { spans.to_vec() } {
        baskets(span).await;
    }
}

async fn baskets(span: (&str, &str)) {
    let desk = Desk::new();
    let cron = "cron = \"30 2,14 * * *\"\nzone = \"Europe/Berlin\"\nmax_late = \"2 hours\"\n";
    let campaign = campaign(&desk, "abandoned-cart", cron);
    let year = live(&desk, &campaign, span, 7).await;
    check_books(&campaign, span.0, &year);
    let twice: Vec<_> = year.mailed.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(year.mailed.len() > 25, "{}", year.mailed.len());
    // Both odd days: the gap's 02:30 is due at 03:00, the doubled one comes once.
    let days: BTreeSet<_> = year.begun.keys().map(ToString::to_string).collect();
    let told =
        |name: &str| days.contains(&format!("{name}:00Z")) || year.skipped.contains_key(&format!("{name}Z"));
    let within = |name: &str| (span.0..span.1).contains(&name);
    for name in ["2027-03-28T01:00", "2027-10-31T00:30"].into_iter().filter(|name| within(name)) {
        assert!(told(name), "{name}");
    }
    assert!(!told("2027-10-31T01:30"));
}

#[tokio::test]
async fn a_year_of_offers_goes_out_once_on_each_occasion() {
    let desk = Desk::new();
    let every = "every = \"1 week\"\nfrom = \"2026-12-02T09:00[America/New_York]\"\ncatch_up = \"latest\"\n";
    let campaign = campaign(&desk, "promo", every);
    let year = live(&desk, &campaign, YEAR, 11).await;
    let schedule = campaign.schedule.as_ref().unwrap();
    let all =
        schedule.dues_after(YEAR.0.parse().unwrap()).take_while(|due| *due < YEAR.1.parse().unwrap()).count();
    // A week is longer than every sleep, so each is caught up with.
    assert_eq!((year.begun.len(), year.skipped.len()), (all, 0));
    assert!(year.begun.values().all(|times| *times == 1));
    for due in year.begun.keys() {
        let local = due.in_tz("America/New_York").unwrap();
        assert_eq!((local.hour(), local.minute()), (9, 0), "{local}");
    }
}
