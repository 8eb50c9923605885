//! The delivery of a preview: a folder with every mail as files, and a gallery to look through them.
//!
//! Nothing leaves the machine. The folder is marked as ours; a former outbox is emptied, and any other folder that is
//! not empty is refused, so that no file of the user's is ever in the way.

use std::{
    fs::{self, DirBuilder},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::task;

use crate::{
    audience::Address,
    gallery::{Gallery, Name, Source, Words, create},
    ledger::Outcome,
};

/// Says that a folder is an outbox.
const MARKER: &str = ".linkpost-outbox";
const WORDS: Words = Words {
    title: "Preview",
    note: "The mails as they would leave. Nothing was sent, and the links in them sign nobody in.",
};

/// A folder that takes mails.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
    gallery: Arc<Gallery>,
}

/// One worker's way to the folder.
#[derive(Debug, Clone)]
pub struct Courier {
    outbox: Outbox,
}

/// A mail that the folder waits for. Dropped, it is not delivered.
pub struct Ready<'a> {
    outbox: &'a Outbox,
    recipient: String,
    message: &'a [u8],
}

impl Outbox {
    /// Makes the folder, or empties it if it was an outbox before.
    ///
    /// # Errors
    ///
    /// The folder holds something and is no former outbox, or the disk fails.
    pub fn create(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let marker = folder.join(MARKER);
        let mut names = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name()));
        match names.next().transpose()? {
            None => drop(create(&marker)?),
            Some(_) if fs::symlink_metadata(&marker).is_ok_and(|marker| marker.is_file()) => empty(folder)?,
            Some(name) => {
                return Err(io::Error::new(
                    ErrorKind::DirectoryNotEmpty,
                    format!(
                        "`{}` holds `{}` and is no outbox of linkpost; name an empty or a new folder",
                        folder.display(),
                        name.display()
                    ),
                ));
            }
        }
        Ok(Self { folder: folder.to_owned(), gallery: Arc::new(Gallery::open(folder, WORDS)?) })
    }

    /// A way to the folder for one worker.
    #[must_use]
    pub fn courier(&self) -> Courier {
        Courier { outbox: self.clone() }
    }

    /// The page to open in a browser.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.folder.join("index.html")
    }

    /// Puts one mail into the folder; returns the name that its files share. Blocks for some 100 µs.
    ///
    /// # Errors
    ///
    /// The disk fails. Nothing of the mail is left then.
    pub fn put(&self, recipient: &str, message: &[u8]) -> io::Result<String> {
        self.gallery.add(recipient, message, Source::Bytes)
    }

    /// Completes the gallery. Mails may still follow.
    ///
    /// # Errors
    ///
    /// The disk fails.
    pub fn finish(&self) -> io::Result<()> {
        self.gallery.finish()
    }
}

impl Courier {
    /// Offers a message to a recipient. A folder takes everybody.
    #[must_use]
    pub fn offer<'a>(&'a self, recipient: &Address, message: &'a [u8]) -> Ready<'a> {
        Ready { outbox: &self.outbox, recipient: recipient.to_string(), message }
    }
}

impl Ready<'_> {
    /// Hands the mail over. A disk that fails is a "later", with the reason; nothing of the mail is left then.
    pub async fn transfer(self) -> Outcome {
        let Self { outbox, recipient, message } = self;
        let (outbox, message) = (outbox.clone(), message.to_vec());
        match task::spawn_blocking(move || outbox.put(&recipient, &message)).await {
            Ok(Ok(name)) => Outcome::Accepted { reply: format!("{name}.eml") },
            Ok(Err(error)) => Outcome::Deferred { reason: format!("the outbox cannot be written: {error}") },
            Err(_) => Outcome::Deferred { reason: "the mail could not be read back".to_owned() },
        }
    }
}

/// Removes what a gallery has made, and nothing else.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if Name::parse(&entry.file_name()).is_some() && !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
