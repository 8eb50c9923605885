//! Behind a proxy whose word for the visitors' addresses is not taken: everybody has one address.

use super::{NO_PROXY, Serve, accept, mailed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_shipped_settings_nobody_is_locked_out_and_it_is_told() {
    let (fixture, tokens) = mailed(80).await;
    fixture.edit("linkpost.toml", "requests_per_minute = 1000000\n", "").edit(
        "linkpost.toml",
        "bad_tokens_per_minute = 1000000\n",
        "",
    );
    let serve = Serve::start(&fixture);
    let from = |header: &str, visitor: usize| {
        let mut browser = serve.browser();
        browser.headers.push((header.to_owned(), format!("203.0.113.{visitor}")));
        browser
    };
    // One of them opens wrong links; the links of all others are good.
    for _ in 0..30 {
        from("x-forwarded-for", 1).get(&accept("guess"));
    }
    for (visitor, token) in tokens.iter().enumerate() {
        assert_eq!(from("x-forwarded-for", visitor).click(&accept(token)).status, 303, "person {visitor}");
    }
    // The figures are for the own network, and whoever comes through a proxy is anybody.
    for header in
        ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "via", "x-forwarded-proto"]
    {
        assert_eq!(from(header, 5).get("/metrics").status, 404, "{header}");
    }
    assert_eq!(serve.browser().get("/metrics").status, 200);
    let at_start = "`web.client_address_header` is not set: behind a proxy";
    let at_work =
        "a request came through a proxy (`x-forwarded-for`), and `web.client_address_header` is not set";
    let said = serve.said_with(at_work);
    assert_eq!((said.matches(at_start).count(), said.matches(at_work).count()), (2, 1), "{said}");
    assert!(said.contains("hint: name the header in which the proxy writes the visitor's address"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_the_proxy_does_not_write_is_told_like_none() {
    let (fixture, _) = mailed(1).await;
    fixture.edit(
        "linkpost.toml",
        "requests_per_minute",
        "client_address_header = \"x-real-ip\"\nrequests_per_minute",
    );
    let serve = Serve::start(&fixture);
    let mut visitor = serve.browser();
    visitor.headers.push(("x-forwarded-for".to_owned(), "203.0.113.7".to_owned()));
    for _ in 0..2 {
        assert_eq!(visitor.get("/metrics").status, 404);
    }
    let told = "a request came through a proxy (`x-forwarded-for`) without an address in `x-real-ip`";
    let said = serve.said_with(told);
    assert_eq!((said.matches(told).count(), said.matches(NO_PROXY).count()), (1, 1), "{said}");
    visitor.headers.push(("x-real-ip".to_owned(), "203.0.113.7".to_owned()));
    assert_eq!(visitor.get("/metrics").status, 404, "a known visitor from far away");
    let mut near = serve.browser();
    near.headers.push(("x-real-ip".to_owned(), "10.0.0.7".to_owned()));
    assert_eq!(near.get("/metrics").status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_visitors_are_known_nothing_is_told() {
    let (fixture, _) = mailed(1).await;
    fixture.edit(
        "linkpost.toml",
        "requests_per_minute",
        "client_address_header = \"forwarded\"\nrequests_per_minute",
    );
    let serve = Serve::start(&fixture);
    let mut visitor = serve.browser();
    visitor.headers.push(("forwarded".to_owned(), "for=203.0.113.7;proto=https".to_owned()));
    assert_eq!(visitor.get("/metrics").status, 404);
    assert_eq!(serve.browser().get("/metrics").status, 200);
    let said = serve.said_with("\"client\":\"203.0.113.0/24\"");
    assert!(!said.contains(NO_PROXY), "{said}");
}
