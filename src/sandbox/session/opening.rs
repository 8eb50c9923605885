//! What comes before a mail: EHLO, STARTTLS, AUTH.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use super::{NAME, Session};
use crate::sandbox::{Ending, Event, Mechanism, Step, Tls, wire::Line};

impl Session {
    pub(super) async fn hello(&mut self, verb: &str, argument: &str) -> Result<(), Ending> {
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

    pub(super) async fn starttls(&mut self) -> Result<(), Ending> {
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

    pub(super) async fn secure(&mut self, acceptor: &TlsAcceptor) -> Result<(), Ending> {
        self.wire.secure(acceptor).await?;
        self.secured = true;
        self.event(Event::Secured { connection: self.connection });
        Ok(())
    }

    pub(super) async fn auth(&mut self, argument: &str) -> Result<(), Ending> {
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
        if verdict == Some(false) && mechanism == Mechanism::Xoauth2 {
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
}
