//! Postfix's `smtp-sink` as the relay: no work of ours, and as fast as a relay gets.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::support::{fixture::Fixture, judge};

/// The running sink and the folder that it writes mails to.
struct Sink {
    folder: TempDir,
    server: Child,
    address: SocketAddr,
}

impl Sink {
    fn start() -> Option<Self> {
        let found = Command::new("smtp-sink").arg("-?").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !judge("smtp-sink", found.is_ok()) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // It takes no port 0, so a free one is looked for.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("smtp-sink");
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            // It refuses to run as root, so the folder has to be open to whom it becomes.
            fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
            command.args(["-u", "nobody"]);
        }
        let dumps = format!("{}/mail.", folder.path().display());
        let server = command.args(["-d", &dumps, &address.to_string(), "50"]).spawn().unwrap();
        let sink = Self { folder, server, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "smtp-sink does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(sink)
    }

    /// The mails that it took, as written by it.
    fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path()).unwrap();
        files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ended = self.server.kill().and_then(|()| self.server.wait());
    }
}

#[test]
fn as_many_mails_arrive_as_the_books_say() {
    let Some(sink) = Sink::start() else { return };
    let fixture = Fixture::new();
    fixture.relay(sink.address).people(200);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let books = fixture.run(&["status", "spring.toml", "--json"]);
    assert!(books.out.contains("\"sent\":200") && books.out.contains("\"rows\":200"), "{books:?}");

    let mails = sink.mails();
    assert_eq!(mails.len(), 200);
    // The sink writes the arguments of RCPT above the mail.
    let recipients = mails.iter().filter_map(|mail| {
        let line = mail.lines().find_map(|line| line.strip_prefix("X-Rcpt-Args: "))?;
        line.split(['<', '>']).nth(1).map(str::to_owned)
    });
    let expected = (1..=200).map(|number| format!("person{number}@example.com"));
    assert_eq!(recipients.collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
    let tokens: BTreeSet<_> =
        mails.iter().map(|mail| crate::support::mails::parse("", mail.as_bytes()).text).collect();
    assert_eq!(tokens.len(), 200);
}
