//! Files that nobody else may read: keys, secrets, the ledger (bar T11).

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use crate::problem::{Place, Problem};

/// Refuses a file or folder that others can read or replace: it has to be ours, with mode 0600 or 0700. `what` says
/// what it holds, as in "others could read the keys".
pub fn check(path: &Path, metadata: &Metadata, what: &str) -> Result<(), Problem> {
    let place = || Place::file(path.display().to_string());
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        let wanted = if metadata.is_dir() { "700" } else { "600" };
        let found = format!("has mode `{mode:03o}`, expected `{wanted}`: others could read the {what}");
        let hint = format!("chmod {wanted} {}, and replace what others may have read", path.display());
        return Err(Problem::new(place(), found).hint(hint));
    }
    let own = own_uid().map_err(|error| {
        Problem::new(place(), format!("its owner cannot be compared with our user id: {error}"))
    })?;
    if metadata.uid() != own {
        let found = format!("belongs to user id `{}`, expected our own, `{own}`", metadata.uid());
        let hint = format!("run as the owner, or: chown {own} {}", path.display());
        return Err(Problem::new(place(), found).hint(hint));
    }
    Ok(())
}

/// The user id that we run as: the owner of `/proc/self`, and where there is no `/proc`, of a file that we make.
fn own_uid() -> io::Result<u32> {
    match fs::metadata("/proc/self") {
        Ok(metadata) => Ok(metadata.uid()),
        Err(_) => Ok(tempfile::tempfile()?.metadata()?.uid()),
    }
}
