//! Answers: shown by the link, recorded by the form, counted by `status`.

use serde_json::json;

use super::{KEY, Serve, accept, fixture, send};
use crate::support::{fixture::Fixture, mails::token, sql::read_only};

/// A fixture whose campaign is a survey of one question.
fn survey(people: usize) -> Fixture {
    let fixture = fixture(people);
    let text = fixture.read("spring.toml").replace("waitlist", "survey")
        + "[[questions]]\nid = \"q\"\ntext = \"How <was> it?\"\n\
           answers = [{ id = \"5\", text = \"Good & nice\" }, { id = \"1\", text = \"Bad\" }]\n";
    fixture.file("spring.toml", text);
    fixture
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_recorded_once_with_the_redemption() {
    let fixture = survey(3);
    let mails = send(&fixture).await;
    let tokens: Vec<_> = mails.iter().map(|mail| token(&mail.text)).collect();
    let serve = Serve::start(&fixture);

    let mut browser = serve.browser();
    let page = browser.get(&format!("{}&question=q&answer=5", accept(&tokens[0])));
    assert_eq!(page.title(), "Your answer");
    assert!(
        page.body.contains("How &lt;was&gt; it?") && page.body.contains("Good &amp; nice"),
        "{}",
        page.body
    );
    assert!(page.body.contains("value=\"5\" checked"), "{}", page.body);
    let status = |expected: &str| {
        let said = fixture.run(&["status", "spring", "--json"]);
        assert!(said.out.contains(expected), "{expected} in {}", said.out);
    };
    status("\"redeemed\":0,\"answers\":[]");
    let mut fields = page.fields();
    fields.push(("answer".to_owned(), "1".to_owned()));
    fields.push(("words".to_owned(), "  <b>Ünal 🎉</b>\u{0}  ".to_owned()));
    let landed = browser.form("/accept-token", &fields);
    assert_eq!((landed.status, landed.header("location")), (303, Some("/answered")), "{landed:?}");
    assert_eq!(browser.get("/answered").title(), "Thank you");
    status("\"redeemed\":1,\"answers\":[{\"question\":\"q\",\"answer\":\"1\",\"count\":1}]");

    // The same browser, a moment later, with another answer: it is signed in, and the first answer stays.
    fields.retain(|(name, _)| name != "answer");
    fields.push(("answer".to_owned(), "5".to_owned()));
    assert_eq!(browser.form("/accept-token", &fields).status, 303);
    status("\"answers\":[{\"question\":\"q\",\"answer\":\"1\",\"count\":1}]");

    // What was never asked is no answer, and the link signs in all the same.
    for (token, answer) in tokens[1..].iter().zip(["question=q&answer=9", "question=z&answer=5"]) {
        let mut browser = serve.browser();
        let page = browser.get(&format!("{}&{answer}", accept(token)));
        assert_eq!(page.title(), "Sign in to Example", "{answer}");
        assert_eq!(browser.form("/accept-token", &page.fields()).status, 303);
    }
    status("\"redeemed\":3,\"answers\":[{\"question\":\"q\",\"answer\":\"1\",\"count\":1}]");
    let said = fixture.run(&["status", "spring"]);
    assert!(said.out.contains("3 links signed in with"), "{said:?}");

    // A purge forgets the words and keeps the count.
    drop(serve);
    assert_eq!(fixture.run(&["purge", "spring", "--yes"]).code, Some(0));
    status("\"redeemed\":3,\"answers\":[{\"question\":\"q\",\"answer\":\"1\",\"count\":1}]");
    for name in ["linkpost.db", "linkpost.db-wal"] {
        let bytes = std::fs::read(fixture.path(name)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("Ünal"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_words_are_kept_up_to_two_thousand_characters_wherever_they_come_from() {
    let fixture = survey(2);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    let (kept, more) = ("ü".repeat(500) + &"x".repeat(1500), "x");
    let words = format!(" {kept}{more}");
    let mut browser = serve.browser();
    let page = browser.get(&format!("{}&question=q&answer=5", accept(&token(&mails[0].text))));
    let mut fields = page.fields();
    fields.extend(
        [("answer", "5"), ("words", &words)].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    assert_eq!(browser.form("/accept-token", &fields).status, 303);
    let body =
        json!({ "token": token(&mails[1].text), "question": "q", "answer": "5", "words": words }).to_string();
    let bearer = format!("Bearer {KEY}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let answer = serve.browser().ask("POST", "/v1/tickets/redeem", &headers, &body);
    assert!(answer.body.contains("\"answered\":true"), "{answer:?}");
    let mut ledger = read_only(fixture.path("linkpost.db")).await;
    let found: Vec<String> = ledger.values("select words from answer").await;
    assert_eq!(found, [kept.clone(), kept]);
}
