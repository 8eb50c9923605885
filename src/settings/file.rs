//! The wire shape of `linkpost.toml`.

use std::path::Path;

use jiff::SignedDuration;

use super::{
    Environment, Expected, Sender, Settings, relay, sign_in,
    values::{plain_line, rate, web_address},
};
use crate::{
    audience::Address,
    campaign::duration,
    delivery::Patience,
    email::Unsubscribe,
    ledger,
    pacing::Cap,
    problem::Problem,
    replies::Rules,
    toml_file::{Table, TomlFile},
};

/// `None` only if a problem was recorded.
pub(super) fn read(
    file: &TomlFile,
    path: &Path,
    environment: Environment,
) -> Result<Option<Settings>, Vec<Problem>> {
    let mut root = file.root()?;
    let sender = root.require_table("sender").and_then(sender);
    let hello = sender.as_ref().map(|sender| sender.address.domain());
    let rules = rules(file, root.table("replies"));
    let (mut relays, patience) = match root.table("relay") {
        Some(table) => relay::read(file, table, hello, environment),
        None => (Vec::new(), Patience::default()),
    };
    for relay in &mut relays {
        relay.smtp.rules = rules.clone();
    }
    let (mut connections, mut limit, mut precedence_bulk) = (4, Rates::default(), true);
    let mut expected = None;
    if let Some(mut table) = root.table("sending") {
        connections = table.integer("connections", 1..=200).unwrap_or(4);
        limit = table.parse("rate", rates).unwrap_or_default();
        expected = table.parse("expected_refusals", Expected::parse);
        precedence_bulk = table.boolean("precedence_bulk").unwrap_or(true);
        table.finish();
    }
    let (ledger, ledger_options) = ledger(file, root.table("ledger"));
    let sign_in = match root.require_table("sign_in") {
        Some(table) => sign_in::read(file, table, environment)?,
        None => None,
    }
    .map(|sign_in| sign_in.with(&rules));
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
        rate: limit.per_second,
        caps: limit.caps,
        expected_refusals: expected,
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

/// The rules for whose fault a refusal is: the user's own in front of the shipped ones.
fn rules(file: &TomlFile, table: Option<Table<'_>>) -> Rules {
    let Some(mut table) = table else { return Rules::shipped() };
    let path = table.string("rules").map(|path| file.resolve(&path));
    let rules = path.map_or(Ok(Rules::shipped()), |path| Rules::with(&path));
    let rules = rules.unwrap_or_else(|problems| {
        for problem in problems {
            table.pass_on(problem);
        }
        Rules::shipped()
    });
    table.finish();
    rules
}

/// The ledger's place, and how it is used.
fn ledger(file: &TomlFile, table: Option<Table<'_>>) -> (ledger::Location, ledger::Options) {
    let (mut path, mut options) = (file.resolve("linkpost.db"), ledger::Options::default());
    if let Some(mut table) = table {
        path = table.string("path").map_or(path, |path| file.resolve(&path));
        options.last_run = table.string("last_run").map(|path| file.resolve(&path));
        if let Some(time) = table.parse("busy_timeout", duration).and_then(|it| it.try_into().ok()) {
            options.busy_timeout = time;
        }
        table.finish();
    }
    (path.into(), options)
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

/// The rate, and the number of mails in any hour and day.
#[derive(Debug, Default)]
struct Rates {
    per_second: Option<f64>,
    caps: Vec<Cap>,
}

/// `20/s, 500/h, 2000/d`: what a second or minute and what any hour or day may hold. An hour's number alone is the pace
/// as well.
fn rates(text: &str) -> Result<Rates, String> {
    let mut rates = Rates::default();
    let mut hourly = None;
    let twice = |unit: &str| format!("found two rates in `{unit}`, expected one of each kind");
    for part in text.split(',').map(str::trim) {
        let wrong =
            || format!("found `{part}`, expected a rate such as `20/s`, `600/min`, `500/h` or `2000/d`");
        let (number, unit) = part.split_once('/').ok_or_else(wrong)?;
        let hours = match unit.trim() {
            "h" => 1,
            "d" => 24,
            _ if rates.per_second.is_some() => return Err(twice("s` or `min")),
            _ => {
                rates.per_second = Some(rate(part).map_err(|_| wrong())?);
                continue;
            }
        };
        let most = number.trim().replace('_', "").parse().ok().filter(|most| *most > 0).ok_or_else(wrong)?;
        let within = SignedDuration::from_hours(hours);
        if rates.caps.iter().any(|cap| cap.within == within) {
            return Err(twice(unit.trim()));
        }
        if hours == 1 {
            hourly = rate(part).ok();
        }
        rates.caps.push(Cap { most, within });
    }
    rates.per_second = rates.per_second.or(hourly);
    Ok(rates)
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
        assert_eq!(settings.caps, []);
        assert!(settings.precedence_bulk);
        assert!(settings.ledger.to_string().ends_with("/linkpost.db"));
        assert_eq!(settings.sign_in.algorithm(), crate::token::Algorithm::EdDsa);
    }

    #[test]
    fn a_rate_may_hold_caps_of_an_hour_and_a_day() {
        let check = |text: &str, per_second: Option<f64>, caps: &[(u64, i64)]| {
            let rates = rates(text).unwrap();
            let found: Vec<_> = rates.caps.iter().map(|cap| (cap.most, cap.within.as_hours())).collect();
            assert_eq!((rates.per_second, &found[..]), (per_second, caps), "{text}");
        };
        check("20/s, 500/h, 2000/d", Some(20.0), &[(500, 1), (2000, 24)]);
        check("2_000/d", None, &[(2000, 24)]);
        check("3600/h", Some(1.0), &[(3600, 1)]);
        check("60/min,100/d", Some(1.0), &[(100, 24)]);
        for wrong in ["", "20", "20/s, 30/s", "5/h, 6/h", "0/d", "1.5/d", "-3/h", "20/w", "20/s,"] {
            assert!(rates(wrong).is_err(), "{wrong}");
        }
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
        linkpost.toml:12:8: `sending.rate`: found `fast`, expected a rate such as `20/s`, `600/min`, `500/h` or `2000/d`
        linkpost.toml:13:15: `sending.connections`: found `0`, expected a whole number from 1 to 200
        linkpost.toml:19:7: `unsubscribe.url`: found `http://app.example.com/u`, expected `https` (`http` only on this machine)
        "#);
    }
}
