//! Every way in which a link can have come to its end, in words.

use super::{Serve, accept, fixture, mailed, redeemed, send};
use crate::support::{mails::token, sql::sql, wait};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_is_a_page_in_plain_words() {
    let (fixture, tokens) = mailed(5).await;
    let change = [
        "update recipient set revoked_at = 1 where user_id = 'user_2'",
        "update recipient set token_expires_at = 1000 where user_id = 'user_3'",
        "update recipient set state = 'rejected' where user_id = 'user_4'",
        "update recipient set jti_hash = x'00' where user_id = 'user_5'",
    ];
    let serve = Serve::start(&fixture);
    // The forms are open in a browser before the links come to their ends.
    let mut browsers: Vec<_> = tokens
        .iter()
        .map(|token| {
            let mut browser = serve.browser();
            let fields = browser.get(&accept(token)).fields();
            (browser, fields)
        })
        .collect();
    for statement in change {
        sql(fixture.path("linkpost.db")).await.run(statement).await;
    }
    let expected = [
        (200, "Sign in to Example"),
        (410, "This link was withdrawn"),
        (410, "This link has expired"),
        (404, "This link does not work"),
        (404, "This link does not work"),
    ];
    for ((token, (browser, fields)), (status, title)) in tokens.iter().zip(&mut browsers).zip(expected) {
        let page = serve.browser().get(&accept(token));
        assert_eq!((page.status, page.title()), (status, title));
        assert_eq!(page.body.contains("Send me a new link"), status != 200);
        if status != 200 {
            let page = browser.form("/accept-token", fields);
            assert_eq!((page.status, page.title()), (status, title), "the form");
        }
    }
    let page = serve.browser().get("/accept-token");
    assert_eq!((page.status, page.title()), (400, "This link is incomplete"));
    let twice = format!("{}&token={}", accept(&tokens[0]), tokens[0]);
    assert_eq!(serve.browser().get(&twice).title(), "This link is incomplete");
    assert_eq!(serve.browser().get("/.env").title(), "There is nothing here");
    assert_eq!(redeemed(&fixture), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_signed_in_can_go_on_from_a_link_that_came_to_its_end() {
    let (fixture, tokens) = mailed(5).await;
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    assert_eq!(browser.click(&accept(&tokens[0])).status, 303);
    assert_eq!(serve.browser().click(&accept(&tokens[1])).status, 303, "in another browser");
    let change = [
        "update recipient set revoked_at = 1 where user_id = 'user_3'",
        "update recipient set token_expires_at = 1000 where user_id = 'user_4'",
        "update recipient set jti_hash = x'00' where user_id = 'user_5'",
    ];
    // The pages are open before the links come to their ends, and so are the forms sent.
    let mut open: Vec<_> = tokens[2..].iter().map(|token| browser.get(&accept(token)).fields()).collect();
    for statement in change {
        sql(fixture.path("linkpost.db")).await.run(statement).await;
    }
    let forms = open.drain(..).map(|fields| browser.form("/accept-token", &fields)).collect::<Vec<_>>();
    let pages = tokens[1..].iter().map(|token| browser.get(&accept(token))).collect::<Vec<_>>();
    let incomplete = browser.get("/accept-token");
    for page in pages.iter().chain(&forms).chain([&incomplete]) {
        assert!(page.body.contains("This browser is signed in as p***@example.com"), "{page:?}");
        assert!(page.body.contains("href=\"/home\"") && page.body.contains(">Continue<"), "{page:?}");
        assert!(!page.body.contains("Send me a new link"), "{page:?}");
    }
    assert_eq!((pages[0].status, pages[0].title()), (410, "This link has been used"));
    let other = serve.browser().get(&accept(&tokens[1]));
    assert!(other.body.contains("Send me a new link") && !other.body.contains("signed in as"), "{other:?}");
    assert_eq!(redeemed(&fixture), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_made_or_retired_while_we_serve_counts_within_seconds() {
    let fixture = fixture(1);
    let serve = Serve::start(&fixture);
    let old = fixture.run(&["keys", "list", "--json"]);
    let made = fixture.run(&["keys", "new"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let mails = send(&fixture).await;
    let path = accept(&token(&mails[0].text));
    let status = |wanted: u16| {
        // It looks at the folder of keys now and then, and tells nobody.
        wait::until(|| serve.browser().get(&path).status == wanted);
    };
    status(200);
    let names = fixture.run(&["keys", "list", "--json"]).out.lines().count();
    assert_eq!((old.out.lines().count(), names), (1, 2));
    let newest = std::fs::read_dir(fixture.path("keys")).unwrap().map(|entry| entry.unwrap().path());
    let newest = newest.filter(|path| path.extension().is_some_and(|ending| ending == "pem")).max().unwrap();
    std::fs::remove_file(newest).unwrap();
    status(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_home_people_land_on_a_page_of_ours() {
    let (fixture, tokens) = mailed(1).await;
    fixture.edit("linkpost.toml", "after = \"/home\"\n", "");
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    assert_eq!(browser.get("/signed-in").status, 401);
    assert_eq!(browser.click(&accept(&tokens[0])).header("location"), Some("/signed-in"));
    let page = browser.get("/signed-in");
    assert_eq!((page.status, page.title()), (200, "You are signed in"));
    assert!(page.body.contains("p***@example.com"), "{}", page.body);
}

#[test]
fn a_rehearsals_links_lead_to_the_rehearsals_pages() {
    let fixture = fixture(1);
    let sent = fixture.run(&["send", "spring.toml", "--sandbox"]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let mail = std::fs::read_dir(fixture.path("sandbox/mail/spring")).unwrap();
    let mail = mail.map(|entry| entry.unwrap().path());
    let mail = mail.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "txt")).unwrap();
    let text = std::fs::read_to_string(mail).unwrap();
    assert!(text.contains("http://127.0.0.1:8025/accept-token?token="), "{text}");
    assert!(text.contains("http://127.0.0.1:8025/unsubscribe?u="), "{text}");
    let serve = Serve::started(fixture.command(&["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"]));
    let mut browser = serve.browser();
    let landed = browser.click(&accept(&token(&text)));
    assert_eq!((landed.status, landed.header("strict-transport-security")), (303, None));
    assert!(browser.cookies.contains_key("session"), "{landed:?}");
    let home = browser.get(landed.header("location").unwrap());
    assert_eq!((home.status, home.title()), (200, "You are signed in"));
    assert!(home.body.contains("would show its page &#x2F;home now") || home.body.contains("page /home now"));
    assert_eq!(serve.browser().get("/home").status, 404);
    let real = Serve::start(&fixture);
    assert_eq!(real.browser().get(&accept(&token(&text))).status, 404, "a rehearsal's link is no real one");
}
