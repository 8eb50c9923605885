//! The relay behind TLS.

use std::sync::Arc;

use linkpost::sandbox::{Act, Auth, Ending, Event, Options, Script, Step, Tls};
use rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::ServerName};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Client, ENVELOPE, MAIL, relay};

/// A certificate for `localhost`, and a client that trusts it.
fn identity() -> (Arc<ServerConfig>, TlsConnector) {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = identity.cert.der().clone();
    let key = identity.signing_key.serialize_der().try_into().unwrap();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), TlsConnector::from(Arc::new(client)))
}

async fn handshake(
    connector: &TlsConnector,
    stream: TcpStream,
) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
    Ok(Client { stream })
}

#[tokio::test]
async fn starttls_secures_the_conversation_and_starts_it_anew() {
    let (server, connector) = identity();
    let auth = Some(Auth::new("ada", "s3cret"));
    let relay = relay(Options { tls: Tls::StartTls(server), auth, ..Options::default() }).await;
    let mut client = Client::connect(relay.address()).await;
    client.replies(1).await;
    let offers = client.talk("EHLO client.example.com\r\n", 1).await;
    assert!(offers.contains("STARTTLS") && !offers.contains("AUTH"), "{offers}");
    assert!(client.talk("AUTH PLAIN AGFkYQBzM2NyZXQ=\r\n", 1).await.starts_with("538"));
    assert_eq!(client.talk("STARTTLS\r\n", 1).await, "220 2.0.0 go ahead\r\n");
    let mut client = handshake(&connector, client.stream).await.unwrap();
    assert!(client.talk("MAIL FROM:<a@example.com>\r\n", 1).await.starts_with("503"));
    let offers = client.talk("EHLO client.example.com\r\n", 1).await;
    assert!(offers.contains("AUTH PLAIN LOGIN XOAUTH2") && !offers.contains("STARTTLS"), "{offers}");
    assert!(client.talk("AUTH PLAIN AGFkYQBzM2NyZXQ=\r\n", 1).await.starts_with("235"));
    client.talk(ENVELOPE, 3).await;
    assert_eq!(client.talk(MAIL, 1).await, "250 2.0.0 kept as 00000001\r\n");
    assert_eq!(client.talk("QUIT\r\n", 1).await, "221 2.0.0 bye\r\n");
    assert_eq!(client.rest().await, "");
    assert!(relay.log().contains(&Event::Secured { connection: 1 }));
}

#[tokio::test]
async fn implicit_tls_speaks_only_inside() {
    let (server, connector) = identity();
    let relay = relay(Options { tls: Tls::Implicit(server), ..Options::default() }).await;
    let stream = TcpStream::connect(relay.address()).await.unwrap();
    let mut client = handshake(&connector, stream).await.unwrap();
    assert_eq!(client.replies(1).await, "220 sandbox.linkpost.test ESMTP\r\n");
    assert!(!client.talk("EHLO client.example.com\r\n", 1).await.contains("STARTTLS"));
    client.talk(ENVELOPE, 3).await;
    assert!(client.talk(MAIL, 1).await.starts_with("250"));
}

#[tokio::test]
async fn a_client_that_distrusts_the_certificate_ends_the_connection() {
    let (server, _) = identity();
    let (_, stranger) = identity();
    let relay = relay(Options { tls: Tls::Implicit(server), ..Options::default() }).await;
    let stream = TcpStream::connect(relay.address()).await.unwrap();
    assert!(handshake(&stranger, stream).await.is_err());
    relay.until(|event| *event == Event::Closed { connection: 1, ending: Ending::Failed }).await;
}

#[tokio::test]
async fn plaintext_can_be_slipped_in_behind_the_go_ahead() {
    let (server, _) = identity();
    let script = Script::new().at(Step::StartTls, Act::append("250 injected\r\n"));
    let relay = relay(Options { tls: Tls::StartTls(server), script, ..Options::default() }).await;
    let mut client = Client::greet(relay.address()).await;
    assert_eq!(client.talk("STARTTLS\r\n", 2).await, "220 2.0.0 go ahead\r\n250 injected\r\n");
}

#[tokio::test]
async fn plaintext_behind_starttls_is_refused() {
    let (server, _) = identity();
    let relay = relay(Options { tls: Tls::StartTls(server), ..Options::default() }).await;
    let mut client = Client::greet(relay.address()).await;
    client.stream.write_all(b"STARTTLS\r\nMAIL FROM:<a@example.com>\r\n").await.unwrap();
    assert_eq!(client.rest().await, "501 5.5.1 nothing may follow STARTTLS\r\n");
    drop(client);
    assert_eq!(relay.stop().await.unwrap().defects, 1);
}
