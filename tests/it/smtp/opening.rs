//! Before the first mail: reaching the relay, TLS, signing in.

use std::{fs, sync::Arc};

use linkpost::{
    delivery::smtp::{Login, Mechanism, Relay, RelaySettings, Tls},
    sandbox::{
        Act, Auth, Event, Extensions, Mechanism as Offered, Options, SandboxRelay, Script, Step,
        Tls as Served,
    },
};
use rcgen::generate_simple_self_signed;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use super::{
    SHORT, commands, connections, courier, courier_with, finish, kind, mails, relay, scripted, send,
    settings, told,
};

/// A certificate for `localhost`: for the relay, and as a file for those who trust it.
fn certificate() -> (Arc<ServerConfig>, NamedTempFile) {
    let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), pair.cert.pem()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key)
        .unwrap();
    (Arc::new(config), file)
}

/// Settings that trust the file.
fn secured(relay: &SandboxRelay, tls: Tls, ca_file: &NamedTempFile) -> RelaySettings {
    RelaySettings {
        host: "localhost".into(),
        tls,
        ca_file: Some(ca_file.path().to_owned()),
        ..settings(relay.address().port())
    }
}

/// A relay whose certificate is a certificate authority's for this name, as `openssl req -x509` makes it.
async fn authority(name: &str) -> (SandboxRelay, NamedTempFile) {
    let mut parameters = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), certificate.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let tls = Served::Implicit(Arc::new(config));
    (relay(Options { tls, ..Options::default() }).await, file)
}

#[tokio::test]
async fn the_very_certificate_that_is_named_is_trusted_for_its_name_and_no_other() {
    let (ours, file) = authority("localhost").await;
    let (_, other) = authority("localhost").await;
    let (foreign, foreign_file) = authority("mail.example.com").await;
    let end = async |relay: &SandboxRelay, file: &NamedTempFile| {
        kind(&mut courier_with(secured(relay, Tls::Implicit, file)), "ada@example.org").await
    };
    assert_eq!(end(&ours, &file).await, "accepted");
    assert_eq!(end(&ours, &other).await, "stop", "another one is named");
    assert_eq!(end(&foreign, &foreign_file).await, "stop", "it is not for this host");
}

#[tokio::test]
async fn a_port_that_speaks_plain_text_first_is_told_as_that() {
    let (_, file) = certificate();
    let relay = scripted(Script::new()).await;
    let said = told(&send(&mut courier_with(secured(&relay, Tls::Implicit, &file)), "ada@example.org").await);
    assert!(said.contains("it speaks plain text first, as a port for `tls = \"starttls\"` does"), "{said}");
}

fn login(mechanism: Option<Mechanism>, secret: &str) -> Login {
    Login { mechanism, user: "ada".into(), secret: secret.into() }
}

#[tokio::test]
async fn a_relay_out_of_reach_stops_the_run_after_the_tries() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let told = told(&send(&mut courier_with(settings(port)), "ada@example.org").await);
    assert!(told.starts_with(&format!("stop: the relay `127.0.0.1:{port}` is out of reach: ")), "{told}");
}

#[tokio::test]
async fn a_relay_that_is_busy_is_tried_again() {
    let busy = || Script::new().at(Step::Connect, Act::farewell(421, "4.3.2 busy"));
    let check = async |script, expected: &str, expected_connections| {
        let relay = scripted(script).await;
        let told = told(&send(&mut courier(&relay), "ada@example.org").await);
        let told = told.replace(&relay.address().to_string(), "RELAY");
        assert_eq!((told.as_str(), connections(&relay)), (expected, expected_connections));
    };
    let taken = "accepted: 250 2.0.0 kept as 00000001";
    check(busy().times(2), taken, 3).await;
    check(busy(), "stop: the relay `RELAY` is out of reach: greeting: 421 4.3.2 busy", 3).await;
    check(Script::new().at(Step::Connect, Act::Drop).times(1), taken, 2).await;
    check(Script::new().at(Step::Ehlo, Act::Reset).times(1), taken, 2).await;
    check(Script::new().at(Step::Ehlo, Act::reply(451, "later")).times(1), taken, 2).await;
}

#[tokio::test]
async fn a_relay_that_refuses_the_client_is_not_tried_again() {
    let relay = scripted(Script::new().at(Step::Connect, Act::reply(554, "5.7.1 go away"))).await;
    let told = told(&send(&mut courier(&relay), "ada@example.org").await);
    let expected = format!(
        "stop: this machine's name or address is not accepted; the relay `{}` says: greeting: 554 5.7.1 go away",
        relay.address()
    );
    assert_eq!((told, connections(&relay)), (expected, 1));
}

#[tokio::test]
async fn a_relay_that_never_greets_is_given_up() {
    let relay = scripted(Script::new().at(Step::Connect, Act::Stall)).await;
    let mut settings = settings(relay.address().port());
    settings.deadlines.banner = SHORT;
    let told = told(&send(&mut courier_with(settings), "ada@example.org").await);
    assert!(told.ends_with("is out of reach: greeting: no complete answer within 300ms"), "{told}");
    assert_eq!(connections(&relay), 3);
}

#[tokio::test]
async fn an_old_relay_is_greeted_the_old_way() {
    let script = Script::new().at(Step::Ehlo, Act::reply(502, "5.5.1 what")).times(1);
    let relay = relay(Options { script, extensions: Extensions::NONE, ..Options::default() }).await;
    assert_eq!(kind(&mut courier(&relay), "ada@example.org").await, "accepted");
    assert_eq!(commands(&relay)[..2], ["EHLO client.example.com", "HELO client.example.com"]);
    finish(relay).await;
}

#[tokio::test]
async fn a_trusted_certificate_carries_mail_and_login() {
    let (config, file) = certificate();
    for (served, tls) in [
        (Served::Implicit(Arc::clone(&config)), Tls::Implicit),
        (Served::StartTls(Arc::clone(&config)), Tls::StartTls),
    ] {
        let auth = Some(Auth::new("ada", "opensesame"));
        let relay = relay(Options { tls: served, auth, ..Options::default() }).await;
        let mut courier = courier_with(RelaySettings {
            login: Some(login(None, "opensesame")),
            ..secured(&relay, tls, &file)
        });
        for _ in 0..2 {
            assert_eq!(kind(&mut courier, "ada@example.org").await, "accepted", "{tls:?}");
        }
        courier.close().await;
        let log = relay.log();
        let secured = log.iter().position(|event| matches!(event, Event::Secured { .. }));
        let signed_in = log
            .iter()
            .position(|event| matches!(event, Event::Command { line, .. } if line.starts_with("AUTH")));
        assert!(secured.is_some() && secured < signed_in, "{tls:?}");
        assert_eq!((connections(&relay), mails(&relay).len()), (1, 2));
        finish(relay).await;
    }
}

#[tokio::test]
async fn an_encrypted_connection_that_was_closed_between_two_mails_costs_no_mail() {
    let (config, file) = certificate();
    for act in [Act::farewell(421, "4.7.0 idle for too long"), Act::Drop, Act::Reset] {
        let script = Script::new().at(Step::Between, act).on_connection(1);
        let tls = Served::Implicit(Arc::clone(&config));
        let relay = relay(Options { tls, script, ..Options::default() }).await;
        let mut courier = courier_with(secured(&relay, Tls::Implicit, &file));
        for _ in 0..2 {
            assert_eq!(kind(&mut courier, "ada@example.org").await, "accepted");
        }
        assert_eq!((connections(&relay), relay.count()), (2, 2));
    }
}

#[tokio::test]
async fn an_encrypted_mail_that_is_cut_is_judged_like_any_other() {
    let (config, file) = certificate();
    let check = async |step, act: Act, expected: &str| {
        let tls = Served::Implicit(Arc::clone(&config));
        let script = Script::new().at(step, act.clone()).times(1);
        let relay = relay(Options { tls, script, ..Options::default() }).await;
        let mut settings = secured(&relay, Tls::Implicit, &file);
        settings.deadlines.dot = SHORT;
        settings.deadlines.rcpt = SHORT;
        let mut courier = courier_with(settings);
        assert_eq!(kind(&mut courier, "ada@example.org").await, expected, "{step:?} {act:?}");
        assert_eq!(kind(&mut courier, "bob@example.org").await, "accepted", "{step:?} {act:?}");
    };
    for act in [Act::Drop, Act::Reset, Act::Stall] {
        check(Step::Rcpt, act.clone(), "deferred").await;
        check(Step::Dot, act.clone(), "unknown").await;
        check(Step::Dot, Act::accept_then(act), "unknown").await;
    }
}

#[tokio::test]
async fn an_untrusted_certificate_stops_the_run() {
    let (config, file) = certificate();
    let (_, other_file) = certificate();
    let check = async |host: &str, trusted: &NamedTempFile, expected: &str| {
        for (served, tls) in [
            (Served::Implicit(Arc::clone(&config)), Tls::Implicit),
            (Served::StartTls(Arc::clone(&config)), Tls::StartTls),
        ] {
            let relay = relay(Options { tls: served, ..Options::default() }).await;
            let settings = RelaySettings { host: host.into(), ..secured(&relay, tls, trusted) };
            let told = told(&send(&mut courier_with(settings), "ada@example.org").await);
            assert!(told.contains("cannot be protected: ") && told.contains(expected), "{told}");
            assert_eq!((connections(&relay), relay.count()), (1, 0), "{tls:?}");
        }
    };
    check("localhost", &other_file, "certificate").await;
    check("127.0.0.1", &file, "not valid for name").await;
}

#[tokio::test]
async fn a_stripped_starttls_stops_the_run() {
    let (_, file) = certificate();
    let relay = relay(Options { auth: Some(Auth::new("ada", "opensesame")), ..Options::default() }).await;
    let settings =
        RelaySettings { login: Some(login(None, "opensesame")), ..secured(&relay, Tls::StartTls, &file) };
    let told = told(&send(&mut courier_with(settings), "ada@example.org").await);
    assert!(told.contains("cannot be protected: the relay does not offer STARTTLS"), "{told}");
    assert_eq!(commands(&relay), ["EHLO client.example.com"]);
}

#[tokio::test]
async fn bytes_injected_before_the_handshake_stop_the_run() {
    let (config, file) = certificate();
    let script = Script::new().at(Step::StartTls, Act::append("250-evil\r\n250 AUTH PLAIN\r\n"));
    let relay = relay(Options { tls: Served::StartTls(config), script, ..Options::default() }).await;
    let told = told(&send(&mut courier_with(secured(&relay, Tls::StartTls, &file)), "ada@example.org").await);
    assert!(told.contains("cannot be protected: bytes after the reply to STARTTLS"), "{told}");
    assert_eq!(commands(&relay), ["EHLO client.example.com", "STARTTLS"]);
}

#[tokio::test]
async fn every_mechanism_signs_in() {
    let all = [
        (Offered::Plain, Mechanism::Plain),
        (Offered::Login, Mechanism::Login),
        (Offered::Xoauth2, Mechanism::Xoauth2),
    ];
    for (offered, mechanism) in all {
        let auth = Auth { mechanisms: vec![offered], ..Auth::new("ada", "opensesame") };
        let relay = relay(Options { auth: Some(auth), ..Options::default() }).await;
        for asked in [Some(mechanism), None]
            .into_iter()
            .filter(|asked| asked.is_some() || mechanism != Mechanism::Xoauth2)
        {
            let settings =
                RelaySettings { login: Some(login(asked, "opensesame")), ..settings(relay.address().port()) };
            assert_eq!(kind(&mut courier_with(settings), "ada@example.org").await, "accepted", "{mechanism}");
        }
        finish(relay).await;
    }
}

#[tokio::test]
async fn a_refused_login_stops_the_run_and_is_not_repeated() {
    for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2] {
        let relay = relay(Options { auth: Some(Auth::new("ada", "opensesame")), ..Options::default() }).await;
        let settings = RelaySettings {
            login: Some(login(Some(mechanism), "canary")),
            ..settings(relay.address().port())
        };
        let result = send(&mut courier_with(settings), "ada@example.org").await;
        assert_eq!(
            told(&result),
            format!(
                "stop: the relay wants a login, or refuses ours; the relay `{}` says: AUTH {mechanism}: 535 5.7.8 wrong credentials",
                relay.address()
            )
        );
        assert!(!format!("{result:?}").contains("canary"));
        let tries = commands(&relay).iter().filter(|line| line.starts_with("AUTH")).count();
        assert_eq!((tries, connections(&relay)), (1, 1), "{mechanism}");
    }
}

#[tokio::test]
async fn a_login_that_cannot_be_checked_now_is_tried_three_times() {
    let later = || Script::new().at(Step::Auth, Act::reply(454, "4.7.0 try later"));
    let check = async |script, expected: &str, expected_connections| {
        let auth = Some(Auth::new("ada", "opensesame"));
        let relay = relay(Options { auth, script, ..Options::default() }).await;
        let settings =
            RelaySettings { login: Some(login(None, "opensesame")), ..settings(relay.address().port()) };
        let told = told(&send(&mut courier_with(settings), "ada@example.org").await);
        assert!(told.contains(expected), "{told}");
        assert_eq!(connections(&relay), expected_connections);
    };
    check(later().times(2), "accepted", 3).await;
    check(later(), "is out of reach: AUTH PLAIN: 454 4.7.0 try later", 3).await;
}

#[tokio::test]
async fn a_relay_without_the_mechanism_gets_no_secret() {
    let auth = Auth { mechanisms: vec![Offered::Xoauth2], ..Auth::new("ada", "opensesame") };
    let relay = relay(Options { auth: Some(auth), ..Options::default() }).await;
    let settings =
        RelaySettings { login: Some(login(None, "opensesame")), ..settings(relay.address().port()) };
    let told = told(&send(&mut courier_with(settings), "ada@example.org").await);
    assert!(told.ends_with("AUTH: expected PLAIN or LOGIN, the relay offers XOAUTH2"), "{told}");
    assert_eq!(commands(&relay), ["EHLO client.example.com"]);
}

#[test]
fn a_ca_file_without_certificates_is_refused_by_name() {
    let empty = NamedTempFile::new().unwrap();
    for file in [empty.path().to_owned(), "/nonexistent/ca.pem".into()] {
        let settings = RelaySettings {
            ca_file: Some(file.clone()),
            ..RelaySettings::new("localhost", 465, Tls::Implicit, "client.example.com")
        };
        let error = Relay::new(settings).unwrap_err().to_string();
        assert!(error.contains(&format!("CA file `{}`", file.display())), "{error}");
    }
}
