//! A mail read back from its bytes, as a mail program would read it.

use std::fmt::Write;

use data_encoding::BASE64;
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

/// Keeps a shown mail from running scripts, sending forms, or loading anything but pictures and styles.
///
/// It stands before the mail's own first byte: whatever that is, the browser has met the policy already.
const GUARD: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data: https:; \
    style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'\">\n\
    <meta name=\"referrer\" content=\"no-referrer\">\n";
const START: usize = 140;

/// What a reader sees of a mail.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The name in `To`.
    pub(super) name: Option<String>,
    /// The address in `To`.
    pub(super) address: Option<String>,
    /// The subject, decoded.
    pub(super) subject: String,
    /// How the text starts, on one line and without links.
    pub(super) start: String,
    /// The HTML part as a page of its own.
    pub(super) html: Option<String>,
    /// The text part.
    pub(super) text: Option<String>,
}

impl Reading {
    /// Reads a mail. What cannot be read is left empty.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(bytes) else {
            return Self { subject: "(unreadable)".to_owned(), ..Self::default() };
        };
        let to = message.to().and_then(mail_parser::Address::first);
        let text = message.text_bodies().find_map(|part| match &part.body {
            PartType::Text(text) => Some(text.to_string()),
            PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => None,
        });
        let html = message.html_bodies().find_map(|part| match &part.body {
            PartType::Html(html) => Some(page(html, &message)),
            PartType::Text(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => None,
        });
        Self {
            name: to
                .and_then(|to| to.name.as_deref())
                .filter(|name| !name.trim().is_empty())
                .map(str::to_owned),
            address: to.and_then(|to| to.address.as_deref()).map(str::to_owned),
            subject: message.subject().filter(|text| !text.is_empty()).unwrap_or("(no subject)").to_owned(),
            start: text.as_deref().map(start).unwrap_or_default(),
            html,
            text,
        }
    }
}

/// The HTML part behind the guard, its inline pictures inside it.
fn page(html: &str, message: &Message<'_>) -> String {
    let mut page = format!("{GUARD}{html}");
    for part in message.attachments() {
        let (Some(id), Some(kind)) = (part.content_id(), part.content_type()) else { continue };
        let subtype = kind.subtype().unwrap_or_default();
        let plain =
            subtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if kind.ctype().eq_ignore_ascii_case("image") && plain {
            let data = BASE64.encode(part.contents());
            page = page.replace(&format!("cid:{id}"), &format!("data:image/{subtype};base64,{data}"));
        }
    }
    page
}

fn start(text: &str) -> String {
    let mut start = String::new();
    for word in text.split_whitespace().filter(|word| !word.contains("://")) {
        if start.chars().count() + word.chars().count() > START {
            start.push('…');
            break;
        }
        if !start.is_empty() {
            start.push(' ');
        }
        start.push_str(word);
    }
    start
}

/// Text as it stands in HTML, between tags or in a quoted attribute. Control characters become visible.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() => escaped.push('\u{fffd}'),
            letter => escaped.write_char(letter).expect("a String takes every char"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read_as_a_mail_program_reads_it() {
        let reading = Reading::of(
            b"To: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>\r\nSubject: =?utf-8?b?w4Q=?= <b>\r\nMIME-Version: 1.0\r\n\
              Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\
              Content-Transfer-Encoding: quoted-printable\r\n\r\nHello Zo=C3=AB,\r\nsee https://example.com/?token=3D1\r\n\
              now\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>\r\n--x--\r\n",
        );
        assert_eq!(reading.name.as_deref(), Some("Zoë"));
        assert_eq!(reading.address.as_deref(), Some("zoe@example.com"));
        assert_eq!(reading.subject, "Ä <b>");
        assert_eq!(reading.start, "Hello Zoë, see now");
        assert!(reading.text.unwrap().contains("token=1"));
        assert_eq!(reading.html.unwrap().trim_end(), format!("{GUARD}<p>Hello</p>"));
    }

    #[test]
    fn an_inline_picture_is_shown_without_its_mail() {
        let reading = Reading::of(
            b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\n\
              Content-Type: text/html\r\n\r\n<img src=\"cid:logo\">\r\n--x\r\nContent-Type: image/png\r\n\
              Content-ID: <logo>\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\nUE5H\r\n\
              --x--\r\n",
        );
        assert!(reading.html.unwrap().contains("<img src=\"data:image/png;base64,UE5H\">"));
    }

    #[test]
    fn text_from_a_mail_stays_text() {
        let check = |text: &str, escaped: &str| assert_eq!(escape(text), escaped);
        check("<script>alert('1')</script>", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
        check("\" onclick=\"x", "&quot; onclick=&quot;x");
        check("a\0b\n", "a\u{fffd}b\u{fffd}");
        check("O&amp;k <!-- end -->", "O&amp;amp;k &lt;!-- end --&gt;");
    }
}
