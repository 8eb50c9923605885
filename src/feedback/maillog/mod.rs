//! Reads a relay's log to find out what became of mails whose answer was lost. Pure: lines in, evidence out.
//!
//! Postfix, Exim and Sendmail write the `Message-ID` beside their queue id, and the queue id beside what became of the
//! mail. OpenSMTPD writes no `Message-ID`: there a mail is known by sender, recipient and time, and where two fit, neither
//! counts. Memory is that of the mails that are looked for, however long the log is.
//!
//! - `entry`: the forms that a line may have.
//! - `utf16`: logs that went through Windows.

mod entry;
mod utf16;

pub use entry::Relay;

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, BufRead, Read},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use self::entry::Entry;

/// The longest line that is read; the rest of a longer one is passed over.
const LONGEST_LINE: u64 = 16 * 1024;
/// How far the relay's clock may lie before ours.
const EARLY: SignedDuration = SignedDuration::from_mins(2);
/// How much later than we gave up a relay may still have taken the mail.
const LATE: SignedDuration = SignedDuration::from_mins(15);

/// A mail that is looked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The `Message-ID`, with or without angle brackets.
    pub message_id: String,
    /// The envelope sender.
    pub sender: String,
    /// The envelope recipient.
    pub recipient: String,
    /// When the try began.
    pub began: Timestamp,
    /// When the answer was missed.
    pub ended: Timestamp,
}

impl Wanted {
    /// Whether a line was written while the mail was under way.
    fn is_of(&self, entry: &Entry<'_>, zone: &TimeZone) -> bool {
        match (self.began.checked_sub(EARLY), self.ended.checked_add(LATE)) {
            (Ok(from), Ok(until)) => entry.when.is_within(from, until, zone),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }
}

/// What the log says of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing.
    None,
    /// The relay saw it, and whether it took it is not said.
    Seen,
    /// The relay took it, and these are its last words about it.
    Taken(String),
    /// The relay took it and then gave it up.
    Bounced(String),
}

/// How much of a log was understood, in lines that are not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Understood {
    /// Of relays that are known.
    pub relays: BTreeMap<Relay, u64>,
    /// Of other programs.
    pub others: u64,
    /// In no form that is known.
    pub unread: u64,
}

/// A search through one log or several.
pub struct Search {
    wanted: Vec<Wanted>,
    found: Vec<Evidence>,
    zone: TimeZone,
    /// `Message-ID` → mail.
    ids: HashMap<String, usize>,
    /// Sender and recipient → mails.
    pairs: HashMap<(String, String), Vec<usize>>,
    /// Queue id → mail, of the relays that write the `Message-ID`. OpenSMTPD: envelope id → mail.
    queue: HashMap<(Relay, String), usize>,
    envelopes: HashMap<String, usize>,
    /// OpenSMTPD: mails that more than one envelope fits.
    doubtful: Vec<bool>,
}

impl Search {
    /// A search for these mails. Times without a zone are in `zone`.
    #[must_use]
    pub fn new(wanted: Vec<Wanted>, zone: TimeZone) -> Self {
        let mut pairs: HashMap<_, Vec<_>> = HashMap::new();
        for (at, mail) in wanted.iter().enumerate() {
            pairs.entry((folded(&mail.sender), folded(&mail.recipient))).or_default().push(at);
        }
        let ids =
            wanted.iter().enumerate().map(|(at, mail)| (bare(&mail.message_id).to_owned(), at)).collect();
        let (found, doubtful) = (vec![Evidence::None; wanted.len()], vec![false; wanted.len()]);
        Self { wanted, found, zone, ids, pairs, queue: HashMap::new(), envelopes: HashMap::new(), doubtful }
    }

    /// Reads a log to its end, in UTF-8 or UTF-16.
    pub fn read(&mut self, log: impl BufRead) -> io::Result<Understood> {
        let mut log = utf16::decoded(log)?;
        let mut understood = Understood::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            if log.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(understood);
            }
            let whole = line.ends_with(b"\n");
            self.line(&String::from_utf8_lossy(&line), &mut understood);
            if !whole {
                log.skip_until(b'\n')?;
            }
        }
    }

    /// What was found, in the order of the mails.
    #[must_use]
    pub fn finish(mut self) -> Vec<Evidence> {
        for (evidence, doubtful) in self.found.iter_mut().zip(&self.doubtful) {
            if *doubtful {
                *evidence = Evidence::Seen;
            }
        }
        self.found
    }

    fn line(&mut self, line: &str, understood: &mut Understood) {
        if line.trim().is_empty() {
            return;
        }
        let Some(entry) = Entry::parse(line) else {
            understood.unread += 1;
            return;
        };
        let Some(relay) = entry.relay else {
            understood.others += 1;
            return;
        };
        *understood.relays.entry(relay).or_default() += 1;
        match relay {
            Relay::Postfix => self.postfix(&entry.text),
            Relay::OpenSmtpd => self.opensmtpd(&entry),
            Relay::Exim => self.exim(&entry.text),
            Relay::Sendmail => self.sendmail(&entry.text),
        }
    }

    /// Notes whose mail a queue id stands for from now on: queue ids are used again.
    fn queued(&mut self, relay: Relay, queue: &str, message_id: &str, evidence: Evidence) {
        let key = (relay, queue.to_owned());
        match self.ids.get(bare(message_id)) {
            Some(&at) => {
                self.queue.insert(key, at);
                self.raise(at, evidence);
            }
            None => drop(self.queue.remove(&key)),
        }
    }

    /// The mail that a queue id stands for.
    fn by_queue(&self, relay: Relay, queue: &str) -> Option<usize> {
        self.queue.get(&(relay, queue.to_owned())).copied()
    }

    /// `…/cleanup[1]: QUEUE: message-id=<…>`, then `…/qmgr[2]: QUEUE: from=<…>, … (queue active)` once it is taken, then
    /// `…/smtp[3]: QUEUE: to=<…>, … status=sent (…)`, and `…/qmgr[2]: QUEUE: removed` at the end.
    fn postfix(&mut self, text: &str) {
        let Some((queue, rest)) = text.split_once(": ") else { return };
        if let Some(id) = rest.strip_prefix("message-id=") {
            return self.queued(Relay::Postfix, queue, id, Evidence::Seen);
        }
        let Some(at) = self.by_queue(Relay::Postfix, queue) else { return };
        if rest == "removed" {
            self.queue.remove(&(Relay::Postfix, queue.to_owned()));
        } else if rest.starts_with("from=<") && rest.ends_with("(queue active)") {
            self.raise(at, Evidence::Taken("in the relay's queue".to_owned()));
        } else if let Some((_, status)) = rest.split_once(" status=") {
            let words = || format!("status={status}");
            match status.split(' ').next() {
                Some("sent" | "deferred") => self.raise(at, Evidence::Taken(words())),
                Some("bounced" | "expired") => self.raise(at, Evidence::Bounced(words())),
                Some(_) | None => {}
            }
        }
    }

    /// `QUEUE <= SENDER … id=MESSAGE-ID …` once it is taken, then `QUEUE => …` and `->` for each delivery, `==` for a try
    /// that failed for now, `**` for one that failed for good, and `QUEUE Completed` at the end.
    fn exim(&mut self, text: &str) {
        let Some((queue, rest)) = text.split_once(' ') else { return };
        if rest.starts_with("<= ") {
            let id = rest.split(' ').find_map(|word| word.strip_prefix("id=")).unwrap_or_default();
            return self.queued(Relay::Exim, queue, id, Evidence::Taken("in the relay's queue".to_owned()));
        }
        let Some(at) = self.by_queue(Relay::Exim, queue) else { return };
        match rest.split(' ').next() {
            Some("Completed") => drop(self.queue.remove(&(Relay::Exim, queue.to_owned()))),
            Some("=>" | "->" | ">>" | "==") => self.raise(at, Evidence::Taken(rest.to_owned())),
            Some("**") => self.raise(at, Evidence::Bounced(rest.to_owned())),
            Some(_) | None => {}
        }
    }

    /// `QUEUE: from=<…>, … msgid=<…>, …` before it is taken, then `QUEUE: to=<…>, … stat=Sent (…)`.
    fn sendmail(&mut self, text: &str) {
        let Some((queue, rest)) = text.split_once(": ") else { return };
        let field = |name: &str| rest.split(", ").find_map(|field| field.strip_prefix(name));
        if let (true, Some(id)) = (rest.starts_with("from="), field("msgid=")) {
            return self.queued(Relay::Sendmail, queue, id, Evidence::Seen);
        }
        let (Some(at), Some((_, stat))) = (self.by_queue(Relay::Sendmail, queue), rest.split_once("stat="))
        else {
            return;
        };
        let words = format!("stat={stat}");
        let taken = ["Sent", "queued", "Deferred"].into_iter().any(|start| stat.starts_with(start));
        self.raise(at, if taken { Evidence::Taken(words) } else { Evidence::Bounced(words) });
    }

    /// `SESSION smtp envelope evpid=E from=<…> to=<…>` once it is taken, then `SESSION mta delivery evpid=E …
    /// result="Ok" stat="…"`.
    fn opensmtpd(&mut self, entry: &Entry<'_>) {
        let field = |name| value(&entry.text, name);
        let Some(envelope) = field("evpid") else { return };
        if entry.text.contains(" smtp envelope ") {
            let (Some(from), Some(to)) = (field("from"), field("to")) else { return };
            let pair = (folded(bare(from)), folded(bare(to)));
            let near = |at: &&usize| self.wanted.get(**at).is_some_and(|mail| mail.is_of(entry, &self.zone));
            let fitting: Vec<usize> =
                self.pairs.get(&pair).into_iter().flatten().filter(near).copied().collect();
            for at in fitting {
                if self.found.get(at) != Some(&Evidence::None)
                    && let Some(doubtful) = self.doubtful.get_mut(at)
                {
                    *doubtful = true;
                }
                self.envelopes.insert(envelope.to_owned(), at);
                self.raise(at, Evidence::Taken("in the relay's queue".to_owned()));
            }
        } else if entry.text.contains(" delivery ") {
            let Some(&at) = self.envelopes.get(envelope) else { return };
            let words =
                || format!("result={} stat={}", field("result").unwrap_or("?"), field("stat").unwrap_or("?"));
            match field("result") {
                Some("PermFail") => self.raise(at, Evidence::Bounced(words())),
                Some("Ok" | "TempFail") => self.raise(at, Evidence::Taken(words())),
                Some(_) | None => {}
            }
        }
    }

    /// The last word wins, and none at all is less than any.
    fn raise(&mut self, at: usize, evidence: Evidence) {
        let Some(found) = self.found.get_mut(at) else { return };
        match (&*found, &evidence) {
            (Evidence::Seen | Evidence::Taken(_) | Evidence::Bounced(_), Evidence::Seen | Evidence::None) => {
            }
            (Evidence::None | Evidence::Seen | Evidence::Taken(_) | Evidence::Bounced(_), _) => {
                *found = evidence;
            }
        }
    }
}

/// `name=value` or `name="a value"` among blanks.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let at = text.find(&format!(" {name}="))? + name.len() + 2;
    let rest = text.get(at..)?;
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(' ').next(),
    }
}

fn bare(text: &str) -> &str {
    text.trim().trim_start_matches('<').trim_end_matches('>')
}

fn folded(address: &str) -> String {
    address.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
