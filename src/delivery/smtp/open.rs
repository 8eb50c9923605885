//! From nothing to a connection that takes mail: TCP, greeting, EHLO, TLS, AUTH.

use std::{net::IpAddr, time::Duration};

use lettre::transport::smtp::{
    commands::{Ehlo, Starttls},
    extension::ClientId,
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{
    auth::{self, AuthError},
    capabilities::Capabilities,
    connection::Connection,
    reply::{Class, Reply},
    settings::{Deadlines, RelaySettings, Tls},
    stream::Stream,
    tls::{Encryption, HandshakeError},
    wire::{Wire, WireError},
};
use crate::{
    delivery::stop::Stop,
    problem::cause,
    replies::{Reading, Refusal, Step},
};

/// The reason that there is no connection.
pub(super) enum OpenError {
    /// It may be there later.
    Again(String),
    /// It will not.
    Stop(Stop),
}

/// One try to open a connection.
pub(super) async fn open(
    settings: &RelaySettings,
    encryption: Option<&Encryption>,
) -> Result<Box<Connection>, OpenError> {
    let (stream, ip) = dial(settings).await?;
    let opening =
        Opening { settings, encryption, relay: settings.name(), deadlines: settings.deadlines.towards(ip) };
    opening.converse(stream).await
}

/// Connects to the first address that answers.
async fn dial(settings: &RelaySettings) -> Result<(Stream, IpAddr), OpenError> {
    let deadline = settings.deadlines.connect;
    let late = || format!("no connection within {deadline:?}");
    let addresses = match timeout(deadline, lookup_host((settings.host.as_str(), settings.port))).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(OpenError::Again(cause(&error))),
        Err(_) => return Err(OpenError::Again(format!("no address within {deadline:?}"))),
    };
    let mut failure = "the name has no address".to_owned();
    for address in addresses {
        settings
            .check_peer(address.ip())
            .map_err(|error| OpenError::Stop(Stop::Settings { reason: error.to_string() }))?;
        failure = match timeout(deadline, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                // Without it the final dot waits for a delayed acknowledgement: 40 ms a mail.
                let stream = socket.set_nodelay(true).and_then(|()| Stream::plain(socket));
                let stream = stream.map_err(|error| OpenError::Again(error.to_string()))?;
                return Ok((stream, address.ip()));
            }
            Ok(Err(error)) => cause(&error),
            Err(_) => late(),
        };
    }
    Err(OpenError::Again(failure))
}

/// State that the steps share.
struct Opening<'a> {
    settings: &'a RelaySettings,
    encryption: Option<&'a Encryption>,
    relay: String,
    deadlines: Deadlines,
}

impl Opening<'_> {
    async fn converse(&self, stream: Stream) -> Result<Box<Connection>, OpenError> {
        let stream = match self.settings.tls {
            Tls::Implicit => self.encrypt(stream).await?,
            Tls::StartTls | Tls::LoopbackPlaintext | Tls::Plaintext => stream,
        };
        let mut wire = Wire::new(stream);
        let greeting = wire.reply(self.deadlines.banner).await.map_err(|lost| self.no_greeting(&lost))?;
        self.expect_done("greeting", &greeting)?;
        let mut capabilities = self.hello(&mut wire).await?;
        if self.settings.tls == Tls::StartTls {
            wire = self.start_tls(wire, &capabilities).await?;
            // Whatever was announced in the open may have been changed on the way.
            capabilities = self.hello(&mut wire).await?;
        }
        if let Some(login) = &self.settings.login {
            let rules = &self.settings.rules;
            auth::sign_in(&mut wire, login, &capabilities, rules, self.deadlines.hello).await.map_err(
                |error| match error {
                    AuthError::Refused(reading, reason) => OpenError::Stop(self.refusal(reading, reason)),
                    AuthError::NotNow(reason) => OpenError::Again(reason),
                    AuthError::Lost(lost) => again("AUTH", &lost),
                },
            )?;
        }
        Ok(Connection::new(wire, capabilities, self.deadlines, self.settings))
    }

    async fn hello(&self, wire: &mut Wire) -> Result<Capabilities, OpenError> {
        tracing::debug!(relay = self.relay, "EHLO");
        let name = &self.settings.hello;
        let ehlo = Ehlo::new(ClientId::Domain(name.clone())).to_string();
        let reply = ask(wire, "EHLO", &ehlo, self.deadlines.hello).await?;
        let may_do_without = self.settings.login.is_none()
            && match self.settings.tls {
                Tls::LoopbackPlaintext | Tls::Plaintext => true,
                Tls::Implicit | Tls::StartTls => false,
            };
        if reply.class() == Class::No && may_do_without {
            let reply = ask(wire, "HELO", &format!("HELO {name}\r\n"), self.deadlines.hello).await?;
            self.expect_done("HELO", &reply)?;
            return Ok(Capabilities::default());
        }
        self.expect_done("EHLO", &reply)?;
        Ok(Capabilities::read(&reply))
    }

    async fn start_tls(&self, mut wire: Wire, capabilities: &Capabilities) -> Result<Wire, OpenError> {
        if !capabilities.starttls {
            return Err(
                self.unprotected("the relay does not offer STARTTLS, or somebody on the way hides it".into())
            );
        }
        tracing::debug!(relay = self.relay, "STARTTLS");
        let reply = ask(&mut wire, "STARTTLS", &Starttls.to_string(), self.deadlines.hello).await?;
        match reply.class() {
            Class::Done => {}
            Class::NotNow => return Err(OpenError::Again(format!("STARTTLS: {}", reply.words()))),
            Class::GoOn | Class::No => return Err(self.unprotected(format!("STARTTLS: {}", reply.words()))),
        }
        match wire.into_stream() {
            Ok(stream) => Ok(Wire::upgraded(self.encrypt(stream).await?)),
            Err(_) => {
                Err(self.unprotected("bytes after the reply to STARTTLS, before the encryption".into()))
            }
        }
    }

    async fn encrypt(&self, stream: Stream) -> Result<Stream, OpenError> {
        let Some(encryption) = self.encryption else {
            return Err(self.unprotected("no certificates are loaded".into()));
        };
        encryption.wrap(stream, self.deadlines.tls).await.map_err(|error| match error {
            HandshakeError::Refused(reason) => self.unprotected(reason),
            HandshakeError::Broken(reason) => OpenError::Again(reason),
        })
    }

    /// Silence is what a port says that waits for TLS.
    fn no_greeting(&self, lost: &WireError) -> OpenError {
        let silent =
            self.settings.tls == Tls::StartTls && matches!(lost, WireError::Late(_) | WireError::Closed);
        let perhaps = if silent {
            "; a port that speaks TLS at once (`tls = \"implicit\"`) says nothing first"
        } else {
            ""
        };
        OpenError::Again(format!("greeting: {lost}{perhaps}"))
    }

    fn unprotected(&self, reason: String) -> OpenError {
        OpenError::Stop(Stop::Tls { relay: self.relay.clone(), reason })
    }

    fn refusal(&self, reading: Reading, reason: String) -> Stop {
        Stop::Refused(Refusal { relay: Some(self.relay.clone()), reading: Box::new(reading), reason })
    }

    /// A relay that says "later" is tried again; one that says "no" to us, or "later" about us, is not.
    fn expect_done(&self, step: &str, reply: &Reply) -> Result<(), OpenError> {
        let reason = format!("{step}: {}", reply.words());
        let reading = || self.settings.rules.smtp(Step::Opening, reply.code(), &reply.text());
        match reply.class() {
            Class::Done => Ok(()),
            Class::GoOn => Err(OpenError::Again(reason)),
            Class::NotNow if !reading().stops_at_once() => Err(OpenError::Again(reason)),
            Class::NotNow | Class::No => Err(OpenError::Stop(self.refusal(reading(), reason))),
        }
    }
}

async fn ask(wire: &mut Wire, step: &str, command: &str, deadline: Duration) -> Result<Reply, OpenError> {
    wire.ask(command, deadline).await.map_err(|lost| again(step, &lost))
}

fn again(step: &str, lost: &WireError) -> OpenError {
    OpenError::Again(format!("{step}: {lost}"))
}
