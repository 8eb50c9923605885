//! Tests of the dead man's switch of `due`: a monitor that hears of every good tick, and of nothing else.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use linkpost::sandbox::{Keep, Options, SandboxRelay, Script};

use crate::support::fixture::{Fixture, Said, closed_window, scheduled};

const NOW: &str = "at = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\n";
const LATER: &str = "at = \"2999-01-01T09:00Z\"\n";
const MISSED: &str = "at = \"2020-01-01T09:00Z\"\n";
/// Stands in the monitor's address and must never be printed.
const SECRET: &str = "5ecret-check";

/// A monitor: hangs up, or answers with a status, and remembers what it was asked.
struct Monitor {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Monitor {
    /// The answers in order, the last for all that follow; 0 hangs up.
    fn start(answers: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let monitor = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&monitor.asked);
        std::thread::spawn(move || {
            for (nth, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                asked.lock().unwrap().push(request(&mut stream));
                let status = answers[nth.min(answers.len() - 1)];
                if status != 0 {
                    let place = if status == 302 { "Location: /elsewhere\r\n" } else { "" };
                    let head = format!(
                        "HTTP/1.1 {status} X\r\n{place}Content-Length: 0\r\nConnection: close\r\n\r\n"
                    );
                    stream.write_all(head.as_bytes()).unwrap();
                }
            }
        });
        monitor
    }

    fn url(&self, query: &str) -> String {
        format!("http://{}/{SECRET}{query}", self.address)
    }

    /// What it was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// The first line of a request, read up to its blank line.
fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
        head.extend(byte);
    }
    String::from_utf8(head).unwrap().lines().next().unwrap().to_owned()
}

fn watched(monitor: &Monitor, schedule: &str) -> Fixture {
    let fixture = Fixture::new();
    let settings = fixture.read("linkpost.toml");
    fixture.file("linkpost.toml", format!("{settings}[due]\nping_url = \"{}\"\n", monitor.url("")));
    scheduled(&fixture, "autumn", schedule);
    fixture
}

fn due(fixture: &Fixture) -> Said {
    let said = fixture.run(&["due"]);
    assert!(!said.err.contains(SECRET) && !said.out.contains(SECRET), "{said:?}");
    said
}

const GOOD: &str = "GET /5ecret-check HTTP/1.1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_tick_is_told_whether_anything_was_due_or_not() {
    let options = Options { script: Script::new(), keep: Keep::Memory, ..Options::default() };
    let relay = SandboxRelay::start(options).await.unwrap();
    let monitor = Monitor::start(&[200]);
    let fixture = watched(&monitor, NOW);
    fixture.relay(relay.address());
    assert_eq!((due(&fixture).code, monitor.asked()), (Some(0), vec![GOOD.to_owned()]));
    assert_eq!((due(&fixture).code, monitor.asked()), (Some(0), vec![GOOD.to_owned()]));
    // A folder without a campaign is a mistake, and nothing to be content with.
    std::fs::remove_file(fixture.path("campaigns/autumn.toml")).unwrap();
    assert_eq!((due(&fixture).code, monitor.asked()), (Some(78), Vec::new()));
}

#[test]
fn a_question_and_a_rehearsal_are_no_ticks() {
    let monitor = Monitor::start(&[200]);
    let fixture = watched(&monitor, LATER);
    for arguments in [&["due", "--explain"][..], &["due", "--at", "2030-01-01T00:00Z"], &["due", "--sandbox"]]
    {
        let said = fixture.run(arguments);
        assert_eq!((said.code, monitor.asked().len()), (Some(0), 0), "{said:?}");
    }
}

#[test]
fn a_bad_tick_is_told_at_the_failure_address_alone() {
    let (monitor, failures) = (Monitor::start(&[200]), Monitor::start(&[200]));
    let fixture = watched(&monitor, MISSED);
    let settings = fixture.read("linkpost.toml");
    assert_eq!((due(&fixture).code, monitor.asked().len()), (Some(3), 0));
    let url = failures.url("/fail?source=linkpost");
    fixture.file("linkpost.toml", format!("{settings}ping_failure_url = \"{url}\"\n"));
    scheduled(&fixture, "broken", "at = \"soon\"\n");
    assert_eq!((due(&fixture).code, monitor.asked().len()), (Some(78), 0));
    assert_eq!(failures.asked(), ["GET /5ecret-check/fail?source=linkpost&exit=78 HTTP/1.1"]);
    // Mails that wait for their window are as they should be.
    scheduled(&fixture, "broken", &format!("{NOW}{}", closed_window()));
    let said = due(&fixture);
    assert_eq!((said.code, monitor.asked().len(), failures.asked().len()), (Some(75), 1, 0), "{said:?}");
    // A list that has not come yet is neither good nor a failure.
    scheduled(&fixture, "broken", NOW);
    fixture.edit("campaigns/broken.toml", "name = \"broken\"", "name = \"listless\"");
    fixture.edit("campaigns/broken.toml", "people.csv", "people-{date}.csv");
    let said = due(&fixture);
    assert_eq!((said.code, monitor.asked().len(), failures.asked().len()), (Some(75), 0, 0), "{said:?}");
}

#[test]
fn a_monitor_that_fails_is_asked_three_times_and_changes_no_exit_code() {
    for (answers, asked, words) in [
        (&[500, 0, 204][..], 3, ""),
        (
            &[503],
            3,
            "note: the monitor could not be told how this tick ended: `127.0.0.1`: it answered 503, 3 times",
        ),
        (&[404], 1, "`127.0.0.1`: it answered 404\n"),
        (&[302], 1, "`127.0.0.1`: it answered 302, and redirects are not followed"),
    ] {
        let monitor = Monitor::start(answers);
        let fixture = watched(&monitor, LATER);
        let said = due(&fixture);
        assert_eq!((said.code, monitor.asked().len()), (Some(0), asked), "{said:?}");
        assert!(said.err.contains(words) && said.err.contains("note:") != words.is_empty(), "{said:?}");
    }
    let gone = Monitor { address: "127.0.0.1:1".parse().unwrap(), asked: Arc::default() };
    let said = due(&watched(&gone, LATER));
    assert_eq!(said.code, Some(0));
    assert!(said.err.contains("`127.0.0.1`: no connection (Connection refused"), "{said:?}");
}

#[test]
fn the_address_comes_from_the_environment_where_the_file_names_none() {
    let (named, other) = (Monitor::start(&[200]), Monitor::start(&[200]));
    let fixture = watched(&named, LATER);
    let tick = |variable: &str, value: &str| {
        let mut command = fixture.command(&["due"]);
        command.env(variable, value);
        fixture.finish(command)
    };
    assert_eq!(tick("LINKPOST_PING_URL", &other.url("")).code, Some(0));
    assert_eq!((named.asked().len(), other.asked().len()), (1, 0));
    fixture.edit("linkpost.toml", "ping_url", "# ping_url");
    assert_eq!(tick("LINKPOST_PING_URL", &other.url("")).code, Some(0));
    let file = fixture.path("ping");
    fixture.file("ping", other.url(""));
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(tick("LINKPOST_PING_URL_FILE", file.to_str().unwrap()).code, Some(0));
    assert_eq!((named.asked().len(), other.asked().len()), (0, 2));
}

#[test]
fn an_address_that_will_not_do_is_refused_and_not_repeated() {
    for (value, expected) in [
        (
            "\"http://example.com/5ecret-check\"",
            "`due.ping_url`: expected `https` (`http` only on this machine)",
        ),
        ("\"5ecret-check\"", "`due.ping_url`: expected an address such as"),
        ("\"https://a:5ecret-check@example.com/\"", "expected an address without user and password"),
        ("[\"https://example.com/5ecret-check\"]", "`due.ping_url`: found a list"),
        ("https://example.com/5ecret-check", "linkpost.toml:23:"),
    ] {
        let fixture =
            watched(&Monitor { address: "127.0.0.1:1".parse().unwrap(), asked: Arc::default() }, LATER);
        fixture.edit("linkpost.toml", "\"http://127.0.0.1:1/5ecret-check\"", value);
        let said = due(&fixture);
        assert_eq!(said.code, Some(78), "{said:?}");
        assert!(said.err.contains(expected), "{said:?}");
    }
    let fixture = Fixture::new();
    scheduled(&fixture, "autumn", LATER);
    let mut command = fixture.command(&["due"]);
    command.env("LINKPOST_PING_URL", "5ecret-check");
    let said = fixture.finish(command);
    // Nobody's mail waits for a monitor, which notices by itself that it hears nothing.
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.err.contains("LINKPOST_PING_URL: expected an address") && !said.err.contains(SECRET),
        "{said:?}"
    );
}

#[test]
fn each_settings_file_hears_of_its_own_campaigns() {
    let (good, bad) = (Monitor::start(&[200]), Monitor::start(&[200]));
    let (first, second) = (watched(&good, LATER), watched(&bad, MISSED));
    // A folder of links: each campaign stands, with its settings, in the folder of its own team.
    let both = Fixture::new();
    std::fs::create_dir(both.path("all")).unwrap();
    for (name, team) in [("a", &first), ("b", &second)] {
        team.edit("campaigns/autumn.toml", "\"autumn\"", &format!("\"{name}\""));
        let link = both.path(&format!("all/{name}.toml"));
        std::os::unix::fs::symlink(team.path("campaigns/autumn.toml"), link).unwrap();
    }
    std::fs::create_dir(both.path("elsewhere")).unwrap();
    let mut command = both.command(&["due", "../all"]);
    command.current_dir(both.path("elsewhere"));
    let said = both.finish(command);
    assert_eq!((said.code, good.asked().len(), bad.asked().len()), (Some(3), 1, 0), "{said:?}");
}
