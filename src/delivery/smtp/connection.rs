//! One mail after the other on one connection.
//!
//! Every step takes the connection by value and hands it back only when each command has had its reply. Whatever goes
//! wrong in between (an error, a deadline, a dropped future) drops it, and with it the socket: a late reply can never
//! become the answer to the next mail.

use std::{fmt, time::Duration};

use lettre::transport::smtp::{
    commands::{Data, Mail, Quit, Rcpt, Rset},
    extension::MailParameter,
};
use tokio::time::Instant;

use super::{
    body::Body,
    capabilities::Capabilities,
    reply::Reply,
    settings::{Deadlines, RelaySettings},
    verdict::{self, Remark, Verb, Verdict},
    wire::{Dot, Wire, WireError},
};
use crate::{
    delivery::stop::Stop,
    failpoint,
    ledger::Outcome,
    replies::{Fault, Identity, Reading, Refusal, Rules},
};

/// The sender and the recipient: MAIL and RCPT.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `MAIL FROM`.
    pub sender: lettre::Address,
    /// `RCPT TO`.
    pub recipient: lettre::Address,
}

/// Addresses are people: it never prints itself.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Envelope")
    }
}

/// A connection between two mails: nothing is owed, nothing is read ahead.
pub struct Connection {
    wire: Wire,
    /// Host and port.
    relay: String,
    capabilities: Capabilities,
    deadlines: Deadlines,
    opened: Instant,
    /// The age at which it takes no further mail.
    longest_age: Duration,
    /// The number of times that MAIL was sent.
    mails: u32,
    /// The number of times that it may be sent.
    most_mails: u32,
    /// The last mail was refused on the way: RSET goes first.
    unclean: bool,
    /// The rules for whose fault a refusal is.
    rules: Rules,
}

/// A mail whose body the relay waits for. Dropped, it closes the connection, and nothing is delivered.
pub struct Transaction<'a> {
    connection: Box<Connection>,
    body: Body<'a>,
}

/// The result of an offer.
pub enum Offered<'a> {
    /// `354`: the body may follow.
    Ready(Transaction<'a>),
    /// Not this mail, not now or not at all; the connection, if it is still good; what that says about us.
    Refused(Outcome, Option<Box<Connection>>, Remark),
    /// Our own address cannot stand in a command: no mail can be offered.
    Stop(Stop),
    /// The connection had gone since the last mail: nothing was offered.
    Stale(String),
}

/// The reason that a mail cannot even be offered to this relay.
enum InvalidEnvelope {
    /// The sender, and so all mails.
    Sender(String),
    /// This mail.
    Mail(String),
}

/// A command with what answers it and how long that may take.
struct Step {
    verb: Verb,
    command: String,
    deadline: Duration,
}

impl Connection {
    pub(super) fn new(
        wire: Wire,
        capabilities: Capabilities,
        deadlines: Deadlines,
        settings: &RelaySettings,
    ) -> Box<Self> {
        let most = settings.messages_per_connection;
        Box::new(Self {
            wire,
            relay: settings.name(),
            most_mails: capabilities.most_mails.map_or(most, |limit| limit.min(most)),
            capabilities,
            deadlines,
            opened: Instant::now(),
            longest_age: settings.connection_age,
            mails: 0,
            unclean: false,
            rules: settings.rules.clone(),
        })
    }

    /// The extensions that the relay announced.
    pub(super) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether it has had its share of mails or of time.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.mails >= self.most_mails || self.opened.elapsed() >= self.longest_age
    }

    /// Ends the conversation politely, for a moment.
    pub async fn quit(mut self: Box<Self>) {
        tracing::debug!("QUIT");
        // Nothing depends on the answer.
        let _ = self.wire.ask(&Quit.to_string(), self.deadlines.quit).await;
    }

    /// Offers a mail: MAIL, RCPT and DATA, in one write if the relay takes groups.
    ///
    /// Nothing that could complete the mail has left when this returns.
    pub async fn offer<'a>(mut self: Box<Self>, envelope: &Envelope, body: Body<'a>) -> Offered<'a> {
        let steps = match self.steps(envelope, body.size()) {
            Ok(steps) => steps,
            Err(InvalidEnvelope::Sender(reason)) => return Offered::Stop(self.sender_refused(reason)),
            Err(InvalidEnvelope::Mail(reason)) => {
                return Offered::Refused(Outcome::Rejected { reason }, Some(self), Remark::None);
            }
        };
        let used = self.mails > 0;
        self.mails += 1;
        if self.capabilities.pipelining {
            tracing::debug!("MAIL, RCPT, DATA");
            let group: Vec<&str> = steps.iter().map(|step| step.command.as_str()).collect();
            if let Err(lost) = self.wire.send(&group, self.deadlines.mail).await {
                return interrupted(Verb::Mail, &lost, used);
            }
        }
        let mut refusal: Option<(Verb, Reply)> = None;
        let mut waits_for_body = false;
        for step in &steps {
            match (self.answer(step).await, &refusal) {
                (Ok(reply), None) if step.verb.is_granted(&reply) => {
                    failpoint::reach(step.verb.name());
                    waits_for_body = step.verb == Verb::Data;
                }
                (Ok(reply), None) => refusal = Some((step.verb, reply)),
                // DATA was sent along with a refused RCPT, and the relay wants a body for nobody: it gets none.
                (Ok(reply), Some(_)) => {
                    waits_for_body = step.verb == Verb::Data && step.verb.is_granted(&reply);
                }
                (Err(lost), None) => return interrupted(step.verb, &lost, used),
                (Err(_), Some((verb, reply))) => return refused(&self.rules, (*verb, reply), None, used),
            }
            if let Some((_, reply)) = &refusal
                && (reply.code() == 421 || !self.capabilities.pipelining)
            {
                break;
            }
        }
        let in_step = self.wire.is_in_step();
        match refusal {
            None if in_step => Offered::Ready(Transaction { connection: self, body }),
            None => interrupted(Verb::Data, &WireError::OutOfTurn, false),
            Some((verb, reply)) => {
                self.unclean = true;
                let good = in_step && !waits_for_body && verdict::keeps_talking(&reply);
                let rules = self.rules.clone();
                refused(&rules, (verb, &reply), good.then_some(self), used)
            }
        }
    }

    fn sender_refused(&self, reason: String) -> Stop {
        let reading = Reading::new(Fault::Identity(Identity::Sender), true);
        Stop::Refused(Refusal { relay: Some(self.relay.clone()), reading: Box::new(reading), reason })
    }

    async fn answer(&mut self, step: &Step) -> Result<Reply, WireError> {
        if self.capabilities.pipelining {
            self.wire.reply(step.deadline).await
        } else {
            tracing::debug!("{}", step.verb.name());
            self.wire.ask(&step.command, step.deadline).await
        }
    }

    /// The commands of one mail, or why there are none.
    fn steps(&self, envelope: &Envelope, size: usize) -> Result<Vec<Step>, InvalidEnvelope> {
        let sender = in_command(&envelope.sender).map_err(InvalidEnvelope::Sender)?;
        let recipient = in_command(&envelope.recipient).map_err(InvalidEnvelope::Mail)?;
        if let Some(limit) = self.capabilities.largest_message
            && u64::try_from(size).unwrap_or(u64::MAX) > limit
        {
            let reason = format!("5.3.4 the message has {size} bytes, the relay takes {limit}");
            return Err(InvalidEnvelope::Mail(reason));
        }
        let mut parameters = Vec::new();
        if self.capabilities.size {
            parameters.push(MailParameter::Size(size));
        }
        let step = |verb, command, deadline| Step { verb, command, deadline };
        let reset = self.unclean.then(|| step(Verb::Rset, Rset.to_string(), self.deadlines.rset));
        let mail = [
            step(Verb::Mail, Mail::new(Some(sender), parameters).to_string(), self.deadlines.mail),
            step(Verb::Rcpt, Rcpt::new(recipient, Vec::new()).to_string(), self.deadlines.rcpt),
            step(Verb::Data, Data.to_string(), self.deadlines.data),
        ];
        Ok(reset.into_iter().chain(mail).collect())
    }
}

/// The address as it may stand in a command.
fn in_command(address: &lettre::Address) -> Result<lettre::Address, String> {
    // The address policy lets none of these through; a command line must not depend on that.
    let breaks = |char: char| char.is_control() || char.is_whitespace() || "<>".contains(char);
    let text: &str = address.as_ref();
    if text.contains(breaks) || !text.is_ascii() {
        return Err("5.1.3 the address would break the command".into());
    }
    Ok(address.clone())
}

/// The conversation broke off before the body.
fn interrupted<'a>(verb: Verb, lost: &WireError, used: bool) -> Offered<'a> {
    let reason = format!("{}: {lost}", verb.name());
    let gone = match lost {
        WireError::Closed | WireError::Broken(_) | WireError::OutOfTurn => true,
        WireError::Late(_) | WireError::Malformed(_) => false,
    };
    match verb {
        // A relay may close an idle connection whenever it likes: that says nothing about this mail.
        Verb::Rset => Offered::Stale(reason),
        Verb::Mail if used && gone => Offered::Stale(reason),
        Verb::Mail | Verb::Rcpt | Verb::Data => {
            let remark = Remark::Lost(reason.clone());
            Offered::Refused(Outcome::Deferred { reason }, None, remark)
        }
    }
}

/// The relay said something else than "go on".
fn refused<'a>(
    rules: &Rules,
    (verb, reply): (Verb, &Reply),
    connection: Option<Box<Connection>>,
    used: bool,
) -> Offered<'a> {
    let reason = format!("{}: {}", verb.name(), reply.words());
    match verdict::before_message(rules, verb, reply) {
        _ if verb == Verb::Rset => Offered::Stale(reason),
        // A relay that closes an idle connection, unless it says more than that.
        Verdict::Refused(reading)
            if verb == Verb::Mail
                && used
                && matches!(reply.code(), 421 | 503)
                && (!reading.stops_at_once() || reply.code() == 503) =>
        {
            Offered::Stale(reason)
        }
        Verdict::Refused(reading) => {
            let outcome = verdict::outcome(&reading, reason);
            Offered::Refused(outcome, connection, Remark::Refused(Box::new(reading)))
        }
        Verdict::Desynced => {
            let remark = Remark::Lost(reason.clone());
            Offered::Refused(Outcome::Deferred { reason }, None, remark)
        }
    }
}

impl Transaction<'_> {
    /// Leaves without a body: the relay has nothing that it could deliver.
    pub async fn hang_up(self) {
        let Self { connection, body: _ } = self;
        connection.wire.hang_up(connection.deadlines.quit).await;
    }

    /// Sends the body and the final dot: from here on the mail may arrive, so the try must be on record. The connection
    /// comes back if the exchange was complete.
    pub async fn transfer(self) -> (Outcome, Option<Box<Connection>>, Remark) {
        let lost = |lost: &WireError| Remark::Lost(lost.to_string());
        let Self { mut connection, body } = self;
        tracing::debug!("body");
        for block in body.blocks() {
            if let Err(why) = connection.wire.send_body(&block, connection.deadlines.body_block).await {
                let reason = format!("before the final dot: {why}");
                return (Outcome::Deferred { reason }, None, lost(&why));
            }
            failpoint::reach("body");
        }
        failpoint::reach("before-dot");
        match connection.wire.end_message(connection.deadlines.dot).await {
            Ok(reply) => {
                failpoint::reach("answered");
                let (outcome, remark) = verdict::after_dot(&connection.rules, &reply);
                connection.unclean = !matches!(outcome, Outcome::Accepted { .. });
                let good = connection.wire.is_in_step() && verdict::keeps_talking(&reply);
                (outcome, good.then_some(connection), remark)
            }
            Err((Dot::Kept, why)) => {
                (Outcome::Deferred { reason: format!("before the final dot: {why}") }, None, lost(&why))
            }
            Err((Dot::Written, why)) => {
                (Outcome::Unknown { reason: format!("after the final dot: {why}") }, None, lost(&why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::{
        super::{settings::Tls, stream::Stream},
        *,
    };

    fn connection(pipe: DuplexStream) -> Box<Connection> {
        let (capabilities, deadlines) = (Capabilities::default(), Deadlines::default());
        let settings = RelaySettings::new("relay.example.com", 465, Tls::Implicit, "client.example.com");
        Connection::new(Wire::upgraded(Stream::pipe(pipe)), capabilities, deadlines, &settings)
    }

    fn envelope() -> Envelope {
        let address = |text: &str| text.parse().expect("an address");
        Envelope { sender: address("news@example.com"), recipient: address("ada@example.org") }
    }

    /// A relay that grants MAIL, RCPT and DATA, reads this many bytes of what follows, and goes.
    async fn relay_that_reads(mut pipe: DuplexStream, count: usize) {
        for reply in ["250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
            while pipe.read_u8().await.expect("a command") != b'\n' {}
            pipe.write_all(reply.as_bytes()).await.expect("a listening client");
        }
        for _ in 0..count {
            pipe.read_u8().await.expect("a body");
        }
    }

    /// The outcome of a mail that is cut after `count` bytes of its body and final dot.
    async fn cut(message: &[u8], count: usize, capacity: usize) -> Outcome {
        let (ours, theirs) = duplex(capacity);
        let body = Body::check(message).expect("good bytes");
        let send = async {
            let Offered::Ready(transaction) = connection(ours).offer(&envelope(), body).await else {
                panic!("the relay grants everything");
            };
            transaction.transfer().await
        };
        let ((outcome, connection, remark), ()) = tokio::join!(send, relay_that_reads(theirs, count));
        assert!(connection.is_none(), "a cut connection was kept");
        assert!(matches!(remark, Remark::Lost(_)), "{remark:?}");
        outcome
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_at_any_byte_is_deferred_before_the_dot_and_unknown_from_it_on() {
        let message = b"Subject: x\r\n\r\n.dots\r\nand lines\r\n";
        let sent = message.len() + 1;
        // One byte fits into the pipe, so the dot has not left while the relay lacks a byte of the body.
        for count in 0..sent {
            let outcome = cut(message, count, 1).await;
            assert!(matches!(outcome, Outcome::Deferred { .. }), "{count}: {outcome:?}");
        }
        for count in sent + 1..=sent + 3 {
            let outcome = cut(message, count, 1).await;
            assert!(matches!(outcome, Outcome::Unknown { .. }), "{count}: {outcome:?}");
        }
    }

    #[test]
    fn an_address_never_breaks_out_of_its_command() {
        for local in ["a>b", "a b", "a\r\nDATA", "\"a>\"", "jörg", ""] {
            let address = lettre::Address::new(local, "example.org");
            // It may be no address at all, which is as good.
            assert!(!address.is_ok_and(|address| in_command(&address).is_ok()), "{local:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_in_a_long_body_is_deferred() {
        let message = b"0123456789012345678901234567890123456789012345678901234567\r\n".repeat(4_000);
        for count in [0, 1, 59, 60, 65_535, 65_536, 65_537, 200_000, message.len() - 65] {
            let outcome = cut(&message, count, 64).await;
            assert!(matches!(outcome, Outcome::Deferred { .. }), "{count}: {outcome:?}");
        }
    }
}
