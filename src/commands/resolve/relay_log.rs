//! The logs of `resolve --log`: opened before anything is decided, and what was understood of each is said.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    console::{
        Failure,
        command_line::{CommandLine, quoted},
    },
    exit::Exit,
    feedback::maillog::{Relay, Search, Understood},
    ui::{Ui, count, grouped},
};

/// A log that can be read.
pub(super) struct RelayLog {
    name: String,
    from: Box<dyn BufRead + Send>,
}

/// Opens the logs; a compressed one is refused with the way to read it, which leads it into `piped`.
pub(super) fn open_all(paths: &[PathBuf], piped: &CommandLine) -> Result<Vec<RelayLog>, Failure> {
    paths.iter().map(|path| open(path, piped)).collect()
}

fn open(path: &Path, piped: &CommandLine) -> Result<RelayLog, Failure> {
    let shown = path.display();
    let unreadable = |error: io::Error| {
        Failure::words(Exit::Usage, format!("`--log`: `{shown}` cannot be read: {error}"))
            .hint("a mail log is often for root and its group alone")
    };
    let (name, mut from): (_, Box<dyn BufRead + Send>) = if path == Path::new("-") {
        ("stdin".to_owned(), Box::new(BufReader::new(io::stdin())))
    } else {
        (shown.to_string(), Box::new(BufReader::new(File::open(path).map_err(unreadable)?)))
    };
    let start = from.fill_buf().map_err(unreadable)?;
    let tool = [
        (&b"\x1f\x8b"[..], "zcat"),
        (b"\xfd7zXZ", "xzcat"),
        (b"BZh", "bzcat"),
        (b"\x28\xb5\x2f\xfd", "zstdcat"),
    ]
    .into_iter()
    .find(|(magic, _)| start.starts_with(magic))
    .map(|(_, tool)| tool);
    match tool {
        None => Ok(RelayLog { name, from }),
        Some(tool) => Err(Failure::words(Exit::Usage, format!("`--log`: `{shown}` is compressed"))
            .hint(format!("{tool} {} | {piped}", quoted(path.as_os_str())))),
    }
}

/// Reads a log to its end, says how much of it was understood, and whether a relay wrote any of it.
pub(super) fn read(ui: &Ui, search: &mut Search, log: RelayLog) -> Result<bool, Failure> {
    let RelayLog { name, from } = log;
    let understood = search.read(from).map_err(|error| {
        Failure::words(Exit::Usage, format!("`--log`: `{name}` cannot be read to its end: {error}"))
    })?;
    report(ui, &name, &understood);
    Ok(!understood.relays.is_empty())
}

fn report(ui: &Ui, name: &str, understood: &Understood) {
    let Understood { relays, others, unread } = understood;
    let of_relays: u64 = relays.values().sum();
    let all = of_relays + others + unread;
    ui.event(&json!({
        "event": "log", "name": name, "lines": all, "of_relays": of_relays, "of_others": others, "unread": unread,
    }));
    if all == 0 {
        return ui.note(format_args!("{name}: the log is empty"));
    }
    if relays.is_empty() {
        let known = Relay::ALL.map(Relay::name).join(", ");
        let unread = match unread {
            0 => String::new(),
            unread => format!("; {} could not be read at all", grouped(*unread)),
        };
        return ui.note(format_args!(
            "{name}: of {} none is one that a relay wrote whose log is known ({known}){unread}\n  \
             hint: name the log of the relay itself, as text or as `journalctl -o json` writes it; for any other relay \
             decide by `--message-id` or `--only`",
            count(all, "line")
        ));
    }
    let mut parts: Vec<_> = relays
        .iter()
        .map(|(relay, lines)| format!("{} of {}", count(*lines, "line"), relay.name()))
        .collect();
    if *others > 0 {
        parts.push(format!("{} of other programs", grouped(*others)));
    }
    ui.say(format_args!("{name}: {}", parts.join(", ")));
    if *unread > 0 {
        ui.note(format_args!("{name}: {} of {} could not be read", grouped(*unread), count(all, "line")));
    }
}
