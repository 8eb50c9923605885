//! One mail: MAIL, RCPT, then DATA or BDAT, and the verdict on it.

use std::sync::{Arc, atomic::Ordering};

use tokio::task;

use super::Session;
use crate::sandbox::{
    Act, Ending, Event, Keep, Step,
    body::{Body, Framing},
    keep::{Mail, message_id},
};

/// RFC 5321 §4.5.3.1.8: at least 100.
const MAX_RECIPIENTS: usize = 100;

/// What `MAIL` said.
pub(super) struct Envelope {
    sender: String,
    eight_bit: bool,
    utf8: bool,
}

impl Session {
    pub(super) async fn mail(&mut self, argument: &str) -> Result<(), Ending> {
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

    pub(super) async fn rcpt(&mut self, argument: &str) -> Result<(), Ending> {
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

    pub(super) async fn data(&mut self) -> Result<(), Ending> {
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

    pub(super) async fn bdat(&mut self, argument: &str) -> Result<(), Ending> {
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
                    Ok(number) => self.reply(250, "2.0.0", &format!("kept as {number:08}")),
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

    /// Keeps one copy per recipient; returns the number of the last.
    async fn keep(&mut self, bytes: Vec<u8>) -> Result<u64, Ending> {
        let bytes: Arc<[u8]> = bytes.into();
        let sender = self.envelope.as_ref().map(|envelope| envelope.sender.clone()).unwrap_or_default();
        let mut last = 0;
        for recipient in &self.recipients {
            last = self.shared.kept.fetch_add(1, Ordering::Relaxed) + 1;
            let mail = Mail {
                sender: sender.clone(),
                recipient: recipient.clone(),
                message_id: message_id(&bytes),
                number: last,
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
                message: in_memory.then(|| mail.bytes.into()),
            });
            self.shared.accepted.send_modify(|count| *count += 1);
        }
        Ok(last)
    }
}

/// Splits `FROM:<address> parameters`; no blank may stand before the `<` (RFC 5321 §3.3).
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (word, rest) = argument.split_at_checked(keyword.len())?;
    let (address, parameters) = rest.strip_prefix('<')?.split_once('>')?;
    let separated = parameters.is_empty() || parameters.starts_with(' ');
    (word.eq_ignore_ascii_case(keyword) && separated).then_some((address, parameters))
}
