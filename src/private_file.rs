//! Files that nobody else may read: keys, secrets, the ledger.
//!
//! What is ours to change is asked to be ours alone. What a container or a service manager mounts has the owner and the
//! mode that it gives: there the question is who else can reach it, and whether anybody can write it.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    process::{Resource, Rlimit, geteuid, setrlimit},
};

use crate::problem::{Place, Problem};

/// Where nothing lies but what a container or a service manager has mounted for us: Docker, Podman and Kubernetes;
/// systemd.
const MOUNTS: [&str; 2] = ["/run/secrets", "/run/credentials"];

/// The read and write rights of everybody, and the group's right to write.
const OPEN: u32 = 0o027;
/// Those, and every right to write: a mode without any of them was chosen, and is no slip of a umask.
const LOOSE: u32 = 0o227;
const SET_GROUP_ID: u32 = 0o2000;

/// Who may read a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// We alone.
    Owner,
    /// The file's group as well: what a volume that belongs to a group makes of it.
    Group,
}

/// Keeps tokens, keys and addresses from the file that a crash would leave, here and in every program that is started.
pub fn forbid_core_files() {
    // To lower a limit is always allowed; a system that knows no such limit makes no such files.
    let _unknown = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Refuses the file of a secret that others can read or change. `credentials` is the folder that the service manager
/// names for them. A file that everybody can read is good where nobody else comes to it.
pub fn check_secret(path: &Path, metadata: &Metadata, credentials: Option<&Path>) -> Result<(), Problem> {
    let mode = metadata.mode();
    if is_mounted(path, credentials) && (mode & 0o002 == 0 || is_read_only(path)) {
        return Ok(());
    }
    if mode & OPEN != 0 && !is_closed_off(path) {
        return Err(too_open(path, metadata, "600` or `440", "secret"));
    }
    check_owner(path, metadata)
}

/// Refuses a signing key, or the folder of them, that others can read or change. The group may read what is mounted
/// for it: read-only, root's, or without any right to write.
pub fn check_key(path: &Path, metadata: &Metadata) -> Result<(), Problem> {
    let mode = metadata.mode();
    if is_mounted(path, None) && mode & 0o002 == 0 {
        return Ok(());
    }
    let read_only = is_read_only(path);
    let is_fine = if metadata.is_dir() && read_only {
        true
    } else if read_only || (metadata.uid() == 0 && !geteuid().is_root()) {
        mode & OPEN == 0
    } else {
        mode & 0o077 == 0 || mode & LOOSE == 0
    };
    if !is_fine {
        return Err(too_open(path, metadata, if metadata.is_dir() { "700" } else { "600" }, "keys"));
    }
    check_owner(path, metadata)
}

/// Refuses a ledger that everybody can read, or that a group can change which the folder is not made for.
pub fn check_ledger(path: &Path, metadata: &Metadata) -> Result<Readers, Problem> {
    let mode = metadata.mode();
    let is_shared = || {
        // A volume that belongs to a group (`fsGroup`) hands its group on to what is made in it.
        let folder =
            path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        let folder = folder.and_then(|folder| fs::metadata(folder).ok());
        folder.is_some_and(|folder| folder.mode() & SET_GROUP_ID != 0 && folder.gid() == metadata.gid())
    };
    if mode & 0o007 != 0 || (mode & 0o020 != 0 && !is_shared() && !is_closed_off(path)) {
        return Err(too_open(path, metadata, "600", "addresses"));
    }
    check_owner(path, metadata)?;
    Ok(if mode & 0o040 == 0 || is_closed_off(path) { Readers::Owner } else { Readers::Group })
}

/// Others have rights that they should not have; the hint is one that can be followed where the file lies.
fn too_open(path: &Path, metadata: &Metadata, wanted: &str, what: &str) -> Problem {
    let mode = metadata.mode() & 0o777;
    let can = if mode & 0o044 == 0 { "change" } else { "read" };
    let found = format!("has mode `{mode:03o}`, expected `{wanted}`: others could {can} the {what}");
    let shown = path.display();
    let alone = if metadata.is_dir() { "700" } else { "600" };
    let own = geteuid();
    let hint = if is_read_only(path) {
        "it is mounted read-only, so its mode is the mount's: `mode: 0440` in Docker, `defaultMode: 0440` with \
         `fsGroup` in Kubernetes, or mount it below /run/secrets"
            .to_owned()
    } else if metadata.uid() == own.as_raw() || own.is_root() {
        format!("chmod {alone} {shown}, and replace what others may have read")
    } else {
        format!("as root: chown {} {shown} && chmod {alone} {shown}", own.as_raw())
    };
    Problem::new(Place::file(shown.to_string()), found).hint(hint)
}

/// Ours, or root's, who can read and replace everything anyway.
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Problem> {
    let own = geteuid().as_raw();
    if [own, 0].contains(&metadata.uid()) {
        return Ok(());
    }
    let shown = path.display();
    let found = format!("belongs to user id `{}`, expected our own, `{own}`, or root", metadata.uid());
    let hint = format!("run as the owner, or: chown {own} {shown}");
    Err(Problem::new(Place::file(shown.to_string()), found).hint(hint))
}

/// Whether it lies where only what was mounted for us lies.
fn is_mounted(path: &Path, credentials: Option<&Path>) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    let named = credentials.filter(|folder| folder.is_absolute());
    let folders = MOUNTS.iter().map(Path::new).chain(named);
    folders.filter_map(|folder| fs::canonicalize(folder).ok()).any(|folder| path.starts_with(folder))
}

fn is_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|about| about.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Whether one of the folders above lets nobody in but us and root.
fn is_closed_off(path: &Path) -> bool {
    let own = geteuid().as_raw();
    let Ok(path) = fs::canonicalize(path) else { return false };
    path.ancestors()
        .skip(1)
        .filter_map(|folder| fs::metadata(folder).ok())
        .any(|folder| [own, 0].contains(&folder.uid()) && folder.mode() & 0o077 == 0)
}
