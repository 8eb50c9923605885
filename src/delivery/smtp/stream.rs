//! The bytes to and from a relay, plain or encrypted.

use std::{
    io::{self, ErrorKind},
    net,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// One connection's socket.
pub(super) struct Stream {
    way: Way,
    /// The same socket once more, to look at what has arrived. The runtime's own view can lag behind the kernel's,
    /// and a relay's "421, closing" that is already here must not be overlooked before the final dot.
    lookout: Option<net::TcpStream>,
}

enum Way {
    /// Not encrypted.
    Plain(TcpStream),
    /// Encrypted, the certificate checked.
    Tls(Box<TlsStream<TcpStream>>),
    /// A pipe in memory that a test can cut at any byte.
    #[cfg(test)]
    Pipe(tokio::io::DuplexStream),
}

impl Stream {
    /// A connection as it comes.
    pub(super) fn plain(socket: TcpStream) -> io::Result<Self> {
        let socket = socket.into_std()?;
        let lookout = Some(socket.try_clone()?);
        Ok(Self { way: Way::Plain(TcpStream::from_std(socket)?), lookout })
    }

    /// The same connection after `handshake`.
    pub(super) async fn encrypted<F>(self, handshake: impl FnOnce(TcpStream) -> F) -> io::Result<Self>
    where
        F: Future<Output = io::Result<TlsStream<TcpStream>>>,
    {
        let way = match self.way {
            Way::Plain(socket) => Way::Tls(Box::new(handshake(socket).await?)),
            encrypted @ Way::Tls(_) => encrypted,
            #[cfg(test)]
            pipe @ Way::Pipe(_) => pipe,
        };
        Ok(Self { way, ..self })
    }

    #[cfg(test)]
    pub(super) fn pipe(pipe: tokio::io::DuplexStream) -> Self {
        Self { way: Way::Pipe(pipe), lookout: None }
    }

    /// Whether the kernel holds bytes or the end of the connection, as of now.
    fn has_news(&self) -> bool {
        let Some(lookout) = &self.lookout else { return false };
        match lookout.peek(&mut [0]) {
            Ok(_) => true,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Waits until the runtime has seen what [`Self::has_news`] saw.
    async fn readable(&self) -> io::Result<()> {
        match &self.way {
            Way::Plain(socket) => socket.readable().await,
            Way::Tls(stream) => stream.get_ref().0.readable().await,
            #[cfg(test)]
            Way::Pipe(_) => Ok(()),
        }
    }

    /// Reads what has arrived by now, without waiting for more: `None` is nothing, no bytes are the end.
    pub(super) async fn look<'a>(&mut self, space: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        let mut buffer = ReadBuf::new(space);
        loop {
            let looked = std::future::poll_fn(|context| {
                Poll::Ready(Pin::new(&mut *self).poll_read(context, &mut buffer))
            });
            match looked.await {
                Poll::Ready(read) => {
                    read?;
                    let filled = buffer.filled().len();
                    return Ok(space.get(..filled));
                }
                Poll::Pending if !self.has_news() => return Ok(None),
                // Encrypted, it may be a record without a word in it, such as a session ticket: look again.
                Poll::Pending => self.readable().await?,
            }
        }
    }
}

/// Calls a method of whatever the stream is.
macro_rules! forward {
    ($stream:expr, $method:ident $(, $argument:expr)*) => {
        match &mut $stream.get_mut().way {
            Way::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Way::Tls(stream) => Pin::new(stream.as_mut()).$method($($argument),*),
            #[cfg(test)]
            Way::Pipe(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        forward!(self, poll_read, context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, poll_write, context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, poll_flush, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, poll_shutdown, context)
    }
}
