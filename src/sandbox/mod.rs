//! A small real SMTP server on loopback (RFC 5321): the relay of `send --sandbox`, and of every test.
//!
//! It speaks EHLO, STARTTLS, AUTH, PIPELINING, CHUNKING, SIZE, 8BITMIME, SMTPUTF8 and LIMITS, holds every message to
//! the standard, and keeps what it accepts. A [`Script`] makes it misbehave at any step. Nothing leaves the machine:
//! it binds 127.0.0.1 and has no way to hand a mail on.

mod auth;
mod body;
mod event;
mod keep;
mod script;
mod session;
mod wire;

pub use auth::{Auth, Mechanism};
pub use body::Defect;
pub use event::{Ending, Event, MessageBytes};
pub use keep::Keep;
pub use script::{Act, Script, Step};

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time,
};

use event::Log;
use keep::Keeper;
use script::Played;
use session::Session;

/// How the relay is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// What `EHLO` offers.
    pub extensions: Extensions,
    /// Whether and how the connection is encrypted.
    pub tls: Tls,
    /// `Some`: `MAIL` needs credentials first.
    pub auth: Option<Auth>,
    /// What becomes of accepted mails.
    pub keep: Keep,
    /// What happens out of the ordinary.
    pub script: Script,
    /// A file that gets a line per accepted mail (recipient, `Message-ID` and the number that the `250` tells), on disk
    /// before the `250` goes out.
    pub accept_log: Option<PathBuf>,
    /// How many events the log holds; older ones fall out. 0: none. The one thing that grows with the mails.
    pub log_limit: usize,
    /// How many connections may stand at once; one more is told 421.
    pub max_connections: usize,
    /// The largest message in bytes.
    pub max_message: usize,
}

impl Default for Options {
    /// Every extension, no encryption, no credentials, mails in memory, no script.
    fn default() -> Self {
        Self {
            port: 0,
            extensions: Extensions::default(),
            tls: Tls::None,
            auth: None,
            keep: Keep::Memory,
            script: Script::new(),
            accept_log: None,
            log_limit: 100_000,
            max_connections: 100,
            max_message: 32 * 1024 * 1024,
        }
    }
}

/// What `EHLO` offers. What is not offered is not understood either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of the EHLO reply that is there or not")]
pub struct Extensions {
    /// `PIPELINING` (RFC 2920).
    pub pipelining: bool,
    /// `SIZE` (RFC 1870) with its limit, which holds for the declared size.
    pub size: Option<usize>,
    /// `8BITMIME` (RFC 6152).
    pub eightbitmime: bool,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
    /// `CHUNKING` (RFC 3030): `BDAT`.
    pub chunking: bool,
    /// `LIMITS MAILMAX` (RFC 9422).
    pub mailmax: Option<u32>,
    /// `ENHANCEDSTATUSCODES` (RFC 2034).
    pub enhanced_codes: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Self {
            pipelining: true,
            size: Some(32 * 1024 * 1024),
            eightbitmime: true,
            smtputf8: true,
            chunking: true,
            mailmax: None,
            enhanced_codes: true,
        }
    }
}

impl Extensions {
    /// A relay that offers nothing.
    pub const NONE: Self = Self {
        pipelining: false,
        size: None,
        eightbitmime: false,
        smtputf8: false,
        chunking: false,
        mailmax: None,
        enhanced_codes: false,
    };
}

/// Whether and how the connection is encrypted.
#[derive(Debug, Clone)]
pub enum Tls {
    /// Never.
    None,
    /// After `STARTTLS`, which is offered but not demanded; credentials are taken inside only.
    StartTls(Arc<ServerConfig>),
    /// From the first byte.
    Implicit(Arc<ServerConfig>),
}

/// What a relay has seen when it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// How many connections there were.
    pub connections: u64,
    /// How many mails were accepted.
    pub accepted: u64,
    /// How many rules the clients broke.
    pub defects: u64,
}

/// A running relay. Dropping it cuts every connection; [`Self::stop`] lets open transactions end first.
pub struct SandboxRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    listener: Option<JoinHandle<()>>,
}

/// What all connections share.
struct Shared {
    options: Options,
    script: Played,
    log: Log,
    keeper: Keeper,
    connections: AtomicU64,
    /// Numbers the mails: what `kept as` says.
    kept: AtomicU64,
    defects: AtomicU64,
    accepted: watch::Sender<u64>,
}

impl SandboxRelay {
    /// Binds the port and starts to listen.
    ///
    /// # Errors
    ///
    /// The port is taken, or the folder or the accept log cannot be made.
    pub async fn start(options: Options) -> io::Result<Self> {
        let keeper = Keeper::open(&options.keep, options.accept_log.as_deref())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Played::new(options.script.clone()),
            log: Log::new(options.log_limit),
            keeper,
            connections: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            defects: AtomicU64::new(0),
            accepted: watch::Sender::new(0),
            options,
        });
        let stop = watch::Sender::new(false);
        let listener = tokio::spawn(listen(listener, Arc::clone(&shared), stop.subscribe()));
        Ok(Self { address, shared, stop, listener: Some(listener) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happened so far, in order, as far back as [`Options::log_limit`] reaches.
    #[must_use]
    pub fn log(&self) -> Vec<Event> {
        self.shared.log.all()
    }

    /// How many mails were accepted so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        *self.shared.accepted.borrow()
    }

    /// Resolves when `count` mails were accepted.
    pub async fn accepted(&self, count: u64) {
        // An error would mean that the sender is gone, but it is ours.
        drop(self.shared.accepted.subscribe().wait_for(|accepted| *accepted >= count).await);
    }

    /// Resolves with the first event in the log that meets the condition, as soon as there is one.
    pub async fn until(&self, condition: impl FnMut(&Event) -> bool) -> Event {
        self.shared.log.until(condition).await
    }

    /// Takes no more connections, lets open transactions end for up to ten seconds, and closes.
    ///
    /// # Errors
    ///
    /// The gallery cannot be written.
    pub async fn stop(mut self) -> io::Result<Report> {
        self.stop.send_replace(true);
        if let Some(listener) = self.listener.take() {
            listener.await.map_err(io::Error::other)?;
        }
        self.shared.keeper.finish()?;
        Ok(Report {
            connections: self.shared.connections.load(Ordering::Relaxed),
            accepted: self.count(),
            defects: self.shared.defects.load(Ordering::Relaxed),
        })
    }
}

impl Drop for SandboxRelay {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

/// Takes connections until told to stop, then waits for those that stand. Aborting it aborts them.
async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut sessions = JoinSet::new();
    let running = stop.clone();
    loop {
        tokio::select! {
            () = wire::stopped(&mut stop) => break,
            Some(_) = sessions.join_next() => {}
            connected = listener.accept() => match connected {
                Ok((stream, _)) => {
                    let room = sessions.len() < shared.options.max_connections;
                    sessions.spawn(serve(stream, Arc::clone(&shared), running.clone(), room));
                }
                // Out of file descriptors, or a peer that left at once: others may still come.
                Err(_) => time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    while sessions.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, stop: watch::Receiver<bool>, room: bool) {
    // Without it a reply in two segments waits for the peer's delayed acknowledgement. It only costs time.
    drop(stream.set_nodelay(true));
    let connection = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    shared.log.push(Event::Connected { connection });
    let ending = Session::new(Arc::clone(&shared), stream, stop, connection).run(room).await;
    shared.log.push(Event::Closed { connection, ending });
}
