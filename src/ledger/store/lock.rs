//! One run at a time for an occasion of a campaign: a lock of the operating system.
//!
//! The kernel frees it however the run ends, so there is no stale lock and no clock in it. It is there for comfort and
//! clear words; what keeps a mail from going twice is the epoch in every statement.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{file_checks, values::hex};
use crate::hash::sha256;
use crate::{
    campaign::CampaignId,
    ledger::rules::{LedgerError, printable},
};

/// Held for as long as the run lives.
#[derive(Debug)]
pub(in crate::ledger) struct RunLock {
    _file: File,
}

/// The holder of a lock, as its file names it to those who come second.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct Holder {
    pub(in crate::ledger) host: String,
    pub(in crate::ledger) pid: u32,
    pub(in crate::ledger) since: Timestamp,
}

impl Holder {
    /// This process.
    pub(in crate::ledger) fn this(since: Timestamp) -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "this machine".to_owned(),
            host => host.to_owned(),
        };
        Self { host, pid: std::process::id(), since }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, process {}, since {:.0}", self.host, self.pid, self.since)
    }
}

impl RunLock {
    /// Takes the lock, or says at once who has it.
    pub(in crate::ledger) fn take(path: &Path, holder: &Holder) -> Result<Self, LedgerError> {
        let mut file = file_checks::open_private(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The words are a courtesy: a holder that has not written them yet is a holder all the same.
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "it has only just started".to_owned(),
                    holder => printable(holder),
                };
                return Err(LedgerError::Busy { holder });
            }
            Err(TryLockError::Error(error)) => {
                return Err(LedgerError::storage(&format!("lock `{}`", path.display()), error));
            }
        }
        let write = || -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{holder}")
        };
        let mut write = write;
        write().map_err(|error| LedgerError::storage(&format!("write `{}`", path.display()), error))?;
        Ok(Self { _file: file })
    }
}

/// The path of a file that belongs to an occasion, beside the ledger. Different occasions never share a name: one that
/// is not plain gets a hash after `~`, which no plain name holds.
pub(in crate::ledger) fn occasion_file(
    ledger: &Path,
    campaign: &CampaignId,
    occasion: &str,
    ending: &str,
) -> PathBuf {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let name = if occasion.len() <= 64 && !occasion.is_empty() && occasion.chars().all(plain) {
        occasion.to_owned()
    } else {
        let readable: String = occasion.chars().take(40).map(|c| if plain(c) { c } else { '_' }).collect();
        let hash = sha256(occasion.as_bytes());
        format!("{readable}~{}", &hex(&hash).get(..16).unwrap_or_default())
    };
    file_checks::beside(ledger, &format!(".{campaign}.{name}.{ending}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_occasion_has_a_file_of_its_own_beside_the_ledger() {
        let campaign = CampaignId::parse("spring").unwrap();
        let long = "x".repeat(300);
        let occasions =
            ["2026-11-22", "once", "", "a/b", "a_b", "a b", "../../etc/passwd", "A", "a", "é", ".", &long];
        let mut names = HashSet::new();
        for occasion in occasions {
            let path = occasion_file(Path::new("/data/ledger.db"), &campaign, occasion, "lock");
            assert_eq!(path.parent(), Some(Path::new("/data")), "{occasion}");
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(name.len() < 200 && name.starts_with("ledger.db.spring."), "{name}");
            assert!(names.insert(name), "{occasion} shares a file");
        }
        let plain = occasion_file(Path::new("ledger.db"), &campaign, "2026-11-22", "lock");
        assert_eq!(plain, Path::new("ledger.db.spring.2026-11-22.lock"));
    }

    #[test]
    fn the_second_learns_who_is_first_and_gets_its_turn_when_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let since: Timestamp = "2026-11-22T09:30:00Z".parse().unwrap();
        let holder = Holder { host: "mailer".into(), pid: 4711, since };
        let first = RunLock::take(&path, &holder).unwrap();
        let LedgerError::Busy { holder: words } = RunLock::take(&path, &Holder::this(since)).unwrap_err()
        else {
            panic!("not busy");
        };
        assert_eq!(words, "mailer, process 4711, since 2026-11-22T09:30:00Z");
        drop(first);
        RunLock::take(&path, &Holder::this(since)).unwrap();
    }
}
