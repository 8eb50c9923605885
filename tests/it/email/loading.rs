//! What is wrong with a template is said before the first mail.

use std::fs;

use linkpost::{
    campaign::Campaign,
    email::{Letter, Letterhead},
};
use serde_json::json;

use super::{HTML, TEXT, ada, campaign, compose, defect, keys, letterhead, welcome, written};

#[test]
fn an_undefined_variable_names_file_and_line() {
    let html = format!("<p>\n  {{{{ nam }}}}\n</p>{HTML}");
    let (root, campaign) = written("Hi", TEXT, &html);
    let letter = Letter::load(&campaign, letterhead(), keys()).unwrap();
    let place = root.path().join("mail/body.html").display().to_string();
    let found = compose(&letter, &ada()).unwrap_err();
    assert_eq!(found.message, format!("{place}:2:6: variable `nam` is not defined"));

    let columns = ["name".to_owned(), "note".to_owned()];
    let problems = letter.check_variables(&columns);
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].to_string(),
        format!("{place}:2:6: nothing provides the variable `nam`\n  hint: did you mean `name`?")
    );
    assert_eq!(welcome().check_variables(&columns), []);
    assert_eq!(welcome().check_variables(&[]), [], "guarded variables may be absent");
    let problems = welcome().check_variables(&["link".to_owned()]);
    assert!(
        problems[0].what.message.contains("is a column and also what every template has"),
        "{problems:?}"
    );
}

#[test]
fn all_template_mistakes_are_reported_at_once_with_their_places() {
    let (root, campaign) = written("{{ name", "{% if %}", HTML);
    let problems = Letter::load(&campaign, letterhead(), keys()).err().unwrap();
    let files: Vec<&str> =
        problems.iter().map(|problem| problem.place.file.rsplit('/').next().unwrap()).collect();
    assert_eq!(files, ["body.txt", "subject.txt"], "{problems:?}");
    assert!(problems.iter().all(|problem| problem.place.line == Some(1) && problem.place.column.is_some()));

    fs::write(root.path().join("mail/subject.txt"), "{{ name | shout }}").unwrap();
    fs::write(root.path().join("mail/body.txt"), "\n{{ env() }}").unwrap();
    let problems = Letter::load(&campaign, letterhead(), keys()).err().unwrap();
    let words: Vec<&str> = problems.iter().map(|problem| problem.what.message.as_str()).collect();
    assert_eq!(words, ["unknown function `env`", "unknown filter `shout`"]);
    assert_eq!(problems[0].place.line, Some(2));

    fs::remove_file(root.path().join("mail/body.txt")).unwrap();
    fs::write(root.path().join("mail/subject.txt"), "{{ name | safe }}").unwrap();
    let problems = Letter::load(&campaign, letterhead(), keys()).err().unwrap();
    assert!(problems.iter().any(|problem| problem.what.message == "there is no template `mail/body.txt`"));
    assert!(problems.iter().any(|problem| problem.what.message.contains("values are always escaped")));
}

#[test]
fn templates_are_read_inside_their_root_alone() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.html"), "secret").unwrap();
    for name in [
        "../secret.html",
        "mail/../../secret.html",
        "/etc/passwd.html",
        "linked.html",
        "folder/secret.html",
        "secret.html.tera",
        "body.HTML",
        "mail//body.html",
        "./base.html",
        "C:\\x.html",
        "missing.html",
        "base.txt",
    ] {
        let (root, campaign) = written("Hi", TEXT, &format!("{{% include '{name}' %}}{HTML}"));
        fs::write(root.path().join("base.txt"), "x").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outside.path().join("secret.html"), root.path().join("linked.html"))
                .unwrap();
            std::os::unix::fs::symlink(outside.path(), root.path().join("folder")).unwrap();
        }
        let problems = Letter::load(&campaign, letterhead(), keys()).err();
        let problems = problems.unwrap_or_else(|| panic!("{name} was read"));
        assert!(problems.iter().any(|problem| problem.place.line == Some(1)), "{name}: {problems:?}");
    }
    let problems = Letter::load(&campaign("no/such/folder"), letterhead(), keys()).err().unwrap();
    assert_eq!(problems[0].what.message, "the template folder does not exist");
}

#[test]
fn runaway_templates_end_as_a_defect() {
    let nested =
        "{% for a in range(end=3000) %}{% for b in range(end=3000) %}xxxxxxxx{% endfor %}{% endfor %}";
    assert!(defect("Hi", nested, HTML, &ada()).message.contains("writes more than"));
    let deep = format!("{}{HTML}", "<div>".repeat(60_000));
    assert!(defect("Hi", TEXT, &deep, &ada()).message.contains("opens more than"));
    let long = format!("{HTML}{{% for a in range(end=30000) %}}<br>{{% endfor %}}");
    assert!(defect("Hi", TEXT, &long, &ada()).message.contains("bytes, more than 102400"));
    let (_root, campaign) = written("Hi", TEXT, &format!("{{% include \"mail/body.html\" %}}{HTML}"));
    assert!(Letter::load(&campaign, letterhead(), keys()).is_err());
}

#[test]
fn advice_names_elements_that_people_cannot_hear() {
    let (root, campaign) =
        written("Hi", TEXT, &format!("<p>a</p>\n<img src=\"https://x.example/a.png\">{HTML}"));
    let letter = Letter::load(&campaign, letterhead(), keys()).unwrap();
    let place = root.path().join("mail/body.html").display().to_string();
    let advice: Vec<String> = letter.advice().iter().map(ToString::to_string).collect();
    assert_eq!(
        advice.first(),
        Some(&format!("{place}:2:1: a picture wants `alt`: what it says, or nothing if it only adorns"))
    );
    assert!(advice.len() == 2 && advice[1].contains(":2:1: 1 picture is fetched from the web"), "{advice:?}");
    assert_eq!(welcome().advice(), []);
    assert!(compose(&letter, &ada()).is_ok());
}

#[test]
fn the_digest_changes_with_the_content() {
    let digest = |campaign: &Campaign, letterhead: Letterhead| {
        Letter::load(campaign, letterhead, keys()).unwrap().digest()
    };
    let (root, campaign) = written("Hi", TEXT, HTML);
    let first = digest(&campaign, letterhead());
    assert_eq!(first, digest(&campaign, letterhead()));
    assert_ne!(first, digest(&campaign, Letterhead { sender_name: None, ..letterhead() }));
    let mut with_constant = campaign.clone();
    with_constant.variables.insert("a".into(), json!(1));
    assert_ne!(first, digest(&with_constant, letterhead()));
    fs::create_dir(root.path().join("parts")).unwrap();
    fs::write(root.path().join("parts/unused.html"), "x").unwrap();
    assert_eq!(first, digest(&campaign, letterhead()));
    fs::write(root.path().join("mail/subject.txt"), "Hello").unwrap();
    assert_ne!(first, digest(&campaign, letterhead()));
}
