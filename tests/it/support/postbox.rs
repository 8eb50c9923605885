//! Relays that outlive the sender, and what they say that they took.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use linkpost::sandbox::{Keep, Options, SandboxRelay, Script};
use tempfile::TempDir;

use crate::support::{judge, wait};

/// A mail that a relay has taken, in the relay's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) recipient: String,
    pub(crate) message_id: String,
    /// What its `250` told the sender, where the relay keeps it.
    pub(crate) queue_id: Option<String>,
}

/// A relay in another process than the sender's, with a record of its own.
pub(crate) enum Postbox {
    /// Ours, in the process of the test; its log is on disk before each `250`.
    Sandbox(Sandbox),
    /// Postfix's: a judge that is not ours. A mail is a file, gone again if the dot never came.
    Sink(Sink),
}

pub(crate) struct Sandbox {
    /// `None` while it is away.
    relay: Option<SandboxRelay>,
    address: SocketAddr,
    folder: TempDir,
}

pub(crate) struct Sink {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Postbox {
    /// The embedded relay with a script.
    pub(crate) async fn sandbox(script: Script) -> Self {
        Self::sandbox_with(Options { script, ..Options::default() }).await
    }

    /// The embedded relay, set up at will; its accept log is always on.
    pub(crate) async fn sandbox_with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let relay = start(options, &folder, 0).await.unwrap();
        Self::Sandbox(Sandbox { address: relay.address(), relay: Some(relay), folder })
    }

    /// The embedded relay goes away in the middle of everything: connections are cut, nobody listens.
    pub(crate) fn go_away(&mut self) {
        match self {
            Self::Sandbox(sandbox) => sandbox.relay = None,
            Self::Sink(_) => panic!("only the embedded relay comes back"),
        }
    }

    /// It is back at the same address, set up at will, and goes on with its log.
    pub(crate) async fn come_back(&mut self, options: Options) {
        self.go_away();
        let Self::Sandbox(sandbox) = self else { return };
        // The old one's port is free as soon as the runtime has dropped it.
        let relay = loop {
            match start(options.clone(), &sandbox.folder, sandbox.address.port()).await {
                Ok(relay) => break relay,
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => tokio::task::yield_now().await,
                Err(error) => panic!("the relay cannot come back: {error}"),
            }
        };
        sandbox.relay = Some(relay);
    }

    /// Postfix's `smtp-sink`; `None`, said aloud, where it is not installed.
    pub(crate) fn sink() -> Option<Self> {
        const PROGRAM: &str = "/usr/sbin/smtp-sink";
        if !judge("smtp-sink", Path::new(PROGRAM).exists()) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let dump = folder.path().join("dump");
        fs::create_dir(&dump).unwrap();
        for (path, mode) in [(folder.path(), 0o711), (dump.as_path(), 0o777)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        // It cannot tell which port it got, so one that is free a moment before has to do.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut command = Command::new(PROGRAM);
        // Somebody who is root has to say who it shall be instead.
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.args(["-u", "nobody"]);
        }
        command.args(["-d", &format!("{}/%s.", dump.display()), &address.to_string(), "100"]);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let sink = Sink { child, address, folder };
        sink.wait_until_it_listens();
        Some(Self::Sink(sink))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Sandbox(sandbox) => sandbox.address,
            Self::Sink(sink) => sink.address,
        }
    }

    /// How many mails it has, those under way perhaps included.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Sandbox(sandbox) => logged(&sandbox.folder.path().join("accepted")).len(),
            Self::Sink(sink) => sink.mails().len(),
        }
    }

    /// Everything that it has taken so far, from its disk.
    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        match self {
            Self::Sandbox(sandbox) => logged(&sandbox.folder.path().join("accepted")),
            Self::Sink(sink) => sink.accepted(),
        }
    }

    /// Stops the relay's process where it stands (STOP), or lets it go on (CONT).
    pub(crate) fn signal(&self, name: &str) {
        match self {
            Self::Sandbox(_) => panic!("the embedded relay lives in this process"),
            Self::Sink(sink) => super::signal(&sink.child, name),
        }
    }

    /// The embedded relay, to wait for what happens at it.
    pub(crate) fn relay(&self) -> &SandboxRelay {
        match self {
            Self::Sandbox(sandbox) => sandbox.relay.as_ref().expect("the relay is away"),
            Self::Sink(_) => panic!("smtp-sink tells nothing while it runs"),
        }
    }
}

async fn start(options: Options, folder: &TempDir, port: u16) -> std::io::Result<SandboxRelay> {
    let accept_log = Some(folder.path().join("accepted"));
    SandboxRelay::start(Options { port, accept_log, keep: Keep::Nothing, ..options }).await
}

fn logged(log: &Path) -> Vec<Accepted> {
    let text = fs::read_to_string(log).unwrap();
    let line = |line: &str| {
        let mut words = line.split('\t').map(str::to_owned);
        let (recipient, message_id, number) =
            (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        Accepted { recipient, message_id, queue_id: Some(format!("kept as {number}")) }
    };
    text.lines().map(line).collect()
}

impl Sink {
    fn wait_until_it_listens(&self) {
        let mut stream = wait::until_some(|| TcpStream::connect(self.address).ok());
        let mut banner = [0; 3];
        stream.read_exact(&mut banner).unwrap();
        stream.write_all(b"QUIT\r\n").unwrap();
    }

    fn mails(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("dump")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// What it wrote of each mail: the arguments of the commands, then the mail.
    pub(crate) fn texts(&self) -> Vec<String> {
        // A file that vanishes meanwhile belonged to a mail whose dot never came.
        self.mails().into_iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
    }

    fn accepted(&self) -> Vec<Accepted> {
        let mail = |text: String| {
            let value = |name: &str| {
                text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
            };
            let recipient = value("X-Rcpt-Args: ").trim_matches(['<', '>']).to_owned();
            Accepted { recipient, message_id: value("Message-ID: "), queue_id: None }
        };
        self.texts().into_iter().map(mail).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may be gone already; it is ours to take away in any case.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
