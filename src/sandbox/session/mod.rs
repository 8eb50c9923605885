//! One client's conversation: commands in, replies out, the script asked at each step.

mod opening;
mod transaction;

use std::sync::{Arc, atomic::Ordering};

use tokio::{net::TcpStream, sync::watch};
use tokio_rustls::TlsAcceptor;

use super::{
    Act, Defect, Ending, Event, Shared, Step, Tls,
    body::Body,
    script::Moment,
    wire::{Line, Wire},
};

const NAME: &str = "sandbox.linkpost.test";

pub(super) struct Session {
    shared: Arc<Shared>,
    wire: Wire,
    connection: u64,
    transactions: u64,
    greeted: bool,
    secured: bool,
    authenticated: bool,
    envelope: Option<transaction::Envelope>,
    recipients: Vec<String>,
    chunks: Option<Body>,
}

impl Session {
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: TcpStream,
        stop: watch::Receiver<bool>,
        connection: u64,
    ) -> Self {
        Self {
            shared,
            wire: Wire::new(stream, stop),
            connection,
            transactions: 0,
            greeted: false,
            secured: false,
            authenticated: false,
            envelope: None,
            recipients: Vec::new(),
            chunks: None,
        }
    }

    /// Talks until one side ends it.
    pub(super) async fn run(mut self, room: bool) -> Ending {
        let ending = match self.converse(room).await {
            Ok(()) => Ending::Quit,
            Err(ending) => ending,
        };
        match ending {
            Ending::Quit | Ending::Scripted | Ending::Refused => self.wire.close().await,
            Ending::Left | Ending::Stopped | Ending::Failed => {}
        }
        ending
    }

    async fn converse(&mut self, room: bool) -> Result<(), Ending> {
        if let Tls::Implicit(config) = &self.shared.options.tls {
            let acceptor = TlsAcceptor::from(Arc::clone(config));
            self.secure(&acceptor).await?;
        }
        if !room {
            self.say(421, "4.3.2", "too many connections");
            return Err(Ending::Refused);
        }
        let banner = format!("220 {NAME} ESMTP\r\n");
        self.answer(Step::Connect, &banner).await?;
        loop {
            let idle = self.envelope.is_none();
            let line = match self.wire.line(idle).await {
                Err(Ending::Stopped) if idle => {
                    self.say(421, "4.3.2", "the relay stops");
                    self.wire.flush().await?;
                    return Err(Ending::Stopped);
                }
                line => line?,
            };
            match line {
                Line::Whole(line) => match String::from_utf8(line) {
                    Ok(line) => {
                        if self.command(&line).await? {
                            return Ok(());
                        }
                    }
                    Err(_) => self.say(500, "5.5.2", "not UTF-8"),
                },
                Line::Bare => {
                    self.broken(Defect::BareLf);
                    self.say(500, "5.5.2", "a line ends in CRLF");
                }
                Line::TooLong => self.say(500, "5.5.2", "line too long"),
            }
        }
    }

    /// Obeys one command; true after `QUIT`.
    async fn command(&mut self, line: &str) -> Result<bool, Ending> {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        let shown = if verb == "AUTH" {
            format!("AUTH {}", argument.split(' ').next().unwrap_or_default())
        } else {
            line.to_owned()
        };
        self.event(Event::Command { connection: self.connection, line: shown });
        let grouped = matches!(verb.as_str(), "MAIL" | "RCPT" | "RSET" | "BDAT");
        let allowed = verb == "BDAT" || (grouped && self.shared.options.extensions.pipelining);
        if self.wire.has_more() && !allowed {
            self.broken(Defect::Hasty);
        }
        match verb.as_str() {
            "EHLO" | "HELO" => self.hello(&verb, argument).await?,
            "STARTTLS" => self.starttls().await?,
            "AUTH" => self.auth(argument).await?,
            "MAIL" => self.mail(argument).await?,
            "RCPT" => self.rcpt(argument).await?,
            "DATA" => self.data().await?,
            "BDAT" if self.shared.options.extensions.chunking => self.bdat(argument).await?,
            "RSET" => {
                self.forget();
                let reply = self.reply(250, "2.0.0", "forgotten");
                self.answer(Step::Rset, &reply).await?;
            }
            "NOOP" => self.say(250, "2.0.0", "ok"),
            "VRFY" => self.say(252, "2.5.0", "send it and see"),
            "QUIT" => {
                let reply = self.reply(221, "2.0.0", "bye");
                self.answer(Step::Quit, &reply).await?;
                return Ok(true);
            }
            _ => self.say(500, "5.5.1", "unknown command"),
        }
        Ok(false)
    }

    /// Gives the ordinary reply, or what the script has instead; whether it was a yes.
    async fn answer(&mut self, step: Step, reply: &str) -> Result<bool, Ending> {
        let act = self.shared.script.act(step, &self.moment());
        self.answer_by(act, reply).await
    }

    async fn answer_by(&mut self, act: Option<Act>, reply: &str) -> Result<bool, Ending> {
        if let Some(act) = act {
            self.perform(act, reply).await
        } else {
            self.utter(reply.as_bytes());
            Ok(is_yes(reply.as_bytes()))
        }
    }

    async fn perform(&mut self, act: Act, reply: &str) -> Result<bool, Ending> {
        match act {
            Act::Reply(bytes) => {
                self.utter(&bytes);
                Ok(is_yes(&bytes))
            }
            Act::Append(bytes) => {
                self.utter(&[reply.as_bytes(), &bytes].concat());
                Ok(is_yes(reply.as_bytes()))
            }
            Act::Farewell(bytes) => {
                self.utter(&bytes);
                Err(Ending::Scripted)
            }
            Act::Drop => Err(Ending::Scripted),
            Act::Reset => {
                self.wire.reset().await;
                Err(Ending::Scripted)
            }
            Act::Stall => {
                self.wire.ignore().await;
                Err(Ending::Scripted)
            }
            Act::Trickle { bytes, pause } => {
                self.wire.trickle(&bytes, pause).await?;
                Ok(is_yes(&bytes))
            }
            Act::Hold(gate) => {
                self.wire.pause(gate.notified()).await?;
                self.utter(reply.as_bytes());
                Ok(is_yes(reply.as_bytes()))
            }
            Act::Accept(act) => Box::pin(self.perform(*act, reply)).await,
        }
    }

    fn reply(&self, code: u16, enhanced: &str, text: &str) -> String {
        if self.shared.options.extensions.enhanced_codes {
            format!("{code} {enhanced} {text}\r\n")
        } else {
            format!("{code} {text}\r\n")
        }
    }

    /// Gives a reply that no script can change.
    fn say(&mut self, code: u16, enhanced: &str, text: &str) {
        let reply = self.reply(code, enhanced, text);
        self.utter(reply.as_bytes());
    }

    fn utter(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.wire.say(bytes);
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.event(Event::Reply { connection: self.connection, text });
        }
    }

    fn forget(&mut self) {
        self.envelope = None;
        self.recipients.clear();
        self.chunks = None;
    }

    fn broken(&self, defect: Defect) {
        self.shared.defects.fetch_add(1, Ordering::Relaxed);
        self.event(Event::Broken { connection: self.connection, defect });
    }

    fn event(&self, event: Event) {
        self.shared.log.push(event);
    }

    fn moment(&self) -> Moment<'_> {
        self.moment_of(0)
    }

    /// The moment as the recipients from the `first` on see it.
    fn moment_of(&self, first: usize) -> Moment<'_> {
        Moment {
            connection: self.connection,
            transaction: self.transactions,
            recipients: self.recipients.get(first..).unwrap_or_default(),
        }
    }
}

fn is_yes(reply: &[u8]) -> bool {
    matches!(reply.first(), Some(b'2' | b'3'))
}
