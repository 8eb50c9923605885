//! Conditions on a ledger's file: one's own, closed to others, on a disk of this machine.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{
    ledger::rules::LedgerError,
    private_file::{self, Readers},
    problem::{Diagnosis, Problem},
};

/// Filesystems on which `SQLite`'s locks and shared memory do not hold (sqlite.org/wal.html).
const NETWORK: [&str; 17] = [
    "afs",
    "ceph",
    "cifs",
    "coda",
    "fuse.cephfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
];

/// Makes an empty file 0600, in a folder 0700 if that is missing, unless the file is there already.
pub(in crate::ledger) fn create(path: &Path) -> Result<(), LedgerError> {
    if let Ok(target) = fs::read_link(path)
        && !path.exists()
    {
        return Err(LedgerError::refused(
            format!(
                "the ledger `{}` is a link to `{}`, and nothing is there",
                path.display(),
                target.display()
            ),
            "see that the volume is mounted on which the ledger lies; a new ledger is made where the link is not",
        ));
    }
    let folder = folder_of(path);
    let make = || -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            // The name must survive a power cut as well as what is under it.
            Ok(_) => File::open(folder)?.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    };
    make().map_err(|error| LedgerError::storage(&format!("create the ledger `{}`", path.display()), error))
}

/// Opens a file beside the ledger for reading and writing; made 0600 if missing.
pub(in crate::ledger) fn open_private(path: &Path) -> Result<File, LedgerError> {
    let opened =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = opened.map_err(|error| LedgerError::storage(&format!("open `{}`", path.display()), error))?;
    check_private(path)?;
    Ok(file)
}

/// Refuses what everybody could read, what is not ours, and a network filesystem. Says who can read the ledger.
pub(in crate::ledger) fn check(path: &Path) -> Result<Readers, LedgerError> {
    let readers = check_private(path)?;
    for suffix in ["-wal", "-shm"] {
        let beside = beside(path, suffix);
        if beside.exists() {
            check_private(&beside)?;
        }
    }
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else { return Ok(readers) };
    let real = fs::canonicalize(path)
        .map_err(|error| LedgerError::storage(&format!("find the ledger `{}`", path.display()), error))?;
    match network_filesystem(&mounts, &real) {
        None => Ok(readers),
        Some(kind) => Err(LedgerError::refused(
            format!("the ledger `{}` lies on a network filesystem (`{kind}`)", path.display()),
            "keep the ledger on a disk of the machine that sends",
        )),
    }
}

/// The ledger's path with something added to its name.
pub(in crate::ledger) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder that a file is in.
pub(in crate::ledger) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

fn check_private(path: &Path) -> Result<Readers, LedgerError> {
    let shown = path.display();
    let about =
        fs::metadata(path).map_err(|error| LedgerError::storage(&format!("look at `{shown}`"), error))?;
    if !about.is_file() {
        return Err(LedgerError::refused(
            format!("`{shown}` is no file"),
            "name a file, for example `ledger.db`",
        ));
    }
    private_file::check_ledger(path, &about).map_err(|Problem { place, what }| {
        LedgerError::Refused(Diagnosis { message: format!("{place}: {}", what.message), ..what })
    })
}

/// The network filesystem that `path` is on, if it is on one: the deepest mount above it decides, the latest of equals.
fn network_filesystem<'a>(mountinfo: &'a str, path: &Path) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mountinfo.lines() {
        // "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" (proc_pid_mountinfo(5))
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (before.split(' ').nth(4), after.split(' ').next()) else { continue };
        let point = PathBuf::from(unescape(point));
        let depth = point.components().count();
        if path.starts_with(&point) && best.is_none_or(|(deepest, _)| depth >= deepest) {
            best = Some((depth, kind));
        }
    }
    best.map(|(_, kind)| kind).filter(|kind| NETWORK.contains(kind))
}

/// The kernel writes a blank in a path as `\040`, and tab, newline and backslash alike.
fn unescape(path: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(path.to_owned(), |path, (from, to)| path.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_decides() {
        let mounts = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/share rw - nfs4 server:/export rw
31 30 8:2 / /mnt/share/local rw - xfs /dev/sdb rw
32 22 0:41 / /mnt/my\\040files rw - cifs //server/files rw
33 22 0:42 / /srv rw - nfs server:/srv rw
34 22 8:3 / /srv rw - ext4 /dev/sdc rw
broken line
";
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(network_filesystem(mounts, Path::new(path)), expected, "{path}");
        };
        check("/home/ada/ledger.db", None);
        check("/mnt/share/ledger.db", Some("nfs4"));
        check("/mnt/shared/ledger.db", None);
        check("/mnt/share/local/ledger.db", None);
        check("/mnt/my files/ledger.db", Some("cifs"));
        check("/srv/ledger.db", None);
    }
}
