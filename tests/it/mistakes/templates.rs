//! What is wrong in a template: told once, in the template, with what to write; and whoever writes that gets further.

use super::send;
use crate::support::fixture::Fixture;

/// A file of the fixture's templates, with what stands there.
const HTML: &str = "templates/spring/body.html";
const TEXT: &str = "templates/spring/body.txt";
const HELLO: &str = "Hello {{ first_name or 'there' }}";

/// What is written in the place of what, what is told of it, and what the hint says to write.
struct Slip {
    file: &'static str,
    place: &'static str,
    written: &'static str,
    told: &'static str,
    hint: &'static str,
    followed: &'static str,
}

fn slip(
    (file, place, written): (&'static str, &'static str, &'static str),
    told: &'static str,
    (hint, followed): (&'static str, &'static str),
) -> Slip {
    Slip { file, place, written, told, hint, followed }
}

/// Faults of a template, each with a hint that works.
fn slips() -> [Slip; 12] {
    [
        slip(
            (HTML, HELLO, "<a href=\"http://www.example.org/\">x</a>"),
            "body.html:2:4: the HTML holds an attribute `href` (of `a`) that has the scheme `http:`; https is expected",
            ("write `https://` in the place of `http://`", "<a href=\"https://www.example.org/\">x</a>"),
        ),
        slip(
            (HTML, HELLO, "Hello<script>x()</script>"),
            "body.html:2:9: the HTML holds the element `script`, which no mail may",
            ("take it out", "Hello"),
        ),
        slip(
            (HTML, "</title>", "</title><style>@import url(https://example.org/a.css);</style>"),
            "the HTML holds a `style` element that holds `@import`",
            ("write the rules themselves into `<style>`", "</title><style>p { color: #222 }</style>"),
        ),
        slip(
            (HTML, HELLO, "<form action=\"https://example.org/\">"),
            "the HTML holds the element `form`",
            ("link to a page that has one", "<a href=\"https://example.org/\">x</a>"),
        ),
        slip(
            (HTML, HELLO, "<img alt=\"\" src=\"logo.png\">"),
            "is relative, which leads nowhere in a mail",
            ("write the whole address, `https://…`", "<img alt=\"\" src=\"https://example.org/logo.png\">"),
        ),
        slip(
            (HTML, "href=\"{{ link }}\"", "href=\"{{ link }}?utm=a\""),
            "body.html:2:63: `?utm=a` stands right behind `link` and would become a part of the link",
            ("write `{{ link(utm=\"a\") }}`", "href=\"{{ link(utm=\"a\") }}\""),
        ),
        slip(
            (TEXT, "{{ link }}", "{{ link }}/cart"),
            "`/cart` stands right behind `link`",
            ("put a blank or a line end between the two", "{{ link }} /cart"),
        ),
        slip(
            (TEXT, HELLO, "Hello {{ First Name }}"),
            "body.txt:1:",
            ("write `{{ first_name }}`", "Hello {{ first_name }}"),
        ),
        slip(
            (TEXT, HELLO, "Hello {{ first-name }}"),
            "body.txt:1:10: nothing provides the variable `first`",
            ("`-` subtracts: write `{{ first_name }}`", "Hello {{ first_name }}"),
        ),
        slip(
            (TEXT, HELLO, "Hello {{ first_name or “there” }}"),
            "body.txt:1:",
            ("write straight quotes", "Hello {{ first_name or \"there\" }}"),
        ),
        slip(
            (TEXT, HELLO, "Hello {{ first_name | default(\"there\") }}"),
            "body.txt:1:",
            ("write `{{ first_name or \"there\" }}`", "Hello {{ first_name or \"there\" }}"),
        ),
        slip(
            (TEXT, HELLO, "{% assign x = 1 %}Hello"),
            "body.txt:1:",
            ("write `{% set x = 1 %}`", "{% set x = 1 %}Hello"),
        ),
    ]
}

/// Each is told with exit code 65, one time for a list of eight, and rows cannot be skipped for it.
#[test]
fn a_fault_is_told_once_in_its_place_and_the_hint_works() {
    let fixture = Fixture::new();
    fixture.people(8);
    for Slip { file, place, written, told, hint, followed } in slips() {
        let good = fixture.read(file);
        fixture.edit(file, place, written);
        for more in [&[][..], &["--skip-problems"]] {
            let said = send(&fixture, more);
            assert!(matches!(said.code, Some(65 | 78)), "{written}: {said:?}");
            assert_eq!(said.err.matches("error:").count(), 1, "{written}: {said:?}");
            assert!(said.err.contains(told) && said.err.contains(hint), "{written}: {said:?}");
            assert!(said.err.contains(&format!("error: {file}:")), "{written}: {said:?}");
        }
        fixture.edit(file, written, followed);
        let said = fixture.run(&["check", "spring.toml"]);
        assert_eq!(said.code, Some(0), "{followed}: {said:?}");
        fixture.file(file, good);
    }
}

#[test]
fn what_is_odd_is_a_note_and_the_mails_are_right_when_it_is_heeded() {
    let fixture = Fixture::new();
    for (file, place, written, told, hint) in [
        (
            HTML,
            HELLO,
            "Hello *|FNAME|*",
            "`*|FNAME|*` is a tag of another service",
            "write `{{ first_name }}`",
        ),
        (
            TEXT,
            HELLO,
            "Hello [First Name]",
            "body.txt:1:7: `[First Name]` is a tag",
            "write `{{ first_name }}`",
        ),
        (TEXT, HELLO, "Hello %%first_name%%", "`%%first_name%%` is a tag", "write `{{ first_name }}`"),
        (TEXT, HELLO, "Hello ${name}", "`${name}` is a tag", "write `{{ name }}`"),
        (TEXT, "{{ link }}", "{{ link }}.", "`.` stands right behind `link`", "a line of its own"),
        (
            TEXT,
            "{{ link }}",
            "{{ link }}\n{{ expires | date(locale=\"de\") }}",
            "`date` knows no `locale`",
            "has `format`",
        ),
        (
            TEXT,
            "first_name or",
            "nickname or",
            "nothing provides `nickname`, so every mail says `there`",
            "aliases.nickname",
        ),
        (
            HTML,
            "</title>",
            "</title><style>a:hover { color: red }</style>",
            "a rule with `:hover` gets lost",
            "take it out",
        ),
        (
            HTML,
            HELLO,
            "<img alt=\"\" src=\"https://example.org/a.png\">",
            "1 picture is fetched from the web",
            "`cid:`",
        ),
    ] {
        let good = fixture.read(file);
        fixture.edit(file, place, written);
        let said = fixture.run(&["check", "spring.toml"]);
        assert_eq!(said.code, Some(0), "{written}: {said:?}");
        assert!(said.err.contains(told) && said.err.contains(hint), "{written}: {said:?}");
        fixture.file(file, good);
    }
    assert!(!fixture.run(&["check", "spring.toml"]).err.contains("note: templates"));
}

#[test]
fn files_with_odd_names_or_encodings_are_told_with_what_to_do() {
    let fixture = Fixture::new();
    let html = fixture.read(HTML);
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(html.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    fixture.file(HTML, utf16);
    let said = fixture.run(&["check", "spring.toml"]);
    assert!(said.err.contains("is UTF-16, expected UTF-8\n  hint: save the file as UTF-8"), "{said:?}");
    fixture.file(HTML, b"caf\xe9");
    let said = fixture.run(&["check", "spring.toml"]);
    assert!(said.err.contains("is not UTF-8 (line 1)\n  hint: save the file as UTF-8"), "{said:?}");
    std::fs::remove_file(fixture.path(HTML)).unwrap();
    for odd in ["body.htm", "Body.html", "body.html.txt"] {
        fixture.file(&format!("templates/spring/{odd}"), &html);
        let said = fixture.run(&["check", "spring.toml"]);
        assert!(said.err.contains(&format!("hint: there is `{odd}`: call it `body.html`")), "{said:?}");
        std::fs::rename(fixture.path(&format!("templates/spring/{odd}")), fixture.path(HTML)).unwrap();
        assert_eq!(fixture.run(&["check", "spring.toml"]).code, Some(0));
        std::fs::remove_file(fixture.path(HTML)).unwrap();
    }
}

#[test]
fn a_column_with_the_name_of_something_built_in_is_given_another_by_an_alias() {
    let fixture = Fixture::new();
    fixture
        .file("people.csv", "user_id,email,first_name,Link\nuser_1,a@example.com,Ada,https://example.org\n");
    let said = fixture.run(&["check", "spring.toml"]);
    assert_eq!(said.code, Some(65), "{said:?}");
    assert!(said.err.contains("aliases.list_link = [\"link\"]"), "{said:?}");
    fixture.edit("spring.toml", "csv =", "aliases.list_link = [\"link\"]\ncsv =");
    assert_eq!(fixture.run(&["check", "spring.toml"]).code, Some(0));
}

#[test]
fn a_link_that_is_too_long_with_a_real_token_is_refused_by_check_as_by_the_send() {
    let fixture = Fixture::new();
    let long = format!("\n[link]\nutm_campaign = \"{}\"\n", "x".repeat(700));
    fixture.file("spring.toml", fixture.read("spring.toml") + &long);
    let said = fixture.run(&["check", "spring.toml"]);
    assert_eq!(said.code, Some(65), "{said:?}");
    assert!(said.err.contains("longer than 1000 characters"), "{said:?}");
    let said = send(&fixture, &["--sandbox"]);
    assert_eq!(said.code, Some(65), "{said:?}");
}
