//! Too many, too long, too slow, and the end.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use super::{Serve, accept, mailed, redeemed};
use crate::support::mails::token;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_is_told_when_to_come_back_and_a_good_link_is_always_taken() {
    let fixture = super::fixture(1);
    let mails = super::send(&fixture).await;
    let tokens = [token(&mails[0].text)];
    fixture.edit("linkpost.toml", "requests_per_minute = 1000000\n", "").edit(
        "linkpost.toml",
        "bad_tokens_per_minute = 1000000\n",
        "client_address_header = \"x-real-ip\"\n",
    );
    let serve = Serve::start(&fixture);
    let from = |address: &str| {
        let mut browser = serve.browser();
        browser.headers.push(("x-real-ip".to_owned(), address.to_owned()));
        browser
    };
    let mut guesser = from("198.51.100.1");
    let statuses: Vec<_> = (0..12).map(|_| guesser.get(&accept("guess")).status).collect();
    assert_eq!(statuses, [[404; 10].as_slice(), &[429; 2]].concat());
    let page = guesser.get(&accept("guess"));
    assert_eq!(page.title(), "One moment, please");
    let wait: u64 = page.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let leavers: Vec<_> = (0..12).map(|_| from("198.51.100.7").get("/unsubscribe?u=x").status).collect();
    assert_eq!(leavers, [[404; 10].as_slice(), &[429; 2]].concat());

    // An office has one address: neither the number of its people nor a guesser among them keeps a good link out.
    let mut reader = from("198.51.100.1");
    let statuses: Vec<_> = (0..150).map(|_| reader.get(&accept(&tokens[0])).status).collect();
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(reader.click(&accept(&tokens[0])).status, 303);
    assert_eq!(redeemed(&fixture), 1);
    assert_eq!(from("198.51.100.1").get(&accept(&tokens[0])).status, 410, "a used link is a good one, too");
    assert_eq!(from("198.51.100.1").get(&accept("guess")).status, 429);
    let unsubscribe = super::leave::path(&mails[0]);
    let mut leaver = from("198.51.100.7");
    assert_eq!(leaver.get("/unsubscribe?u=x").status, 429);
    let page = leaver.get(&unsubscribe);
    assert_eq!(page.title(), "Unsubscribe");
    assert_eq!(leaver.form(&unsubscribe, &page.fields()).status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_is_not_read() {
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    assert_eq!(browser.get(&format!("{}&x={}", accept(&tokens[0]), "y".repeat(5000))).status, 414);
    let body = format!("token={}", "x".repeat(9000));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(browser.ask("POST", "/accept-token", &kind, &body).status, 413);
    // The head alone says it: nobody waits for ten megabytes, which never come.
    for path in ["/accept-token", "/v1/sign_in_tokens"] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n");
        let answer = String::from_utf8(browser.exchange(head.as_bytes())).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("connection: close"), "{answer}");
    }
    // Whoever writes all of it reads the answer all the same.
    let body = "x".repeat(3_000_000);
    assert_eq!(browser.ask("POST", "/accept-token", &kind, &body).status, 413);
    let long = "z".repeat(20_000);
    assert_eq!(browser.ask("GET", "/healthz", &[("x-long", &long)], "").status, 431);
    for broken in [
        "\r\n\r\n",
        "GET / HTTP/9\r\n\r\n",
        "GET /healthz HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    ] {
        let answer = browser.exchange(broken.as_bytes());
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(browser.get("/healthz").status, 200);
    assert_eq!(redeemed(&fixture), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_clients_do_not_keep_a_good_one_waiting_and_are_shown_the_door() {
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let mut slow: Vec<TcpStream> = (0..1000)
        .map(|number| {
            let mut stream = TcpStream::connect(serve.address).unwrap();
            let half: &[u8] = if number % 2 == 0 {
                b"GET /accept-token HTTP/1.1\r\nhost: x\r\nx-"
            } else {
                b"POST /accept-token HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\ntok"
            };
            stream.write_all(half).unwrap();
            stream
        })
        .collect();
    assert_eq!(serve.browser().click(&accept(&tokens[0])).status, 303);
    // Nobody had to be shown the door for that: the slow ones are still there.
    let last = slow.last().unwrap();
    last.set_nonblocking(true).unwrap();
    let found = last.peek(&mut [0]);
    assert!(found.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    last.set_nonblocking(false).unwrap();
    for stream in &mut slow {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = Vec::new();
        let closed = stream.read_to_end(&mut answer);
        assert!(
            closed.is_ok() || closed.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
}
