//! A folder with a campaign in it, and the built program.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A campaign in a folder of its own.
pub(crate) struct Fixture {
    folder: TempDir,
}

/// What the program said, with the folder's path taken out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

const SETTINGS: &str = r#"
[sender]
name = "Example"
address = "hello@example.com"
postal_address = "Example Ltd, 1 Main Street"
[relay]
give_up_after = "1 ms"
pause = "50 ms"
[relay.smtp]
host = "127.0.0.1"
port = 1
tls = "none"
[sign_in.local]
page = "https://app.example.com/accept-token"
issuer = "https://example.com"
audience = "https://app.example.com"
[unsubscribe]
url = "https://app.example.com/unsubscribe"
[list]
id = "news.example.com"
sender_id = "example"
"#;

const CAMPAIGN: &str = r#"
name = "spring"
title = "Spring"
kind = "waitlist"
template = "templates/spring"
token_life = "7 days"
[audience]
csv = "people.csv"
"#;

const BODY_TXT: &str =
    "Hello {{ first_name or 'there' }},\n\nSign in: {{ link }}\n\nUnsubscribe: {{ unsubscribe_url }}\n";

const BODY_HTML: &str = r#"<!doctype html><html lang="en"><head><title>Spring</title></head><body>
<p>Hello {{ first_name or 'there' }}</p><p><a href="{{ link }}">Sign in</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>
"#;

impl Fixture {
    /// Settings, keys, a campaign `spring`, its templates and a list of three.
    pub(crate) fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        fixture
            .file("linkpost.toml", SETTINGS)
            .file("spring.toml", CAMPAIGN)
            .file("templates/spring/subject.txt", "Welcome, {{ first_name or 'there' }}")
            .file("templates/spring/body.txt", BODY_TXT)
            .file("templates/spring/body.html", BODY_HTML)
            .people(3);
        let made = fixture.run(&["keys", "new", "--quiet"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        fixture
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A text of the folder.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Replaces a text in a file that has it.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) -> &Self {
        let text = self.read(name);
        assert!(text.contains(from), "`{from}` is not in {name}");
        self.file(name, text.replace(from, to))
    }

    /// A list of `number` people, `user_1` to `user_N`.
    pub(crate) fn people(&self, number: usize) -> &Self {
        let rows = (1..=number).map(|n| format!("user_{n},person{n}@example.com,Person {n}\n"));
        self.file("people.csv", format!("user_id,email,first_name\n{}", rows.collect::<String>()))
    }

    /// Points the settings at a relay.
    pub(crate) fn relay(&self, address: SocketAddr) -> &Self {
        self.edit("linkpost.toml", "port = 1\n", &format!("port = {}\n", address.port()))
    }

    /// Sets a key of `[sending]`, in a fixture that has none yet.
    pub(crate) fn sending(&self, line: &str) -> &Self {
        self.edit("linkpost.toml", "[sign_in.local]", &format!("[sending]\n{line}\n[sign_in.local]"))
    }

    /// The program, to be run in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linkpost"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).env_clear();
        command
    }

    /// The program inside of another, which is given first.
    pub(crate) fn wrapped(&self, wrapper: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(env!("CARGO_BIN_EXE_linkpost")).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env_clear();
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.finish(self.command(arguments))
    }

    /// Runs a command to its end.
    pub(crate) fn finish(&self, mut command: Command) -> Said {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&self.here(), ".");
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Starts the program.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn here(&self) -> String {
        Path::new(self.folder.path()).display().to_string()
    }
}

/// The fixture's campaign once more, in the folder `campaigns`, with a schedule.
pub(crate) fn scheduled(fixture: &Fixture, name: &str, schedule: &str) {
    let text = fixture
        .read("spring.toml")
        .replace("\"spring\"", &format!("\"{name}\""))
        .replace("templates/", "../templates/")
        .replace("people.csv", "../people.csv");
    fixture.file(&format!("campaigns/{name}.toml"), format!("{text}[schedule]\n{schedule}"));
}

/// A window in a schedule that neither is nor was open just now, however long a test takes.
pub(crate) fn closed_window() -> String {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let today = linkpost::clock::Clock::System.now().to_zoned(jiff::tz::TimeZone::UTC).weekday();
    let far = days[(usize::try_from(today.to_monday_zero_offset()).unwrap() + 3) % 7];
    format!("window = {{ hours = \"00:00-00:01\", days = \"{far}\", zone = \"UTC\" }}\n")
}
