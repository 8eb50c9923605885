//! Requests that two readers would read differently are answered with 400, and nothing is done.

use super::{Serve, accept, mailed, redeemed};

fn status(serve: &Serve, request: &str) -> String {
    let answer = String::from_utf8(serve.browser().exchange(request.as_bytes())).unwrap();
    answer
        .lines()
        .filter(|line| line.starts_with("HTTP/1.1 "))
        .map(|line| &line[9..12])
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_one_host() {
    let (fixture, _) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let check = |head: &str, expected: &str| {
        let request = format!("GET /healthz {head}\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&serve, &request), expected, "{head:?}");
    };
    check("HTTP/1.1\r\nHost: app.example.com", "200");
    check("HTTP/1.1\r\nHost: 127.0.0.1:8025", "200");
    check("HTTP/1.1", "400");
    check("HTTP/1.1\r\nHost: a\r\nHost: a", "400");
    check("HTTP/1.1\r\nHost: a\r\nhost: b", "400");
    check("HTTP/1.1\r\nHost: a, b", "400");
    check("HTTP/1.1\r\nHost:", "400");
    let old = serve.browser().exchange(b"GET /healthz HTTP/1.0\r\n\r\n");
    assert!(String::from_utf8_lossy(&old).contains(" 200 "), "the older HTTP has no hosts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_ends_with_cr_and_lf() {
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let page = serve.browser().get(&accept(&tokens[0]));
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(page.fields()).finish();
    let head = format!(
        "POST /accept-token HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for bare in [
        head.replace("\r\n", "\n"),
        head.replacen("\r\n", "\n", 1),
        head.replace("close\r\n", "close\n"),
        head.trim_end().to_owned() + "\n\n",
        head.trim_end().to_owned() + "\r\n\n",
        format!("\n{head}"),
    ] {
        assert_eq!(status(&serve, &format!("{bare}{body}")), "400", "{bare:?}");
    }
    assert_eq!(redeemed(&fixture), 0);
    // Line ends in a body are the body's, and the next request on the connection is read as one.
    let get = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = "POST /unsubscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\na\n\nb\nc";
    let last = get.replace("Host: x", "Host: x\r\nConnection: close");
    assert_eq!(status(&serve, &format!("{get}{post}{get}{last}")), "200 404 200 200");
    assert_eq!(status(&serve, &format!("{get}{post}{}", last.replace("\r\nHost", "\nHost"))), "200 404 400");
    // Behind a body whose end only the parser knows the connection ends.
    let chunked =
        "POST /unsubscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n0\r\n\r\n";
    assert_eq!(status(&serve, &format!("{get}{chunked}{get}")), "200 404");
    assert_eq!(status(&serve, &format!("{head}{body}")), "303");
    assert_eq!(redeemed(&fixture), 1);
}
