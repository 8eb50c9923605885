//! A year of cron ticks on stopped clocks: three machines, each with a clock of its own that is off by up to two minutes,
//! tick in random order on one ledger, into each other's runs, sleep, are killed in the middle, and live through both
//! changes of the clocks. Real schedules, a real ledger; only the relay is left out. Without `LINKPOST_TEST_LONG` the
//! years of baskets and of mornings are weeks around the changes.
//!
//! The machines share one ledger file, as three programs on one host do; what differs between hosts is the clocks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use linkpost::{
    audience::Row,
    campaign::Campaign,
    ledger::{Accept, Claim, Intended, LedgerError, Run, Tick, hash_of},
    schedule::{Act, History, Schedule, zone},
};

use crate::{
    ledger::desk::{Desk, accepted, at, attempt, cart, claim, enlist},
    ledger::windows::ZONES,
    support::long,
};

const YEAR: (&str, &str) = ("2026-12-01T00:00Z", "2027-12-01T00:00Z");
const MACHINES: usize = 3;
/// How far a machine's clock may be off, in seconds.
const SKEW: u64 = 120;

/// The same numbers on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn upto(&mut self, seconds: u64) -> SignedDuration {
        SignedDuration::from_secs(i64::try_from(self.roll(seconds + 1)).unwrap())
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// What became of the due times, and who was mailed.
#[derive(Default)]
struct Year {
    begun: BTreeMap<Timestamp, u32>,
    skipped: BTreeMap<String, u32>,
    /// How often, by key and by occasion.
    mailed: BTreeMap<(String, String), u32>,
    busy: u32,
    raced: u32,
    killed: u32,
    waited: u64,
    lapsed: u64,
    /// Ticks that came while another run was at work.
    within: u32,
}

/// A computer with cron on it.
#[derive(Clone, Copy)]
struct Machine {
    /// What its clock shows beside the true time.
    skew: SignedDuration,
    asleep_until: Timestamp,
}

/// Whom the lists of a time name.
type People = fn(Timestamp) -> Vec<Row>;

struct World {
    desk: Desk,
    campaign: Campaign,
    people: People,
    machines: [Machine; MACHINES],
    /// The true time.
    now: Timestamp,
    dice: Dice,
    year: Year,
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

/// Somebody in each of thirty zones.
fn everywhere(_: Timestamp) -> Vec<Row> {
    let person = |(zone, line): (&str, u64)| {
        let Row::Good(mut recipient) = cart(line, &format!("user{line}"), "") else { unreachable!() };
        recipient.fields.insert("timezone".into(), zone.into());
        Row::Good(recipient)
    };
    ZONES.into_iter().zip(2..).map(person).collect()
}

impl World {
    fn new(kind: &str, schedule: &str, people: People, seed: u64) -> Self {
        let desk = Desk::new();
        let campaign = campaign(&desk, kind, schedule);
        let machines = [Machine { skew: SignedDuration::ZERO, asleep_until: Timestamp::MIN }; MACHINES];
        Self {
            desk,
            campaign,
            people,
            machines,
            now: Timestamp::MIN,
            dice: Dice(seed),
            year: Year::default(),
        }
    }

    fn schedule(&self) -> &Schedule {
        self.campaign.schedule.as_ref().unwrap()
    }

    /// What a machine's clock shows.
    fn clock(&self, machine: usize) -> Timestamp {
        self.now + self.machines[machine].skew
    }

    fn is_awake(&self, machine: usize) -> bool {
        self.machines[machine].asleep_until <= self.now
    }

    /// A time of ticks, so many minutes apart, with sleeps of up to thirty hours.
    async fn live(&mut self, (from, to): (&str, &str), apart: i64) {
        let end: Timestamp = to.parse().unwrap();
        self.now = from.parse().unwrap();
        let mut history = History::default();
        while self.now < end {
            let first = usize::try_from(self.dice.roll(MACHINES as u64)).unwrap();
            for nth in 0..MACHINES {
                let machine = (first + nth) % MACHINES;
                if self.is_awake(machine) && self.wakes(machine) && self.has_to_do(machine, &history) {
                    self.tick(machine, 0).await;
                    history = self.desk.ledger().await.history(&self.campaign.id, self.now).await.unwrap();
                }
            }
            self.now += SignedDuration::from_mins(apart);
        }
    }

    /// Now and then a machine goes to sleep, and when it wakes its clock is off by another bit.
    fn wakes(&mut self, machine: usize) -> bool {
        let sleeps = self.dice.one_in(150);
        if sleeps || self.machines[machine].asleep_until == Timestamp::MIN {
            let skew = self.dice.upto(2 * SKEW) - SignedDuration::from_secs(SKEW.cast_signed());
            let asleep = if sleeps { self.dice.upto(30 * 3600) } else { SignedDuration::ZERO };
            self.machines[machine] = Machine { skew, asleep_until: self.now + asleep };
        }
        !sleeps
    }

    /// Most ticks have nothing to do; they are decided like any other, without opening the files anew.
    fn has_to_do(&self, machine: usize, history: &History) -> bool {
        let decision = self.schedule().decide(self.clock(machine), history);
        history.newest.or(history.since).is_none()
            || !decision.skipped.is_empty()
            || !matches!(decision.act, Act::Nothing(_))
    }

    /// Somebody else's cron does not wait.
    async fn meanwhile(&mut self, depth: usize) {
        let other = usize::try_from(self.dice.roll(MACHINES as u64)).unwrap();
        if depth + 1 < MACHINES && self.dice.one_in(6) && self.is_awake(other) {
            self.year.within += 1;
            Box::pin(self.tick(other, depth + 1)).await;
        }
    }

    /// One tick of one machine, as `linkpost due` does it.
    async fn tick(&mut self, machine: usize, depth: usize) {
        let now = self.clock(machine);
        let ledger = self.desk.ledger_at(at(&now.to_string())).await;
        let tick = match ledger.tick(&self.campaign, self.schedule(), Accept::default()).await {
            Ok(tick) => tick,
            Err(LedgerError::Busy { .. }) => {
                self.year.busy += 1;
                return;
            }
            Err(error) => panic!("{now}: {error}"),
        };
        self.told(&tick, now);
        let (Act::Begin(due) | Act::GoOn(due)) = tick.act else { return };
        assert!(due <= now, "{due} {now}");
        self.meanwhile(depth).await;
        let occasion = self.schedule().occasion(due, &self.campaign.occasion);
        let mut run = match ledger.begin(&self.campaign.id, &occasion, Accept::default()).await {
            Ok(run) => run,
            Err(LedgerError::Busy { .. }) => {
                self.year.busy += 1;
                return;
            }
            Err(error) => panic!("{now}: {error}"),
        };
        if let Err(error) = run.plan(Some(due), self.campaign.once_in()).await {
            // Another machine has meanwhile given the occasion up for a newer one.
            assert!(matches!(error, LedgerError::Over { .. }), "{now}: {error}");
            self.year.raced += 1;
            return;
        }
        let deadly = self.dice.one_in(5);
        if run.mark().await.unwrap().is_none() {
            if deadly && self.dice.one_in(5) {
                self.year.killed += 1;
                return;
            }
            enlist(&run, (self.people)(now)).await;
            *self.year.begun.entry(due).or_default() += 1;
        }
        self.year.lapsed += run.expire_untried(self.campaign.not_after).await.unwrap();
        if let Some(window) = self.schedule().window.clone() {
            run.put_off(window).await.unwrap();
        }
        if !self.send(&run, now, deadly, &occasion, depth).await {
            self.year.killed += 1;
        }
    }

    /// Sends until the dice say that the machine loses power; `true` where it got to the end.
    async fn send(&mut self, run: &Run, now: Timestamp, deadly: bool, occasion: &str, depth: usize) -> bool {
        loop {
            let claims: Vec<Claim> = claim(run, 1).await;
            let Some(claim) = claims.into_iter().next() else { return true };
            if deadly && self.dice.one_in(4) {
                return false;
            }
            self.meanwhile(depth).await;
            let recipient = claim.recipient();
            if let Some(window) = &self.schedule().window {
                let own = recipient.fields["timezone"].as_str().unwrap();
                assert!(window.is_open(now, &zone(own).unwrap()), "{own} {now}");
            }
            let key = recipient.key.0.clone();
            let mut attempt = attempt(&claim);
            attempt.token.jti_hash = hash_of(&format!("{occasion} {key}"));
            let Intended::Go(intent) = run.intend(claim, attempt).await.unwrap() else { continue };
            *self.year.mailed.entry((key, occasion.to_owned())).or_default() += 1;
            if deadly && self.dice.one_in(4) {
                return false;
            }
            run.settle(intent, accepted()).await.unwrap();
        }
    }

    fn told(&mut self, tick: &Tick, now: Timestamp) {
        assert_eq!(tick.next, self.schedule().next_after(now));
        for skipped in &tick.skipped {
            *self.year.skipped.entry(skipped.occasion.clone()).or_default() += 1;
            assert!(!skipped.reason.is_empty() && skipped.due <= now);
        }
        self.year.waited += tick.given_up.iter().map(|(_, waited)| waited).sum::<u64>();
    }

    /// Every due time was begun once or told as skipped once, and never both; nobody was mailed twice on an occasion;
    /// and the machines did get into each other's way.
    fn check(&self, from: &str) {
        let Year { begun, skipped, mailed, busy, killed, within, .. } = &self.year;
        let last: Timestamp = begun.keys().next_back().copied().unwrap();
        let first = from.parse::<Timestamp>().unwrap();
        for due in self.schedule().dues_after(first).take_while(|due| *due <= last) {
            let name = self.schedule().occasion(due, &self.campaign.occasion);
            let (begun, skipped) = (begun.get(&due), skipped.get(&name));
            // A run that died before its list was taken in is begun anew; one that died later goes on.
            assert!(
                matches!((begun, skipped), (Some(1), None) | (None, Some(1))),
                "{name}: {begun:?} {skipped:?}"
            );
        }
        let twice: Vec<_> = mailed.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        assert!(*killed > 0 && *busy > 0 && *within > 0, "{killed} {busy} {within}");
    }
}

/// The year, or the days around the changes of the clocks, spring and autumn.
fn spans(days: i64) -> Vec<(String, String)> {
    if long() {
        return vec![(YEAR.0.to_owned(), YEAR.1.to_owned())];
    }
    let around = |change: &str| {
        let change: Timestamp = change.parse().unwrap();
        let half = SignedDuration::from_hours(12 * days);
        ((change - half).to_string(), (change + half).to_string())
    };
    vec![around("2027-03-28T00:00Z"), around("2027-10-31T00:00Z")]
}

#[tokio::test]
async fn a_year_of_baskets_reminds_nobody_twice() {
    for (from, to) in spans(30) {
        baskets((&from, &to)).await;
    }
}

async fn baskets(span: (&str, &str)) {
    let cron = "cron = \"30 2,14 * * *\"\nzone = \"Europe/Berlin\"\nmax_late = \"2 hours\"\n";
    let mut world = World::new("abandoned-cart", cron, carts, 7);
    world.live(span, 15).await;
    world.check(span.0);
    let Year { mailed, begun, skipped, .. } = &world.year;
    let people: BTreeSet<_> = mailed.keys().map(|(key, _)| key).collect();
    assert_eq!(people.len(), mailed.len(), "a basket was reminded of on two occasions");
    assert!(mailed.len() > 25, "{}", mailed.len());
    // Both odd days: the gap's 02:30 is due at 03:00, the doubled one comes once.
    let days: BTreeSet<_> = begun.keys().map(ToString::to_string).collect();
    let told =
        |name: &str| days.contains(&format!("{name}:00Z")) || skipped.contains_key(&format!("{name}Z"));
    let within = |name: &str| (span.0..span.1).contains(&name);
    for name in ["2027-03-28T01:00", "2027-10-31T00:30"].into_iter().filter(|name| within(name)) {
        assert!(told(name), "{name}");
    }
    assert!(!told("2027-10-31T01:30"));
}

#[tokio::test]
async fn a_year_of_offers_goes_out_once_on_each_occasion() {
    let every = "every = \"1 week\"\nfrom = \"2026-12-02T09:00[America/New_York]\"\ncatch_up = \"latest\"\n";
    let mut world = World::new("promo", every, carts, 11);
    world.live(YEAR, 15).await;
    world.check(YEAR.0);
    let Year { begun, skipped, .. } = &world.year;
    let dues = world.schedule().dues_after(YEAR.0.parse().unwrap());
    let all = dues.take_while(|due| *due < YEAR.1.parse().unwrap()).count();
    // A week is longer than every sleep, so each is caught up with.
    assert_eq!((begun.len(), skipped.len()), (all, 0));
    for due in begun.keys() {
        let local = due.in_tz("America/New_York").unwrap();
        assert_eq!((local.hour(), local.minute()), (9, 0), "{local}");
    }
}

#[tokio::test]
async fn a_year_of_mornings_reaches_thirty_zones_in_their_own_hours() {
    for (from, to) in spans(4) {
        let daily = "cron = \"0 20 * * *\"\nzone = \"UTC\"\nwindow = { hours = \"07:00-12:00\", zone = \"recipient\" }\n";
        let mut world = World::new("promo", daily, everywhere, 5);
        world.live((&from, &to), 60).await;
        world.check(&from);
        let Year { begun, mailed, waited, lapsed, .. } = &world.year;
        let zones: BTreeSet<_> = mailed.keys().map(|(key, _)| key).collect();
        assert_eq!(zones.len(), ZONES.len());
        // Five hours in every day are more than most sleeps: whom all machines slept past is in the books as expired.
        // The last occasion is cut short by the end of the time.
        let listed = (begun.len() - 1) * ZONES.len();
        assert!(mailed.len() * 10 > listed * 9, "{} of {listed}, {waited} {lapsed}", mailed.len());
    }
}
