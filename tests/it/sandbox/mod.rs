//! The sandbox relay, spoken to in raw SMTP.

mod conversation;
mod keep;
mod script;
mod tls;

use std::net::SocketAddr;

use linkpost::sandbox::{Event, Options, SandboxRelay};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const MAIL: &str = "From: a@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n..dot\r\n.\r\n";
const KEPT: &str = "From: a@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n.dot\r\n";
const ENVELOPE: &str = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";

/// A client that sends what it is told and knows how many replies to wait for.
struct Client<S = TcpStream> {
    stream: S,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// Connects, takes the banner and says hello.
    async fn greet(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).await;
        client.replies(1).await;
        client.talk("EHLO client.example.com\r\n", 1).await;
        client
    }
}

impl<S: AsyncReadExt + AsyncWriteExt + Unpin> Client<S> {
    async fn talk(&mut self, lines: &str, replies: usize) -> String {
        self.stream.write_all(lines.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
        self.replies(replies).await
    }

    /// Reads this many replies, byte by byte, so that nothing behind them is lost.
    async fn replies(&mut self, count: usize) -> String {
        let mut text = Vec::new();
        let mut left = count;
        let mut start = 0;
        while left > 0 {
            text.push(self.stream.read_u8().await.unwrap());
            if text.ends_with(b"\n") {
                if text[start..].get(3) != Some(&b'-') {
                    left -= 1;
                }
                start = text.len();
            }
        }
        String::from_utf8(text).unwrap()
    }

    /// Everything up to the end of the connection; a reset counts as `!`.
    async fn rest(&mut self) -> String {
        let mut text = Vec::new();
        let torn = self.stream.read_to_end(&mut text).await.is_err();
        String::from_utf8(text).unwrap() + if torn { "!" } else { "" }
    }
}

async fn relay(options: Options) -> SandboxRelay {
    SandboxRelay::start(options).await.unwrap()
}

fn mails(relay: &SandboxRelay) -> Vec<(String, Vec<u8>)> {
    let mut mails = Vec::new();
    for event in relay.log() {
        if let Event::Accepted { recipient, message: Some(message), .. } = event {
            mails.push((recipient, message.to_vec()));
        }
    }
    mails
}
