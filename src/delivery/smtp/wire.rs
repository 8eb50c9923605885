//! Bytes and deadlines: commands go out, whole replies come in.
//!
//! A deadline covers the whole reply, so one byte now and then does not extend it. After any [`WireError`] the wire is
//! good for nothing but to be dropped, and dropping it closes the socket.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use zeroize::Zeroizing;

use super::{
    reply::{Reply, ReplyError, ReplyParser},
    stream::Stream,
};
use crate::failpoint;

/// The reason that the conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("no complete answer within {0:?}")]
    Late(Duration),
    #[error("the relay closed the connection")]
    Closed,
    #[error("the connection broke ({0})")]
    Broken(io::ErrorKind),
    #[error("the relay sent {0}")]
    Malformed(#[from] ReplyError),
    #[error("the relay spoke out of turn")]
    OutOfTurn,
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if kind == io::ErrorKind::UnexpectedEof { Self::Closed } else { Self::Broken(kind) }
    }
}

/// Whether a byte of the final dot may have left: before it a cut is a definite no, from it on nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dot {
    /// Nothing that could complete the message has left.
    Kept,
    /// The first byte of the dot was handed to the socket.
    Written,
}

/// A stream, what was read ahead, and how many replies the relay still owes.
pub(super) struct Wire {
    stream: Stream,
    inbox: Vec<u8>,
    owed: usize,
}

impl Wire {
    /// A wire on which the relay owes its greeting.
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, inbox: Vec::with_capacity(4096), owed: 1 }
    }

    /// A wire on which nothing was said yet and no greeting is owed: the inside of STARTTLS.
    pub(super) fn upgraded(stream: Stream) -> Self {
        Self { owed: 0, ..Self::new(stream) }
    }

    /// The stream, for the upgrade to TLS: refused while a single byte is read ahead, since whoever sent it was not
    /// authenticated (CVE-2011-0411).
    pub(super) fn into_stream(self) -> Result<Stream, WireError> {
        if self.is_in_step() { Ok(self.stream) } else { Err(WireError::OutOfTurn) }
    }

    /// Whether every command has its reply and no byte is left over.
    pub(super) fn is_in_step(&self) -> bool {
        self.owed == 0 && self.inbox.is_empty()
    }

    /// Sends `commands` (whole lines) in one write; each owes a reply.
    pub(super) async fn send(&mut self, commands: &[&str], deadline: Duration) -> Result<(), WireError> {
        // AUTH passes here too.
        let bytes = Zeroizing::new(commands.concat());
        within(deadline, async {
            self.expect_silence().await?;
            self.owed += commands.len();
            self.stream.write_all(bytes.as_bytes()).await?;
            Ok(self.stream.flush().await?)
        })
        .await
    }

    /// Reads one whole reply.
    pub(super) async fn reply(&mut self, deadline: Duration) -> Result<Reply, WireError> {
        let reply = within(deadline, self.read_reply()).await?;
        self.owed = self.owed.checked_sub(1).ok_or(WireError::OutOfTurn)?;
        Ok(reply)
    }

    /// Sends one command and reads its reply, all within `deadline`.
    pub(super) async fn ask(&mut self, command: &str, deadline: Duration) -> Result<Reply, WireError> {
        within(deadline, async {
            self.send(&[command], deadline).await?;
            self.reply(deadline).await
        })
        .await
    }

    /// Sends a piece of the body: it has left this process when this returns.
    pub(super) async fn send_body(&mut self, block: &[u8], deadline: Duration) -> Result<(), WireError> {
        within(deadline, async {
            self.stream.write_all(block).await?;
            Ok(self.stream.flush().await?)
        })
        .await
    }

    /// Ends the message: the dot in a write of its own, then the answer. Says beside an error whether the dot left.
    pub(super) async fn end_message(&mut self, deadline: Duration) -> Result<Reply, (Dot, WireError)> {
        let mut dot = Dot::Kept;
        let ended = within(deadline, async {
            self.expect_silence().await?;
            self.owed += 1;
            let mut rest = &b".\r\n"[..];
            while !rest.is_empty() {
                // A first write that fails took no byte; an encrypted record that left in part cannot be read. So the
                // dot is out only once a write has succeeded.
                let written = self.stream.write(rest).await?;
                dot = Dot::Written;
                rest = rest.get(written..).filter(|_| written > 0).ok_or(WireError::Closed)?;
            }
            self.stream.flush().await?;
            failpoint::reach("after-dot");
            let reply = self.read_reply().await?;
            self.owed -= 1;
            Ok(reply)
        });
        let ended = ended.await;
        ended.map_err(|lost| (dot, lost))
    }

    /// Closes the connection, with the goodbye of TLS where there is one.
    pub(super) async fn hang_up(mut self, deadline: Duration) {
        // It is closed in any case.
        let _ = within(deadline, async { Ok(self.stream.shutdown().await?) }).await;
    }

    async fn read_reply(&mut self) -> Result<Reply, WireError> {
        let mut parser = ReplyParser::default();
        loop {
            match parser.feed(&self.inbox)? {
                Some((reply, used)) => {
                    self.inbox.drain(..used);
                    return Ok(reply);
                }
                None => self.inbox.clear(),
            }
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                return Err(WireError::Closed);
            }
        }
    }

    /// Fails if the relay has said something that nobody asked for, or has gone: whatever it was, it would be taken
    /// for the answer to the next command.
    async fn expect_silence(&mut self) -> Result<(), WireError> {
        if !self.is_in_step() {
            return Err(WireError::OutOfTurn);
        }
        match self.stream.look(&mut [0; 64]).await? {
            None => Ok(()),
            Some([]) => Err(WireError::Closed),
            Some(_) => Err(WireError::OutOfTurn),
        }
    }
}

/// The one place where time runs out.
async fn within<T>(
    deadline: Duration,
    step: impl Future<Output = Result<T, WireError>>,
) -> Result<T, WireError> {
    timeout(deadline, step).await.unwrap_or(Err(WireError::Late(deadline)))
}
