//! What is not this recipient's never leaves.

use std::fmt::Write;

use linkpost::email::Letter;
use serde_json::json;

use super::{
    HTML, OTHER_TOKEN, TEXT, TOKEN, ada, compose, defect, keys, letterhead, link, recipient, time, url,
    welcome, written,
};

#[test]
fn a_mail_with_somebody_elses_link_never_leaves() {
    let letter = welcome();
    let ada = ada();
    let bob = recipient("bob", json!({ "name": "Bob", "email": "bob@example.org", "note": null }));
    let date = time("2026-11-22T09:30:00Z");
    let (url_a, url_b) = (url(TOKEN), url(OTHER_TOKEN));
    let (link_a, link_b) = (link(&url_a, TOKEN), link(&url_b, OTHER_TOKEN));
    let for_ada = letter.render(&ada, &link_a).unwrap();
    let for_bob = letter.render(&bob, &link_b).unwrap();
    assert!(letter.compose(&ada, &for_ada, &link_a, date).is_ok());
    let refused = |recipient, email, link| letter.compose(recipient, email, link, date).unwrap_err().message;
    assert_eq!(refused(&ada, &for_ada, &link_b), "the text holds a link with another token");
    assert_eq!(refused(&ada, &for_bob, &link_a), "the mail was rendered for another recipient");
    assert_eq!(refused(&bob, &for_ada, &link_a), "the mail was rendered for another recipient");

    // Swapped inside, behind the type's back.
    let mut mixed = for_ada.clone();
    mixed.html.clone_from(&for_bob.html);
    assert_eq!(refused(&ada, &mixed, &link_a), "the HTML holds a link with another token");
    let mut mixed = for_ada.clone();
    mixed.html = mixed.html.replace("Hello", "Hello bob@example.org");
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds somebody else's address: b***@example.org");
    let mut mixed = for_ada.clone();
    mixed.html = mixed.html.replace("Hello", "<a href=\"https://x.example/?email=bob%40example.org\">x</a>");
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds somebody else's address: b***@example.org");
    let mut mixed = for_ada.clone();
    mixed.text = mixed.text.replace("Hello", OTHER_TOKEN);
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds another token");
    let mut mixed = for_ada.clone();
    mixed.subject = "for bob@example.org".to_owned();
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds somebody else's address: b***@example.org");
    let mut mixed = for_ada.clone();
    mixed.subject = TOKEN.to_owned();
    assert_eq!(refused(&ada, &mixed, &link_a), "a header holds the token");
    // The same in a subject that stands encoded in its header.
    let mut mixed = for_ada.clone();
    mixed.subject = "Grüße an bob@example.org".to_owned();
    assert_eq!(refused(&ada, &mixed, &link_a), "the mail holds somebody else's address: b***@example.org");
    let mut mixed = for_ada.clone();
    mixed.subject = format!("Grüße {TOKEN}");
    assert_eq!(refused(&ada, &mixed, &link_a), "a header holds the token");
    // A page that finds two tokens in its link believes neither.
    let mut mixed = for_ada.clone();
    mixed.text = mixed.text.replace(TOKEN, &format!("{TOKEN}&token={TOKEN}"));
    assert_eq!(
        refused(&ada, &mixed, &link_a),
        "the text gives the token to another page than the sign-in page"
    );
    let mut mixed = for_ada.clone();
    let ours = letter.compose(&ada, &for_ada, &link_a, date).unwrap();
    let theirs = letter.compose(&bob, &for_bob, &link_b, date).unwrap();
    writeln!(mixed.text, "https://app.example/unsubscribe?u={}", theirs.unsubscribe_id()).unwrap();
    assert_eq!(refused(&ada, &mixed, &link_a), "the text holds somebody else's unsubscribe link");
    assert!(mixed.text.contains(ours.unsubscribe_id()));
}

#[test]
fn the_token_stands_in_the_link_and_nowhere_else() {
    let ada = ada();
    // Behind what an inbox previews.
    let words = |words: &str| format!("<p>{}</p><p>{words}</p>{HTML}", "word ".repeat(40));
    let elsewhere = words("{{ link | replace(from=\"app.\", to=\"evil.\") }}");
    let plain = words("{{ link | replace(from=\"https://\", to=\"\") }}");
    let picture = format!("<img src=\"cid:{{{{ \"logo\" }}}}\">{HTML}");
    for (subject, text, html, expected) in [
        ("{{ link }}", TEXT, HTML, "the subject holds"),
        ("Hi", "no link {{ unsubscribe_url }}", HTML, "the text does not hold the sign-in link"),
        ("Hi", TEXT, "<a href=\"{{ unsubscribe_url }}\">x</a>", "the HTML does not hold the sign-in link"),
        ("Hi", "{{ link }}", HTML, "the text does not hold the unsubscribe link"),
        ("Hi", TEXT, "<a href=\"{{ link }}\">x</a>", "the HTML does not hold the unsubscribe link"),
        ("Hi", TEXT, "<p>{{ link }}</p>", "the HTML does not hold the sign-in link"),
        (
            "Hi",
            TEXT,
            "<p>{{ link }}</p><a href=\"{{ link }}\">x</a><a href=\"{{ unsubscribe_url }}\">y</a>",
            "preview",
        ),
        ("Hi", TEXT, "<img src=\"{{ link }}\"><a href=\"{{ link }}\">x</a>", "outside its link"),
        ("Hi", TEXT, "<!-- {{ link }} --><a href=\"{{ link }}\">x</a>", "outside its link"),
        ("Hi", TEXT, "<a title=\"{{ link }}\" href=\"{{ link }}\">x</a>", "outside its link"),
        ("Hi", TEXT, "<a href=\"https://evil.example/?to={{ link | urlencode }}\">x</a>", "another page"),
        ("Hi", "{{ link | replace(from=\"app.\", to=\"evil.\") }}", HTML, "another page"),
        ("Hi", "{{ link | replace(from=\"/accept\", to=\"/other\") }}", HTML, "another page"),
        ("Hi", TEXT, &elsewhere, "another page"),
        ("Hi", TEXT, &plain, "the HTML holds the token outside its link"),
        ("Hi", TEXT, &picture, "shows the picture `cid:logo`, which no attachment has"),
        ("Hi", "{{ link }} {{ link | replace(from=\"https://\", to=\"\") }}", HTML, "outside its link"),
        ("Hi", "{{ link(to=long) }}{{ unsubscribe_url }}", HTML, "more than 1000 characters"),
    ] {
        let mut row = ada.clone();
        row.fields.insert("long".into(), json!("x".repeat(1000)));
        let found = if subject == "{{ link }}" {
            // Short enough for a subject: the header check must still see it.
            let (_root, campaign) = written(subject, text, html);
            let letter = Letter::load(&campaign, letterhead(), keys()).unwrap();
            let url = url(TOKEN);
            let email = letter.render(&row, &link(&url, TOKEN)).unwrap();
            letter.compose(&row, &email, &link(&url, TOKEN), time("2026-11-22T09:30:00Z")).unwrap_err()
        } else {
            defect(subject, text, html, &row)
        };
        let expected = if subject == "{{ link }}" { "a header holds the token" } else { expected };
        assert!(found.message.contains(expected), "{subject} {text} {html}: {found}");
        assert!(!found.to_string().contains(TOKEN));
    }
}

#[test]
fn what_looks_like_a_token_may_stand_in_a_mail_whose_row_or_template_says_it() {
    let row = |note: &str| recipient("ada", json!({ "name": "Ada", "email": null, "note": note }));
    let check = |text: &str, note: &str, expected: Option<&str>| {
        let (_root, campaign) = written("Hi", &format!("{TEXT}{text}"), HTML);
        let letter = Letter::load(&campaign, letterhead(), keys()).unwrap();
        let found = compose(&letter, &row(note)).err().map(|defect| defect.message);
        assert_eq!(found.as_deref(), expected, "{text} {note}");
    };
    check("{{ note }}", OTHER_TOKEN, None);
    check(&format!("{OTHER_TOKEN} {{{{ note }}}}"), "x", None);
    let (start, end) = OTHER_TOKEN.split_at(20);
    check(&format!("{start}{{{{ note }}}}"), end, Some("the mail holds another token"));
}

/// Where our own reader of HTML finds neither a link nor a text nor a value, another one still may.
#[test]
fn a_token_that_stands_where_nothing_is_read_is_found_all_the_same() {
    let letter = welcome();
    let url = url(TOKEN);
    let link = link(&url, TOKEN);
    let email = letter.render(&ada(), &link).unwrap();
    let compose = |place: &str, secret: &str| {
        let mut email = email.clone();
        email.html.insert_str(0, &place.replace("SECRET", secret));
        letter.compose(&ada(), &email, &link, time("2026-11-22T09:30:00Z"))
    };
    for place in [
        "<!DOCTYPE html SYSTEM \"SECRET\">",
        "<p SECRET>x</p>",
        "<p>x</p title=\"SECRET\">",
        "<p title=x title=\"SECRET\">x</p>",
        "<style>/* SECRET */</style>",
        "<!--[if SECRET]><p>x</p><![endif]-->",
    ] {
        assert!(compose(place, "nothing").is_ok(), "{place}");
        let defect = compose(place, TOKEN).unwrap_err();
        assert_eq!(defect.message, "the HTML holds the token outside its link", "{place}");
    }
}

/// A preview's token may be a plain word.
#[test]
fn a_short_token_may_stand_in_other_words() {
    let html = format!("<div class=\"preview\">A preview <a href=\"#preview\">x</a></div>{HTML}");
    let (_root, campaign) = written("A preview", TEXT, &html);
    let letter = Letter::load(&campaign, letterhead(), keys()).unwrap();
    let url = url("preview");
    let link = link(&url, "preview");
    let email = letter.render(&ada(), &link).unwrap();
    assert!(letter.compose(&ada(), &email, &link, time("2026-11-22T09:30:00Z")).is_ok());
}
