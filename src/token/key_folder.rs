//! The key folder on disk: which files may lie in it, who may read them, and how one is written so that it is never
//! half a key under a whole key's name for long.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use zeroize::Zeroizing;

use super::Algorithm;
use crate::{
    private_file,
    problem::{Place, Problem},
};

/// The file of the 32 bytes that every derived key comes from.
pub(super) const SEED: &str = "seed.key";

/// The command that makes a key folder.
const MAKE_KEYS: &str = "linkpost keys new";

/// No key file is longer: an Ed25519 key in PEM has 119 bytes.
const LONGEST_FILE: usize = 4096;

/// The form of the second of a key's creation in its `kid`.
const KID_TIME: &str = "%Y%m%dT%H%M%S";

/// The reason that a key folder cannot be used. The text names files, modes and owners, never the contents of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no folder, or neither a seed nor a key in it: `keys new` is all it takes.
    #[error("{0}")]
    Missing(Problem),
    /// Somebody else can read or replace the keys.
    #[error("{0}")]
    Exposed(Problem),
    /// A file is damaged, does not belong here, or another is gone.
    #[error("{0}")]
    Broken(Problem),
    /// The file system refused.
    #[error("{0}")]
    Io(Problem),
}

/// A signing key's file, known by its name alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyFile {
    /// Date and random part; sorts by age.
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) created: Timestamp,
    pub(super) path: PathBuf,
}

/// The contents of a key folder.
pub(super) struct Listing {
    /// Whether the seed is there.
    pub(super) has_seed: bool,
    /// Oldest first.
    pub(super) keys: Vec<KeyFile>,
}

/// Reads the names in `folder` after making sure that nobody else can put a key into it.
pub(super) fn list(folder: &Path) -> Result<Listing, KeyError> {
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(folder)),
        Err(error) => return Err(io_error(folder, "cannot be looked at", &error)),
    };
    if !metadata.is_dir() {
        return Err(broken(folder, "is no folder, expected a folder of keys", "name the folder of the keys"));
    }
    refuse_strangers(folder, &metadata)?;

    let mut listing = Listing { has_seed: false, keys: Vec::new() };
    let unreadable = |error: io::Error| io_error(folder, "cannot be listed", &error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name());
        // What Kubernetes and a file system keep in a mounted folder for themselves.
        if name.as_encoded_bytes().starts_with(b"..") || name == "lost+found" {
            continue;
        }
        // A mounted key is a link to the version that is in force.
        if !fs::metadata(&path).is_ok_and(|about| about.is_file()) {
            return Err(stray(&path, "is no regular file"));
        }
        if name == SEED {
            listing.has_seed = true;
        } else if let Some(key) = name.to_str().and_then(|name| parse_name(name, &path)) {
            listing.keys.push(key);
        } else {
            return Err(stray(&path, "is no key file"));
        }
    }
    listing.keys.sort();
    let twin = listing.keys.iter().zip(listing.keys.iter().skip(1)).find(|(one, next)| one.kid == next.kid);
    if let Some((_, twin)) = twin {
        return Err(broken(&twin.path, "has the `kid` of another key", "keep one of the two"));
    }
    Ok(listing)
}

/// Makes `folder` and its parents for our eyes only; a folder that is there already stays as it is.
pub(super) fn make(folder: &Path) -> Result<(), KeyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| io_error(folder, "cannot be made", &error))
}

/// Reads a key file whole, after making sure that the very file that was opened is not open to others.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let unreadable = |error: io::Error| io_error(path, "cannot be read", &error);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    refuse_strangers(path, &metadata)?;
    // Room for all of it at once: a buffer that grows leaves copies of the key behind.
    let mut bytes = Zeroizing::new(vec![0; LONGEST_FILE + 1]);
    let length = read_up_to(file, &mut bytes).map_err(unreadable)?;
    if length > LONGEST_FILE {
        return Err(corrupt(path, "a key of at most 4096 bytes"));
    }
    bytes.truncate(length);
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(corrupt(path, "a key as text")),
    }
}

fn read_up_to(mut file: File, room: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = room.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Writes a new key file, durable when this returns. An existing file is never touched.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), KeyError> {
    let failed = |error: io::Error| io_error(path, "cannot be written", &error);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key is worse than none; that it cannot be removed either changes nothing about the error.
        let _ = fs::remove_file(path);
        return Err(failed(error));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// 32 bytes as the text of a key file.
pub(super) fn encode_secret(secret: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64));
    BASE64URL_NOPAD.encode_append(secret, &mut text);
    text.push('\n');
    text
}

/// The 32 bytes of a key file.
pub(super) fn decode_secret(path: &Path, text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let bytes = BASE64URL_NOPAD.decode(text.trim_end_matches(['\r', '\n']).as_bytes()).map(Zeroizing::new);
    bytes
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
        .map(Zeroizing::new)
        .ok_or_else(|| corrupt(path, "32 bytes in base64url without padding"))
}

/// The name of a key made at `created`, with `random` to tell it from others of the same second.
pub(super) fn kid(created: Timestamp, random: u32) -> String {
    format!("{}-{random:08x}", created.strftime(KID_TIME))
}

/// The first moment that a key can be dated so that it sorts after `key`.
pub(super) fn second_after(key: &KeyFile) -> Result<Timestamp, KeyError> {
    let after = key.created.checked_add(SignedDuration::from_secs(1));
    after.map_err(|_| {
        broken(&key.path, "is dated at the end of the calendar", "move it out of the key folder")
    })
}

/// The file of the key `kid` in `folder`.
pub(super) fn key_path(folder: &Path, kid: &str, algorithm: Algorithm) -> PathBuf {
    folder.join(format!("{kid}.{}", suffix(algorithm)))
}

/// There is nothing here yet.
pub(super) fn missing(folder: &Path) -> KeyError {
    let problem = Problem::new(place(folder), "there are no keys here, expected a seed and a signing key");
    KeyError::Missing(problem.hint(format!("make them with `{MAKE_KEYS}`")))
}

/// There are keys but no seed: a new seed would change every `Message-ID`, so it is never made silently.
pub(super) fn seed_gone(folder: &Path) -> KeyError {
    broken(
        &folder.join(SEED),
        "is gone, though there are signing keys",
        "restore the file from a backup, or move the signing keys away and start anew with `linkpost keys new`",
    )
}

/// A file does not hold what its name promises.
pub(super) fn corrupt(path: &Path, expected: &str) -> KeyError {
    let found = format!("is damaged, expected {expected}");
    broken(path, &found, &format!("restore the file from a backup, or move it away and run `{MAKE_KEYS}`"))
}

const fn suffix(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EdDsa => "ed25519.pem",
        Algorithm::Hs256 => "hs256.key",
    }
}

fn parse_name(name: &str, path: &Path) -> Option<KeyFile> {
    let (kid_text, ending) = name.split_once('.')?;
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| suffix(*algorithm) == ending)?;
    let (time, random) = kid_text.split_once('-')?;
    let created = DateTime::strptime(KID_TIME, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    // The way back must give the same name, so that a key has one name only and names sort by age.
    let known = kid(created, u32::from_str_radix(random, 16).ok()?) == kid_text;
    known.then(|| KeyFile { kid: kid_text.to_owned(), algorithm, created, path: path.to_owned() })
}

fn refuse_strangers(path: &Path, metadata: &Metadata) -> Result<(), KeyError> {
    private_file::check_key(path, metadata).map_err(KeyError::Exposed)
}

fn stray(path: &Path, found: &str) -> KeyError {
    let message = format!("{found}, expected `{SEED}`, `DATE-RANDOM.ed25519.pem` or `DATE-RANDOM.hs256.key`");
    broken(path, &message, "move it out of the key folder")
}

fn broken(path: &Path, message: &str, hint: &str) -> KeyError {
    KeyError::Broken(Problem::new(place(path), message).hint(hint))
}

fn io_error(path: &Path, message: &str, error: &io::Error) -> KeyError {
    KeyError::Io(Problem::new(place(path), format!("{message}: {error}")))
}

fn place(path: &Path) -> Place {
    Place::file(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_known_by_its_name_and_nothing_else_passes() {
        let check = |name: &str, expected: Option<(&str, Algorithm)>| {
            let found = parse_name(name, Path::new(name)).map(|key| (key.kid, key.algorithm));
            assert_eq!(found, expected.map(|(kid, algorithm)| (kid.to_owned(), algorithm)), "{name}");
        };
        check("20261122T093015-0a1b2c3d.ed25519.pem", Some(("20261122T093015-0a1b2c3d", Algorithm::EdDsa)));
        check("20261122T093015-0a1b2c3d.hs256.key", Some(("20261122T093015-0a1b2c3d", Algorithm::Hs256)));
        for stray in [
            "20261122T093015-0a1b2c3d.pem",
            "20261122T093015-0a1b2c3d.ed25519.pem~",
            "20261122T093015-0A1B2C3D.ed25519.pem",
            "20261122T093015-+a1b2c3d.ed25519.pem",
            "20261122T093015-a1b2c3d.ed25519.pem",
            "20261131T093015-0a1b2c3d.ed25519.pem",
            "20261122T093060-0a1b2c3d.ed25519.pem",
            "20261122-0a1b2c3d.hs256.key",
            "20261122T093015.hs256.key",
            ".ed25519.pem",
            "notes.txt",
            "",
        ] {
            check(stray, None);
        }
    }

    #[test]
    fn a_secret_comes_back_from_its_text_and_damage_is_told_without_it() {
        let path = Path::new("keys/seed.key");
        let text = encode_secret(&[0xab; 32]);
        assert_eq!(text.len(), 44);
        assert_eq!(*decode_secret(path, &text).unwrap(), [0xab; 32]);
        for damaged in ["", "\n", &text[1..], &format!("{}=", text.trim_end()), &text.replace('q', "+")] {
            let error = decode_secret(path, damaged).unwrap_err().to_string();
            assert!(error.starts_with("keys/seed.key: is damaged, expected 32 bytes"), "{error}");
            assert!(damaged.len() < 2 || !error.contains(damaged.trim_end()), "{error}");
        }
    }
}
