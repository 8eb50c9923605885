//! One connection as bytes: plain or TLS, lines in, grouped replies out, and the ways to end it.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::Ending;

/// RFC 5321 §4.5.3.2.7: a server waits at least five minutes for the next command.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a transaction may go on once the relay was told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// Long enough for `AUTH` with an initial response (RFC 4954 §4: 12,288 octets).
const LINE_LIMIT: usize = 12_288 + 64;

/// A command line as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The line without its CRLF.
    Whole(Vec<u8>),
    /// A line that ended in LF alone.
    Bare,
    /// A line over the limit; it was read to its end and thrown away.
    TooLong,
}

/// The stream with a buffer on either side.
pub(super) struct Wire {
    stream: Stream,
    input: Vec<u8>,
    output: Vec<u8>,
    stop: watch::Receiver<bool>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Between two states of [`Wire::secure`], and after it has failed.
    Gone,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, stop: watch::Receiver<bool>) -> Self {
        Self { stream: Stream::Plain(stream), input: Vec::new(), output: Vec::new(), stop }
    }

    /// The server's side of the handshake. What was said before goes out first.
    pub(super) async fn secure(&mut self, acceptor: &TlsAcceptor) -> Result<(), Ending> {
        self.flush().await?;
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(Ending::Failed);
        };
        tokio::select! {
            secured = acceptor.accept(stream) => {
                self.stream = Stream::Tls(Box::new(secured.map_err(|_| Ending::Failed)?));
                Ok(())
            }
            () = stopped(&mut self.stop) => Err(Ending::Stopped),
            () = time::sleep(PATIENCE) => Err(Ending::Refused),
        }
    }

    /// Puts bytes into the next segment.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Sends what was said.
    pub(super) async fn flush(&mut self) -> Result<(), Ending> {
        if self.output.is_empty() {
            return Ok(());
        }
        let sent = tokio::select! {
            sent = self.stream.write(&self.output) => sent.map_err(|_| Ending::Failed),
            () = grace(&mut self.stop) => Err(Ending::Stopped),
            () = time::sleep(PATIENCE) => Err(Ending::Refused),
        };
        self.output.clear();
        sent
    }

    /// Whether bytes have come that nobody has read yet.
    pub(super) fn has_more(&self) -> bool {
        !self.input.is_empty()
    }

    /// The next line. Replies go out before it waits. `idle`: nothing is lost if the relay stops now.
    pub(super) async fn line(&mut self, idle: bool) -> Result<Line, Ending> {
        let mut searched = 0;
        let mut too_long = false;
        loop {
            let fresh = self.input.get(searched..).unwrap_or_default();
            if let Some(end) = fresh.iter().position(|byte| *byte == b'\n').map(|end| searched + end) {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                line.pop();
                return Ok(match line.pop() {
                    _ if too_long || end > LINE_LIMIT => Line::TooLong,
                    Some(b'\r') => Line::Whole(line),
                    _ => Line::Bare,
                });
            }
            if self.input.len() > LINE_LIMIT {
                too_long = true;
                self.input.clear();
            }
            searched = self.input.len();
            self.fill(idle).await?;
        }
    }

    /// Hands over at most `limit` bytes of what has come, waiting for some if there are none.
    pub(super) async fn bytes(&mut self, limit: usize) -> Result<&[u8], Ending> {
        if self.input.is_empty() {
            self.fill(false).await?;
        }
        Ok(self.input.get(..limit.min(self.input.len())).unwrap_or_default())
    }

    /// Takes bytes that were handed over.
    pub(super) fn consume(&mut self, count: usize) {
        self.input.drain(..count.min(self.input.len()));
    }

    /// Sends a reply byte by byte.
    pub(super) async fn trickle(&mut self, bytes: &[u8], pause: Duration) -> Result<(), Ending> {
        self.flush().await?;
        for byte in bytes {
            self.pause(time::sleep(pause)).await?;
            self.say(&[*byte]);
            self.flush().await?;
        }
        Ok(())
    }

    /// Waits for something that is not the peer; the relay's end cuts it short.
    pub(super) async fn pause(&mut self, something: impl Future<Output = ()>) -> Result<(), Ending> {
        self.flush().await?;
        tokio::select! {
            () = something => Ok(()),
            () = stopped(&mut self.stop) => Err(Ending::Stopped),
        }
    }

    /// Ends the sending side (FIN), then reads on until the peer has left, so that no RST overtakes the FIN.
    pub(super) async fn close(&mut self) {
        if self.flush().await.is_ok() && self.stream.shutdown().await.is_ok() {
            // A peer that stays for longer is left behind.
            drop(time::timeout(GRACE, self.ignore()).await);
        }
    }

    /// Tears the connection (RST).
    pub(super) async fn reset(&mut self) {
        // What cannot be sent any more does not matter to a connection that is torn.
        self.flush().await.ok();
        if let Some(stream) = self.stream.tcp() {
            stream.set_zero_linger().ok();
        }
        self.stream = Stream::Gone;
    }

    /// Says nothing until the peer has left or the relay stops.
    pub(super) async fn ignore(&mut self) {
        while self.flush().await.is_ok() {
            self.input.clear();
            tokio::select! {
                read = self.stream.read(&mut self.input) => if !matches!(read, Ok(1..)) { return },
                () = stopped(&mut self.stop) => return,
            }
        }
    }

    async fn fill(&mut self, idle: bool) -> Result<(), Ending> {
        self.flush().await?;
        tokio::select! {
            biased;
            read = self.stream.read(&mut self.input) => match read {
                Ok(0) => Err(Ending::Left),
                Ok(_) => Ok(()),
                Err(_) => Err(Ending::Failed),
            },
            () = async { if idle { stopped(&mut self.stop).await } else { grace(&mut self.stop).await } } => {
                Err(Ending::Stopped)
            }
            () = time::sleep(PATIENCE) => Err(Ending::Refused),
        }
    }
}

impl Stream {
    async fn read(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        input.reserve(16 * 1024);
        match self {
            Self::Plain(stream) => stream.read_buf(input).await,
            Self::Tls(stream) => stream.read_buf(input).await,
            Self::Gone => Ok(0),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
            Self::Gone => Ok(()),
        }
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Gone => None,
        }
    }
}

/// Resolves when the relay stops, or is gone altogether.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped: the same thing.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Resolves a while after the relay was told to stop.
async fn grace(stop: &mut watch::Receiver<bool>) {
    stopped(stop).await;
    time::sleep(GRACE).await;
}
