//! The SMTP conversation against real relays on loopback: what the recipient, the ledger and the run get to know.

mod conversation;
mod cuts;
mod opening;
mod order;
mod replies;

use std::time::Duration;

use linkpost::{
    delivery::{
        Stop,
        smtp::{Body, Connection, Deadlines, Envelope, Offered, Relay, RelaySettings, Tls, Transaction},
    },
    ledger::Outcome,
    sandbox::{Event, Extensions, Options, SandboxRelay, Script},
};

const MESSAGE: &[u8] =
    b"From: news@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n.dot\r\n..\r\nbye\r\n";

/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_millis(300);

async fn relay(options: Options) -> SandboxRelay {
    SandboxRelay::start(options).await.unwrap()
}

/// A relay that offers nothing but enhanced codes: commands go one by one.
const ONE_BY_ONE: Extensions = Extensions { enhanced_codes: true, ..Extensions::NONE };

async fn scripted(script: Script) -> SandboxRelay {
    relay(Options { script, ..Options::default() }).await
}

/// Plain settings towards a port of this machine.
fn settings(port: u16) -> RelaySettings {
    RelaySettings::new("127.0.0.1", port, Tls::LoopbackPlaintext, "client.example.com")
}

/// How often a connection is tried while the relay may be there later.
const TRIES: u32 = 3;

/// A way to one relay: a connection that is used until it is spent or gone, and then replaced.
struct Courier {
    relay: Relay,
    idle: Option<Box<Connection>>,
}

enum Offer<'a> {
    Ready(Ready<'a>),
    Refused(Outcome),
}

struct Ready<'a> {
    idle: &'a mut Option<Box<Connection>>,
    transaction: Transaction<'a>,
}

impl Courier {
    async fn offer<'a>(&'a mut self, envelope: &Envelope, message: &'a [u8]) -> Result<Offer<'a>, Stop> {
        let body = match Body::check(message) {
            Ok(body) => body,
            Err(flaw) => return Ok(Offer::Refused(Outcome::Rejected { reason: flaw.to_string() })),
        };
        let mut offered = self.connection().await?.offer(envelope, body).await;
        if let Offered::Stale(_) = offered {
            offered = self.connect().await?.offer(envelope, body).await;
        }
        match offered {
            Offered::Ready(transaction) => Ok(Offer::Ready(Ready { idle: &mut self.idle, transaction })),
            Offered::Refused(outcome, connection, _) => {
                self.idle = connection;
                Ok(Offer::Refused(outcome))
            }
            Offered::Stop(stop) => Err(stop),
            Offered::Stale(reason) => panic!("a connection without a mail on it is stale: {reason}"),
        }
    }

    async fn connection(&mut self) -> Result<Box<Connection>, Stop> {
        match self.idle.take() {
            Some(idle) if !idle.is_spent() => return Ok(idle),
            Some(spent) => spent.quit().await,
            None => {}
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<Box<Connection>, Stop> {
        for _ in 1..TRIES {
            match self.relay.connect().await {
                Err(Stop::Unreachable { .. }) => {}
                end => return end,
            }
        }
        self.relay.connect().await
    }

    async fn close(self) {
        if let Some(connection) = self.idle {
            connection.quit().await;
        }
    }
}

impl Ready<'_> {
    async fn transfer(self) -> Outcome {
        let (outcome, connection, _) = self.transaction.transfer().await;
        *self.idle = connection;
        outcome
    }

    async fn abandon(self) {
        self.transaction.hang_up().await;
    }
}

fn courier(relay: &SandboxRelay) -> Courier {
    courier_with(settings(relay.address().port()))
}

fn courier_with(settings: RelaySettings) -> Courier {
    Courier { relay: Relay::new(settings).unwrap(), idle: None }
}

/// The defaults with one or the other changed, so that a forgotten deadline shows as a test that hangs.
fn hasty(relay: &SandboxRelay, change: impl FnOnce(&mut Deadlines)) -> Courier {
    let mut settings = settings(relay.address().port());
    change(&mut settings.deadlines);
    courier_with(settings)
}

fn envelope(recipient: &str) -> Envelope {
    let address = |text: &str| text.parse().unwrap();
    Envelope { sender: address("news@example.com"), recipient: address(recipient) }
}

/// Offers a mail and, if it is wanted, hands it over.
async fn send(courier: &mut Courier, recipient: &str) -> Result<Outcome, Stop> {
    send_bytes(courier, recipient, MESSAGE).await
}

async fn send_bytes(courier: &mut Courier, recipient: &str, message: &[u8]) -> Result<Outcome, Stop> {
    match courier.offer(&envelope(recipient), message).await? {
        Offer::Ready(ready) => Ok(ready.transfer().await),
        Offer::Refused(outcome) => Ok(outcome),
    }
}

/// An outcome or a stop as one line.
fn told(result: &Result<Outcome, Stop>) -> String {
    match result {
        Ok(Outcome::Accepted { reply }) => format!("accepted: {reply}"),
        Ok(Outcome::Rejected { reason }) => format!("rejected: {reason}"),
        Ok(Outcome::Deferred { reason }) => format!("deferred: {reason}"),
        Ok(Outcome::Requeued { reason }) => format!("requeued: {reason}"),
        Ok(Outcome::Unknown { reason }) => format!("unknown: {reason}"),
        Err(stop) => format!("stop: {stop}"),
    }
}

/// Sends and says in one word what came of it: all that follows the colon is left out.
async fn kind(courier: &mut Courier, recipient: &str) -> String {
    let told = told(&send(courier, recipient).await);
    told.split(':').next().unwrap_or_default().to_owned()
}

/// What the relay took: recipient and bytes.
fn mails(relay: &SandboxRelay) -> Vec<(String, Vec<u8>)> {
    let accepted = |event| match event {
        Event::Accepted { recipient, message, .. } => Some((recipient, message.unwrap_or_default().to_vec())),
        _ => None,
    };
    relay.log().into_iter().filter_map(accepted).collect()
}

/// The commands that came in, over all connections.
fn commands(relay: &SandboxRelay) -> Vec<String> {
    let command = |event| match event {
        Event::Command { line, .. } => Some(line),
        _ => None,
    };
    relay.log().into_iter().filter_map(command).collect()
}

fn connections(relay: &SandboxRelay) -> usize {
    relay.log().iter().filter(|event| matches!(event, Event::Connected { .. })).count()
}

/// Stops the relay; it must have seen no broken rule.
async fn finish(relay: SandboxRelay) {
    let report = relay.stop().await.unwrap();
    assert_eq!(report.defects, 0, "the client broke a rule");
}
