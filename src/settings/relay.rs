//! The relays of `linkpost.toml`: one `[relay.smtp]`, or several `[[relay.smtp]]` in the order in which they are tried.

use std::time::Duration;

use lettre::transport::smtp::authentication::Mechanism;

use super::{
    Environment, Relay, SMTP_PASSWORD,
    values::{host_name, is_loopback},
};
use crate::{
    campaign::duration,
    delivery::{
        Patience,
        smtp::{Login, RelaySettings, Tls},
    },
    toml_file::{Table, TomlFile},
};

/// Reads `[relay]`.
pub(super) fn read(
    file: &TomlFile,
    mut table: Table<'_>,
    hello: Option<&str>,
    environment: Environment,
) -> (Vec<Relay>, Patience) {
    let patience = patience(&mut table);
    let tables = table.one_or_several("smtp");
    let several = tables.len() > 1;
    let mut relays: Vec<Relay> = Vec::new();
    // Host and variable of those that sign in: a password meant for one relay must not be shown to another.
    let mut passwords: Vec<(String, String)> = Vec::new();
    let mut weights = Vec::new();
    for mut smtp in tables {
        let weight = smtp.integer("weight", 1..=1000).and_then(|weight| u32::try_from(weight).ok());
        if weights.last().is_some_and(|before: &Option<u32>| before.is_some() != weight.is_some()) {
            smtp.tell(
                "some relays have a `weight` and some have none".to_owned(),
                "give every relay a `weight`, or none: then they are tried in the order of the file",
            );
        }
        weights.push(weight);
        let variable = smtp.parse("password_env", variable).unwrap_or_else(|| SMTP_PASSWORD.to_owned());
        let user = smtp.string("user");
        let host = smtp.require("host", "smtp.example.com", host_name).unwrap_or_default();
        if user.is_some() {
            let shared = passwords.iter().any(|(other, name)| *name == variable && *other != host);
            if several && shared {
                smtp.tell(
                    format!("two relays would get the password in {variable}"),
                    "name a variable for each with `password_env = \"…\"`",
                );
            }
            passwords.push((host.clone(), variable.clone()));
        }
        if let Some(relay) = one(file, smtp, (host, user, variable), hello, environment) {
            relays.push(Relay { weight, ..relay });
        }
    }
    table.finish();
    (relays, patience)
}

/// The limits before a run gives up, over all relays together.
fn patience(table: &mut Table<'_>) -> Patience {
    let mut patience = Patience::default();
    if let Some(failures) = table.integer("failures_until_pause", 1..=1000) {
        patience.failures = u32::try_from(failures).unwrap_or(patience.failures);
    }
    let mut time = |key| table.parse(key, duration).and_then(|time| Duration::try_from(time).ok());
    patience.pause = time("pause").unwrap_or(patience.pause);
    patience.give_up_after = time("give_up_after").unwrap_or(patience.give_up_after);
    patience
}

fn one(
    file: &TomlFile,
    mut table: Table<'_>,
    (host, user, variable): (String, Option<String>, String),
    hello: Option<&str>,
    environment: Environment,
) -> Option<Relay> {
    let choices =
        [("implicit", Tls::Implicit), ("starttls", Tls::StartTls), ("none", Tls::LoopbackPlaintext)];
    let mut tls = table.choice("tls", &choices).unwrap_or(Tls::Implicit);
    if table.boolean("allow_plaintext") == Some(true) && tls == Tls::LoopbackPlaintext {
        tls = Tls::Plaintext;
    }
    if tls == Tls::LoopbackPlaintext && !host.is_empty() && !is_loopback(&host) {
        table.tell(
            format!("`relay.smtp.tls` is `none`, but `{host}` is not this machine: links would travel in the clear"),
            "use `tls = \"implicit\"` or `\"starttls\"`; `allow_plaintext = true` if the network in between is yours",
        );
    }
    let default_port = match tls {
        Tls::Implicit => 465,
        Tls::StartTls => 587,
        Tls::LoopbackPlaintext | Tls::Plaintext => 25,
    };
    let port = table.integer("port", 1..=65535).and_then(|port| u16::try_from(port).ok());
    let hello = table.string("hello").or_else(|| hello.map(str::to_owned)).unwrap_or_default();
    let mut smtp = RelaySettings::new(host.clone(), port.unwrap_or(default_port), tls, hello);
    smtp.ca_file = table.string("ca_file").map(|path| file.resolve(&path));
    let whole = |number: i64| u32::try_from(number).ok();
    if let Some(messages) = table.integer("messages_per_connection", 1..=100_000).and_then(whole) {
        smtp.messages_per_connection = messages;
    }
    let mut deadline =
        |key| table.parse(key, duration).and_then(|deadline| Duration::try_from(deadline).ok());
    smtp.deadlines.dot = deadline("dot_deadline").unwrap_or(smtp.deadlines.dot);
    smtp.deadlines.connect = deadline("connect_deadline").unwrap_or(smtp.deadlines.connect);
    if let Some(each) = deadline("command_deadline") {
        let deadlines = &mut smtp.deadlines;
        for deadline in [
            &mut deadlines.banner,
            &mut deadlines.hello,
            &mut deadlines.mail,
            &mut deadlines.rcpt,
            &mut deadlines.data,
        ] {
            *deadline = each;
        }
    }
    let mechanisms =
        [("plain", Mechanism::Plain), ("login", Mechanism::Login), ("xoauth2", Mechanism::Xoauth2)];
    let mechanism = table.choice("auth", &mechanisms);
    table.finish();
    let mut wants_password = None;
    if let Some(user) = user {
        match environment.secret(&variable) {
            Ok(secret) => smtp.login = Some(Login { mechanism, user, secret }),
            Err(none) => wants_password = Some(none),
        }
    }
    (!host.is_empty()).then_some(Relay { smtp, weight: None, password_env: variable, wants_password })
}

/// The name of an environment variable.
fn variable(text: &str) -> Result<String, String> {
    let good = !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // What is no name may be the secret itself: it is not repeated.
    if good { Ok(text.to_owned()) } else { Err("expected the name of an environment variable".to_owned()) }
}
