//! The way to a relay, and the longest waits for it.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use lettre::transport::smtp::authentication::Mechanism;
use secrecy::SecretString;

use crate::replies::Rules;

/// A relay and the manner of talking to it. [`super::Relay::new`] checks it.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// A host name or an IP address.
    pub host: String,
    /// The port: 465 for implicit TLS, 587 for STARTTLS.
    pub port: u16,
    /// The protection of the connection.
    pub tls: Tls,
    /// Our sign-in at the relay.
    pub login: Option<Login>,
    /// The name in EHLO: a full host name, or an address literal such as `[192.0.2.1]`.
    pub hello: String,
    /// Certificates in PEM that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The deadline of each step.
    pub deadlines: Deadlines,
    /// The most mails on one connection. A relay that announces fewer (RFC 9422) is obeyed.
    pub messages_per_connection: u32,
    /// A connection older than this takes no further mail.
    pub connection_age: Duration,
    /// The rules for whose fault a refusal is.
    pub rules: Rules,
}

/// The protection of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (port 465): nothing to strip, nothing to inject into.
    Implicit,
    /// Plain until STARTTLS. A relay that does not offer it is refused.
    StartTls,
    /// None, and only to this machine.
    LoopbackPlaintext,
    /// None, whatever the relay: the links can be read on the way. A login is refused beyond this machine.
    Plaintext,
}

/// Our sign-in at the relay.
#[derive(Clone)]
pub struct Login {
    /// `None`: PLAIN if the relay offers it, else LOGIN. XOAUTH2 must be asked for, since its secret is no password.
    pub mechanism: Option<Mechanism>,
    /// The user name.
    pub user: String,
    /// The password, or the access token for XOAUTH2.
    pub secret: SecretString,
}

/// A user name can be half of a secret: neither half prints itself.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

/// The deadline of each step, for the whole reply: a relay that trickles gains nothing.
///
/// The defaults follow RFC 5321 §4.5.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// TCP connection to one address, and the look-up of the name.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// The greeting.
    pub banner: Duration,
    /// EHLO, HELO, STARTTLS and each step of AUTH.
    pub hello: Duration,
    /// MAIL.
    pub mail: Duration,
    /// RCPT.
    pub rcpt: Duration,
    /// DATA, up to 354.
    pub data: Duration,
    /// Each block of the body.
    pub body_block: Duration,
    /// The answer to the final dot. Too short, and an accepted mail counts as unknown: at least [`SHORTEST_DOT`]
    /// unless the relay is on this machine.
    pub dot: Duration,
    /// RSET.
    pub rset: Duration,
    /// QUIT.
    pub quit: Duration,
}

/// The shortest wait for the answer to the final dot.
pub const SHORTEST_DOT: Duration = Duration::from_mins(1);

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(30),
            tls: seconds(60),
            banner: seconds(300),
            hello: seconds(300),
            mail: seconds(300),
            rcpt: seconds(300),
            data: seconds(120),
            body_block: seconds(180),
            dot: seconds(600),
            rset: seconds(20),
            quit: seconds(5),
        }
    }
}

impl Deadlines {
    /// The deadlines for a relay at `ip`.
    #[must_use]
    pub fn towards(self, ip: IpAddr) -> Self {
        if is_this_machine(ip) { self } else { Self { dot: self.dot.max(SHORTEST_DOT), ..self } }
    }
}

/// Whether bytes to `ip` stay on this machine.
#[must_use]
pub(super) fn is_this_machine(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Settings that no relay could be reached with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);

impl RelaySettings {
    /// Settings with every default: no login, no further certificates.
    pub fn new(host: impl Into<String>, port: u16, tls: Tls, hello: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            tls,
            login: None,
            hello: hello.into(),
            ca_file: None,
            deadlines: Deadlines::default(),
            messages_per_connection: 100,
            connection_age: Duration::from_mins(5),
            rules: Rules::shipped(),
        }
    }

    /// Checks what can be checked without the network.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let refuse = |words: String| Err(SettingsError(words));
        if self.host.is_empty() || self.host.contains(|char: char| char.is_whitespace() || char.is_control())
        {
            return refuse(format!("`{}` is no host of a relay", self.host.escape_debug()));
        }
        if self.hello.is_empty() || !self.hello.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse(format!(
                "`{}` is no name for EHLO: a full host name or an address literal",
                self.hello.escape_debug()
            ));
        }
        if self.messages_per_connection == 0 {
            return refuse("a connection must take at least one mail".into());
        }
        if let Some(login) = &self.login
            && (login.user.is_empty() || login.user.contains(char::is_control))
        {
            return refuse("the user name for the relay is empty or holds a control character".into());
        }
        match self.host.parse::<IpAddr>() {
            Ok(ip) => self.check_peer(ip),
            Err(_) => Ok(()),
        }
    }

    /// Checks whether an address may be talked to: nothing that must be secret goes over an open line.
    pub(super) fn check_peer(&self, ip: IpAddr) -> Result<(), SettingsError> {
        let open = match self.tls {
            Tls::Implicit | Tls::StartTls => return Ok(()),
            Tls::LoopbackPlaintext | Tls::Plaintext => !is_this_machine(ip),
        };
        if open && self.tls == Tls::LoopbackPlaintext {
            return Err(SettingsError(format!(
                "`{}` is not this machine, and the connection is not encrypted: use TLS",
                self.host
            )));
        }
        if open && self.login.is_some() {
            return Err(SettingsError(format!(
                "a login to `{}` without TLS would show the password: use TLS",
                self.host
            )));
        }
        Ok(())
    }

    /// The relay for people: `mail.example.com:465`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(host: &str, tls: Tls) -> RelaySettings {
        RelaySettings::new(host, 2525, tls, "client.example.com")
    }

    fn login() -> Login {
        Login { mechanism: None, user: "ada".into(), secret: "canary".into() }
    }

    #[test]
    fn an_open_line_is_refused_beyond_this_machine() {
        let check = |host, tls, login, good| {
            let settings = RelaySettings { login, ..settings(host, tls) };
            assert_eq!(settings.check().is_ok(), good, "{host} {tls:?}");
        };
        check("127.0.0.1", Tls::LoopbackPlaintext, Some(login()), true);
        check("::1", Tls::LoopbackPlaintext, Some(login()), true);
        check("::ffff:127.0.0.1", Tls::LoopbackPlaintext, None, true);
        check("192.0.2.1", Tls::LoopbackPlaintext, None, false);
        check("192.0.2.1", Tls::Plaintext, None, true);
        check("192.0.2.1", Tls::Plaintext, Some(login()), false);
        check("127.0.0.1", Tls::Plaintext, Some(login()), true);
        check("192.0.2.1", Tls::StartTls, Some(login()), true);
        check("192.0.2.1", Tls::Implicit, Some(login()), true);
    }

    #[test]
    fn names_that_would_break_a_command_are_refused() {
        for hello in ["", "a b", "a\r\nMAIL", "bücher.example"] {
            let settings =
                RelaySettings { hello: hello.into(), ..settings("mail.example.com", Tls::Implicit) };
            assert!(settings.check().is_err(), "{hello:?}");
        }
        for host in ["", "a b", "a\r\nb"] {
            assert!(settings(host, Tls::Implicit).check().is_err(), "{host:?}");
        }
    }

    #[test]
    fn the_wait_for_the_final_answer_has_a_floor_beyond_this_machine() {
        let short = Deadlines { dot: Duration::from_secs(1), ..Deadlines::default() };
        let check = |ip: &str, expected| {
            assert_eq!(
                short.towards(ip.parse().expect("an IP address")).dot,
                Duration::from_secs(expected),
                "{ip}"
            );
        };
        check("127.0.0.1", 1);
        check("192.0.2.1", 60);
        check("2001:db8::1", 60);
        let long = Deadlines::default().towards("192.0.2.1".parse().expect("an IP address"));
        assert_eq!(long.dot, Duration::from_mins(10));
    }

    #[test]
    fn settings_print_neither_user_nor_secret() {
        let printed =
            format!("{:?}", RelaySettings { login: Some(login()), ..settings("127.0.0.1", Tls::Implicit) });
        assert!(!printed.contains("canary") && !printed.contains("ada"), "{printed}");
    }
}
