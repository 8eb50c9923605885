//! `serve` as a program: what keeps it from starting, and how it ends. Its pages are in `web`.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use insta::assert_snapshot;

use crate::{
    support::{fixture::Fixture, screen::screen, wait},
    web::{Serve, accept, fixture, mailed, redeemed},
};

#[test]
fn settings_that_cannot_work_are_told_before_anything_listens() {
    let check = |from: &str, to: &str, key: &str, expected: &str| {
        let fixture = fixture(1);
        fixture.edit("linkpost.toml", from, to);
        let mut command = fixture.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("LINKPOST_API_KEY", key);
        let said = fixture.finish(command);
        assert_eq!(said.code, Some(78), "{said:?}");
        assert!(said.err.contains(expected), "{expected} in {said:?}");
    };
    check("com/unsubscribe\"", "com/accept-token\"", "", "is the path of two pages");
    check("com/accept-token\"", "com/healthz\"", "", "is the path of two pages");
    check("[web]", "[web]\nlogo = \"logo.gif\"", "", "of a kind that not every browser shows");
    check("[web]", "[web]\nlogo = \"logo.png\"", "", "cannot be read");
    check("[web]", "[web]\ncolour = \"blue\"", "", "expected a colour such as `#0b5e6b`");
    check("after = \"/home\"", "after = \"//evil.example\"", "", "expected a path on this site");
    check("\"/account\"", "\"account\"", "", "expected a path on this site");
    check("[web]", "[web]\ntls_key = \"key.pem\"", "", "belong together");
    check("[web]", "[web]\nsession = \"90 days\"", "", "expected from `1 minute` to `30 days`");
    check("[web]", "[web]", "short", "too short, expected at least 24 characters");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_lets_the_request_under_way_be_answered_and_takes_no_new_one() {
    let (fixture, tokens) = mailed(1).await;
    let mut serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    let fields = browser.get(&accept(&tokens[0])).fields();
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let request = browser.request("POST", "/accept-token", &kind, &body);
    let (first, last) = request.split_at(request.len() - 1);
    let mut stream = TcpStream::connect(serve.address).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    // An answer to a later connection shows that the earlier one was taken.
    assert_eq!(browser.get("/healthz").status, 200);
    serve.signal("-TERM");
    wait::until(|| TcpStream::connect(serve.address).is_err());
    stream.write_all(last.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert_eq!(serve.child.wait().unwrap().code(), Some(0));
    assert_eq!(redeemed(&fixture), 1);
}

#[test]
fn a_key_of_the_token_api_that_cannot_be_read_stops_serve_and_nothing_else() {
    let fixture = Fixture::new();
    let run = |arguments: &[&str]| {
        let mut command = fixture.command(arguments);
        command.env("LINKPOST_API_KEY_FILE", "api-key.txt");
        fixture.finish(command)
    };
    assert_eq!(run(&["check", "spring.toml"]).code, Some(0));
    assert_snapshot!(screen(&run(&["serve", "--listen", "127.0.0.1:0"])), @r"
    exit 78
    error: api-key.txt: the file that `LINKPOST_API_KEY_FILE` names cannot be read: no such file or directory
      hint: name the file from the root on: LINKPOST_API_KEY_FILE=/…/FILE
    ");
}
