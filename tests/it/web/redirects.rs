//! Where a link may lead: a corpus of tricks, and what people really use.

use super::{Serve, accept, mailed};

/// What browsers, proxies and frameworks have been tricked with.
const TRICKS: &[&str] = &[
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "//\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "https://evil.example",
    "http://evil.example",
    "HTTPS://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "http:evil.example",
    "ftp://evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "mailto:x@evil.example",
    "evil.example",
    "evil.example/account",
    "www.evil.example",
    "@evil.example",
    "/@evil.example",
    ".evil.example",
    ":80",
    "?evil",
    "#evil",
    "",
    "account",
    "./account",
    "../account",
    "/../account",
    "/./account",
    "/account/..",
    "/account/../x",
    "/account/",
    "/account/x",
    "/accounts",
    "/Account",
    "/ACCOUNT",
    "/account%00",
    "/account%0d%0aset-cookie:x=1",
    "/account%0a",
    "/account%0d",
    "/account\r\nset-cookie: x=1",
    "/account\0",
    "/account%09",
    "/account ",
    "/account%20",
    "/account;x",
    "/account%3b",
    "/account%2f",
    "/account%5c",
    "/%61ccount",
    "/account%252f",
    "/%2f/evil.example",
    "/%2fevil.example",
    "/%5cevil.example",
    "/%5c/evil.example",
    "/%255cevil.example",
    "/%252fevil.example",
    "%2f%2fevil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d/evil.example",
    "/cart/../account",
    "/cart/../../evil",
    "/cart/..",
    "/cart/.",
    "/cart/./x",
    "/cart/..;/admin",
    "/cart/%2e%2e/admin",
    "/cart/%2e%2e%2fadmin",
    "/cart/.%2e/admin",
    "/cart/%2E./admin",
    "/cart/%252e%252e/admin",
    "/cart/%25252e%25252e/admin",
    "/cart/..%2fadmin",
    "/cart/..%5cadmin",
    "/cart/..\\admin",
    "/cart/%2e%2e;/admin",
    "/cart//evil.example",
    "/cart//",
    "/cart/x//y",
    "/cart/%2f/x",
    "/cart/%2fevil.example",
    "/cart/%5c",
    "/cart/\\x",
    "/cart/%00",
    "/cart/%0d%0ax",
    "/cart/\u{202e}x",
    "/cart/ü",
    "/cart/\u{ff0f}x",
    "/cart/\u{2215}x",
    "/cart",
    "/cart?x=1",
    "/carts/1",
    "/Cart/1",
    "/%63art/1",
    "/cart%2f1",
    "/cart\t/1",
    "/cart/1 2",
    "/account?x=\r\nset-cookie:y",
    "/account?x=%0d%0ay",
    "/account#\n",
    "/account?\\",
    "/account#\\x",
    "/\u{3002}evil.example",
    "/\u{ff0f}evil.example",
    "\u{ff0f}/evil.example",
    "/\u{2044}evil.example",
    "//evil.example/account",
    "//evil.example/cart/1",
    "//app.example.com@evil.example",
    "//app.example.com.evil.example",
    "https://app.example.com@evil.example",
    "https://app.example.com.evil.example",
    "https://app.example.com/account",
    "//app.example.com/account",
    "/account@evil.example",
    "/account:x@evil.example",
    "/account.evil.example",
    "//evil.example%2faccount",
    "//evil.example#/account",
    "//evil.example?/account",
    "///account",
    "/\\account",
    "/%2faccount",
    "/%5caccount",
    "/.//evil.example",
    "/..//evil.example",
    "/;/evil.example",
    "/;//evil.example",
    "//;@evil.example",
    "/[evil.example",
    "//[::1]/",
    "//127.0.0.1/",
    "//2130706433/",
    "//0x7f000001/",
    "//localhost",
    "//LOCALHOST:8025/account",
    "/:80/account",
    "/?next=//evil.example",
    "/#//evil.example",
    "/?",
    "/#",
    "/",
    "/home2",
    "/home/../evil",
    "/signed-in",
    "/accept-token",
    "/metrics",
    "/v1/sign_in_tokens",
    "/unsubscribe",
    "/linkpost/logo",
    "null",
    "undefined",
    "true",
    "0",
    "*",
    "/*",
    "/cart*",
    "/account*",
    "%",
    "%2",
    "/%",
    "/%zz",
    "/account%",
    "/account%2",
    "/cart/%c0%af..",
    "/cart/%c0%ae%c0%ae/x",
    "/cart/%u002e%u002e/x",
    "/cart/%ef%bc%8f\\",
    "\u{feff}/account",
    "/account\u{200b}",
    "\u{200b}//evil.example",
    "/\u{0}",
    "\u{1}//evil.example",
    "/\u{7f}account",
    "/account\u{85}",
    "<a>",
    "\"><script>alert(1)</script>",
    "/account\"><script>",
    "/account'",
    "/cart/<x>\u{0}",
    "//evil\u{3002}example",
    "//xn--evil.example",
    "/account%E2%80%AE",
    "/cart/%2e",
    "/cart/x/%2e%2e/%2e%2e/admin",
    "/cart/x/..%3b/admin",
    "//evil.example:443/cart/",
    "/cart%5c..%5cadmin",
    "/cart/%2F%2Fevil.example",
];

/// What a link may say.
const GOOD: &[(&str, &str)] = &[
    ("/account", "/account"),
    ("/account?tab=mail", "/account?tab=mail"),
    ("/account?x=%2F%2Fevil.example", "/account?x=%2F%2Fevil.example"),
    ("/account#mail", "/account#mail"),
    ("/cart/", "/cart/"),
    ("/cart/42", "/cart/42"),
    ("/cart/42/items?sort=price#last", "/cart/42/items?sort=price#last"),
    ("/cart/a%20b", "/cart/a%20b"),
    ("/cart/a.b..c", "/cart/a.b..c"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_trick_leads_anywhere_but_home() {
    assert!(TRICKS.len() >= 200, "{}", TRICKS.len());
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    let own = browser.get(&accept(&tokens[0])).fields();
    let mut survivors = Vec::new();
    for name in ["next", "to"] {
        for trick in TRICKS {
            // In the form, where anything can be written; the same browser may send it again for two minutes.
            let mut fields = own.clone();
            fields.push((name.to_owned(), (*trick).to_owned()));
            let landed = browser.form("/accept-token", &fields);
            let cookies = landed.headers.iter().filter(|(name, _)| name == "set-cookie").count();
            if (landed.status, landed.header("location"), cookies) != (303, Some("/home"), 1) {
                survivors.push((name, *trick, landed.header("location").map(str::to_owned)));
            }
        }
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
    for (asked, expected) in GOOD {
        let mut fields = own.clone();
        fields.push(("next".to_owned(), (*asked).to_owned()));
        let landed = browser.form("/accept-token", &fields);
        assert_eq!((landed.status, landed.header("location")), (303, Some(*expected)), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_says_where_to_go_and_what_it_carries_goes_along() {
    let fixture = super::fixture(3);
    fixture.edit(
        "spring.toml",
        "[audience]",
        "[link]\nutm_source = \"mail\"\nnext = \"/offers/spring\"\n[audience]",
    );
    let mails = super::send(&fixture).await;
    let serve = Serve::start(&fixture);
    let check = |at: usize, extra: &str, expected: &str| {
        let token = crate::support::mails::token(&mails[at].text);
        let landed = serve.browser().click(&format!("{}{extra}", accept(&token)));
        assert_eq!(landed.header("location"), Some(expected), "{extra}");
    };
    // The campaign's own target needs no list; a link's own target wins where it is allowed.
    check(0, "&utm_source=mail&next=%2Foffers%2Fspring", "/offers/spring?utm_source=mail");
    check(1, "&to=%2Fcart%2F7&cart=7%20a&utm_source=x", "/cart/7?cart=7+a&utm_source=x");
    check(2, "&to=%2F%2Fevil.example", "/offers/spring?utm_source=mail");
}
