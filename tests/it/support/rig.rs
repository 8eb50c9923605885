//! The pipeline driven in this process, on a clock that the test pushes: minutes pass in no time, sockets are real.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use linkpost::{
    audience::{Address, Audience, FileProfile, Used},
    campaign::{Campaign, ListSource, TokenLife},
    clock::Clock,
    delivery::{Delivery, Relays, Trouble, smtp, smtp::RelaySettings},
    email::{Letter, Letterhead, MessageKeys, Unsubscribe},
    ledger::{Ledger, NewMark, Options, Run, Selection, Tally},
    pacing::{Cap, Caps, Pace},
    pipeline::{self, Bounds, Halt, News, Parts},
    sandbox::SandboxRelay,
    token::{Like, PreviewIssuer, TokenIssuer},
};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{begin, fixture::Fixture};

/// A campaign, its ledger and a clock. Needs `#[tokio::test(start_paused = true)]`.
pub(crate) struct Rig {
    fixture: Fixture,
    campaign: Campaign,
    letter: Arc<Letter>,
    pub(crate) clock: Clock,
    began: Instant,
    /// Keeps tokio from pushing the clock by itself while sockets are at work.
    _hold: std::sync::mpsc::Sender<()>,
    _keeper: JoinHandle<()>,
}

/// No run of a test goes on for longer: what waits for ever fails, and does not hang.
const LONGEST_RUN: Duration = Duration::from_hours(24 * 30);

/// How a run is made.
#[derive(Debug)]
pub(crate) struct How {
    pub(crate) connections: usize,
    pub(crate) wait: bool,
    pub(crate) rate: f64,
    pub(crate) scheduled: bool,
    pub(crate) accept_refusals: bool,
    pub(crate) caps: Vec<Cap>,
    pub(crate) limit: Option<u64>,
}

impl Default for How {
    fn default() -> Self {
        Self {
            connections: 1,
            wait: false,
            rate: f64::INFINITY,
            scheduled: false,
            accept_refusals: false,
            caps: Vec::new(),
            limit: None,
        }
    }
}

impl Rig {
    /// A campaign for this many people; it is six o'clock.
    pub(crate) fn new(people: usize) -> Self {
        let fixture = Fixture::new();
        fixture.people(people);
        let campaign = Campaign::load(&fixture.path("spring.toml")).unwrap();
        let letter = letter(&campaign);
        let (hold, gone) = std::sync::mpsc::channel::<()>();
        let keeper = tokio::task::spawn_blocking(move || {
            let _until_dropped = gone.recv();
        });
        let clock = Clock::steady("2026-11-22T06:00:00Z".parse().unwrap());
        Self { fixture, campaign, letter, clock, began: Instant::now(), _hold: hold, _keeper: keeper }
    }

    /// The same with links of this life.
    pub(crate) fn links_live(mut self, life: jiff::SignedDuration) -> Self {
        self.campaign.token_life = TokenLife::new(life).unwrap();
        self
    }

    /// The same with mails that may leave for so long.
    pub(crate) fn mails_may_leave_for(mut self, not_after: jiff::SignedDuration) -> Self {
        self.campaign.not_after = not_after;
        self
    }

    /// The same with another subject.
    pub(crate) fn subject(mut self, template: &str) -> Self {
        self.fixture.file("templates/spring/subject.txt", template);
        self.letter = letter(&self.campaign);
        self
    }

    /// How long the clock has gone.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Pushes the clock.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }

    pub(crate) async fn run(&self) -> Run {
        let ledger = Ledger::open(&self.fixture.path("linkpost.db").into(), self.clock, &Options::default())
            .await
            .unwrap();
        begin(&ledger, &self.campaign.id, &self.campaign.occasion).await
    }

    /// When mails left, oldest first.
    async fn tries(&self) -> Vec<Timestamp> {
        let ledger = Ledger::open(&self.fixture.path("linkpost.db").into(), self.clock, &Options::default())
            .await
            .unwrap();
        ledger.tries(100_000).await.unwrap()
    }

    /// The rows by state.
    pub(crate) async fn tally(&self) -> Tally {
        self.run().await.tally().await.unwrap()
    }

    /// Books the list if that was not done yet, and sends. The clock is pushed as far as the run waits. `watch` may
    /// stop the run.
    pub(crate) async fn send(
        &self,
        relays: Relays,
        how: How,
        mut watch: impl FnMut(&News, &CancellationToken),
    ) -> Result<(), Halt> {
        let bounds = Bounds {
            connections: how.connections,
            limit: how.limit,
            selection: Selection::default(),
            not_after: self.campaign.not_after,
            scheduled: how.scheduled,
            wait: how.wait,
            window: None,
            accept_refusals: how.accept_refusals,
        };
        let wait = how.wait;
        let parts = self.parts(self.booked(how.scheduled).await, relays, how).await;
        let (push, mut waits) = mpsc::unbounded_channel::<Duration>();
        let clockwork = tokio::spawn(async move {
            while let Some(time) = waits.recv().await {
                tokio::time::advance(time + Duration::from_millis(1)).await;
            }
        });
        let stop = CancellationToken::new();
        let clock = self.clock;
        let began = Instant::now();
        let ended = pipeline::send_all(Arc::new(parts), bounds, stop.clone(), |news| {
            assert!(began.elapsed() < LONGEST_RUN, "the run does not come to an end");
            watch(&news, &stop);
            let again_in = match news {
                News::Trouble(Trouble::Failed { again_in, .. }) => Some(again_in),
                News::Waiting { due } => Some(until(clock, due)),
                News::Capped { until: due } if wait => Some(until(clock, due)),
                News::Trouble(_)
                | News::Settled(_)
                | News::Slower { .. }
                | News::Capped { .. }
                | News::Resting(_)
                | News::PutBack { .. }
                | News::Expired { .. } => None,
            };
            if let Some(again_in) = again_in {
                push.send(again_in).unwrap();
            }
        })
        .await;
        drop(push);
        clockwork.await.unwrap();
        ended
    }

    /// A run whose list is booked.
    async fn booked(&self, scheduled: bool) -> Run {
        let mut run = self.run().await;
        if scheduled {
            let due = "2026-11-22T06:00:00Z".parse().unwrap();
            run.plan(Some(due), None).await.unwrap();
        }
        if run.mark().await.unwrap().is_none() {
            let ListSource::File(list) = &self.campaign.list.source else { panic!("the list is a file") };
            let list = list.at(None).unwrap();
            let profile = FileProfile::of(&list, "people.csv", None).unwrap();
            let rows = Audience::open(&self.campaign.audience, [&profile], &Used::All, false).unwrap();
            let mut enlistment = run.enlist().await.unwrap();
            enlistment.add(rows.map(Result::unwrap).collect()).await.unwrap();
            let mark = NewMark {
                list: "people.csv".into(),
                list_digest: [1; 32],
                content_digest: [2; 32],
                files: Vec::new(),
            };
            enlistment.finish(mark).await.unwrap();
        }
        run
    }

    /// What a run works with.
    async fn parts(&self, run: Run, relays: Relays, how: How) -> Parts {
        let issuer = PreviewIssuer::new(
            &"https://app.example.com/accept-token".parse().unwrap(),
            "token",
            self.campaign.id.clone(),
            self.campaign.occasion.clone(),
            self.campaign.token_life,
            Vec::new(),
            Like::Clerk,
        );
        Parts {
            run: Arc::new(run),
            issuer: TokenIssuer::Preview(issuer.unwrap()),
            letter: Arc::clone(&self.letter),
            delivery: Delivery::Smtp(relays),
            pace: Pace::per_second(how.rate, 1),
            caps: Caps::new(how.caps, self.tries().await),
            clock: self.clock,
        }
    }
}

/// How long it is until then, by this clock.
fn until(clock: Clock, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(clock.now())).unwrap()
}

fn letter(campaign: &Campaign) -> Arc<Letter> {
    let letterhead = Letterhead {
        sender_name: None,
        sender: Address::parse("hello@example.com").unwrap(),
        reply_to: None,
        postal_address: "Example Ltd, 1 Main Street".into(),
        list_id: "news.example.com".into(),
        sender_id: "example".into(),
        unsubscribe: Unsubscribe {
            url: Some("https://app.example.com/unsubscribe".parse().unwrap()),
            mailto: None,
        },
        precedence_bulk: true,
        max_message_bytes: Letterhead::MAX_MESSAGE_BYTES,
    };
    let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
    let keys = MessageKeys { message_id: key(b"ids"), unsubscribe: key(b"unsubscribe") };
    Arc::new(Letter::load(campaign, letterhead, keys).unwrap())
}

/// How to reach a sandbox relay.
pub(crate) fn smtp(relay: &SandboxRelay, change: impl FnOnce(&mut RelaySettings)) -> smtp::Relay {
    let mut settings = RelaySettings::new(
        "127.0.0.1",
        relay.address().port(),
        smtp::Tls::LoopbackPlaintext,
        "client.example.com",
    );
    change(&mut settings);
    smtp::Relay::new(settings).unwrap()
}
