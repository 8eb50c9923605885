//! The number of the newest run, kept outside the database.
//!
//! A ledger that comes back from a backup does not know whom later runs mailed, and nothing in it says so. This file
//! does, as long as it is not put back along with it: it may lie on another disk.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{file_checks, lock::Holder};
use crate::ledger::rules::{LedgerError, printable};

/// The file of the number.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct LastRun {
    path: PathBuf,
}

/// The newest run that the file knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ledger) struct Known {
    pub(in crate::ledger) epoch: i64,
    /// Its host, process and beginning.
    pub(in crate::ledger) holder: String,
}

impl Known {
    /// The machine it ran on, if that is another than `holder`'s.
    pub(in crate::ledger) fn elsewhere(&self, holder: &Holder) -> Option<String> {
        let (host, _) = self.holder.split_once(", process ")?;
        (host != holder.host).then(|| host.to_owned())
    }
}

impl LastRun {
    pub(in crate::ledger) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(in crate::ledger) fn path(&self) -> &Path {
        &self.path
    }

    /// The newest run; `None` where no run was ever noted.
    pub(in crate::ledger) fn read(&self) -> Result<Option<Known>, LedgerError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(LedgerError::storage(&format!("read `{}`", self.path.display()), error));
            }
        };
        let known = text.trim_end().strip_prefix("run ").and_then(|rest| rest.split_once(": ")).and_then(
            |(epoch, holder)| Some(Known { epoch: epoch.parse().ok()?, holder: printable(holder) }),
        );
        known.map(Some).ok_or_else(|| {
            LedgerError::refused(
                format!("`{}` does not say which run was the newest", self.path.display()),
                "remove the file if you are sure that the ledger is the newest one",
            )
        })
    }

    /// Notes a run. When this returns it is on disk; a cut leaves the old note or the new one.
    pub(in crate::ledger) fn note(&self, epoch: i64, holder: &Holder) -> Result<(), LedgerError> {
        let fresh = file_checks::beside(&self.path, &format!(".{}", holder.pid));
        let write = || -> std::io::Result<()> {
            let mut file =
                File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            writeln!(file, "run {epoch}: {holder}")?;
            file.sync_all()?;
            fs::rename(&fresh, &self.path)?;
            File::open(file_checks::folder_of(&self.path))?.sync_all()
        };
        write().map_err(|error| LedgerError::storage(&format!("write `{}`", self.path.display()), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_and_nonsense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let last = LastRun::at(folder.path().join("ledger.db.last-run"));
        assert_eq!(last.read().unwrap(), None);
        let since = "2026-11-22T09:30:00Z".parse().unwrap();
        let holder = Holder { host: "mailer".into(), pid: 7, since };
        for epoch in [1, 12] {
            last.note(epoch, &holder).unwrap();
            let known = last.read().unwrap().unwrap();
            assert_eq!(
                (known.epoch, known.holder.as_str()),
                (epoch, "mailer, process 7, since 2026-11-22T09:30:00Z")
            );
            assert_eq!(known.elsewhere(&holder), None);
            let other = Holder { host: "mailer-2".into(), ..holder.clone() };
            assert_eq!(known.elsewhere(&other).as_deref(), Some("mailer"));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        for text in ["", "run", "run x: y", "12"] {
            fs::write(last.path(), text).unwrap();
            assert!(matches!(last.read(), Err(LedgerError::Refused(_))), "{text}");
        }
    }
}
