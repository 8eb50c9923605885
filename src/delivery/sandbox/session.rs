//! One client's conversation: commands in, replies out, the script asked at each step.

use std::sync::{Arc, atomic::Ordering};

use tokio::{net::TcpStream, sync::watch, task};
use tokio_rustls::TlsAcceptor;

use super::{
    Act, Defect, Ending, Event, Keep, Shared, Step, Tls,
    body::{Body, Framing},
    keep::{Mail, message_id},
    script::Moment,
    wire::{Line, Wire},
};

const NAME: &str = "sandbox.linkpost.test";
/// RFC 5321 §4.5.3.1.8: at least 100.
const MAX_RECIPIENTS: usize = 100;

pub(super) struct Session {
    shared: Arc<Shared>,
    wire: Wire,
    connection: u64,
    transactions: u64,
    greeted: bool,
    secured: bool,
    authenticated: bool,
    envelope: Option<Envelope>,
    recipients: Vec<String>,
    chunks: Option<Body>,
}

struct Envelope {
    sender: String,
    eight_bit: bool,
    utf8: bool,
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

    async fn hello(&mut self, verb: &str, argument: &str) -> Result<(), Ending> {
        if argument.trim().is_empty() {
            self.say(501, "5.5.4", "who are you");
            return Ok(());
        }
        self.forget();
        let reply = if verb == "EHLO" { self.offers() } else { format!("250 {NAME}\r\n") };
        self.greeted = self.answer(Step::Ehlo, &reply).await?;
        Ok(())
    }

    /// The reply to `EHLO`.
    fn offers(&self) -> String {
        let options = &self.shared.options;
        let on = options.extensions;
        let size = on.size.map(|size| format!("SIZE {size}"));
        let limits = on.mailmax.map(|mailmax| format!("LIMITS MAILMAX={mailmax}"));
        let auth = options.auth.as_ref().filter(|_| self.may_authenticate()).map(|auth| {
            let names: Vec<&str> = auth.mechanisms.iter().map(|mechanism| mechanism.name()).collect();
            format!("AUTH {}", names.join(" "))
        });
        let starttls = matches!(options.tls, Tls::StartTls(_)) && !self.secured;
        let lines: Vec<&str> = [
            Some(NAME),
            on.pipelining.then_some("PIPELINING"),
            size.as_deref(),
            on.eightbitmime.then_some("8BITMIME"),
            on.smtputf8.then_some("SMTPUTF8"),
            on.chunking.then_some("CHUNKING"),
            on.enhanced_codes.then_some("ENHANCEDSTATUSCODES"),
            limits.as_deref(),
            starttls.then_some("STARTTLS"),
            auth.as_deref(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let (last, others) = lines.split_last().unwrap_or((&NAME, &[]));
        others.iter().map(|line| format!("250-{line}\r\n")).chain([format!("250 {last}\r\n")]).collect()
    }

    fn may_authenticate(&self) -> bool {
        self.secured || !matches!(self.shared.options.tls, Tls::StartTls(_))
    }

    async fn starttls(&mut self) -> Result<(), Ending> {
        let acceptor = match &self.shared.options.tls {
            Tls::StartTls(config) if !self.secured => TlsAcceptor::from(Arc::clone(config)),
            Tls::StartTls(_) | Tls::None | Tls::Implicit(_) => {
                self.say(503, "5.5.1", "no STARTTLS here");
                return Ok(());
            }
        };
        if self.wire.has_more() {
            // What comes before the handshake is in nobody's secret: it must not be read as if it were.
            self.say(501, "5.5.1", "nothing may follow STARTTLS");
            return Err(Ending::Refused);
        }
        let reply = self.reply(220, "2.0.0", "go ahead");
        if self.answer(Step::StartTls, &reply).await? {
            self.secure(&acceptor).await?;
            self.greeted = false;
            self.forget();
        }
        Ok(())
    }

    async fn secure(&mut self, acceptor: &TlsAcceptor) -> Result<(), Ending> {
        self.wire.secure(acceptor).await?;
        self.secured = true;
        self.event(Event::Secured { connection: self.connection });
        Ok(())
    }

    async fn auth(&mut self, argument: &str) -> Result<(), Ending> {
        let mut words = argument.split(' ');
        let name = words.next().unwrap_or_default();
        let Some(auth) = self.shared.options.auth.clone().filter(|_| self.greeted && !self.authenticated)
        else {
            self.say(503, "5.5.1", "not now");
            return Ok(());
        };
        if !self.may_authenticate() {
            self.say(538, "5.7.11", "encrypt first");
            return Ok(());
        }
        let Some(mechanism) = auth.mechanism(name) else {
            self.say(504, "5.5.4", "unknown mechanism");
            return Ok(());
        };
        let mut initial = words.next().map(|word| if word == "=" { "" } else { word }.as_bytes().to_vec());
        let mut answers = Vec::new();
        for challenge in mechanism.challenges() {
            match initial.take() {
                Some(answer) => answers.push(answer),
                None => match self.challenge(challenge).await? {
                    Some(answer) => answers.push(answer),
                    None => return Ok(()),
                },
            }
        }
        let verdict = auth.accepts(mechanism, &answers);
        if verdict == Some(false) && mechanism == super::Mechanism::Xoauth2 {
            // The reason comes as a challenge; the client answers with an empty line.
            let reason = "eyJzdGF0dXMiOiI0MDAifQ==";
            if self.challenge(reason).await?.is_none() {
                return Ok(());
            }
        }
        let reply = match verdict {
            Some(true) => self.reply(235, "2.7.0", "welcome"),
            Some(false) => self.reply(535, "5.7.8", "wrong credentials"),
            None => self.reply(501, "5.5.2", "cannot read that"),
        };
        self.authenticated = self.answer(Step::Auth, &reply).await?;
        Ok(())
    }

    /// Asks, and hands over the answer; `None` where there was none, and the client was told.
    async fn challenge(&mut self, challenge: &str) -> Result<Option<Vec<u8>>, Ending> {
        self.utter(format!("334 {challenge}\r\n").as_bytes());
        match self.wire.line(true).await? {
            Line::Whole(answer) if answer != b"*" => Ok(Some(answer)),
            Line::Whole(_) | Line::Bare | Line::TooLong => {
                self.say(501, "5.7.0", "cancelled");
                Ok(None)
            }
        }
    }

    async fn mail(&mut self, argument: &str) -> Result<(), Ending> {
        let options = &self.shared.options;
        let needs_credentials = options.auth.is_some() && !self.authenticated;
        let reply = if !self.greeted {
            self.reply(503, "5.5.1", "say EHLO first")
        } else if self.envelope.is_some() {
            self.reply(503, "5.5.1", "one mail at a time")
        } else if needs_credentials {
            self.reply(530, "5.7.0", "who are you")
        } else {
            match self.envelope_of(argument) {
                Ok(envelope) => {
                    self.envelope = Some(envelope);
                    self.transactions += 1;
                    self.reply(250, "2.1.0", "ok")
                }
                Err(reply) => reply,
            }
        };
        if !self.answer(Step::Mail, &reply).await? && reply.starts_with("250") {
            self.envelope = None;
        }
        Ok(())
    }

    /// Reads the sender and the parameters of `MAIL`, or says what is wrong with them.
    fn envelope_of(&self, argument: &str) -> Result<Envelope, String> {
        let on = self.shared.options.extensions;
        let (sender, parameters) =
            path(argument, "FROM:").ok_or_else(|| self.reply(501, "5.5.4", "MAIL FROM:<address>"))?;
        let mut envelope = Envelope { sender: sender.to_owned(), eight_bit: false, utf8: false };
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.to_ascii_uppercase().as_str() {
                "SIZE" if on.size.is_some() => {
                    let size: usize = value.parse().map_err(|_| self.reply(501, "5.5.4", "SIZE=number"))?;
                    if on.size.is_some_and(|limit| size > limit) {
                        return Err(self.reply(552, "5.3.4", "too big"));
                    }
                }
                "BODY" if on.eightbitmime => match value.to_ascii_uppercase().as_str() {
                    "7BIT" => {}
                    "8BITMIME" => envelope.eight_bit = true,
                    _ => return Err(self.reply(501, "5.5.4", "BODY=7BIT or BODY=8BITMIME")),
                },
                "SMTPUTF8" if on.smtputf8 => envelope.utf8 = true,
                _ => return Err(self.reply(555, "5.5.4", "unknown parameter")),
            }
        }
        if !sender.is_ascii() && !envelope.utf8 {
            return Err(self.reply(553, "5.6.7", "a non-ASCII address needs SMTPUTF8"));
        }
        Ok(envelope)
    }

    async fn rcpt(&mut self, argument: &str) -> Result<(), Ending> {
        let utf8 = self.envelope.as_ref().map(|envelope| envelope.utf8);
        let reply = match (utf8, path(argument, "TO:")) {
            (None, _) => self.reply(503, "5.5.1", "say MAIL first"),
            (_, Some(("", _)) | None) => self.reply(501, "5.5.4", "RCPT TO:<address>"),
            (_, Some((_, parameters))) if !parameters.trim().is_empty() => {
                self.reply(555, "5.5.4", "unknown parameter")
            }
            (Some(false), Some((address, _))) if !address.is_ascii() => {
                self.reply(553, "5.6.7", "a non-ASCII address needs SMTPUTF8")
            }
            _ if self.recipients.len() >= MAX_RECIPIENTS => self.reply(452, "4.5.3", "too many recipients"),
            (_, Some((address, _))) => {
                self.recipients.push(address.to_owned());
                self.reply(250, "2.1.5", "ok")
            }
        };
        let act =
            self.shared.script.act(Step::Rcpt, &self.moment_of(self.recipients.len().saturating_sub(1)));
        if !self.answer_by(act, &reply).await? && reply.starts_with("250") {
            self.recipients.pop();
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), Ending> {
        if self.envelope.is_none() || self.chunks.is_some() {
            self.say(503, "5.5.1", "say MAIL first");
            return Ok(());
        }
        if self.recipients.is_empty() {
            self.say(554, "5.5.1", "no valid recipients");
            return Ok(());
        }
        if !self.answer(Step::Data, "354 go ahead, end with a dot\r\n").await? {
            return Ok(());
        }
        let mut body = self.new_body(Framing::Dot);
        let mut cut = self.shared.script.in_body(&self.moment());
        let mut read = 0;
        while !body.ended() {
            let limit = cut.as_ref().map_or(usize::MAX, |(offset, _)| offset.saturating_sub(read));
            if limit > 0 {
                let used = body.push(self.wire.bytes(limit).await?);
                self.wire.consume(used);
                read += used;
            }
            if let Some((_, act)) = cut.take_if(|(offset, _)| *offset <= read) {
                self.perform(act, "").await?;
            }
        }
        self.take(body).await
    }

    async fn bdat(&mut self, argument: &str) -> Result<(), Ending> {
        let mut words = argument.split_ascii_whitespace();
        let size = words.next().and_then(|size| size.parse::<usize>().ok());
        let last = words.next().map(|word| word.eq_ignore_ascii_case("LAST"));
        let (Some(size), None | Some(true)) = (size, last) else {
            self.say(501, "5.5.4", "BDAT size [LAST]");
            return Err(Ending::Refused);
        };
        let refused = self.envelope.is_none() || self.recipients.is_empty();
        let mut body = self.chunks.take().unwrap_or_else(|| self.new_body(Framing::Counted));
        let mut cut = if refused { None } else { self.shared.script.in_body(&self.moment()) };
        let mut read = 0;
        while read < size || cut.as_ref().is_some_and(|(offset, _)| *offset <= read) {
            if let Some((_, act)) = cut.take_if(|(offset, _)| *offset <= read) {
                self.perform(act, "").await?;
                continue;
            }
            let limit = cut.as_ref().map_or(size, |(offset, _)| size.min(*offset)) - read;
            let piece = self.wire.bytes(limit).await?;
            let used = piece.len();
            if !refused {
                body.push(piece);
            }
            self.wire.consume(used);
            read += used;
        }
        if refused {
            // The chunk came along without waiting, so it had to be read.
            self.say(503, "5.5.1", "no valid recipients");
        } else if last.is_some() {
            self.take(body).await?;
        } else {
            let reply = self.reply(250, "2.0.0", &format!("{size} octets"));
            if self.answer(Step::Data, &reply).await? {
                self.chunks = Some(body);
            } else {
                self.forget();
            }
        }
        Ok(())
    }

    fn new_body(&self, framing: Framing) -> Body {
        let eight_bit = self.envelope.as_ref().is_some_and(|envelope| envelope.eight_bit || envelope.utf8);
        Body::new(framing, self.shared.options.max_message, eight_bit)
    }

    /// The body is whole: judges it, keeps it, and answers.
    async fn take(&mut self, body: Body) -> Result<(), Ending> {
        let overflow = body.overflow();
        let (bytes, defects) = body.finish();
        for defect in &defects {
            self.broken(*defect);
        }
        if overflow {
            self.say(552, "5.3.4", "too big");
        } else if let Some(defect) = defects.first() {
            self.say(554, "5.6.0", &format!("malformed message: {defect}"));
        } else {
            let act = self.shared.script.act(Step::Dot, &self.moment());
            let reply = if act.as_ref().is_none_or(Act::takes_the_mail) {
                match self.keep(bytes).await {
                    Ok(count) => self.reply(250, "2.0.0", &format!("kept as {count:08}")),
                    Err(_) => self.reply(452, "4.3.1", "cannot keep it"),
                }
            } else {
                self.reply(554, "5.0.0", "not taken")
            };
            match act {
                Some(act) => drop(self.perform(act, &reply).await?),
                None => self.utter(reply.as_bytes()),
            }
        }
        self.wire.flush().await?;
        if let Some(act) = self.shared.script.act(Step::Between, &self.moment()) {
            self.perform(act, "").await?;
        }
        self.forget();
        Ok(())
    }

    /// Keeps one copy per recipient; returns how many mails the relay has taken so far.
    async fn keep(&mut self, bytes: Vec<u8>) -> Result<u64, Ending> {
        let bytes: Arc<[u8]> = bytes.into();
        let sender = self.envelope.as_ref().map(|envelope| envelope.sender.clone()).unwrap_or_default();
        for recipient in &self.recipients {
            let mail = Mail {
                sender: sender.clone(),
                recipient: recipient.clone(),
                message_id: message_id(&bytes),
                bytes: Arc::clone(&bytes),
            };
            let shared = Arc::clone(&self.shared);
            let mail = if shared.keeper.blocks() {
                let kept = task::spawn_blocking(move || shared.keeper.keep(&mail).map(|()| mail));
                kept.await.map_err(|_| Ending::Failed)?.map_err(|_| Ending::Failed)?
            } else {
                mail
            };
            let in_memory = self.shared.options.keep == Keep::Memory;
            self.event(Event::Accepted {
                connection: self.connection,
                sender: mail.sender,
                recipient: mail.recipient,
                message_id: mail.message_id,
                message: in_memory.then_some(mail.bytes),
            });
            self.shared.accepted.send_modify(|count| *count += 1);
        }
        Ok(*self.shared.accepted.borrow())
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
                Err(Ending::Stopped)
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

/// Splits `FROM:<address> parameters`; no blank may stand before the `<` (RFC 5321 §3.3).
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (word, rest) = argument.split_at_checked(keyword.len())?;
    let (address, parameters) = rest.strip_prefix('<')?.split_once('>')?;
    let separated = parameters.is_empty() || parameters.starts_with(' ');
    (word.eq_ignore_ascii_case(keyword) && separated).then_some((address, parameters))
}
