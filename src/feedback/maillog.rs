//! Reads a relay's log to find out what became of mails whose answer was lost. Pure: lines in, evidence out.
//!
//! Postfix writes the `Message-ID` beside its queue id, and the queue id beside what became of the mail. OpenSMTPD
//! writes no `Message-ID`: there a mail is known by sender, recipient and time, and where two fit, neither counts.
//! Memory is that of the mails that are looked for, however long the log is.

use std::{
    collections::HashMap,
    io::{self, BufRead, Read},
};

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

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

/// A search through one log or several.
pub struct Search {
    wanted: Vec<Wanted>,
    found: Vec<Evidence>,
    zone: TimeZone,
    /// `Message-ID` → mail.
    ids: HashMap<String, usize>,
    /// Sender and recipient → mails.
    pairs: HashMap<(String, String), Vec<usize>>,
    /// Postfix: queue id → mail. OpenSMTPD: envelope id → mail.
    queue: HashMap<String, usize>,
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

    /// Reads a log to its end.
    pub fn read(&mut self, mut log: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if log.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let whole = line.ends_with(b"\n");
            self.line(&String::from_utf8_lossy(&line));
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

    fn line(&mut self, line: &str) {
        let Some(entry) = Entry::parse(line.trim_end()) else { return };
        if entry.program.starts_with("postfix") {
            self.postfix(&entry);
        } else if entry.program == "smtpd" {
            self.opensmtpd(&entry);
        }
    }

    /// `…/cleanup[1]: QUEUE: message-id=<…>`, then `…/qmgr[2]: QUEUE: from=<…>, … (queue active)` once it is taken, then
    /// `…/smtp[3]: QUEUE: to=<…>, … status=sent (…)`, and `…/qmgr[2]: QUEUE: removed` at the end.
    fn postfix(&mut self, entry: &Entry<'_>) {
        let Some((queue, rest)) = entry.text.split_once(": ") else { return };
        if let Some(id) = rest.strip_prefix("message-id=") {
            match self.ids.get(bare(id)) {
                Some(&at) => {
                    self.queue.insert(queue.to_owned(), at);
                    self.raise(at, Evidence::Seen);
                }
                // Queue ids are used again.
                None => drop(self.queue.remove(queue)),
            }
            return;
        }
        let Some(&at) = self.queue.get(queue) else { return };
        if rest == "removed" {
            self.queue.remove(queue);
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

    /// `SESSION smtp envelope evpid=E from=<…> to=<…>` once it is taken, then `SESSION mta delivery evpid=E …
    /// result="Ok" stat="…"`.
    fn opensmtpd(&mut self, entry: &Entry<'_>) {
        let field = |name| value(entry.text, name);
        let Some(envelope) = field("evpid") else { return };
        if entry.text.contains(" smtp envelope ") {
            let (Some(from), Some(to)) = (field("from"), field("to")) else { return };
            let pair = (folded(bare(from)), folded(bare(to)));
            let near =
                |at: &&usize| self.wanted.get(**at).is_some_and(|mail| entry.is_within(mail, &self.zone));
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

/// A line of a syslog: `TIME HOST PROGRAM[PID]: TEXT`.
struct Entry<'a> {
    line: &'a str,
    program: &'a str,
    text: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (head, text) = line.split_once("]: ")?;
        let (head, _pid) = head.rsplit_once('[')?;
        let program = head.rsplit(' ').next()?;
        Some(Self { line, program, text })
    }

    /// Whether the line was written while the mail was under way. The old form has no year: one is found that fits.
    fn is_within(&self, mail: &Wanted, zone: &TimeZone) -> bool {
        let (Ok(from), Ok(until)) = (mail.began.checked_sub(EARLY), mail.ended.checked_add(LATE)) else {
            return false;
        };
        let within = |time: Timestamp| (from..=until).contains(&time);
        let first = self.line.split(' ').next().unwrap_or_default();
        if let Ok(time) = first.parse::<Timestamp>() {
            return within(time);
        }
        let years = [mail.began, mail.ended].map(|time| time.to_zoned(zone.clone()).year());
        years.into_iter().any(|year| old_time(self.line, year, zone).is_some_and(within))
    }
}

/// `Nov  3 09:30:00` in a year.
fn old_time(line: &str, year: i16, zone: &TimeZone) -> Option<Timestamp> {
    let stamp = line.get(..15)?;
    let time = civil::DateTime::strptime("%Y %b %e %H:%M:%S", format!("{year} {stamp}")).ok()?;
    zone.to_timestamp(time).ok()
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
mod tests {
    use super::*;

    fn wanted(id: &str, recipient: &str) -> Wanted {
        Wanted {
            message_id: format!("<{id}@example.com>"),
            sender: "news@example.com".into(),
            recipient: recipient.into(),
            began: "2026-11-22T09:30:00Z".parse().unwrap(),
            ended: "2026-11-22T09:40:00Z".parse().unwrap(),
        }
    }

    fn search(log: &str, wanted: Vec<Wanted>) -> Vec<Evidence> {
        let mut search = Search::new(wanted, TimeZone::UTC);
        search.read(log.as_bytes()).unwrap();
        search.finish()
    }

    const POSTFIX: &str = "\
Nov 22 09:30:01 mx postfix/smtpd[10]: connect from localhost[127.0.0.1]
Nov 22 09:30:01 mx postfix/cleanup[11]: 4A1: message-id=<one@example.com>
Nov 22 09:30:01 mx postfix/qmgr[12]: 4A1: from=<news@example.com>, size=999, nrcpt=1 (queue active)
2026-11-22T09:30:02.123456+00:00 mx postfix-out/cleanup[11]: 4bXyZ01abc: message-id=<two@example.com>
Nov 22 09:30:02 mx postfix/smtp[13]: 4A1: to=<ada@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9F)
Nov 22 09:30:02 mx postfix/qmgr[12]: 4A1: removed
Nov 22 09:30:02 mx postfix/cleanup[11]: 4A1: message-id=<somebody-else@example.com>
Nov 22 09:30:03 mx postfix/smtp[13]: 4A1: to=<eve@example.org>, relay=x, dsn=5.0.0, status=bounced (host said: 550 no)
2026-11-22T09:30:04.000000+00:00 mx postfix-out/smtp[13]: 4bXyZ01abc: to=<bob@example.org>, relay=x, dsn=4.0.0, status=deferred (connection refused)
2026-11-22T10:30:04.000000+00:00 mx postfix-out/smtp[13]: 4bXyZ01abc: to=<bob@example.org>, relay=x, dsn=5.1.1, status=bounced (550 5.1.1 no such user)
Nov 22 09:30:05 mx postfix/cleanup[11]: 4A3: message-id=<three@example.com>
Nov 22 09:30:05 mx postfix/smtpd[10]: lost connection after DATA (512 bytes) from localhost[127.0.0.1]
Nov 22 09:30:06 mx postfix/cleanup[11]: 4A4: message-id=<four@example.com>
Nov 22 09:30:06 mx postfix/qmgr[12]: 4A4: from=<news@example.com>, size=999, nrcpt=1 (queue active)
";

    #[test]
    fn postfix_is_read_by_message_id() {
        let ids = ["one", "two", "three", "four", "five"];
        let found = search(POSTFIX, ids.iter().map(|id| wanted(id, "x@example.org")).collect());
        let expected = [
            Evidence::Taken("status=sent (250 2.0.0 Ok: queued as 9F)".into()),
            Evidence::Bounced("status=bounced (550 5.1.1 no such user)".into()),
            Evidence::Seen,
            Evidence::Taken("in the relay's queue".into()),
            Evidence::None,
        ];
        assert_eq!(found, expected);
    }

    const OPENSMTPD: &str = "\
Nov 22 09:30:01 mx smtpd[3]: 5df8 smtp connected address=local host=localhost
Nov 22 09:30:01 mx smtpd[3]: 5df8 smtp message msgid=c405e39a size=303 nrcpt=1 proto=ESMTP
Nov 22 09:30:01 mx smtpd[3]: 5df8 smtp envelope evpid=c405e39a01 from=<news@example.com> to=<Ada@example.org>
Nov 22 09:30:02 mx smtpd[3]: 5df9 mta delivery evpid=c405e39a01 from=<news@example.com> to=<ada@example.org> rcpt=<-> source=\"192.0.2.9\" relay=\"192.0.2.1 (mx.example.org)\" delay=1s result=\"Ok\" stat=\"250 2.0.0 Ok\"
2026-11-22T09:31:00+00:00 mx smtpd[3]: 5df8 smtp envelope evpid=02 from=<news@example.com> to=<bob@example.org>
2026-11-22T09:31:02+00:00 mx smtpd[3]: 5df9 mta delivery evpid=02 from=<x> to=<y> result=\"PermFail\" stat=\"550 5.1.1 no\"
Nov 21 09:31:00 mx smtpd[3]: 5df8 smtp envelope evpid=03 from=<news@example.com> to=<eve@example.org>
2025-11-22T09:31:00+00:00 mx smtpd[3]: 5df8 smtp envelope evpid=04 from=<news@example.com> to=<eve@example.org>
Nov 22 09:32:00 mx smtpd[3]: 5df8 smtp envelope evpid=05 from=<news@example.com> to=<kim@example.org>
Nov 22 09:33:00 mx smtpd[3]: 5df8 smtp envelope evpid=06 from=<news@example.com> to=<kim@example.org>
Nov 22 09:33:00 mx smtpd[3]: 5df8 smtp envelope evpid=07 from=<other@example.com> to=<joe@example.org>
";

    #[test]
    fn opensmtpd_is_read_by_sender_recipient_and_time_and_doubt_counts_as_nothing() {
        let people = ["ada", "bob", "eve", "kim", "joe"];
        let all = people.iter().map(|name| wanted(name, &format!("{name}@example.org"))).collect();
        let expected = [
            Evidence::Taken("result=Ok stat=250 2.0.0 Ok".into()),
            Evidence::Bounced("result=PermFail stat=550 5.1.1 no".into()),
            Evidence::None,
            Evidence::Seen,
            Evidence::None,
        ];
        assert_eq!(search(OPENSMTPD, all), expected);
    }

    #[test]
    fn a_log_of_noise_says_nothing() {
        let noise =
            format!("{}\n]: [\n\u{0}\nNov 22 postfix/cleanup[1]: x\n{}", "x".repeat(100_000), POSTFIX);
        let found = search(&noise, vec![wanted("one", "x@example.org")]);
        assert!(matches!(found.as_slice(), [Evidence::Taken(_)]));
    }
}
