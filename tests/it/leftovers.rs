//! What is left in the temporary folder: of a list of people, nothing.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::support::{
    fixture::{Fixture, scheduled},
    signal, wait,
};

/// A campaign, and a temporary folder that nobody else uses.
struct Desk {
    fixture: Fixture,
    temporary: PathBuf,
}

impl Desk {
    fn new(people: usize) -> Self {
        let fixture = Fixture::new();
        fixture.people(people);
        let temporary = fixture.path("tmp");
        fs::create_dir(&temporary).unwrap();
        Self { fixture, temporary }
    }

    /// A campaign whose list is printed by a program that waits for `hold` once it has printed a person.
    fn printing() -> Self {
        let desk = Self::new(3);
        let print = "#!/bin/sh\necho user_id,email,first_name\necho user_1,person1@example.com,Person\n\
                     touch ready\nexec cat hold\n";
        desk.fixture
            .file("print.sh", print)
            .edit("spring.toml", "csv = \"people.csv\"", "command = [\"./print.sh\"]")
            .edit("linkpost.toml", "[list]", "[audience]\ncommands = [\"./print.sh\"]\n[list]");
        let path = desk.fixture.path("print.sh");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        let made = Command::new("mkfifo").arg(desk.fixture.path("hold")).status().unwrap();
        assert!(made.success());
        desk
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.fixture.command(arguments);
        command.env("TMPDIR", &self.temporary).env("PATH", "/usr/bin:/bin");
        command
    }

    fn code(&self, arguments: &[&str]) -> Option<i32> {
        self.fixture.finish(self.command(arguments)).code
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn left(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[track_caller]
    fn is_clean(&self) {
        assert!(self.left().is_empty(), "{:?}", self.left());
    }

    /// Waits for the program that prints the list.
    fn ready(&self) {
        wait::until(|| self.fixture.path("ready").exists());
        fs::remove_file(self.fixture.path("ready")).unwrap();
    }

    /// Lets a program that prints the list come to its end, though nobody waits for it any more.
    fn let_go(&self) {
        drop(OpenOptions::new().read(true).write(true).open(self.fixture.path("hold")).unwrap());
    }
}

#[test]
fn nothing_stays_behind_any_verb_however_it_ends() {
    let desk = Desk::new(30);
    scheduled(&desk.fixture, "weekly", "every = \"1 week\"\nfrom = \"2026-01-01T09:00[UTC]\"\n");
    for _ in 0..3 {
        for (arguments, code) in [
            (&["check", "spring.toml"][..], 0),
            (&["preview", "spring.toml", "--out", "mails"], 0),
            (&["send", "spring.toml", "--dry-run"], 0),
            (&["due", "--explain"], 0),
            (&["send", "spring.toml", "--sandbox"], 0),
            (&["check", "spring.toml", "--connect"], 69),
            (&["preview", "spring.toml", "--out", "people.csv"], 2),
            (&["check", "gone.toml"], 78),
        ] {
            assert_eq!(desk.code(arguments), Some(code), "{arguments:?}");
            desk.is_clean();
        }
    }
    desk.fixture.file("people.csv", "user_id,email\nuser_1,nobody\n");
    for verb in ["check", "preview"] {
        assert_eq!(desk.code(&[verb, "spring.toml"]), Some(65));
        desk.is_clean();
    }
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let desk = Desk::printing();
    for name in ["INT", "TERM", "HUP"] {
        // `preview` has a ledger already when it asks the program for its list.
        for verb in ["check", "preview"] {
            let mut child = desk.spawn(&[verb, "spring.toml"]);
            desk.ready();
            signal(&child, name);
            assert_eq!(child.wait().unwrap().code(), Some(75), "{verb} {name}");
            desk.is_clean();
        }
        for verb in [&["send", "spring.toml", "--yes"][..], &["send", "spring.toml", "--sandbox"]] {
            let mut child = desk.spawn(verb);
            desk.ready();
            signal(&child, name);
            child.wait().unwrap();
            desk.let_go();
            desk.is_clean();
        }
    }
    let desk = Desk::new(3000);
    for name in ["INT", "TERM", "HUP"] {
        let mut child = desk.spawn(&["check", "spring.toml"]);
        wait::until(|| !desk.left().is_empty() || wait::ended(&child));
        signal(&child, name);
        assert!(matches!(child.wait().unwrap().code(), Some(0 | 75)), "{name}");
        desk.is_clean();
    }
}

#[test]
fn what_a_killed_program_leaves_is_cleared_by_the_next_and_what_a_living_one_uses_is_not() {
    let desk = Desk::printing();
    let mut child = desk.spawn(&["preview", "spring.toml"]);
    desk.ready();
    let left = desk.left();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::metadata(&left[0]).unwrap().mode() & 0o777, 0o700);
    assert!(left[0].join("ledger.db").is_file());
    // It lives: whoever starts meanwhile leaves it alone.
    assert_eq!(desk.code(&["keys", "list"]), Some(0));
    assert_eq!(desk.left(), left);
    child.kill().unwrap();
    child.wait().unwrap();
    desk.let_go();
    // Nothing of the printed list has a name.
    assert_eq!(desk.left(), left);
    // What only looks like ours is somebody else's.
    for name in ["linkpost-abcdef", "linkpost-notes", "other-abcdef"] {
        fs::create_dir(desk.temporary.join(name)).unwrap();
        File::create(desk.temporary.join(name).join("ledger.db")).unwrap();
    }
    symlink(&left[0], desk.temporary.join("linkpost-linked")).unwrap();
    assert_eq!(desk.code(&["keys", "list"]), Some(0));
    assert!(!left[0].exists());
    assert_eq!(desk.left().len(), 4);
    assert!(desk.left().iter().all(|path| path.is_symlink() || has(path, "ledger.db")));
}

fn has(folder: &Path, name: &str) -> bool {
    folder.join(name).is_file()
}
