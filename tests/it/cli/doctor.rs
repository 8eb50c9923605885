//! `doctor --link`: pages that keep a link, and pages that spend it, are told apart.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
};

use serde_json::json;

use crate::{
    support::{fixture::Fixture, judge},
    web::{KEY, NO_PROXY, Serve, fixture},
};

/// Points the settings' page at this address.
fn page_at(fixture: &Fixture, address: SocketAddr) {
    let from = "page = \"https://app.example.com/accept-token\"";
    fixture.edit("linkpost.toml", from, &format!("page = \"http://{address}/accept-token\""));
}

/// The address of a server that is about to listen there.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn doctor(fixture: &Fixture) -> crate::support::fixture::Said {
    let mut command = fixture.command(&["doctor", "--link", "spring.toml"]);
    command.env("PATH", "/usr/bin:/bin");
    fixture.finish(command)
}

#[test]
fn our_own_page_keeps_the_link() {
    let fixture = fixture(1);
    let address = free();
    page_at(&fixture, address);
    let _serve = Serve::started(fixture.command(&["serve", "--json", "--listen", &address.to_string()]));
    let said = doctor(&fixture);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.err.contains("HEAD: status 200, 0 redirects") && said.err.contains("still unspent"),
        "{said:?}"
    );
    assert!(!said.err.contains("token=") && !said.err.contains("this holds only"), "{said:?}");
    if judge("chromium", Path::new("/usr/bin/chromium").exists()) {
        assert!(said.err.contains("headless browser: loaded"), "{said:?}");
    }
}

#[test]
fn a_page_out_of_reach_is_said_to_be() {
    let fixture = fixture(1);
    page_at(&fixture, free());
    let said = doctor(&fixture);
    assert_eq!(said.code, Some(69), "{said:?}");
    assert!(said.err.contains("`127.0.0.1` cannot be reached"), "{said:?}");
}

/// A site that redeems with our API when `spends` says so: of a method, or of its own script (`POST /spend`).
fn site(serve: &Serve, spends: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, browser) = (listener.local_addr().unwrap(), serve.browser());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut browser) = (stream.unwrap(), browser.clone());
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                continue;
            }
            let mut header = String::new();
            while reader.read_line(&mut header).is_ok_and(|length| length > 2) {
                header.clear();
            }
            let token = line.split_once("token=").map(|(_, rest)| rest);
            let token = token.map(|rest| rest.chars().take_while(|c| !" &".contains(*c)).collect::<String>());
            if let Some(token) = token.filter(|_| line.starts_with(spends)) {
                let headers =
                    [("content-type", "application/json"), ("authorization", &format!("Bearer {KEY}"))];
                browser.ask("POST", "/v1/tickets/redeem", &headers, &json!({ "token": token }).to_string());
            }
            let body = "<p>Welcome</p><script>setTimeout(() => fetch('/spend' + location.search, { method: 'POST' }), 500)</script>";
            let body = if line.starts_with("HEAD") { "" } else { body };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[test]
fn a_page_that_spends_the_link_is_found_out_and_says_by_what() {
    let chromium = judge("chromium", Path::new("/usr/bin/chromium").exists());
    let cases = [("HEAD ", "a HEAD request has spent"), ("GET ", "a GET request has spent")];
    let script = [("POST /spend", "a script of the page has spent")];
    for (spends, expected) in cases.into_iter().chain(script.into_iter().filter(|_| chromium)) {
        let fixture = fixture(1);
        let serve = Serve::start(&fixture);
        page_at(&fixture, site(&serve, spends));
        let said = doctor(&fixture);
        assert_eq!(said.code, Some(78), "{spends}: {said:?}");
        assert!(said.err.contains(expected), "{spends}: {said:?}");
    }
}

#[test]
fn visitors_whose_address_is_not_known_are_told_as_by_serve() {
    let fixture = fixture(1);
    // The page is not there, and the note comes before anybody looks.
    fixture.edit("linkpost.toml", "https://app.example.com/accept-token", "https://127.0.0.1:1/accept-token");
    let said = fixture.run(&["doctor", "--link", "spring.toml"]);
    assert!(said.err.contains(NO_PROXY), "{said:?}");
    fixture.edit(
        "linkpost.toml",
        "requests_per_minute",
        "client_address_header = \"x-real-ip\"\nrequests_per_minute",
    );
    assert!(!fixture.run(&["doctor", "--link", "spring.toml"]).err.contains(NO_PROXY));
}
