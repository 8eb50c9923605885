//! AUTH: one try, and never a word of the secret in an error.

use std::time::Duration;

use data_encoding::BASE64;
use lettre::transport::smtp::authentication::Mechanism;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{
    capabilities::Capabilities,
    reply::{Class, Reply},
    settings::Login,
    wire::{Wire, WireError},
};
use crate::replies::{Fault, Identity, Reading, Rules, Step};

/// The failure of a sign-in.
pub(super) enum AuthError {
    /// A rejection, and whose fault it is. Another try could lock the account.
    Refused(Reading, String),
    /// The relay cannot say now.
    NotNow(String),
    /// The conversation broke off.
    Lost(WireError),
}

impl From<WireError> for AuthError {
    fn from(lost: WireError) -> Self {
        Self::Lost(lost)
    }
}

/// The lines that go over the wire: the command, then one answer for each `334`.
struct Script {
    command: Zeroizing<String>,
    answers: Vec<Zeroizing<String>>,
}

/// Signs in. `deadline` is for each step.
pub(super) async fn sign_in(
    wire: &mut Wire,
    login: &Login,
    capabilities: &Capabilities,
    rules: &Rules,
    deadline: Duration,
) -> Result<(), AuthError> {
    let mechanism = choose(login, capabilities)?;
    let script = Script::new(mechanism, login);
    tracing::debug!("AUTH {mechanism}");
    let mut reply = wire.ask(&script.command, deadline).await?;
    for answer in &script.answers {
        if reply.code() != 334 {
            break;
        }
        reply = wire.ask(answer, deadline).await?;
    }
    let words = || format!("AUTH {mechanism}: {}", script.words(&reply, login));
    match reply.class() {
        Class::Done => Ok(()),
        Class::GoOn => Err(AuthError::Refused(unwanted(), words())),
        Class::NotNow | Class::No => {
            let reading = rules.smtp(Step::Login, reply.code(), &reply.text());
            if reading.lasting || reading.stops_at_once() {
                Err(AuthError::Refused(reading, words()))
            } else {
                Err(AuthError::NotNow(words()))
            }
        }
    }
}

fn choose(login: &Login, capabilities: &Capabilities) -> Result<Mechanism, AuthError> {
    let offered = |mechanism: &Mechanism| capabilities.mechanisms.contains(mechanism);
    let chosen = match login.mechanism {
        Some(mechanism) => Some(mechanism).filter(offered),
        None => [Mechanism::Plain, Mechanism::Login].into_iter().find(offered),
    };
    chosen.ok_or_else(|| {
        let wanted = login.mechanism.map_or("PLAIN or LOGIN".into(), |mechanism| mechanism.to_string());
        let names: Vec<String> = capabilities.mechanisms.iter().map(Mechanism::to_string).collect();
        let names = if names.is_empty() { "none that we know".into() } else { names.join(", ") };
        AuthError::Refused(unwanted(), format!("AUTH: expected {wanted}, the relay offers {names}"))
    })
}

/// The login as we offer it is not wanted.
fn unwanted() -> Reading {
    Reading::new(Fault::Identity(Identity::Login), true)
}

impl Script {
    fn new(mechanism: Mechanism, login: &Login) -> Self {
        let secret = login.secret.expose_secret();
        let encode = |text: &str| Zeroizing::new(BASE64.encode(text.as_bytes()) + "\r\n");
        let initial = |response: Zeroizing<String>| {
            let encoded = encode(&response);
            (Zeroizing::new(format!("AUTH {mechanism} {}", *encoded)), encoded)
        };
        match mechanism {
            Mechanism::Plain => {
                let (command, response) = initial(Zeroizing::new(format!("\0{}\0{secret}", login.user)));
                // A relay that overlooks the initial response asks for it again (RFC 4954 §4).
                Self { command, answers: vec![response] }
            }
            Mechanism::Login => Self {
                command: Zeroizing::new("AUTH LOGIN\r\n".into()),
                answers: vec![encode(&login.user), encode(secret)],
            },
            Mechanism::Xoauth2 => {
                let response = format!("user={}\x01auth=Bearer {secret}\x01\x01", login.user);
                let (command, _) = initial(Zeroizing::new(response));
                // `334` carries the error; an empty line fetches the rejection.
                Self { command, answers: vec![Zeroizing::new("\r\n".into())] }
            }
        }
    }

    /// The relay's words, unless it repeats what we sent: some quote a command that they do not know.
    fn words(&self, reply: &Reply, login: &Login) -> String {
        let words = reply.words();
        let sent = self.answers.iter().chain([&self.command]);
        let mut secrets = sent.flat_map(|line| line.split_ascii_whitespace()).filter(|word| word.len() > 7);
        if secrets.any(|secret| words.contains(secret)) || words.contains(login.secret.expose_secret()) {
            format!("{} (its text repeats the secret and is left out)", reply.code())
        } else {
            words
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::reply::ReplyParser, *};

    fn login() -> Login {
        Login { mechanism: None, user: "ada".into(), secret: "opensesame".into() }
    }

    #[test]
    fn each_mechanism_says_what_its_specification_says() {
        let check = |mechanism, command: &str, answers: &[&str]| {
            let script = Script::new(mechanism, &login());
            let found: Vec<&str> = script.answers.iter().map(|answer| answer.as_str()).collect();
            assert_eq!((script.command.as_str(), found.as_slice()), (command, answers));
        };
        let plain = "AGFkYQBvcGVuc2VzYW1l\r\n";
        check(Mechanism::Plain, &format!("AUTH PLAIN {plain}"), &[plain]);
        check(Mechanism::Login, "AUTH LOGIN\r\n", &["YWRh\r\n", "b3BlbnNlc2FtZQ==\r\n"]);
        let bearer = "dXNlcj1hZGEBYXV0aD1CZWFyZXIgb3BlbnNlc2FtZQEB";
        check(Mechanism::Xoauth2, &format!("AUTH XOAUTH2 {bearer}\r\n"), &["\r\n"]);
    }

    #[test]
    fn a_reply_that_quotes_the_secret_is_withheld() {
        let check = |text: &str, expected: &str| {
            let parsed = ReplyParser::default().feed(text.as_bytes());
            let (reply, _) = parsed.expect("well formed").expect("complete");
            assert_eq!(Script::new(Mechanism::Plain, &login()).words(&reply, &login()), expected);
        };
        let withheld = "500 (its text repeats the secret and is left out)";
        check("500 unknown: \"AUTH PLAIN AGFkYQBvcGVuc2VzYW1l\"\r\n", withheld);
        check("500 bad password opensesame\r\n", withheld);
        check("535 5.7.8 AUTH failed\r\n", "535 5.7.8 AUTH failed");
    }
}
