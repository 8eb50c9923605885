//! Folders for what is gone at the end: nobody else may enter them, and what a killed program left is cleared away.
//!
//! A folder is held by a lock of the operating system on a file in it, which the kernel frees however the program ends.
//! Whoever gets the lock of a folder knows that nobody uses it.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

/// How the names of the folders begin.
const PREFIX: &str = "linkpost-";
/// The file that is locked for as long as the folder is used: it tells our folders from those of others, too.
const LOCK: &str = ".linkpost-scratch";
/// How often a removal is tried: a task that is just ending may still make a file.
const TRIES: usize = 100;

/// A folder of one's own, gone when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes a folder, mode 0700, among the system's temporary ones, and clears away what killed programs left there.
    pub fn new() -> io::Result<Self> {
        let among = std::env::temp_dir();
        sweep(&among);
        loop {
            let made = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(&among)?
                .keep();
            if let Some(lock) = lock_new(&made)? {
                return Ok(Self { folder: made, _lock: lock });
            }
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Removes the folder and what is in it, whoever still has it open.
    pub fn remove(&self) -> io::Result<()> {
        remove(&self.folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody is left to tell; the next program that starts tries again.
        let _left = self.remove();
    }
}

/// Clears away what killed programs of ours left among the system's temporary folders.
pub fn sweep_all() {
    sweep(&std::env::temp_dir());
}

/// Locks a folder that was made just now; `None` where another program took it for a dead one first.
fn lock_new(folder: &Path) -> io::Result<Option<File>> {
    let path = folder.join(LOCK);
    let lock = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    lock.lock()?;
    Ok(path.exists().then_some(lock))
}

/// Removes the folders that are ours and that nobody holds.
fn sweep(among: &Path) {
    let Ok(entries) = fs::read_dir(among) else { return };
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            clear(&entry.path());
        }
    }
}

/// Removes a folder if it is one of ours and nobody holds it.
fn clear(folder: &Path) {
    let own = geteuid().as_raw();
    let is_own = |path: &Path| fs::symlink_metadata(path).ok().filter(|about| about.uid() == own);
    let is_private = |about: &fs::Metadata| about.is_dir() && about.mode() & 0o777 == 0o700;
    if !is_own(folder).is_some_and(|about| is_private(&about)) {
        return;
    }
    let lock = folder.join(LOCK);
    if is_own(&lock).is_some_and(|about| about.is_file())
        && let Ok(held) = File::open(&lock)
        && held.try_lock().is_ok()
    {
        let _left = remove(folder);
    }
}

/// Removes a folder; the file that tells it for ours goes last, so that a removal that is cut short is gone on with.
fn remove(folder: &Path) -> io::Result<()> {
    let gone = |ended: io::Result<()>| match ended {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        ended => ended,
    };
    let mut tries = 0;
    loop {
        let Ok(entries) = fs::read_dir(folder) else { return gone(fs::remove_dir(folder)) };
        for path in
            entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| !path.ends_with(LOCK))
        {
            gone(if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) })?;
        }
        gone(fs::remove_file(folder.join(LOCK)))?;
        match gone(fs::remove_dir(folder)) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries < TRIES => tries += 1,
            ended => return ended,
        }
    }
}
