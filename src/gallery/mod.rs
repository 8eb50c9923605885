//! A folder of mails that a person can look through in a browser: `index.html`, and three files per mail.
//!
//! The mails are read back from their bytes by a parser that had no part in writing them. Rows are appended as mails
//! come, so memory stays flat, and a page that was cut short still shows. No name on the disk comes from a mail.

mod reading;

use crate::hash::sha256;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use reading::{Reading, escape};

/// Rows on a page.
const PAGE: usize = 500;
const STYLE: &str = include_str!("style.css");
/// Stands before the footer. Text from mails is escaped, so it can stand nowhere else.
const END: &str = "<!-- end -->";
const ROW: &str = "<li>";
/// By this a page is known as ours.
const GENERATOR: &str = "<meta name=\"generator\" content=\"linkpost gallery\">";

/// What the pages say about themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    /// The headline.
    pub(crate) title: &'static str,
    /// A sentence about these mails.
    pub(crate) note: &'static str,
}

/// Where the `.eml` of a mail comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// It is written from the bytes.
    Bytes,
    /// It is a second name of this file, on the same disk.
    File(&'a Path),
}

/// An open gallery. Several threads may add to it.
#[derive(Debug)]
pub(crate) struct Gallery {
    folder: PathBuf,
    words: Words,
    last: AtomicU64,
    page: Mutex<Page>,
}

#[derive(Debug)]
struct Page {
    number: u64,
    rows: usize,
    file: File,
    /// Where the rows end and the footer starts.
    end: u64,
}

impl Gallery {
    /// Opens the folder's gallery and goes on behind what is there.
    pub(crate) fn open(folder: &Path, words: Words) -> io::Result<Self> {
        let mut last = 0;
        let mut page = 0;
        for entry in fs::read_dir(folder)? {
            match Name::parse(&entry?.file_name()) {
                Some(Name::Mail(number)) => last = last.max(number),
                Some(Name::Page(number)) => page = page.max(number),
                None => {}
            }
        }
        let page = if page == 0 { Page::create(folder, 1, words)? } else { Page::reopen(folder, page)? };
        Ok(Self { folder: folder.to_owned(), words, last: AtomicU64::new(last), page: Mutex::new(page) })
    }

    /// Writes a mail's files and its row; returns the files' common name. After an error nothing of it is left.
    pub(crate) fn add(&self, recipient: &str, message: &[u8], source: Source<'_>) -> io::Result<String> {
        let hash = sha256(message);
        let short = hash.iter().take(4).fold(0_u32, |short, byte| short << 8 | u32::from(*byte));
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{number:05}-{short:08x}");
        let added = self.files(&name, recipient, message, source).and_then(|row| self.row(&row));
        if let Err(error) = added {
            for suffix in ["html", "txt", "eml"] {
                // What was not written cannot be removed: only the first error tells something.
                fs::remove_file(self.folder.join(format!("{name}.{suffix}"))).ok();
            }
            return Err(error);
        }
        Ok(name)
    }

    /// Completes the page. More mails may follow; the footer then moves.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner).foot(false)
    }

    fn files(&self, name: &str, recipient: &str, message: &[u8], source: Source<'_>) -> io::Result<String> {
        let reading = Reading::of(message);
        let path = |suffix: &str| self.folder.join(format!("{name}.{suffix}"));
        if let Some(html) = &reading.html {
            create(&path("html"))?.write_all(html.as_bytes())?;
        }
        if let Some(text) = &reading.text {
            create(&path("txt"))?.write_all(text.as_bytes())?;
        }
        match source {
            Source::Bytes => create(&path("eml"))?.write_all(message)?,
            Source::File(original) => fs::hard_link(original, path("eml"))?,
        }
        Ok(row(name, recipient, &reading))
    }

    fn row(&self, row: &str) -> io::Result<()> {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        if page.rows >= PAGE {
            page.foot(true)?;
            *page = Page::create(&self.folder, page.number + 1, self.words)?;
        }
        page.append(row)
    }
}

impl Page {
    fn create(folder: &Path, number: u64, words: Words) -> io::Result<Self> {
        let mut file = create(&folder.join(file_name(number)))?;
        let Words { title, note } = words;
        let of = if number == 1 { String::new() } else { format!(" · page {number}") };
        let head = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{GENERATOR}\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}{of}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <header>\n<h1>{title}{of}</h1>\n<p>{note}</p>\n</header>\n<main>\n<ul>"
        );
        file.write_all(head.as_bytes())?;
        Ok(Self { number, rows: 0, file, end: head.len() as u64 })
    }

    fn reopen(folder: &Path, number: u64) -> io::Result<Self> {
        let path = folder.join(file_name(number));
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::Error::other(format!("`{}` is no regular file", path.display())));
        }
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let behind = |mark: &str| text.rfind(mark).map(|at| at + mark.len());
        // A page that was cut short may end in half a row: it is gone on with behind the last whole one.
        let end = text.rfind(END).or_else(|| behind("</li>\n")).or_else(|| behind("<ul>"));
        let Some(rows) = end.and_then(|end| text.get(..end)).filter(|rows| rows.contains(GENERATOR)) else {
            return Err(io::Error::other(format!("`{}` is no page of a linkpost gallery", path.display())));
        };
        let file = OpenOptions::new().write(true).open(&path)?;
        Ok(Self { number, rows: rows.matches(ROW).count(), file, end: rows.len() as u64 })
    }

    fn append(&mut self, row: &str) -> io::Result<()> {
        self.write(row)?;
        self.end += row.len() as u64;
        self.rows += 1;
        Ok(())
    }

    fn foot(&mut self, full: bool) -> io::Result<()> {
        let first = (self.number - 1) * PAGE as u64;
        let count = match (self.rows, self.number) {
            (1, 1) => "1 mail".to_owned(),
            (rows, 1) => format!("{rows} mails"),
            (rows, _) => format!("mails {} to {}", first + 1, first + rows as u64),
        };
        let link = |page: u64, rel: &str, words: &str| {
            format!("<a href=\"{}\" rel=\"{rel}\">{words}</a>\n", file_name(page))
        };
        let earlier = self.number.checked_sub(1).filter(|page| *page > 0);
        let earlier = earlier.map(|page| link(page, "prev", "← earlier")).unwrap_or_default();
        let later = if full { link(self.number + 1, "next", "later →") } else { String::new() };
        let footer = format!(
            "{END}</ul>\n</main>\n<footer>\n<span>{count}</span>\n{earlier}{later}</footer>\n</body>\n</html>\n"
        );
        self.write(&footer)
    }

    /// Writes behind the rows, in place of what stood there.
    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(text.as_bytes())
    }
}

/// A name that a gallery gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// A file of the mail with this number.
    Mail(u64),
    /// The page with this number, from 1.
    Page(u64),
}

impl Name {
    /// Recognises the names that a gallery gives, and no others.
    pub(crate) fn parse(name: &std::ffi::OsStr) -> Option<Self> {
        let name = name.to_str()?;
        if name == file_name(1) {
            return Some(Self::Page(1));
        }
        let (stem, suffix) = name.rsplit_once('.')?;
        let (start, end) = stem.split_once('-')?;
        let digits =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
        if start == "page" && suffix == "html" {
            return digits(end).filter(|page| file_name(*page) == name).map(Self::Page);
        }
        let hash = end.len() == 8 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
        let ours = start.len() >= 5 && hash && matches!(suffix, "eml" | "html" | "txt");
        if ours { digits(start).map(Self::Mail) } else { None }
    }
}

fn file_name(page: u64) -> String {
    if page == 1 { "index.html".to_owned() } else { format!("page-{page}.html") }
}

/// Makes a file that was not there, readable by its owner alone. Follows no link.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// One mail's row.
fn row(name: &str, recipient: &str, reading: &Reading) -> String {
    let shown = reading.name.as_deref().unwrap_or(recipient);
    let letter = shown
        .chars()
        .find(|letter| letter.is_alphanumeric())
        .map_or("@".into(), |letter| letter.to_uppercase().to_string());
    let hue = recipient.bytes().fold(0_usize, |sum, byte| sum + usize::from(byte)) % 6;
    let address = match reading.name {
        Some(_) => format!("<span class=\"soft\"><bdi>{}</bdi></span>", escape(recipient)),
        None => String::new(),
    };
    let oddity = match reading.address.as_deref() {
        Some(address) if address.eq_ignore_ascii_case(recipient) => String::new(),
        Some(address) => {
            format!("<span class=\"soft odd\">addressed to <bdi>{}</bdi></span>", escape(address))
        }
        None => "<span class=\"soft odd\">no address in the header</span>".to_owned(),
    };
    let chip = |suffix: &str, word: &str| format!("<a href=\"{name}.{suffix}\">{word}</a>");
    let html = reading.html.as_ref().map(|_| chip("html", "HTML")).unwrap_or_default();
    let text = reading.text.as_ref().map(|_| chip("txt", "Text")).unwrap_or_default();
    let source = chip("eml", "Source");
    let open = match (&reading.html, &reading.text) {
        (Some(_), _) => "html",
        (None, Some(_)) => "txt",
        (None, None) => "eml",
    };
    format!(
        "{ROW}\n<span class=\"mark h{hue}\" aria-hidden=\"true\">{}</span>\n<div class=\"who\"><b><bdi>{}</bdi></b>{address}{oddity}</div>\n\
         <div class=\"what\"><a href=\"{name}.{open}\"><bdi>{}</bdi></a><span class=\"soft\"><bdi>{}</bdi></span></div>\n\
         <div class=\"files\">{html}{text}{source}</div>\n</li>\n",
        escape(&letter),
        escape(shown),
        escape(&reading.subject),
        escape(&reading.start),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_gallery_gives_are_its_own() {
        let check = |name: &str, ours: Option<Name>| assert_eq!(Name::parse(name.as_ref()), ours, "{name}");
        check("index.html", Some(Name::Page(1)));
        check("page-12.html", Some(Name::Page(12)));
        check("00001-0123abcd.eml", Some(Name::Mail(1)));
        check("123456-0123abcd.html", Some(Name::Mail(123_456)));
        for foreign in [
            "",
            "index.htm",
            "page-.html",
            "page-+1.html",
            "page-1.txt",
            "page-1.html",
            "page-02.html",
            "1-0123abcd.eml",
            "00001-0123abc.eml",
            "00001-0123abcg.eml",
            "00001-0123abcd.pdf",
            "00001-0123abcd",
            "+0001-0123abcd.eml",
            "99999999999999999999-0123abcd.eml",
            ".linkpost-outbox",
        ] {
            check(foreign, None);
        }
    }

    #[test]
    fn a_page_that_was_cut_short_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let words = Words { title: "Title", note: "Note." };
        let add =
            |gallery: &Gallery| gallery.add("a@example.com", b"Subject: x\r\n\r\n", Source::Bytes).unwrap();
        let page = || fs::read_to_string(folder.path().join("index.html")).unwrap();
        let gallery = Gallery::open(folder.path(), words).unwrap();
        assert!(add(&gallery).starts_with("00001-"));
        drop(gallery);
        assert!(!page().contains("</html>"));
        fs::write(folder.path().join("index.html"), page() + "<li>\n<a href=\"00").unwrap();
        let gallery = Gallery::open(folder.path(), words).unwrap();
        assert!(add(&gallery).starts_with("00002-"));
        gallery.finish().unwrap();
        assert!(page().contains("2 mails"));
        assert!(add(&gallery).starts_with("00003-"));
        gallery.finish().unwrap();
        assert_eq!((page().matches(ROW).count(), page().matches("</html>").count()), (3, 1));
        assert!(page().contains("3 mails") && page().ends_with("</html>\n") && !page().contains("\"00<"));
        fs::write(folder.path().join("index.html"), "<ul>my homepage</ul>").unwrap();
        let refusal = Gallery::open(folder.path(), words).unwrap_err().to_string();
        assert!(refusal.ends_with("index.html` is no page of a linkpost gallery"), "{refusal}");
    }
}
