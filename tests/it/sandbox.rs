//! The sandbox relay, spoken to in raw SMTP.

use std::net::SocketAddr;

use linkpost::delivery::sandbox::{
    Act, Auth, Defect, Ending, Event, Extensions, Keep, Options, SandboxRelay, Script, Step, Tls,
};
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

async fn scripted(script: Script) -> SandboxRelay {
    relay(Options { script, ..Options::default() }).await
}

fn mails(relay: &SandboxRelay) -> Vec<(String, Vec<u8>)> {
    relay
        .log()
        .into_iter()
        .filter_map(|event| match event {
            Event::Accepted { recipient, message: Some(message), .. } => Some((recipient, message.to_vec())),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_whole_conversation_takes_a_mail() {
    let relay = relay(Options::default()).await;
    let mut client = Client::connect(relay.address()).await;
    assert_eq!(client.replies(1).await, "220 sandbox.linkpost.test ESMTP\r\n");
    assert_eq!(
        client.talk("EHLO client.example.com\r\n", 1).await,
        "250-sandbox.linkpost.test\r\n250-PIPELINING\r\n250-SIZE 33554432\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
         250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n"
    );
    assert_eq!(client.talk("MAIL FROM:<a@example.com> SIZE=90\r\n", 1).await, "250 2.1.0 ok\r\n");
    assert_eq!(client.talk("RCPT TO:<b@example.org>\r\n", 1).await, "250 2.1.5 ok\r\n");
    assert_eq!(client.talk("DATA\r\n", 1).await, "354 go ahead, end with a dot\r\n");
    assert_eq!(client.talk(MAIL, 1).await, "250 2.0.0 kept as 00000001\r\n");
    assert_eq!(client.talk("NOOP\r\n", 1).await, "250 2.0.0 ok\r\n");
    assert_eq!(client.talk("RSET\r\n", 1).await, "250 2.0.0 forgotten\r\n");
    assert_eq!(client.talk("VRFY b\r\n", 1).await, "252 2.5.0 send it and see\r\n");
    assert_eq!(client.talk("QUIT\r\n", 1).await, "221 2.0.0 bye\r\n");
    assert_eq!(client.rest().await, "");
    drop(client);
    relay.accepted(1).await;
    assert_eq!(mails(&relay), [("b@example.org".into(), KEPT.into())]);
    relay.until(|event| *event == Event::Closed { connection: 1, ending: Ending::Quit }).await;
    let report = relay.stop().await.unwrap();
    assert_eq!((report.connections, report.accepted, report.defects), (1, 1, 0));
}
