//! The wire shape of `linkpost.toml`.

use std::path::Path;

use url::Url;

use super::{Environment, Sender, Settings, is_loopback, relay, sign_in};
use crate::{
    audience::Address,
    campaign::duration,
    delivery::Patience,
    email::Unsubscribe,
    ledger,
    problem::Problem,
    toml_file::{Table, TomlFile},
};

/// `None` only where a problem was told.
pub(super) fn read(
    file: &TomlFile,
    path: &Path,
    environment: Environment,
) -> Result<Option<Settings>, Vec<Problem>> {
    let mut root = file.root()?;
    let sender = root.require_table("sender").and_then(sender);
    let hello = sender.as_ref().map(|sender| sender.address.domain());
    let (relays, patience) = match root.table("relay") {
        Some(table) => relay::read(file, table, hello, environment),
        None => (Vec::new(), Patience::default()),
    };
    let (mut connections, mut limit, mut precedence_bulk) = (4, None, true);
    if let Some(mut table) = root.table("sending") {
        connections = table.integer("connections", 1..=200).unwrap_or(4);
        limit = table.parse("rate", rate);
        precedence_bulk = table.boolean("precedence_bulk").unwrap_or(true);
        table.finish();
    }
    let mut ledger = file.resolve("linkpost.db");
    let mut ledger_options = ledger::Options::default();
    if let Some(mut table) = root.table("ledger") {
        ledger = table.string("path").map_or(ledger, |path| file.resolve(&path));
        ledger_options.last_run = table.string("last_run").map(|path| file.resolve(&path));
        if let Some(time) = table.parse("busy_timeout", duration).and_then(|it| it.try_into().ok()) {
            ledger_options.busy_timeout = time;
        }
        table.finish();
    }
    let sign_in = match root.require_table("sign_in") {
        Some(table) => sign_in::read(file, table, environment)?,
        None => None,
    };
    let unsubscribe = root.require_table("unsubscribe").and_then(unsubscribe);
    let list = root.require_table("list").and_then(|mut table| {
        let id = table.require("id", "news.example.com", list_id);
        let sender_id = table.require("sender_id", "example", sender_id);
        table.finish();
        Some((id?, sender_id?))
    });
    let commands = root.table("audience").map(|mut table| {
        let commands = table.strings("commands");
        table.finish();
        commands
    });
    let web = super::web::web(file, root.table("web"), environment);
    let due = super::due::due(root.table("due"), environment);
    root.finish();
    let (Some(sender), Some(sign_in), Some(unsubscribe), Some((list_id, sender_id))) =
        (sender, sign_in, unsubscribe, list)
    else {
        return Ok(None);
    };
    Ok(Some(Settings {
        file: path.to_owned(),
        sender,
        relays,
        patience,
        connections: usize::try_from(connections).unwrap_or(4),
        rate: limit,
        ledger,
        ledger_options,
        sign_in,
        unsubscribe,
        list_id,
        sender_id,
        precedence_bulk,
        commands: commands.unwrap_or_default(),
        web,
        due,
    }))
}

fn sender(mut table: Table<'_>) -> Option<Sender> {
    let name = table.parse("name", plain_line);
    let address = table.require("address", "hello@example.com", mailbox);
    let reply_to = table.parse("reply_to", mailbox);
    let postal_address = table.require("postal_address", "Example Ltd, 1 Main Street, Town", plain_line);
    table.finish();
    Some(Sender { name, address: address?, reply_to, postal_address: postal_address? })
}

fn unsubscribe(mut table: Table<'_>) -> Option<Unsubscribe> {
    let url = table.require("url", "https://app.example.com/unsubscribe", web_address);
    let mailto = table.parse("mailto", mailbox);
    table.finish();
    Some(Unsubscribe { url: Some(url?), mailto })
}

fn mailbox(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|error| format!("found `{text}`: {error}"))
}

pub(super) fn plain_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        Err("expected one line of text that is not empty".to_owned())
    } else {
        Ok(text.trim().to_owned())
    }
}

pub(super) fn web_address(text: &str) -> Result<Url, String> {
    // What stands before an `@` may be a password.
    checked_address(text).map_err(|expected| {
        if text.contains('@') { expected.to_owned() } else { format!("found `{text}`, {expected}") }
    })
}

/// The address, or what was expected in its place: without what was found, which may be a secret.
pub(super) fn checked_address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "expected an address such as `https://app.example.com/page`")?;
    let loopback = url.host_str().is_some_and(is_loopback);
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err("expected `https` (`http` only on this machine)");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected an address without user and password");
    }
    Ok(url)
}

fn list_id(text: &str) -> Result<String, String> {
    let good = text.split('.').count() > 1
        && text.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("found `{text}`, expected a name such as `news.example.com`"))
    }
}

fn sender_id(text: &str) -> Result<String, String> {
    let good = (5..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("found `{text}`, expected 5 to 15 letters and digits"))
    }
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    let wrong = || format!("found `{text}`, expected a rate such as `20/s`, `600/min` or `5000/h`");
    let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let seconds = match unit.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    if number.is_finite() && number > 0.0 { Ok(number / seconds) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[sender]
name = "Example"
address = "hello@example.com"
postal_address = "Example Ltd, 1 Main Street"
[relay.smtp]
host = "127.0.0.1"
port = 2525
tls = "none"
[sending]
rate = "600/min"
[sign_in.local]
page = "https://app.example.com/accept-token"
issuer = "https://example.com"
audience = "https://app.example.com"
[unsubscribe]
url = "https://app.example.com/unsubscribe"
[list]
id = "news.example.com"
sender_id = "example"
"#;

    fn load(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linkpost.toml");
        std::fs::write(&path, text).unwrap();
        Settings::load(&path, Environment).map_err(|problems| {
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            all.join("\n").replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn the_shortest_file_gets_careful_defaults() {
        let settings = load(GOOD).unwrap();
        assert_eq!(settings.connections, 4);
        assert_eq!(settings.rate, Some(10.0));
        assert!(settings.precedence_bulk);
        assert!(settings.ledger.ends_with("linkpost.db"));
        assert_eq!(settings.sign_in.algorithm(), crate::token::Algorithm::EdDsa);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = GOOD
            .replace("\"127.0.0.1\"", "\"smtp.example.com\"")
            .replace("rate = \"600/min\"", "rate = \"fast\"\nconnections = 0")
            .replace("hello@example.com", "hello")
            .replace("https://app.example.com/unsubscribe", "http://app.example.com/u")
            .replace("port = 2525", "port = 2525\npassword = \"x\"");
        insta::assert_snapshot!(load(&text).unwrap_err(), @r#"
        linkpost.toml:4:11: `sender.address`: found `hello`: it has no `@`
        linkpost.toml:6:8: `relay.smtp.tls` is `none`, but `smtp.example.com` is not this machine: links would travel in the clear
          hint: use `tls = "implicit"` or `"starttls"`; `allow_plaintext = true` if the network in between is yours
        linkpost.toml:9:1: unknown key `relay.smtp.password`
          hint: secrets come from the environment or a `*_FILE`, never from this file: see `linkpost --help`
        linkpost.toml:12:8: `sending.rate`: found `fast`, expected a rate such as `20/s`, `600/min` or `5000/h`
        linkpost.toml:13:15: `sending.connections`: found `0`, expected a whole number from 1 to 200
        linkpost.toml:19:7: `unsubscribe.url`: found `http://app.example.com/u`, expected `https` (`http` only on this machine)
        "#);
    }
}
