//! The connections: how many, how long, over TLS or not, and how they end.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    time::Instant,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use super::{
    Web,
    client::{self, Client},
    reply::{self, Reply},
    request::Visit,
    strict::{Watched, ends_unseen},
    tokens,
};

/// Connections at a time; further ones wait in the system's queue.
const CONNECTIONS: usize = 4096;
/// No connection lives longer: a client that reads nothing holds nothing for ever.
const LIFE: Duration = Duration::from_mins(2);
/// How long a connection may take to end, once it has to.
const GRACE: Duration = Duration::from_secs(10);
/// Head and buffered requests of a connection, in bytes.
const BUFFER: usize = 16 * 1024;
/// The pause after the system would give no connection: it is out of something.
const BREATH: Duration = Duration::from_millis(50);

/// A request that was answered, for the access log. No path, no query, no whole address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The network of the client: its address without the last part.
    pub client: String,
    /// The method.
    pub method: String,
    /// What was asked for, by name.
    pub route: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
}

/// What is heard of a site at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A request was answered.
    Answered(Access),
    /// A request came through a proxy that writes this header, and its word for the visitor's address was not found:
    /// everybody behind it has one address. Heard once.
    Hidden(String),
    /// A link of ours came before its time: the clock of the machine that made it is ahead of this one's by more than
    /// a token's leeway.
    Early,
}

/// Certificate and key.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why certificate and key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl Tls {
    /// Reads a chain of certificates and its key, both in PEM.
    pub fn load(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let wrong = |path: &Path, error: &dyn std::fmt::Display| {
            TlsError(format!("`{}` cannot be used: {error}", path.display()))
        };
        let chain = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect)
            .map_err(|error| wrong(certificates, &error))?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, secret))
            .map_err(|error| wrong(certificates, &error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// A site that listens.
#[derive(Debug)]
pub struct Listening {
    web: Arc<Web>,
    listener: TcpListener,
    tls: Option<Tls>,
}

impl Listening {
    /// Takes the address.
    pub async fn on(address: SocketAddr, web: Web, tls: Option<Tls>) -> std::io::Result<Self> {
        Ok(Self { web: Arc::new(web), listener: TcpListener::bind(address).await?, tls })
    }

    /// The address that was taken.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop`; what is under way then is answered first. `log` hears of every answer.
    pub async fn serve(self, stop: CancellationToken, log: impl Fn(&Heard) + Send + Sync + 'static) {
        let log = Arc::new(log);
        let (room, connections) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = async {
                    let place = Arc::clone(&room).acquire_owned().await;
                    (place, self.listener.accept().await)
                } => accepted,
            };
            let (Ok(place), Ok((stream, peer))) = accepted else {
                tokio::time::sleep(BREATH).await;
                continue;
            };
            let (web, tls, stop, log) =
                (Arc::clone(&self.web), self.tls.clone(), stop.clone(), Arc::clone(&log));
            connections.spawn(async move {
                web.counts.connection(1);
                let _ = stream.set_nodelay(true);
                match tls {
                    None => talk(&web, stream, peer.ip(), &stop, &*log).await,
                    Some(Tls(tls)) => {
                        let deadline = web.site.read_deadline;
                        if let Ok(Ok(stream)) = tokio::time::timeout(deadline, tls.accept(stream)).await {
                            talk(&web, stream, peer.ip(), &stop, &*log).await;
                        } else {
                            debug!("a connection ended before TLS began");
                        }
                    }
                }
                web.counts.connection(-1);
                drop(place);
            });
        }
        drop(self.listener);
        connections.close();
        let _ = tokio::time::timeout(GRACE, connections.wait()).await;
    }
}

/// One connection, from the first request to the last answer.
async fn talk<S>(
    web: &Arc<Web>,
    stream: S,
    peer: IpAddr,
    stop: &CancellationToken,
    log: &(impl Fn(&Heard) + Send + Sync),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (stream, seen) = Watched::new(stream);
    let (seen, number) = (&seen, &AtomicU64::new(0));
    let service = service_fn(|request| async move {
        let good_lines = !seen.is_bare(number.fetch_add(1, Ordering::Relaxed));
        Ok::<_, Infallible>(respond(web, request, good_lines, peer, log).await)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(web.site.read_deadline)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = tokio::time::sleep(LIFE) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
    };
    if ended.is_err() {
        debug!("a connection broke off");
    }
}

async fn respond(
    web: &Web,
    request: Request<Incoming>,
    good_lines: bool,
    peer: IpAddr,
    log: &(impl Fn(&Heard) + Send + Sync),
) -> Reply {
    let begun = Instant::now();
    let method = request.method().to_string();
    let for_programs = tokens::is_api(web.site.below(request.uri().path()));
    let ends = ends_unseen(request.headers());
    let client = Client::of(request.headers(), peer, web.site.client_address_header.as_ref());
    if let Some(header) = &client.behind
        && client::is_near(peer)
        && !web.told_of_proxy.swap(true, Ordering::Relaxed)
    {
        log(&Heard::Hidden(header.to_string()));
    }
    let address = client.address;
    let visit = Visit::read(request, client, good_lines, web.site.read_deadline).await;
    // What was not read whole may be followed by anything.
    let ends = ends || visit.is_err();
    let (route, reply) = web.answer(visit, for_programs).await;
    if web.is_early.swap(false, Ordering::Relaxed) {
        log(&Heard::Early);
    }
    let reply = if ends { reply::last(reply) } else { reply };
    let status = reply.status().as_u16();
    web.counts.request(route, status);
    let (client, took) = (network(address), begun.elapsed());
    // A method can be any word, so only those that mean something are repeated.
    let method = if matches!(method.as_str(), "GET" | "HEAD" | "POST") { method } else { "other".to_owned() };
    log(&Heard::Answered(Access { client, method, route: route.name(), status, took }));
    reply::secured(reply, web.is_secure())
}

/// An address without what tells one household from its neighbours.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [one, two, three, _] = address.octets();
            format!("{one}.{two}.{three}.0/24")
        }
        IpAddr::V6(address) => {
            let [one, two, three, ..] = address.segments();
            format!("{one:x}:{two:x}:{three:x}::/48")
        }
    }
}
