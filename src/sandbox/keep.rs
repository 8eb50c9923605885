//! Where an accepted mail goes: nowhere, into memory, or into a Maildir; and the durable log of what was accepted.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    clock::Clock,
    gallery::{Gallery, Source, Words},
};

const WORDS: Words = Words {
    title: "Sandbox",
    note: "What the sandbox relay accepted. Nothing left this machine, and the links work nowhere else.",
};

/// What becomes of accepted mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// They are counted.
    Nothing,
    /// Their bytes are in the log's events, as far back as the log reaches.
    Memory,
    /// They go into this folder: a Maildir named `Maildir`, and a gallery to read in a browser.
    Maildir(PathBuf),
}

/// A mail that the relay takes, for one recipient.
pub(super) struct Mail {
    pub(super) sender: String,
    pub(super) recipient: String,
    pub(super) message_id: String,
    /// The number that the client is told.
    pub(super) number: u64,
    pub(super) bytes: Arc<[u8]>,
}

/// Keeps mails. Blocks.
pub(super) struct Keeper {
    maildir: Option<(Maildir, Gallery)>,
    accept_log: Option<Mutex<File>>,
}

impl Keeper {
    pub(super) fn open(keep: &Keep, accept_log: Option<&Path>) -> io::Result<Self> {
        let maildir = match keep {
            Keep::Nothing | Keep::Memory => None,
            Keep::Maildir(folder) => {
                Some((Maildir::open(&folder.join("Maildir"))?, Gallery::open(folder, WORDS)?))
            }
        };
        let accept_log = accept_log
            .map(|path| OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(Mutex::new))
            .transpose()?;
        Ok(Self { maildir, accept_log })
    }

    /// Whether [`Self::keep`] touches a disk.
    pub(super) fn blocks(&self) -> bool {
        self.maildir.is_some() || self.accept_log.is_some()
    }

    /// Keeps one mail. When this returns, the accept log has it on disk.
    pub(super) fn keep(&self, mail: &Mail) -> io::Result<()> {
        if let Some((maildir, gallery)) = &self.maildir {
            let path = maildir.keep(mail)?;
            gallery.add(&mail.recipient, &mail.bytes, Source::File(&path))?;
        }
        if let Some(log) = &self.accept_log {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let line = format!("{}\t{}\t{:08}\n", mail.recipient, mail.message_id, mail.number);
            log.write_all(line.as_bytes())?;
            log.sync_data()?;
        }
        Ok(())
    }

    /// Completes the gallery.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.maildir.as_ref().map_or(Ok(()), |(_, gallery)| gallery.finish())
    }
}

/// A Maildir: a mail is written in `tmp` and appears whole in `new`.
struct Maildir {
    folder: PathBuf,
    sequence: AtomicU64,
}

impl Maildir {
    fn open(folder: &Path) -> io::Result<Self> {
        for name in ["tmp", "new", "cur"] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder.join(name))?;
        }
        Ok(Self { folder: folder.to_owned(), sequence: AtomicU64::new(0) })
    }

    fn keep(&self, mail: &Mail) -> io::Result<PathBuf> {
        let name = format!(
            "{}.P{}Q{}.sandbox",
            Clock::System.now().as_microsecond(),
            std::process::id(),
            self.sequence.fetch_add(1, Ordering::Relaxed)
        );
        let tmp = self.folder.join("tmp").join(&name);
        let new = self.folder.join("new").join(&name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&tmp)?;
        // The two lines that a final relay adds (RFC 5321 §4.4, qmail's Delivered-To).
        let top = format!("Return-Path: <{}>\r\nDelivered-To: {}\r\n", mail.sender, mail.recipient);
        file.write_all(&[top.as_bytes(), &mail.bytes].concat())?;
        fs::rename(&tmp, &new)?;
        Ok(new)
    }
}

/// The `Message-ID` header as it stands, unfolded; empty where there is none.
pub(super) fn message_id(message: &[u8]) -> String {
    let mut lines = message.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).peekable();
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"message-id") {
            let mut value = value.get(1..).unwrap_or_default().trim_ascii().to_vec();
            while let Some(more) = lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
                value.extend_from_slice(more.trim_ascii());
            }
            return String::from_utf8_lossy(&value).replace(char::is_control, "");
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_id_is_found_in_the_header_alone() {
        let check = |message: &str, id: &str| assert_eq!(message_id(message.as_bytes()), id);
        check("From: a\r\nMessage-ID: <1@example.com>\r\nTo: b\r\n\r\n", "<1@example.com>");
        check("message-id:<1@example.com>\r\n\r\n", "<1@example.com>");
        check("Message-ID:\r\n <1@example.com>\r\n\r\n", "<1@example.com>");
        check("X-Message-ID: <1@example.com>\r\n\r\nMessage-ID: <2@example.com>\r\n", "");
        check("", "");
    }
}
