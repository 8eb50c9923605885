//! F9 to F13, F15, F19: what a relay can do to a campaign. The conversation itself is tested in `smtp`; here are the books.

use std::time::Duration;

use linkpost::{
    ledger::State,
    sandbox::{Act, Auth, Options, Script, Step},
};

use super::{Ordeal, told};
use crate::support::{chance::Chance, long, postbox::Postbox, wait};

/// Where a conversation is cut, whether the mail was taken then, and what that costs: a run, a try, or the answer.
fn cuts(chance: &mut Chance, bytes: usize) -> Vec<(Step, Act, Cost)> {
    let mut cuts = vec![
        (Step::Connect, Act::Drop, Cost::Run),
        (Step::Connect, Act::Reset, Cost::Run),
        (Step::Ehlo, Act::Drop, Cost::Run),
        (Step::Rcpt, Act::Drop, Cost::Try),
        (Step::Rcpt, Act::Reset, Cost::Try),
        (Step::Data, Act::Drop, Cost::Try),
        (Step::Data, Act::Reset, Cost::Try),
        (Step::Dot, Act::Drop, Cost::Answer),
        (Step::Dot, Act::Reset, Cost::Answer),
        (Step::Dot, Act::accept_then(Act::Drop), Cost::Answer),
        (Step::Dot, Act::accept_then(Act::Reset), Cost::Answer),
        (Step::Between, Act::Drop, Cost::Nothing),
        (Step::Between, Act::Reset, Cost::Nothing),
        (Step::Quit, Act::Drop, Cost::Nothing),
    ];
    // A message has some 2,000 bytes, so each of these is within the body. One write carries all of it, and the dot is
    // written right behind: whether it left before the cut was felt is not to be told from outside.
    for _ in 0..bytes {
        let act = if chance.percent(50) { Act::Drop } else { Act::Reset };
        cuts.push((Step::Body(chance.below(0..1800)), act, Cost::TryOrAnswer));
    }
    cuts
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    Nothing,
    Run,
    Try,
    Answer,
    TryOrAnswer,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_at_any_moment_costs_at_most_one_answer() {
    let mut chance = Chance::new("F9 cuts");
    let cuts = cuts(&mut chance, if long() { 200 } else { 10 });
    let (mut unknown, mut rows) = (0, 0);
    for (step, act, cost) in &cuts {
        let script = Script::new().at(*step, act.clone()).times(1);
        let mut ordeal = Ordeal::scripted(script, 4, 1).await;
        let said = ordeal.run();
        ordeal.lost = usize::from(matches!(cost, Cost::Answer | Cost::TryOrAnswer));
        let expected: &[i32] = match cost {
            Cost::Nothing => &[0],
            // A relay that is back at once is tried again; how soon it counts as gone is a matter of milliseconds here.
            Cost::Run => &[0, 69],
            Cost::Try => &[75],
            Cost::Answer => &[3],
            Cost::TryOrAnswer => &[3, 75],
        };
        assert!(expected.contains(&said.code.unwrap()), "{step:?} {act:?}: {said:?}");
        ordeal.check(said.code).await;
        let found = ordeal.end().await;
        rows += found.rows.len();
        unknown += found.count(State::Unknown);
        if *cost == Cost::Answer {
            assert_eq!(found.count(State::Unknown), 1, "{step:?} {act:?}");
        }
    }
    told(&format!("F9 cuts | cuts {} | rows {rows} | duplicates 0 | lost 0 | unknown {unknown}", cuts.len()));
}

/// A script in which each reply is a 4xx or a 5xx with this probability, once per person and command.
fn unkind(chance: &mut Chance, people: usize, percent: usize) -> Script {
    const LATER: [(u16, &str); 3] =
        [(450, "4.2.0 greylisted"), (451, "4.3.0 later"), (452, "4.5.3 too many recipients")];
    const NEVER: [(u16, &str); 3] =
        [(550, "5.1.1 no such user"), (553, "5.1.3 bad address"), (554, "5.6.0 not this one")];
    let mut script = Script::new();
    for person in 1..=people {
        for step in [Step::Rcpt, Step::Data, Step::Dot] {
            if chance.percent(percent) {
                let (code, text) = if chance.percent(70) { chance.one(&LATER) } else { chance.one(&NEVER) };
                let address = format!("person{person}@example.com");
                script = script.at(step, Act::reply(code, text)).for_recipient(&address).times(1);
            }
        }
        if chance.percent(percent) {
            script = script.at(Step::Mail, Act::reply(451, "4.3.0 later")).skip(person as u64).times(1);
        }
    }
    script
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_every_kind_end_every_row() {
    let mut chance = Chance::new("F10 refusals");
    let people = if long() { 1000 } else { 60 };
    for percent in [1, 20, 60] {
        let script = unkind(&mut chance, people, percent);
        let ordeal = Ordeal::scripted(script, people, 4).await;
        let found = ordeal.end().await;
        let (sent, rejected) = (found.count(State::Sent), found.count(State::Rejected));
        assert_eq!((sent + rejected, sent), (people, found.accepted), "{}", found.line());
        told(&format!(
            "F10 refusals, {percent} % at each command | {} | duplicates 0 | lost 0",
            found.line()
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_says_goodbye_again_and_again_costs_nobody_anything() {
    let mut chance = Chance::new("F11 421");
    let mut script = Script::new().farewell_after(5);
    for _ in 0..10 {
        let skip = chance.below(0..60) as u64;
        script = script.at(Step::Between, Act::farewell(421, "4.3.2 closing")).skip(skip).times(1);
    }
    let ordeal = Ordeal::scripted(script, 80, 3).await;
    let found = ordeal.end().await;
    assert_eq!((found.count(State::Sent), found.accepted), (80, 80), "{}", found.line());
    told(&format!("F11 421 after five mails, and unasked | {} | duplicates 0 | lost 0", found.line()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_stalls_or_trickles_is_given_up_in_time() {
    const SLOW: Duration = Duration::from_millis(300);
    let slow = |reply: &str| Act::trickle(reply, SLOW);
    let mut script = Script::new();
    let cases = [
        (Step::Rcpt, Act::Stall),
        (Step::Rcpt, slow("250 2.1.5 very slowly\r\n")),
        (Step::Data, Act::Stall),
        (Step::Data, slow("354 go ahead, slowly\r\n")),
        (Step::Dot, Act::Stall),
        (Step::Dot, Act::accept_then(Act::Stall)),
        (Step::Dot, slow("250 2.0.0 taken, slowly\r\n")),
    ];
    for (person, (step, act)) in (1..).zip(cases) {
        script = script.at(step, act).for_recipient(&format!("person{person}@example.com")).times(1);
    }
    let ordeal = Ordeal::scripted(script, 12, 8).await;
    let mut ordeal = ordeal.relay_setting("command_deadline = \"1 second\"\ndot_deadline = \"1 second\"");
    ordeal.fixture.edit("linkpost.toml", "give_up_after = \"1 ms\"", "give_up_after = \"10 minutes\"");
    ordeal.lost = 3;
    let said = ordeal.run();
    assert_eq!(said.code, Some(75), "{said:?}");
    let found = ordeal.end().await;
    let counts = (found.count(State::Unknown), found.count(State::Sent), found.accepted);
    assert_eq!(counts, (3, 9, 11), "{}", found.line());
    told(&format!("F12 tarpit | {} | duplicates 0 | lost 0", found.line()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_freezes_is_left_alone_and_its_mails_are_unknown() {
    let Some(postbox) = Postbox::sink() else { return };
    let mut ordeal = Ordeal::new(postbox, 150, 4)
        .relay_setting("command_deadline = \"1 second\"\ndot_deadline = \"1 second\"");
    let mut run = ordeal.start();
    wait::until(|| ordeal.postbox.accepted().len() >= 20);
    ordeal.postbox.signal("STOP");
    let ended = run.wait().unwrap();
    ordeal.postbox.signal("CONT");
    assert_eq!(ended.code(), Some(69));
    ordeal.killed();
    let found = ordeal.end().await;
    assert_eq!(found.count(State::Sent) + found.count(State::Unknown), 150, "{}", found.line());
    told(&format!("F13 half-open | {} | duplicates 0 | lost 0", found.line()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_revoked_in_the_middle_stops_the_run_and_marks_nobody() {
    let auth = || Some(Auth::new("campaigns", "right"));
    let script = Script::new().at(Step::Auth, Act::reply(535, "5.7.8 revoked")).skip(1);
    let options = Options { auth: auth(), script, ..Options::default() };
    let ordeal = Ordeal::new(Postbox::sandbox_with(options).await, 20, 1);
    let mut ordeal = ordeal.relay_setting("user = \"campaigns\"\nmessages_per_connection = 5");
    let send = |ordeal: &Ordeal| {
        let mut command = ordeal.command();
        command.env("LINKPOST_SMTP_PASSWORD", "right");
        ordeal.fixture.finish(command)
    };
    let said = send(&ordeal);
    assert_eq!(said.code, Some(77), "{said:?}");
    let found = ordeal.check(said.code).await;
    assert_eq!((found.count(State::Sent), found.count(State::Pending)), (5, 15), "{}", found.line());
    ordeal.postbox.come_back(Options { auth: auth(), ..Options::default() }).await;
    let said = send(&ordeal);
    assert_eq!(said.code, Some(0), "{said:?}");
    let found = ordeal.check(said.code).await;
    told(&format!("F15 login revoked in the middle | {} | duplicates 0 | lost 0", found.line()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_goes_away_and_comes_back_gets_the_rest() {
    let mut chance = Chance::new("F19 outage");
    let mut ordeal = Ordeal::scripted(Script::new(), 150, 4).await;
    for _ in 0..3 {
        let mut run = ordeal.start();
        let until = ordeal.postbox.relay().count() + chance.below(1..40) as u64;
        ordeal.postbox.relay().accepted(until).await;
        ordeal.postbox.go_away();
        let ended = run.wait().unwrap();
        assert_eq!(ended.code(), Some(69));
        ordeal.killed();
        ordeal.postbox.come_back(Options::default()).await;
    }
    let found = ordeal.end().await;
    assert_eq!(found.count(State::Sent) + found.count(State::Unknown), 150, "{}", found.line());
    told(&format!("F19 outages | outages 3 | {} | duplicates 0 | lost 0", found.line()));
}
