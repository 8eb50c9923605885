//! A file of a list as the first pass over it found it, so that the passes after it need no look of their own.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use super::encoding::{self, Detected};
use crate::{
    hash::Sha256,
    problem::{Place, Problem},
};

/// The size of a block, in bytes.
pub(super) const BLOCK: usize = 64 * 1024;

/// A file of a list, as the first pass over it found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProfile {
    /// The file's path.
    pub path: PathBuf,
    /// The name that it is reported by.
    pub name: String,
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// What its text is, or why it is no list.
    pub(super) text: Result<Detected, Problem>,
}

impl FileProfile {
    /// Reads a file once, in blocks. `encoding` is the label from the campaign file.
    pub fn of(path: &Path, name: &str, encoding: Option<&str>) -> io::Result<Self> {
        let (digest, text) = if path.metadata()?.is_file() {
            let mut file = BufReader::with_capacity(BLOCK, File::open(path)?);
            encoding::detect(&mut file, encoding, name)?
        } else {
            // To open a pipe would wait for its writer.
            ([0; 32], Err(not_a_file(name)))
        };
        Ok(Self { path: path.to_owned(), name: name.to_owned(), digest, text })
    }
}

/// SHA-256 of a file, read in blocks.
pub fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block) {
            Ok(0) => break,
            Ok(read) => hash.update(block.split_at(read).0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hash.finish())
}

/// What is there is not a file.
pub(super) fn not_a_file(name: &str) -> Problem {
    Problem::new(Place::file(name), "the list is not a file")
        .hint("a list is read twice: write it to a file first")
}
