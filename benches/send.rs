//! A campaign of 10,000 rows and one of 100,000 through a real SMTP conversation on loopback: mails a second, beside
//! Postfix's `smtp-source` where it is installed, and the peak of memory.
//!
//! `cargo bench --bench send [-- ROWS]`. Machines are noisy: read the ratios, not the rates.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use linkpost::sandbox::{Keep, Options, SandboxRelay};

const PROGRAM: &str = env!("CARGO_BIN_EXE_linkpost");
const CONNECTIONS: usize = 10;

const SETTINGS: &str = r#"
[sender]
name = "Example"
address = "hello@example.com"
postal_address = "Example Ltd, 1 Main Street"
[relay.smtp]
host = "127.0.0.1"
port = PORT
tls = "none"
[sending]
connections = 10
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

/// One measured run.
struct Measured {
    took: Duration,
    peak_kib: u64,
}

fn main() {
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let sizes: Vec<usize> = arguments.filter_map(|size| size.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10_000, 100_000] } else { sizes };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    for rows in sizes {
        let folder = tempfile::tempdir().expect("a folder");
        let relay = runtime.block_on(relay());
        prepare(folder.path(), rows, relay.address().port());
        let check = measure(folder.path(), &["check", "campaign.toml", "--quiet"]);
        let send = measure(folder.path(), &["send", "campaign.toml", "--yes", "--quiet"]);
        assert_eq!(relay.count(), rows as u64, "every row is one mail");
        runtime.block_on(relay.stop()).expect("the relay ends");
        print(rows, "check (read and render)", &check);
        print(rows, "send (check, book, send)", &send);
        if let Some(source) = smtp_source(&runtime, rows) {
            let ratio = source.as_secs_f64() / send.took.saturating_sub(check.took).as_secs_f64();
            println!(
                "{rows:>8} rows  smtp-source, {CONNECTIONS} sessions: {source:>8.2?}; sending alone is {ratio:.2} of its rate"
            );
        }
    }
}

async fn relay() -> SandboxRelay {
    let options = Options { keep: Keep::Nothing, log_limit: 0, max_connections: 64, ..Options::default() };
    SandboxRelay::start(options).await.expect("the relay starts")
}

/// The sample waitlist campaign with a list of `rows` people.
fn prepare(folder: &Path, rows: usize, port: u16) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(folder.join("linkpost.toml"), SETTINGS.replace("PORT", &port.to_string())).expect("written");
    let campaign = fs::read_to_string(root.join("campaigns/waitlist.toml")).expect("the sample is there");
    let templates = root.join("templates").display().to_string();
    let campaign = campaign.replace("\"../templates", &format!("\"{templates}"));
    let campaign = campaign.replace("lists/waitlist.csv", "people.csv");
    fs::write(folder.join("campaign.toml"), campaign).expect("written");
    let sample = fs::read_to_string(root.join("campaigns/lists/waitlist.csv")).expect("the sample is there");
    fs::write(folder.join("people.csv"), list(&sample, rows)).expect("written");
    let made = Command::new(PROGRAM).args(["keys", "new", "--quiet"]).current_dir(folder).status();
    assert!(made.expect("the program runs").success());
}

/// The sample's rows again and again, each with an id and an address of its own.
fn list(sample: &str, rows: usize) -> String {
    let mut lines = sample.lines();
    let header = lines.next().expect("a header");
    let people: Vec<&str> = lines.filter(|line| line.contains("user_")).collect();
    let mut list = format!("{header}\n");
    for number in 0..rows {
        let person = people[number % people.len()];
        let person =
            person.replace("user_", &format!("user_{number}x")).replacen('@', &format!(".{number}@"), 1);
        list.push_str(&person);
        list.push('\n');
    }
    list
}

fn measure(folder: &Path, arguments: &[&str]) -> Measured {
    let started = Instant::now();
    let mut child =
        Command::new(PROGRAM).args(arguments).current_dir(folder).spawn().expect("the program runs");
    let mut peak_kib = 0;
    while child.try_wait().expect("the program is ours").is_none() {
        peak_kib = peak_kib.max(high_water(&child));
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = child.wait().expect("the program is ours");
    assert!(status.success(), "{arguments:?}: {status}");
    Measured { took: started.elapsed(), peak_kib }
}

/// The kernel's high-water mark of resident memory.
fn high_water(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The same number of mails of 16 KiB from Postfix's generator, which replays one fixed mail.
fn smtp_source(runtime: &tokio::runtime::Runtime, rows: usize) -> Option<Duration> {
    let program = ["/usr/sbin/smtp-source", "/usr/bin/smtp-source"]
        .into_iter()
        .find(|path| Path::new(path).exists())?;
    let relay = runtime.block_on(relay());
    let started = Instant::now();
    let status = Command::new(program)
        .args(["-4", "-d", "-s", &CONNECTIONS.to_string(), "-m", &rows.to_string(), "-l", "16384"])
        .args(["-f", "hello@example.com", "-t", "person@example.com"])
        .arg(format!("inet:127.0.0.1:{}", relay.address().port()))
        .stdout(Stdio::null())
        .status()
        .ok()?;
    let took = started.elapsed();
    runtime.block_on(relay.stop()).ok()?;
    status.success().then_some(took)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn print(rows: usize, what: &str, measured: &Measured) {
    let rate = rows as f64 / measured.took.as_secs_f64();
    let peak = measured.peak_kib as f64 / 1024.0;
    println!("{rows:>8} rows  {what:<26} {:>8.2?}  {rate:>8.0} rows/s  peak {peak:.1} MiB", measured.took);
}
