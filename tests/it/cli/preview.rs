//! The outbox of a preview: its folder, its names, its gallery.

use std::{fs, io::ErrorKind, os::unix::fs::PermissionsExt, path::Path};

use linkpost::{audience::Address, delivery::outbox::Outbox, ledger::Outcome};

/// A mail in two parts. The values go in raw, as a hostile list would have them.
fn mail(to: &str, subject: &str, html: &str) -> Vec<u8> {
    format!(
        "From: Shop <shop@example.com>\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Hello there.\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--x--\r\n"
    )
    .into_bytes()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_mail_becomes_three_files_and_a_row() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("a/preview");
    let outbox = Outbox::create(&folder).unwrap();
    let message = mail("Ada <ada@example.com>", "Welcome", "<p>Hello</p>");
    let name = outbox.put("ada@example.com", &message).unwrap();
    outbox.finish().unwrap();
    assert!(name.starts_with("00001-") && name.len() == 14, "{name}");
    assert_eq!(
        names(&folder),
        [
            ".linkpost-outbox".to_owned(),
            format!("{name}.eml"),
            format!("{name}.html"),
            format!("{name}.txt"),
            "index.html".to_owned()
        ]
    );
    assert_eq!(fs::read(folder.join(format!("{name}.eml"))).unwrap(), message);
    assert_eq!(fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap().trim_end(), "Hello there.");
    let html = fs::read_to_string(folder.join(format!("{name}.html"))).unwrap();
    assert!(html.ends_with("<p>Hello</p>\r\n") || html.ends_with("<p>Hello</p>"), "{html}");
    assert!(html.contains("default-src 'none'"), "{html}");
    let index = fs::read_to_string(outbox.index()).unwrap();
    for part in ["Ada", "ada@example.com", "Welcome", "Hello there.", "1 mail", &format!("{name}.html")] {
        assert!(index.contains(part), "{part}");
    }
    for file in names(&folder) {
        let mode = fs::metadata(folder.join(&file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("index.html"), "my homepage").unwrap();
    let error = Outbox::create(scratch.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
    assert!(error.to_string().contains("`index.html` and is no outbox"), "{error}");
    assert_eq!(names(scratch.path()), ["index.html"]);
    fs::remove_file(scratch.path().join("index.html")).unwrap();
    Outbox::create(scratch.path()).unwrap();
}

#[test]
fn a_former_outbox_is_emptied_of_our_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::create(folder.path()).unwrap();
    let old = outbox.put("ada@example.com", &mail("ada@example.com", "Old", "<p>Old</p>")).unwrap();
    for foreign in ["notes.txt", "00001-my-notes.txt", "page-x.html", "1-0123abcd.eml"] {
        fs::write(folder.path().join(foreign), "mine").unwrap();
    }
    let outbox = Outbox::create(folder.path()).unwrap();
    let new = outbox.put("bob@example.com", &mail("bob@example.com", "New", "<p>New</p>")).unwrap();
    let names = names(folder.path());
    assert!(new.starts_with("00001-") && new != old);
    assert!(!names.iter().any(|name| name.starts_with(&old)), "{names:?}");
    assert_eq!(names.iter().filter(|name| !name.starts_with(&new)).count(), 6, "{names:?}");
    assert!(!fs::read_to_string(outbox.index()).unwrap().contains("Old"));
}

#[test]
fn what_a_mail_says_is_text_in_the_gallery() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::create(folder.path()).unwrap();
    let message = mail(
        "\"</b><img src=x onerror=alert(1)>\" <ada@example.com>",
        "<script>alert(1)</script><!-- end --><li>&amp;\"'",
        "<html><!-- <head> --><script>alert(2)</script></html>",
    );
    let name = outbox.put("\"><a href='javascript:x'>@example.com", &message).unwrap();
    outbox.finish().unwrap();
    assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{name}");
    let index = fs::read_to_string(outbox.index()).unwrap();
    for raw in ["<script", "<img", "javascript:x'>", "onerror=alert(1)>\"", "<!-- end --><li>"] {
        assert!(!index.contains(raw), "{raw}");
    }
    assert!(
        index.contains(
            "&lt;script&gt;alert(1)&lt;/script&gt;&lt;!-- end --&gt;&lt;li&gt;&amp;amp;&quot;&#39;"
        )
    );
    assert!(index.contains("addressed to"), "the envelope and the header differ, and the gallery says so");
    let html = fs::read_to_string(folder.path().join(format!("{name}.html"))).unwrap();
    let guard = html.find("Content-Security-Policy").unwrap();
    assert!(guard < html.find("<html").unwrap() && guard < html.find("<script").unwrap());
}

#[test]
fn many_mails_fill_pages_of_500() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::create(folder.path()).unwrap();
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let outbox = outbox.clone();
            std::thread::spawn(move || {
                for nth in 0..275 {
                    let to = format!("{worker}-{nth}@example.com");
                    outbox.put(&to, &mail(&to, "Hello", "<p>Hello</p>")).unwrap();
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    outbox.finish().unwrap();
    outbox.finish().unwrap();
    let mut rows = Vec::new();
    for (page, links) in [
        ("index.html", "500 mails</span>\n<a href=\"page-2.html\" rel=\"next\">"),
        ("page-2.html", "mails 501 to 1000</span>\n<a href=\"index.html\" rel=\"prev\">"),
        ("page-3.html", "mails 1001 to 1100</span>\n<a href=\"page-2.html\" rel=\"prev\">"),
    ] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(links), "{page}");
        assert_eq!(text.matches("</html>").count(), 1, "{page}");
        rows.push(text.matches("<li>").count());
    }
    assert_eq!(rows, [500, 500, 100]);
    assert_eq!(names(folder.path()).len(), 1100 * 3 + 3 + 1);
}

#[test]
fn a_mail_that_cannot_be_written_leaves_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::create(folder.path()).unwrap();
    let message = mail("ada@example.com", "Hello", "<p>Hello</p>");
    let first = outbox.put("ada@example.com", &message).unwrap();
    // Somebody has put a link where the next source would go: it is not followed.
    let taken = folder.path().join(first.replace("00001", "00002") + ".eml");
    let outside = folder.path().join("outside");
    std::os::unix::fs::symlink(&outside, &taken).unwrap();
    let error = outbox.put("ada@example.com", &message).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(!outside.exists());
    assert!(!names(folder.path()).iter().any(|name| name.starts_with("00002")));
    assert!(outbox.put("ada@example.com", &message).unwrap().starts_with("00003"));
}

#[tokio::test]
async fn a_courier_tells_where_the_mail_went_or_why_it_did_not() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("preview");
    let outbox = Outbox::create(&folder).unwrap();
    let courier = outbox.courier();
    let (ada, message) =
        (Address::parse("ada@example.com").unwrap(), mail("ada@example.com", "Hello", "<p>Hello</p>"));
    drop(courier.offer(&ada, &message));
    let Outcome::Accepted { reply } = courier.offer(&ada, &message).transfer().await else {
        panic!("refused")
    };
    assert!(reply.starts_with("00001-"), "what was only offered is not there");
    assert_eq!(fs::read(folder.join(&reply)).unwrap(), message);
    fs::remove_dir_all(&folder).unwrap();
    let Outcome::Deferred { reason } = courier.offer(&ada, &message).transfer().await else {
        panic!("accepted")
    };
    assert!(reason.starts_with("the outbox cannot be written: "), "{reason}");
}
