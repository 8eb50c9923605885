//! Cells and templates that mean harm.

use std::{cell::RefCell, fs, sync::LazyLock};

use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use linkpost::email::{Letter, check_bytes};
use mail_parser::MessageParser;
use proptest::prelude::*;
use serde_json::json;

use super::{HTML, TEXT, ada, bodies, compose, defect, keys, letterhead, recipient, welcome, written};

/// A start tag's name and attributes.
type Element = (String, Vec<(String, String)>);

#[test]
fn cells_are_data_and_come_out_as_typed() {
    let letter = welcome();
    for name in [
        "{{ 7*7 }}",
        "{% include \"parts/button.html\" %}",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "O'Brien & Söhne \"x\" <x>",
        "Ada 🎉 Lovelace",
        "İbrahim Çağlayan Şıkoğlu",
        "محمد عبد الله",
        "שרה \\ כהן",
        "王小明",
        &"n".repeat(100),
        &"ü".repeat(100),
        "a, b; c (d) [e] : f",
        "x=\"onmouseover=alert(1)\"",
        "Ünal, Müller; \"quoted\"",
        "Σ  ®",
    ] {
        let row = recipient("ada", json!({ "name": name, "note": name }));
        let message = compose(&letter, &row).unwrap_or_else(|defect| panic!("{name}: {defect}"));
        let parsed = MessageParser::default().parse(message.bytes()).unwrap();
        assert_eq!(parsed.to().unwrap().first().unwrap().name(), Some(name));
        assert_eq!(parsed.subject(), Some(format!("Welcome, {name}").as_str()));
        let (text, html) = bodies(&message);
        assert!(text.contains(&format!("your place is ready: {name}.")), "{text}");
        let shown = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(html.contains(&format!("Hello {shown},")), "{name}: {html}");
        assert!(elements(&html).iter().all(|(element, _)| element != "script" && element != "x"), "{html}");
    }
    let word = "w".repeat(3000);
    let row = recipient("ada", json!({ "name": "Ada", "note": word }));
    assert!(bodies(&compose(&letter, &row).unwrap()).0.contains(&word));
}

#[test]
fn what_no_header_may_hold_makes_the_row_invalid() {
    let letter = welcome();
    for name in [
        "Ada\r\nBcc: eve@example.net",
        "Ada\nx",
        "Ada\u{0}",
        "Ada\u{b}x",
        "Ada\u{85}",
        "Ada\u{2028}x",
        "\u{202e}adA",
        "=?utf-8?q?x?=",
        &"n".repeat(101),
        &"wort ".repeat(1000),
    ] {
        let found = compose(&letter, &recipient("ada", json!({ "name": name, "note": null }))).unwrap_err();
        assert!(!found.message.contains("eve@"), "{found}");
    }
    let found = defect("{{ note }}", TEXT, HTML, &recipient("ada", json!({ "note": "x".repeat(5000) })));
    assert_eq!(found.message, "the subject has 5000 characters, more than 200");
    assert_eq!(defect("  \n", TEXT, HTML, &ada()).message, "the subject is empty");
}

/// OWASP's XSS filter evasion list and its relatives, as a cell in text and in an attribute, as a link, and as
/// the template's own HTML. Nothing of it may survive.
#[test]
fn no_script_survives() {
    let corpus = fs::read_to_string("tests/data/templates/xss.list").unwrap();
    let attacks: Vec<&str> = corpus.lines().filter(|line| !line.is_empty()).collect();
    assert!(attacks.len() >= 60, "{}", attacks.len());
    let load = |html: &str| {
        let (_root, campaign) = written("Hi", TEXT, &format!("{html}{HTML}"));
        Letter::load(&campaign, letterhead(), keys()).unwrap()
    };
    // `meta` says that the mail is UTF-8.
    let own = ["html", "head", "meta", "body", "p", "p", "p", "p", "a", "a"];
    let quoted = load("<p>{{ x }}</p><p title=\"{{ x }}\">a</p><p title='{{ x }}'>b</p>");
    let linked = load("<a href=\"{{ x }}\">a</a>");
    let (_root, campaign) = written("Hi", TEXT, "<p title={{ x }}>a</p>");
    let problems = Letter::load(&campaign, letterhead(), keys()).err().unwrap();
    assert_eq!(problems[0].what.message, "an attribute's value stands without quotes");
    for attack in &attacks {
        let row = recipient("ada", json!({ "x": attack }));
        // It leaves, as text: no element and no attribute but the template's own.
        let (_, html) = bodies(&compose(&quoted, &row).unwrap_or_else(|defect| panic!("{attack}: {defect}")));
        let found = elements(&html);
        assert!(found.iter().map(|(name, _)| name.as_str()).eq(own), "{attack}: {html}");
        let titles = found.iter().flat_map(|(_, attributes)| attributes).filter(|(name, _)| name == "title");
        assert!(
            titles.clone().count() == 2 && titles.clone().all(|(_, value)| value == attack),
            "{attack}: {html}"
        );
        assert!(html.contains("<p>&lt;") || !attack.starts_with('<'), "{html}");

        assert!(compose(&linked, &row).is_err(), "as a link: {attack}");
        let raw = load(&format!("{{% raw %}}{attack}{{% endraw %}}"));
        if let Ok(message) = compose(&raw, &ada()) {
            let (_, html) = bodies(&message);
            let names = elements(&html).into_iter().map(|(name, _)| name);
            assert!(
                names.eq(["html", "head", "meta", "body", "p", "a", "a"]),
                "as the template's own: {attack}: {html}"
            );
        }
    }
}

/// The inliner takes style sheets out, so the finished HTML would tell nothing of them; and it has a stack to overflow.
#[test]
fn what_inlining_would_hide_is_refused_before_it() {
    for (html, expected) in [
        ("<link rel=\"stylesheet\" href=\"https://evil.example/x.css\">".to_owned(), "the element `link`"),
        (
            "<STYLE>@import url(https://evil.example/x.css);</STYLE>".to_owned(),
            "holds a `style` element that",
        ),
        ("<style>p.none{background:url(javascript:x)}".to_owned(), "holds a `style` element that"),
        ("<div>".repeat(20_000), "opens more than 512 elements at a time"),
    ] {
        let found = defect("Hi", TEXT, &format!("{HTML}{html}"), &ada());
        assert!(found.message.contains(expected), "{found}");
    }
    let (_root, campaign) = written("Hi", TEXT, &format!("{}{HTML}", "<p>x</p><br>".repeat(2000)));
    assert!(compose(&Letter::load(&campaign, letterhead(), keys()).unwrap(), &ada()).is_ok());
}

/// Every start tag with its attributes.
fn elements(html: &str) -> Vec<Element> {
    #[derive(Default)]
    struct Sink(RefCell<Vec<Element>>);
    impl TokenSink for Sink {
        type Handle = ();
        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            if let Token::TagToken(tag) = token
                && tag.kind == TagKind::StartTag
            {
                let attributes = tag
                    .attrs
                    .iter()
                    .map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string()));
                self.0.borrow_mut().push((tag.name.to_string(), attributes.collect()));
            }
            TokenSinkResult::Continue
        }
    }
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(html.into());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Whatever a name holds, the mail has the same headers, or there is none.
    #[test]
    fn no_name_adds_or_removes_a_header(name in "\\PC{0,60}|[ -~]{0,110}|(?s).{0,30}|(a|\\r|\\n|:| |=|\\?|\"|\\\\){0,30}") {
        static LETTER: LazyLock<Letter> = LazyLock::new(welcome);
        let letter = &*LETTER;
        let row = recipient("ada", json!({ "name": name, "note": name }));
        if let Ok(message) = compose(letter, &row) {
            prop_assert!(check_bytes(message.bytes(), 1 << 20).is_ok());
            let parsed = MessageParser::default().parse(message.bytes()).unwrap();
            prop_assert_eq!(parsed.headers().len(), 13);
            prop_assert_eq!(parsed.to().unwrap().iter().count(), 1);
        } else {
            let fit = !name.contains(|char: char| char.is_control() || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
            prop_assert!(!fit || name.contains("=?") || name.chars().count() > 100, "refused: {:?}", name);
        }
    }
}
