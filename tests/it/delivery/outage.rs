//! Relays that go away, put mails off, push back or refuse, and a letter that fails: what a run does meanwhile. Minutes
//! pass on a clock that the test pushes.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use linkpost::{
    delivery::{Relays, Stop, Trouble},
    ledger::{State, Tally},
    pipeline::{Halt, News},
    sandbox::{Act, Event, SandboxRelay, Script, Step},
};
use tokio::sync::Notify;

use crate::support::{
    mails::{counts, relay, taken},
    rig::{How, Rig, smtp},
};

fn one(relay: &SandboxRelay) -> Relays {
    smtp(relay, |_| {}).into()
}

fn waiting() -> How {
    How { wait: true, ..How::default() }
}

/// The states that occur.
fn states(tally: &Tally) -> Vec<(State, u64)> {
    tally.iter().filter(|(_, rows)| *rows > 0).collect()
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_delays_the_run_and_marks_nobody() {
    // Three mails, then the relay says goodbye and hangs up on the next eight connections.
    let script =
        Script::new().farewell_after(3).on_connection(1).at(Step::Connect, Act::Drop).skip(1).times(8);
    let relay = relay(script).await;
    let rig = Rig::new(10);
    let (mut waits, mut back) = (Vec::new(), 0);
    let ended = rig.send(one(&relay), How::default(), |news, _| match news {
        News::Trouble(Trouble::Failed { again_in, .. }) => waits.push(again_in.as_secs()),
        News::Trouble(Trouble::Back { .. }) => back += 1,
        News::Settled(_)
        | News::Slower { .. }
        | News::Capped { .. }
        | News::Resting(_)
        | News::PutBack { .. }
        | News::Expired { .. }
        | News::Waiting { .. } => {}
    });
    ended.await.unwrap();
    assert_eq!((waits, back), (vec![1, 2, 4, 8, 30, 30, 30, 30], 1));
    assert_eq!(states(&rig.tally().await), [(State::Sent, 10)]);
    assert!(counts(&taken(&relay)).values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_twelve_minutes_ends_the_run_and_the_next_sends_the_rest() {
    let script = Script::new().farewell_after(3).on_connection(1).at(Step::Connect, Act::Drop).skip(1);
    let gone = relay(script).await;
    let rig = Rig::new(10);
    let halt = rig.send(one(&gone), How::default(), |_, _| {}).await.unwrap_err();
    assert!(matches!(&halt, Halt::Relay(Stop::Unreachable { .. })), "{halt:?}");
    assert!(rig.elapsed() >= Duration::from_mins(10) && rig.elapsed() < Duration::from_mins(11));
    assert_eq!(states(&rig.tally().await), [(State::Sent, 3), (State::Pending, 7)]);
    rig.pass(Duration::from_mins(2)).await;

    let back = relay(Script::new()).await;
    rig.send(one(&back), How::default(), |_, _| {}).await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 10)]);
    let mails: Vec<_> = taken(&gone).into_iter().chain(taken(&back)).collect();
    assert_eq!(mails.len(), 10);
    assert!(counts(&mails).values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_mails_and_not_connections_that_had_gone() {
    // The relay closes behind the first mail, and is away when the second looks for another connection.
    let script =
        Script::new().at(Step::Between, Act::Drop).times(1).at(Step::Connect, Act::Drop).on_connection(2);
    let relay = relay(script).await;
    let rig = Rig::new(4);
    let how = How { limit: Some(2), ..How::default() };
    let mut failures = 0;
    let ended = rig.send(one(&relay), how, |news, _| {
        failures += u32::from(matches!(news, News::Trouble(Trouble::Failed { .. })));
    });
    ended.await.unwrap();
    assert_eq!(failures, 1, "the second mail met a relay that was away");
    assert_eq!(states(&rig.tally().await), [(State::Sent, 2), (State::Pending, 2)]);
    assert_eq!(taken(&relay).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_takes_no_mail_to_its_end_costs_a_few_and_not_the_whole_list() {
    // The relay takes every mail and hangs up before it says so: each is unknown.
    let relay = relay(Script::new().at(Step::Dot, Act::accept_then(Act::Drop))).await;
    let rig = Rig::new(200);
    let halt = rig.send(one(&relay), How::default(), |_, _| {}).await.unwrap_err();
    assert!(matches!(&halt, Halt::Relay(Stop::Unreachable { .. })), "{halt:?}");
    let tally = rig.tally().await;
    let unknown = tally.get(State::Unknown);
    assert!(unknown < 30, "{unknown}");
    assert_eq!(tally.get(State::Pending) + unknown, 200);
    assert_eq!(relay.count(), unknown);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_run_tries_again_after_one_five_and_fifteen_minutes() {
    let script = Script::new()
        .at(Step::Rcpt, Act::reply(451, "4.3.0 later"))
        .for_recipient("person2@example.com")
        .times(3);
    let relay = relay(script).await;
    let rig = Rig::new(3);
    let mut waits = 0;
    let ended =
        rig.send(one(&relay), waiting(), |news, _| waits += u32::from(matches!(news, News::Waiting { .. })));
    ended.await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 3)]);
    assert_eq!(waits, 3);
    assert!(
        rig.elapsed() >= Duration::from_mins(21) && rig.elapsed() < Duration::from_mins(43),
        "{:?}",
        rig.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_put_off_for_ever_expires_and_the_run_ends() {
    let script =
        Script::new().at(Step::Rcpt, Act::reply(451, "4.3.0 later")).for_recipient("person2@example.com");
    let relay = relay(script).await;
    let rig = Rig::new(3);
    rig.send(one(&relay), waiting(), |_, _| {}).await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 2), (State::Expired, 1)]);
    assert!(rig.elapsed() >= Duration::from_hours(72) && rig.elapsed() < Duration::from_hours(77));
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_run_could_not_send_in_its_time_expires_before_it_leaves() {
    let gate = Arc::new(Notify::new());
    let relay = relay(Script::new().at(Step::Dot, Act::Hold(Arc::clone(&gate))).times(1)).await;
    let rig = Rig::new(4).mails_may_leave_for(SignedDuration::from_mins(5));
    let mut lapsed = Vec::new();
    let how = How { scheduled: true, ..How::default() };
    let sending = rig.send(one(&relay), how, |news, _| {
        if let News::Expired { rows } = news {
            lapsed.push(*rows);
        }
    });
    let stalling = async {
        relay.accepted(1).await;
        rig.pass(Duration::from_mins(6)).await;
        gate.notify_one();
    };
    tokio::join!(sending, stalling).0.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 1), (State::Expired, 3)]);
    assert_eq!((lapsed, taken(&relay).len()), (vec![3], 1));
}

/// A relay that lets this time pass before it says that it is ready for the first body. What became of a link that
/// lives for a minute: the state, the number of mails, and why it waits.
async fn ready_after(stall: Duration, how: How) -> (Vec<(State, u64)>, usize, Option<String>) {
    let gate = Arc::new(Notify::new());
    let relay = relay(Script::new().at(Step::Data, Act::Hold(Arc::clone(&gate))).times(1)).await;
    let rig = Rig::new(1).links_live(SignedDuration::from_mins(1));
    let mut reason = None;
    let sending = rig.send(one(&relay), how, |news, _| {
        if let News::Settled(settled) = news {
            reason = reason.take().or_else(|| settled.reason.clone());
        }
    });
    let stalling = async {
        relay.until(|event| matches!(event, Event::Command { line, .. } if line == "DATA")).await;
        rig.pass(stall).await;
        gate.notify_one();
    };
    tokio::join!(sending, stalling).0.unwrap();
    (states(&rig.tally().await), taken(&relay).len(), reason)
}

#[tokio::test(start_paused = true)]
async fn a_link_that_could_die_on_the_way_is_not_sent() {
    assert_eq!(ready_after(Duration::from_secs(29), How::default()).await, (vec![(State::Sent, 1)], 1, None));
    let (states, mails, reason) = ready_after(Duration::from_secs(40), How::default()).await;
    assert_eq!((states, mails), (vec![(State::Deferred, 1)], 0));
    assert_eq!(
        reason.unwrap(),
        "the relay was ready so late that 20s were left of the link's 1m: nothing was sent, the next try gets a new link"
    );
    // The next try has a link of its own, and its time.
    let (states, mails, _) = ready_after(Duration::from_secs(90), waiting()).await;
    assert_eq!((states, mails), (vec![(State::Sent, 1)], 1));
}

#[tokio::test(start_paused = true)]
async fn without_waiting_a_run_ends_when_nothing_is_due() {
    let script =
        Script::new().at(Step::Rcpt, Act::reply(451, "4.3.0 later")).for_recipient("person2@example.com");
    let relay = relay(script).await;
    let rig = Rig::new(3);
    rig.send(one(&relay), How::default(), |_, _| {}).await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Sent, 2), (State::Deferred, 1)]);
    let due = rig.run().await.next_due().await.unwrap().unwrap();
    let wait = due.duration_since(rig.clock.now());
    assert!((60..=120).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_run_can_be_stopped() {
    let script = Script::new().at(Step::Rcpt, Act::reply(451, "4.3.0 later"));
    let relay = relay(script).await;
    let rig = Rig::new(3);
    let ended = rig.send(one(&relay), waiting(), |news, stop| {
        if matches!(news, News::Waiting { .. }) {
            stop.cancel();
        }
    });
    ended.await.unwrap();
    assert_eq!(states(&rig.tally().await), [(State::Deferred, 3)]);
    assert!(rig.elapsed() < Duration::from_mins(3));
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_finds_us_too_fast_halves_the_rate() {
    let script = Script::new().at(Step::Rcpt, Act::reply(421, "4.7.28 unusual rate")).skip(2).times(1);
    let relay = relay(script).await;
    let rig = Rig::new(5);
    let mut slower = Vec::new();
    let how = How { wait: true, ..How::default() };
    let ended = rig.send(one(&relay), how, |news, stop| {
        if let News::Slower { rate, reason } = news {
            slower.push(format!("{rate:.1} {reason}"));
            stop.cancel();
        }
    });
    ended.await.unwrap();
    assert_eq!(slower.len(), 1, "{slower:?}");
    assert!(slower[0].contains("4.7.28 unusual rate"), "{slower:?}");
    let tally = rig.tally().await;
    assert_eq!((tally.get(State::Sent), tally.get(State::Deferred)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn five_policy_refusals_in_a_row_stop_the_run() {
    let relay = relay(Script::new().at(Step::Dot, Act::reply(550, "5.7.1 blocked as spam"))).await;
    let rig = Rig::new(50);
    let halt = rig.send(one(&relay), How::default(), |_, _| {}).await.unwrap_err();
    let Halt::Refused { refused: 5, refusal, .. } = &halt else { panic!("{halt:?}") };
    assert!(refusal.reason.contains("5.7.1 blocked"), "{refusal:?}");
    assert_eq!(states(&rig.tally().await), [(State::Pending, 45), (State::Deferred, 5)], "nobody is marked");
}

/// The list was booked with a mail for everybody; what fails only now is nobody else's fault and no relay's.
#[tokio::test(start_paused = true)]
async fn a_mail_that_cannot_be_written_any_more_is_rejected_once_and_the_rest_goes_out() {
    let relay = relay(Script::new()).await;
    let subject = "{% if first_name == \"Person 2\" %}{{ first_name }} =?{% else %}Hi{% endif %}";
    let rig = Rig::new(3).subject(subject);
    let mut reasons = Vec::new();
    for _ in 0..2 {
        let ended = rig.send(one(&relay), waiting(), |news, _| {
            if let News::Settled(settled) = news {
                reasons.extend(settled.reason.clone());
            }
        });
        ended.await.unwrap();
        assert_eq!(states(&rig.tally().await), [(State::Sent, 2), (State::Rejected, 1)]);
    }
    assert_eq!(reasons, ["the subject holds `=?`, which mail programs decode"]);
    assert!(counts(&taken(&relay)).into_iter().eq([1, 3].map(|n| (format!("person{n}@example.com"), 1))));
}
