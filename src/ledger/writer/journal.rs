//! The journal of outcomes that the database cannot take: a file that is already as long as it will ever be.
//!
//! A disk that fills up just after the relay said `250` must not cost us the answer. The space is taken at the start of
//! the run, so writing here needs none. The next run enters what stands here before it recovers anything.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::hash::sha256;
use crate::{
    failpoint,
    ledger::{
        rules::LedgerError,
        store::{file_checks, hex, json},
        tries::Settlement,
    },
};

/// Room for some 800 outcomes with the longest replies; a run that cannot record stops at once.
const SIZE: u64 = 1024 * 1024;

/// A run's outcome journal. A line each: a checksum, a blank, the outcome as JSON; zeros after the last.
#[derive(Debug)]
pub(in crate::ledger) struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
}

impl Journal {
    /// Opens the journal, makes it where there is none, and reads what an earlier run left in it.
    pub(in crate::ledger) fn open(path: &Path) -> Result<(Self, Vec<Settlement>), LedgerError> {
        let mut file = file_checks::open_private(path)?;
        let failed = |error: io::Error| LedgerError::storage(&format!("use `{}`", path.display()), error);
        let mut text = Vec::new();
        (&mut file).take(SIZE).read_to_end(&mut text).map_err(failed)?;
        let (left, end) = entries(&text);
        let mut journal = Self { path: path.to_owned(), file, end };
        if text.len() as u64 != SIZE {
            journal.reserve(text.len() as u64).map_err(failed)?;
        }
        Ok((journal, left))
    }

    /// Writes zeros up to the full size: only written blocks are surely there when the disk is full.
    fn reserve(&mut self, from: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(from))?;
        io::copy(&mut io::repeat(0).take(SIZE.saturating_sub(from)), &mut self.file)?;
        self.file.sync_all()
    }

    /// The path, for the words of an error.
    pub(in crate::ledger) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps an outcome. When this returns it is on disk.
    pub(in crate::ledger) fn append(&mut self, settlement: &Settlement) -> io::Result<()> {
        let entry = entry(settlement);
        let end = self.end + entry.len() as u64;
        if end > SIZE {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the outcome journal is full"));
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(entry.as_bytes())?;
        self.file.sync_data()?;
        failpoint::reach("kept");
        self.end = end;
        Ok(())
    }

    /// Empties it, once the outcomes are in the database. The room stays taken.
    pub(in crate::ledger) fn clear(&mut self) -> Result<(), LedgerError> {
        if self.end == 0 {
            return Ok(());
        }
        let mut clear = || -> io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            io::copy(&mut io::repeat(0).take(self.end), &mut self.file)?;
            self.file.sync_data()
        };
        clear().map_err(|error| LedgerError::storage(&format!("clear `{}`", self.path.display()), error))?;
        self.end = 0;
        Ok(())
    }
}

fn entry(settlement: &Settlement) -> String {
    let json = json(settlement);
    format!("{} {json}\n", checksum(&json))
}

/// The whole entries at the start of the journal and where they end. A torn one ends the reading: its writer never
/// heard that it is kept.
fn entries(text: &[u8]) -> (Vec<Settlement>, u64) {
    let mut found = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let read = str::from_utf8(line).ok().and_then(|line| {
            let (sum, json) = line.strip_suffix('\n')?.split_once(' ')?;
            (sum == checksum(json)).then(|| serde_json::from_str(json).ok())?
        });
        let Some(settlement) = read else { break };
        found.push(settlement);
        end += line.len() as u64;
    }
    (found, end)
}

fn checksum(json: &str) -> String {
    hex(&sha256(json.as_bytes())).chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::ledger::rules::State;

    fn settlement(id: i64) -> Settlement {
        Settlement {
            id,
            epoch: 1,
            attempt: Some(1),
            state: State::Sent,
            reason: None,
            reply: Some("250 Ok\\u{1b} \"4ABC\"".into()),
            due: None,
            at: 1,
            key_hash: None,
            requeued: false,
        }
    }

    #[test]
    fn what_was_kept_is_found_by_the_next_and_then_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.journal");
        let (mut journal, left) = Journal::open(&path).unwrap();
        assert_eq!(left, []);
        let about = std::fs::metadata(&path).unwrap();
        assert_eq!((about.len(), about.mode() & 0o777), (SIZE, 0o600));
        assert!(about.blocks() * 512 >= SIZE, "the room is taken, not promised");
        journal.append(&settlement(1)).unwrap();
        journal.append(&settlement(2)).unwrap();
        drop(journal);

        let (mut journal, left) = Journal::open(&path).unwrap();
        assert_eq!(left, [settlement(1), settlement(2)]);
        journal.append(&settlement(3)).unwrap();
        let (_, left) = Journal::open(&path).unwrap();
        assert_eq!(left.len(), 3);
        journal.clear().unwrap();
        let (_, left) = Journal::open(&path).unwrap();
        assert_eq!(left, []);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), SIZE);
    }

    #[test]
    fn what_is_kept_after_the_journal_was_emptied_is_found_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.journal");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.append(&settlement(1)).unwrap();
        // Emptied by the next run, and then by this very one.
        for id in [2, 3] {
            let (mut journal, left) = Journal::open(&path).unwrap();
            assert_eq!(left, [settlement(id - 1)]);
            journal.clear().unwrap();
            journal.append(&settlement(9)).unwrap();
            journal.clear().unwrap();
            journal.append(&settlement(id)).unwrap();
        }
        assert_eq!(Journal::open(&path).unwrap().1, [settlement(3)]);
    }

    #[test]
    fn a_torn_entry_is_not_believed() {
        let whole = entry(&settlement(1));
        let second = entry(&settlement(2));
        for cut in 0..second.len() {
            let mut text = whole.clone().into_bytes();
            text.extend(&second.as_bytes()[..cut]);
            text.extend([0; 64]);
            let (found, end) = entries(&text);
            assert_eq!((found, end), (vec![settlement(1)], whole.len() as u64), "cut at {cut}");
        }
        let changed = format!("{whole}{}", second.replace("\"id\":2", "\"id\":3"));
        assert_eq!(entries(changed.as_bytes()).0, [settlement(1)]);
    }

    #[test]
    fn a_full_journal_says_so_and_stays_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(&folder.path().join("x.journal")).unwrap();
        journal.end = SIZE - 10;
        assert_eq!(journal.append(&settlement(1)).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(journal.end, SIZE - 10);
    }
}
