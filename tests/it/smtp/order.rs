//! What is sent before which reply: relays that the test plays itself, byte by byte.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{MESSAGE, Offer, courier_with, envelope, send, settings, told};

const GROUP: &str = "MAIL FROM:<news@example.com>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n";

/// The relay's end of a connection.
struct Peer(TcpStream);

impl Peer {
    /// Takes a connection, up to the client's first command after EHLO.
    async fn greet(listener: &TcpListener) -> Self {
        let mut peer = Self(listener.accept().await.unwrap().0);
        peer.say("220 hello\r\n").await;
        assert_eq!(peer.hear("\r\n").await, "EHLO client.example.com\r\n");
        peer.say("250-hello\r\n250 PIPELINING\r\n").await;
        peer
    }

    async fn say(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Reads up to and with `end`, not a byte more.
    async fn hear(&mut self, end: &str) -> String {
        let mut heard = String::new();
        while !heard.ends_with(end) {
            heard.push(char::from(self.0.read_u8().await.unwrap()));
        }
        heard
    }

    /// Everything until the client goes.
    async fn rest(mut self) -> String {
        let mut rest = String::new();
        // A reset is an end like any other.
        let _ = self.0.read_to_string(&mut rest).await;
        rest
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_relay_that_takes_groups_gets_the_envelope_in_one() {
    let (listener, port) = listen().await;
    let relay = async {
        let mut peer = Peer::greet(&listener).await;
        // Not a word before all three commands are here.
        assert_eq!(peer.hear("DATA\r\n").await, GROUP);
        peer.say("250 ok\r\n550 5.1.1 no\r\n554 nobody\r\n").await;
        assert_eq!(peer.hear("DATA\r\n").await, format!("RSET\r\n{GROUP}"));
        peer.say("250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n").await;
        peer.hear("\r\n.\r\n").await;
        peer.say("250 ok\r\n").await;
        assert_eq!(peer.hear("\r\n").await, "QUIT\r\n");
        peer.say("221 bye\r\n").await;
    };
    let client = async {
        let mut courier = courier_with(settings(port));
        assert_eq!(told(&send(&mut courier, "ada@example.org").await), "rejected: RCPT: 550 5.1.1 no");
        assert_eq!(told(&send(&mut courier, "ada@example.org").await), "accepted: 250 ok");
        courier.close().await;
    };
    tokio::join!(relay, client);
}

#[tokio::test]
async fn a_relay_that_waits_for_a_body_for_nobody_is_left() {
    let (listener, port) = listen().await;
    let relay = async {
        let mut peer = Peer::greet(&listener).await;
        peer.hear("DATA\r\n").await;
        // The recipient is refused, the DATA that came along is not: the next line would be the body's first.
        peer.say("250 ok\r\n550 5.1.1 no\r\n354 go on\r\n").await;
        assert!(peer.0.read_u8().await.is_err(), "a command went where a body is awaited");
        let mut peer = Peer::greet(&listener).await;
        assert_eq!(peer.hear("DATA\r\n").await, GROUP);
        peer.say("250 ok\r\n250 ok\r\n354 go on\r\n").await;
        peer.hear("\r\n.\r\n").await;
        peer.say("250 ok\r\n").await;
    };
    let client = async {
        let mut courier = courier_with(settings(port));
        assert_eq!(told(&send(&mut courier, "ada@example.org").await), "rejected: RCPT: 550 5.1.1 no");
        assert_eq!(told(&send(&mut courier, "ada@example.org").await), "accepted: 250 ok");
    };
    tokio::join!(relay, client);
}

#[tokio::test]
async fn a_connection_that_cannot_be_reset_is_replaced() {
    for answers in
        ["500 what\r\n503 no\r\n503 no\r\n503 no\r\n", "500 what\r\n250 ok\r\n250 ok\r\n354 go on\r\n"]
    {
        let (listener, port) = listen().await;
        let relay = async {
            let mut peer = Peer::greet(&listener).await;
            peer.hear("DATA\r\n").await;
            peer.say("250 ok\r\n450 later\r\n554 nobody\r\n").await;
            peer.hear("DATA\r\n").await;
            peer.say(answers).await;
            assert_eq!(peer.rest().await, "");
            let mut peer = Peer::greet(&listener).await;
            assert_eq!(peer.hear("DATA\r\n").await, GROUP);
            peer.say("250 ok\r\n250 ok\r\n354 go on\r\n").await;
            peer.hear("\r\n.\r\n").await;
            peer.say("250 ok\r\n").await;
        };
        let client = async {
            let mut courier = courier_with(settings(port));
            assert_eq!(told(&send(&mut courier, "ada@example.org").await), "deferred: RCPT: 450 later");
            assert_eq!(told(&send(&mut courier, "ada@example.org").await), "accepted: 250 ok");
        };
        tokio::join!(relay, client);
    }
}

/// The ledger took so long to record the intent that the relay lost patience.
#[tokio::test]
async fn a_relay_that_gave_up_waiting_for_the_body_gets_no_dot() {
    let (listener, port) = listen().await;
    let mut courier = courier_with(settings(port));
    let envelope = envelope("ada@example.org");
    let grant = async {
        let mut peer = Peer::greet(&listener).await;
        peer.hear("DATA\r\n").await;
        peer.say("250 ok\r\n250 ok\r\n354 go on\r\n").await;
        peer
    };
    let (offer, mut peer) = tokio::join!(courier.offer(&envelope, MESSAGE), grant);
    let Offer::Ready(ready) = offer.unwrap() else { panic!("the relay granted everything") };
    peer.say("421 4.4.2 too slow\r\n").await;
    let (outcome, rest) = tokio::join!(ready.transfer(), peer.rest());
    assert_eq!(told(&Ok(outcome)), "deferred: before the final dot: the relay spoke out of turn");
    assert!(!rest.contains("\r\n.\r\n"), "{rest}");
}

#[tokio::test]
async fn replies_may_come_in_any_pieces() {
    let (listener, port) = listen().await;
    let relay = async {
        let mut peer = Peer::greet(&listener).await;
        peer.hear("DATA\r\n").await;
        for piece in ["2", "50 o", "k\r", "\n250-a\r\n25", "0 b\n354", " go on\r\n"] {
            peer.say(piece).await;
            tokio::task::yield_now().await;
        }
        peer.hear("\r\n.\r\n").await;
        peer.say("250").await;
        tokio::task::yield_now().await;
        peer.say("\r\n").await;
    };
    let client = async {
        let mut courier = courier_with(settings(port));
        assert_eq!(told(&send(&mut courier, "ada@example.org").await), "accepted: 250");
    };
    tokio::join!(relay, client);
}
