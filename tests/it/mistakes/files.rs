//! Slips in the two files, in the templates, with keys and secrets. Nothing is sent and no ledger is made.

use std::fs;

use insta::assert_snapshot;

use super::{send, steady, told};
use crate::support::fixture::Fixture;

fn nothing_began(fixture: &Fixture) {
    assert!(!fixture.path("linkpost.db").exists(), "a ledger was made");
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one_in_both_files_at_once() {
    let fixture = Fixture::new();
    fixture.edit("spring.toml", "title =", "titel =").edit(
        "linkpost.toml",
        "postal_address",
        "postal_adress",
    );
    assert_snapshot!(told(&send(&fixture, &[])), @r#"
    exit 78
    error: spring.toml:3:1: unknown key `titel`
      hint: did you mean `title`?
    error: linkpost.toml:2:2: `sender.postal_address` is missing
      hint: add `postal_address = "Example Ltd, 1 Main Street, Town"`
    error: linkpost.toml:5:1: unknown key `sender.postal_adress`
      hint: did you mean `postal_address`?
    "#);
    nothing_began(&fixture);
}

#[test]
fn a_variable_that_no_column_provides_is_told_with_the_nearest_one() {
    let fixture = Fixture::new();
    fixture.edit("templates/spring/body.txt", "first_name or 'there'", "frist_name");
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 65
    error: templates/spring/body.txt:1:10: nothing provides the variable `frist_name`
      hint: did you mean `first_name`?
    ");
}

#[test]
fn a_slip_in_a_variable_that_may_be_absent_is_a_note() {
    let fixture = Fixture::new();
    fixture.edit("templates/spring/body.txt", "first_name", "frist_name");
    assert_snapshot!(told(&fixture.run(&["check", "spring.toml"])), @r"
    exit 0
    note: templates/spring/body.txt:1:10: nothing provides `frist_name`, so every mail says `there`
      hint: did you mean `first_name`?
    3 rows: 3 new
    every row can be mailed; nothing was sent
    ");
}

#[test]
fn a_syntax_error_is_told_with_its_place() {
    let fixture = Fixture::new();
    fixture.edit("templates/spring/body.txt", "{{ link }}", "{{ link }").edit(
        "templates/spring/body.html",
        "<p>Hello",
        "{% if %}<p>Hello",
    );
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 65
    error: templates/spring/body.html:2:7: found `%}` but expected a value
    error: templates/spring/body.txt:3:18: found `}` but expected }}
      hint: write `{{ value }}`, `{% if value %}…{% endif %}` or `{# remark #}`
    ");
    nothing_began(&fixture);
}

#[test]
fn a_body_that_never_has_the_link_is_told_once_and_not_for_each_row() {
    let fixture = Fixture::new();
    fixture.edit("templates/spring/body.txt", "{{ link }}", "the link {# {{ link }} #}").edit(
        "templates/spring/body.html",
        "{{ unsubscribe_url }}",
        "{{ link }}",
    );
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 65
    error: templates/spring/body.txt: `link` stands nowhere, so no mail's text would hold the sign-in link
      hint: put `{{ link }}` into the template
    error: templates/spring/body.html: `unsubscribe_url` stands nowhere, so no mail's HTML would hold the unsubscribe link
      hint: put `{{ unsubscribe_url }}` into the template
    ");
}

#[test]
fn a_link_that_some_rows_go_without_is_told_for_those_rows() {
    let fixture = Fixture::new();
    let guarded = "{% if first_name == 'Person 2' %}the link{% else %}{{ link }}{% endif %}";
    fixture.edit("templates/spring/body.txt", "{{ link }}", guarded);
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 65
    error: people.csv:3: the text does not hold the sign-in link
      hint: put `{{ link }}` into the template
    nothing was sent; `--skip-problems` goes on without these rows, `--problems FILE` writes them out for correction
    ");
}

#[test]
fn a_loop_that_is_as_good_as_endless_ends_the_check() {
    let fixture = Fixture::new();
    let text = fixture.read("templates/spring/body.txt");
    let empty = "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}";
    fixture.file(
        "templates/spring/body.txt",
        format!("{text}{{% if first_name == 'Person 2' %}}{empty}{{% endif %}}"),
    );
    assert_snapshot!(told(&fixture.run(&["check", "spring.toml"])), @r"
    exit 65
    error: people.csv:3: the mail is not made after 10 seconds
      hint: look in the template for a loop inside a loop that goes through more than the mail shows
    ");
}

#[test]
fn files_that_are_not_there_are_told() {
    let fixture = Fixture::new();
    assert_snapshot!(told(&fixture.run(&["send", "sprign.toml"])), @r"
    exit 78
    error: sprign.toml: the campaign file cannot be read: no such file or directory
      hint: check the path; it is relative to the current folder
    ");
    assert_snapshot!(told(&send(&fixture, &["--settings", "other.toml"])), @r"
    exit 78
    error: other.toml: the settings file cannot be read: no such file or directory
      hint: check the path; it is relative to the current folder
    ");
    fs::rename(fixture.path("templates"), fixture.path("letters")).unwrap();
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 65
    error: templates/spring: the template folder does not exist
      hint: `template` is relative to the campaign file and names a folder with subject.txt, body.txt, body.html
    ");
    fs::remove_file(fixture.path("linkpost.toml")).unwrap();
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 78
    error: spring.toml: there is no `linkpost.toml` beside it or in a folder above
      hint: write one, or name it with `--settings FILE`; the README has a sample
    ");
    assert_snapshot!(told(&fixture.run(&["keys", "new"])), @r"
    exit 78
    error: linkpost.toml: there is no `linkpost.toml` in this folder or in a folder above
      hint: write one, or name it with `--settings FILE`; the README has a sample
    ");
}

#[test]
fn a_missing_password_stops_a_send_and_nothing_else() {
    let _steady = steady();
    let fixture = Fixture::new();
    fixture.edit("linkpost.toml", "tls = \"none\"", "tls = \"none\"\nuser = \"campaigns\"");
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 78
    error: linkpost.toml: `user` is set for the relay `127.0.0.1`, but the environment holds no LINKPOST_SMTP_PASSWORD
      hint: set LINKPOST_SMTP_PASSWORD, or LINKPOST_SMTP_PASSWORD_FILE to a file that only you can read
    ");
    nothing_began(&fixture);
    let unreadable = |arguments: &[&str]| {
        let mut command = fixture.command(arguments);
        command.env("LINKPOST_SMTP_PASSWORD_FILE", "password.txt");
        fixture.finish(command)
    };
    for rehearsal in
        [&["check", "spring.toml"][..], &["preview", "spring.toml"], &["send", "spring.toml", "--sandbox"]]
    {
        for said in [fixture.run(rehearsal), unreadable(rehearsal)] {
            assert_eq!(said.code, Some(0), "{said:?}");
        }
    }
    assert_snapshot!(told(&unreadable(&["send", "spring.toml", "--yes"])), @r"
    exit 78
    error: password.txt: the file that `LINKPOST_SMTP_PASSWORD_FILE` names cannot be read: no such file or directory
      hint: name the file from the root on: LINKPOST_SMTP_PASSWORD_FILE=/…/FILE
    ");
    let connecting = told(&unreadable(&["check", "spring.toml", "--connect"]));
    let words = "error: password.txt: the file that `LINKPOST_SMTP_PASSWORD_FILE` names cannot be read:";
    assert!(connecting.starts_with("exit 78") && connecting.contains(words), "{connecting}");
}

#[test]
fn links_do_not_travel_in_the_clear() {
    let fixture = Fixture::new();
    fixture.edit("linkpost.toml", "host = \"127.0.0.1\"", "host = \"smtp.example.com\"");
    assert_snapshot!(told(&send(&fixture, &[])), @r#"
    exit 78
    error: linkpost.toml:9:8: `relay.smtp.tls` is `none`, but `smtp.example.com` is not this machine: links would travel in the clear
      hint: use `tls = "implicit"` or `"starttls"`; `allow_plaintext = true` if the network in between is yours
    "#);
    nothing_began(&fixture);
}
