//! Once, and by whom: many at the same moment, and a server that dies with the answer in its hands.

use std::sync::Barrier;

use super::{Serve, accept, mailed, redeemed};
use crate::support::{long, sql::sql, strace};

/// How many ask at once.
const ASKERS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_who_ask_at_once_one_gets_in() {
    let rounds = if long() { 1000 } else { 50 };
    let (fixture, tokens) = mailed(rounds).await;
    let serve = Serve::start(&fixture);
    for token in &tokens {
        let gate = Barrier::new(ASKERS);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let ask = || {
                let mut browser = serve.browser();
                let fields = browser.get(&accept(token)).fields();
                gate.wait();
                browser.form("/accept-token", &fields).status
            };
            let askers: Vec<_> = (0..ASKERS).map(|_| scope.spawn(ask)).collect();
            askers.into_iter().map(|asker| asker.join().unwrap()).collect()
        });
        let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(303), count(410)), (1, ASKERS - 1), "{statuses:?}");
    }
    assert_eq!(redeemed(&fixture), rounds as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_gets_in_twice_and_counts_once() {
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    let fields = browser.get(&accept(&tokens[0])).fields();
    let mut twin = browser.clone();
    assert_eq!(browser.form("/accept-token", &fields).status, 303);
    assert_eq!(twin.form("/accept-token", &fields).status, 303);
    assert_eq!(redeemed(&fixture), 1);
    // Two minutes later the window is closed, for this browser too.
    let back = "update recipient set redeemed_at = redeemed_at - 121000";
    sql(fixture.path("linkpost.db")).await.run(back).await;
    let mut late = twin.clone();
    late.cookies.remove("__Host-session");
    assert_eq!(late.form("/accept-token", &fields).status, 410);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_between_update_and_answer_lets_the_same_browser_in_and_no_other() {
    if !strace() {
        return;
    }
    let (fixture, tokens) = mailed(1).await;
    let first = Serve::start(&fixture);
    let (mut browser, mut other) = (first.browser(), first.browser());
    let fields = browser.get(&accept(&tokens[0])).fields();
    let others = other.get(&accept(&tokens[0])).fields();
    drop(first);

    // The first bytes of an answer never leave: the process is killed as it hands them to the system.
    let mut command = std::process::Command::new("strace");
    command
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto,sendmsg,writev"])
        .args(["-e", "inject=sendto,sendmsg,writev:signal=SIGKILL"])
        .arg(env!("CARGO_BIN_EXE_linkpost"))
        .args(["serve", "--json", "--listen", "127.0.0.1:0"])
        .current_dir(fixture.path(""))
        .env_clear();
    let mut second = Serve::started(command);
    browser.address = second.address;
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answer = browser.exchange(browser.request("POST", "/accept-token", &kind, &body).as_bytes());
    assert_eq!(String::from_utf8_lossy(&answer), "", "the answer was lost");
    second.child.wait().unwrap();
    assert_eq!(redeemed(&fixture), 1, "and yet the link is spent");

    let third = Serve::start(&fixture);
    (browser.address, other.address) = (third.address, third.address);
    assert_eq!(other.form("/accept-token", &others).status, 410);
    let landed = browser.form("/accept-token", &fields);
    assert_eq!(landed.status, 303);
    assert!(browser.cookies.contains_key("__Host-session"), "{landed:?}");
    assert_eq!(redeemed(&fixture), 1);
}
