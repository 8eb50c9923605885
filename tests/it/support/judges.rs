//! Judges in processes of their own: what was sent is taken and read by programs that share no line with ours.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{fixture::Fixture, python};

/// An SMTP server of somebody else's (`aiosmtpd`), which keeps every mail as it came.
pub(crate) struct Inbox {
    folder: TempDir,
    server: Child,
    address: SocketAddr,
}

fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "judges", name].iter().collect()
}

impl Inbox {
    /// Starts the server; `None`, said aloud, where Python lacks what the judges need.
    pub(crate) fn start() -> Option<Self> {
        if !python("aiosmtpd, jwt, cryptography") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut server = Command::new("python3")
            .arg(script("inbox.py"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let address = format!("127.0.0.1:{}", port.trim()).parse().unwrap();
        Some(Self { folder, server, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many mails came.
    pub(crate) fn count(&self) -> usize {
        let names = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".json")).count()
    }

    /// Every mail in the order of its arrival, as Python reads it. The tokens were verified with the fixture's key.
    pub(crate) fn letters(&self, fixture: &Fixture) -> Vec<Value> {
        let keys = std::fs::read_dir(fixture.path("keys")).unwrap().map(|entry| entry.unwrap().path());
        let key = keys.into_iter().find(|path| !path.ends_with("seed.key")).unwrap();
        let judge = Command::new("python3")
            .arg(script("letters.py"))
            .args([self.folder.path(), key.as_path()])
            .args(["https://app.example.com", "https://example.com"])
            .output()
            .unwrap();
        assert!(judge.status.success(), "{}", String::from_utf8_lossy(&judge.stderr));
        serde_json::from_slice(&judge.stdout).unwrap()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // The server ends with its stdin.
        drop(self.server.stdin.take());
        let _ended = self.server.wait();
    }
}
