//! A campaign's name belongs to the file that used it: a copy that kept the name takes nobody's mail.

use std::{fs, os::unix::fs::symlink};

use linkpost::sandbox::{SandboxRelay, Script};

use crate::support::{
    fixture::{Fixture, Said, scheduled},
    mails::relay,
    shell::{paste, printed},
};

const NOW: &str = "at = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\n";

/// A campaign of which one mail has left, and a copy of its file that kept the name and has another list.
async fn copied() -> (SandboxRelay, Fixture) {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    fixture.file("others.csv", "user_id,email,first_name\neve,eve@example.com,Eve\n");
    fixture.file("copy.toml", fixture.read("spring.toml").replace("people.csv", "others.csv"));
    (relay, fixture)
}

/// Whether it was refused for its name, with both paths.
pub(super) fn refused(said: &Said, file: &str, before: &str, now: &str) {
    assert_eq!(said.code, Some(78), "{said:?}");
    let words = format!("{file}: the name `spring` ");
    assert!(said.err.contains(&words), "{words}: {said:?}");
    for path in [before, now] {
        assert!(said.err.contains(path), "{path}: {said:?}");
    }
    assert!(said.err.contains("\n  hint: "), "{said:?}");
}

fn books(fixture: &Fixture) -> String {
    fixture.run(&["status", "spring", "--all"]).out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_kept_the_name_is_refused_by_every_verb_that_could_do_harm() {
    let (relay, fixture) = copied().await;
    let before = books(&fixture);
    for command in [
        &["check", "copy.toml"][..],
        &["send", "copy.toml", "--yes"],
        &["send", "copy.toml", "--yes", "--occasion", "new"],
        &["resolve", "copy.toml", "--only", "u", "--as", "sent", "--reason", "x"],
    ] {
        let said = fixture.run(command);
        refused(&said, "copy.toml", "./spring.toml", "./copy.toml");
        assert!(said.err.contains("its list would take the place of the other's"), "{said:?}");
    }
    for command in [&["purge", "copy.toml", "--yes", "--force"][..], &["recall", "copy.toml", "--yes"]] {
        refused(&fixture.run(command), "copy.toml", "./spring.toml", "./copy.toml");
    }
    assert_eq!((books(&fixture), relay.count()), (before, 1));
    // What only looks says so.
    for command in [&["preview", "copy.toml"][..], &["status", "copy.toml"]] {
        let said = fixture.run(command);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.err.contains("note: copy.toml: the name `spring` is used by "), "{said:?}");
    }
    // With a name of its own it is a campaign of its own.
    fixture.edit("copy.toml", "\"spring\"", "\"summer\"");
    for command in [&["check", "copy.toml"][..], &["send", "copy.toml", "--yes"]] {
        assert_eq!(fixture.run(command).code, Some(0));
    }
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    assert_eq!(relay.count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_of_the_other_are_reached_by_its_name() {
    let (_relay, fixture) = copied().await;
    for (verb, words) in [("recall", "1 link revoked"), ("purge", "purged 3 rows")] {
        let said = fixture.run(&[verb, "copy.toml", "--yes"]);
        let said = paste(
            &fixture,
            &printed(&said, "goes by its name: "),
            if verb == "purge" { "--yes --force" } else { "--yes" },
        );
        assert!(said.code == Some(0) && said.err.contains(words), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_moved_is_taken_when_that_is_said() {
    let (relay, fixture) = copied().await;
    fs::remove_file(fixture.path("copy.toml")).unwrap();
    fs::create_dir(fixture.path("my campaigns")).unwrap();
    let text = fixture.read("spring.toml").replace("templates/", "../templates/");
    fixture.file("my campaigns/spring.toml", text.replace("people.csv", "../people.csv"));
    fs::remove_file(fixture.path("spring.toml")).unwrap();
    let file = "my campaigns/spring.toml";
    for command in [&["check", file][..], &["send", file, "--yes"], &["due", "my campaigns"]] {
        if command[0] == "due" {
            fixture.file(file, fixture.read(file) + "[schedule]\n" + NOW);
        }
        let said = fixture.run(command);
        refused(&said, file, "./spring.toml, which is gone", "moved to ./my campaigns/spring.toml");
    }
    let said = fixture.run(&["check", file]);
    let line = printed(&said, "if it was: ");
    let said = paste(&fixture, &line, "");
    assert!(said.code == Some(0) && said.err.contains("noted as the file of `spring`"), "{said:?}");
    let said = fixture.run(&["due", "my campaigns"]);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
    // From now on it is the other way round.
    fixture.file("spring.toml", fixture.read(file).replace("../", ""));
    refused(
        &fixture.run(&["check", "spring.toml"]),
        "spring.toml",
        "./my campaigns/spring.toml",
        "./spring.toml",
    );
    let said = fixture.run(&["send", "spring.toml", "--accept-moved-file", "--yes", "--occasion", "once"]);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
    refused(&fixture.run(&["check", file]), file, "./spring.toml", "./my campaigns/spring.toml");
    // A path at which another campaign is by now is not taken for a copy.
    fixture.edit("spring.toml", "\"spring\"", "\"summer\"");
    let said = fixture.run(&["check", file]);
    refused(&said, file, "./spring.toml, which has another name now", "./my campaigns/spring.toml");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_has_its_own_memory_of_names() {
    let (relay, fixture) = copied().await;
    assert_eq!(fixture.run(&["send", "copy.toml", "--sandbox"]).code, Some(0));
    let said = fixture.run(&["send", "spring.toml", "--sandbox"]);
    refused(&said, "spring.toml", "./copy.toml", "./spring.toml");
    let said = paste(&fixture, &printed(&said, "if it takes the place of the other: "), "");
    assert!(said.code == Some(0) && said.err.contains("noted as the file of `spring`"), "{said:?}");
    refused(&fixture.run(&["send", "copy.toml", "--sandbox"]), "copy.toml", "./spring.toml", "./copy.toml");
    assert_eq!((fixture.run(&["check", "spring.toml"]).code, relay.count()), (Some(0), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_file_is_known_however_it_is_named() {
    let (relay, fixture) = copied().await;
    symlink("spring.toml", fixture.path("link.toml")).unwrap();
    symlink(".", fixture.path("here")).unwrap();
    let whole = fixture.path("spring.toml").display().to_string();
    for file in ["./spring.toml", "link.toml", "here/spring.toml", "templates/../spring.toml", &whole] {
        let said = fixture.run(&["send", file, "--yes", "--only", "user_1"]);
        assert_eq!(said.code, Some(75), "{file}: {said:?}");
        assert_eq!(fixture.run(&["check", file]).code, Some(0), "{file}");
    }
    let mut command = fixture.command(&["send", "../spring.toml", "--yes"]);
    command.current_dir(fixture.path("templates"));
    let said = fixture.finish(command);
    assert_eq!((said.code, relay.count()), (Some(0), 3), "{said:?}");
    // A mounted folder of settings is replaced by leading a link elsewhere.
    fixture.file(
        "one/autumn.toml",
        fixture
            .read("spring.toml")
            .replace("\"spring\"", "\"autumn\"")
            .replace("templates/", "../templates/")
            .replace("people.csv", "../people.csv"),
    );
    fs::create_dir(fixture.path("two")).unwrap();
    fs::copy(fixture.path("one/autumn.toml"), fixture.path("two/autumn.toml")).unwrap();
    for release in ["one", "two"] {
        let _gone = fs::remove_file(fixture.path("current"));
        symlink(release, fixture.path("current")).unwrap();
        let said = fixture.run(&["send", "current/autumn.toml", "--yes"]);
        assert_eq!((said.code, relay.count()), (Some(0), 6), "{release}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_with_one_name_in_a_folder_the_one_that_used_it_goes_on() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    scheduled(&fixture, "spring", &format!("{NOW}window = {{ hours = \"00:00-00:01\", zone = \"UTC\" }}\n"));
    assert_eq!(
        fixture.run(&["send", "campaigns/spring.toml", "--yes", "--limit", "1", "--occasion", "hand"]).code,
        Some(75)
    );
    scheduled(&fixture, "spring", NOW);
    fixture.file("others.csv", "user_id,email,first_name\neve,eve@example.com,Eve\n");
    let copy = fixture.read("campaigns/spring.toml").replace("people.csv", "others.csv");
    fixture.file("campaigns/a-copy.toml", copy);
    let said = fixture.run(&["due"]);
    refused(&said, "campaigns/a-copy.toml", "./campaigns/spring.toml", "./campaigns/a-copy.toml");
    assert!(said.err.contains("spring: occasion once: every row is settled (0)"), "{said:?}");
    assert_eq!(relay.count(), 3);
    let said = fixture.run(&["due", "--explain"]);
    refused(&said, "campaigns/a-copy.toml", "./campaigns/spring.toml", "./campaigns/a-copy.toml");
}
