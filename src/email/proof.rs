//! The proof that a mail is for one recipient and nobody else, on the bytes that would leave.
//!
//! The bytes are read back with another library than the one that wrote them. Then: exactly one `To`, the
//! recipient's; this recipient's token in a link of both parts; no other token in any link or anywhere; the token
//! nowhere else, neither in a header nor in a preview; no address that is not the recipient's, ours, the template's or
//! from this very row.

use std::collections::HashSet;

use mail_parser::{Address as Parsed, Message as ParsedMessage, MessageParser};
use url::Url;

use super::{
    Email, Letter, Link, addresses, defect,
    html_scan::{Page, scan},
    letter::each_text,
    urls::MAX_CHARS,
};
use crate::{audience::Recipient, problem::Diagnosis};

/// The part of a mail that an inbox shows before it is opened, in characters.
const PREVIEW: usize = 150;

/// From this length on a token is looked for outside links, too; shorter ones (of a preview) may be plain words.
const SECRET: usize = 16;

/// The facts that one recipient's mail is held against.
pub(super) struct Proof<'a> {
    letter: &'a Letter,
    recipient: &'a Recipient,
    email: &'a Email,
    token: &'a str,
    page: Url,
    parameter: String,
}

impl<'a> Proof<'a> {
    /// Fails if the link does not hold its token in a query parameter.
    pub(super) fn new(
        letter: &'a Letter,
        recipient: &'a Recipient,
        link: &Link<'a>,
        email: &'a Email,
    ) -> Result<Self, Diagnosis> {
        let page = Url::parse(link.url).map_err(|_| defect("the sign-in link is no URL"))?;
        let parameter =
            page.query_pairs().find(|(_, value)| value == link.token).map(|(name, _)| name.into_owned());
        match parameter {
            Some(parameter) if !link.token.is_empty() => {
                Ok(Self { letter, recipient, email, token: link.token, page, parameter })
            }
            Some(_) | None => Err(defect("the sign-in link does not hold its token")),
        }
    }

    /// The final bytes, read back.
    pub(super) fn check_message(&self, bytes: &[u8], id: &str) -> Result<(), Diagnosis> {
        let email = self.email;
        let message =
            MessageParser::default().parse(bytes).ok_or_else(|| defect("the mail cannot be read back"))?;
        let header =
            bytes.windows(4).position(|window| window == b"\r\n\r\n").and_then(|end| bytes.get(..end));
        let header = header.and_then(|header| std::str::from_utf8(header).ok()).unwrap_or_default();
        self.check_envelope(&message, id)?;
        if message.text_body_count() != 1
            || message.html_body_count() != 1
            || message.attachment_count() != self.letter.attached.len()
        {
            return Err(defect("the mail does not have the expected parts"));
        }
        let text = message.body_text(0).unwrap_or_default().replace("\r\n", "\n");
        let html = message.body_html(0).unwrap_or_default().replace("\r\n", "\n");
        if text != email.text || html != email.html {
            return Err(defect("a part of the mail reads back differently"));
        }
        let page = scan(&html)?;
        self.check_text(&text)?;
        self.check_page(&page)?;
        self.check_pictures(&page)?;
        let raw = html.matches(self.token).count();
        let accounted = page.links.iter().map(|link| link.matches(self.token).count()).sum::<usize>()
            + page.text.matches(self.token).count();
        if self.token.len() >= SECRET && raw > accounted {
            return Err(defect("the HTML holds the token outside its link"));
        }
        let names = message.to().and_then(Parsed::first).and_then(|to| to.name()).unwrap_or_default();
        let heads = [header, email.subject.as_str(), names];
        if heads.iter().any(|head| self.token.len() >= SECRET && head.contains(self.token)) {
            return Err(defect("a header holds the token"));
        }
        self.check_secrets(heads.into_iter().chain([text.as_str(), html.as_str()]), id)
    }

    /// The text part: the link and the way out of the list are there, no other token is.
    fn check_text(&self, text: &str) -> Result<(), Diagnosis> {
        self.check_plain(text, "text")?;
        if !self.check_links(web_urls(text), "text")? {
            return Err(missing("the text", "the sign-in link", "link"));
        }
        match self.email.unsubscribe.shown() {
            Some(shown) if !text.contains(shown) => {
                Err(missing("the text", "the unsubscribe link", "unsubscribe_url"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The HTML: the same, and the token in no other attribute and in no preview.
    fn check_page(&self, page: &Page) -> Result<(), Diagnosis> {
        self.check_plain(&page.text, "HTML")?;
        // A link that is shown in words besides must be this one, too.
        self.check_links(web_urls(&page.text), "HTML")?;
        if !self.check_links(page.links.iter().map(String::as_str), "HTML")? {
            return Err(missing("the HTML", "the sign-in link", "link"));
        }
        if self.token.len() >= SECRET {
            if page.rest.contains(self.token) {
                return Err(defect("the HTML holds the token outside its link"));
            }
            let preview: String = page.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let first = preview.find(self.token).and_then(|at| preview.get(..at));
            if first.is_some_and(|before| before.chars().count() < PREVIEW) {
                return Err(defect(format!(
                    "the HTML shows the token within its first {PREVIEW} characters, which inboxes preview"
                ))
                .hint("put the link behind words, or below the text"));
            }
        }
        match self.email.unsubscribe.shown() {
            Some(shown) if !page.links.iter().any(|link| link == shown) => {
                Err(missing("the HTML", "the unsubscribe link", "unsubscribe_url"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Every picture that the HTML takes from the mail comes along in it.
    fn check_pictures(&self, page: &Page) -> Result<(), Diagnosis> {
        let comes_along = |id: &String| {
            self.letter.attached.iter().any(|attached| attached.content_id.as_deref() == Some(id.as_str()))
        };
        match page.content_ids.iter().find(|id| !comes_along(id)) {
            Some(id) => {
                Err(defect(format!("the HTML shows the picture `cid:{id}`, which no attachment has")))
            }
            None => Ok(()),
        }
    }

    fn check_envelope(&self, message: &ParsedMessage<'_>, id: &str) -> Result<(), Diagnosis> {
        let recipient = self.recipient.address.to_string();
        let sender = self.letter.letterhead.sender.to_string();
        if message.cc().is_some() || message.bcc().is_some() || !is_only(message.to(), &recipient) {
            return Err(defect("the mail is not addressed to this recipient alone"));
        }
        if !is_only(message.from(), &sender) {
            return Err(defect("the mail is not from its sender"));
        }
        let id = id.trim_start_matches('<').trim_end_matches('>');
        if message.message_id() != Some(id)
            || !same_words(message.subject().unwrap_or_default(), &self.email.subject)
        {
            return Err(defect("a header of the mail reads back differently"));
        }
        let name = message.to().and_then(Parsed::first).and_then(|to| to.name()).unwrap_or_default();
        if !same_words(name, self.recipient.name.as_deref().unwrap_or_default()) {
            return Err(defect("the name in the mail reads back differently")
                .hint("look for unusual characters in the name"));
        }
        Ok(())
    }

    /// Looks at every URL; `Ok(true)` if the sign-in link is among them.
    fn check_links<'b>(
        &self,
        urls: impl IntoIterator<Item = &'b str>,
        part: &str,
    ) -> Result<bool, Diagnosis> {
        let mut there = false;
        for text in urls {
            let holds_token = text.contains(self.token);
            if !holds_token && !text.contains('?') {
                continue;
            }
            let Ok(url) = Url::parse(text) else {
                if holds_token && self.token.len() >= SECRET {
                    return Err(defect(format!("the {part} holds the token in something that is no URL")));
                }
                continue;
            };
            let mut ours = 0;
            for (name, value) in url.query_pairs() {
                if name == self.parameter {
                    if value != self.token {
                        return Err(defect(format!("the {part} holds a link with another token")));
                    }
                    ours += 1;
                }
                if name == "u" && self.is_unsubscribe_page(&url) && value != self.email.unsubscribe.id {
                    return Err(defect(format!("the {part} holds somebody else's unsubscribe link")));
                }
            }
            if ours == 1 && same_page(&url, &self.page) {
                there = true;
                if text.chars().count() > MAX_CHARS {
                    return Err(defect(format!("the sign-in link has more than {MAX_CHARS} characters")));
                }
            } else if ours > 0 || (holds_token && self.token.len() >= SECRET) {
                return Err(defect(format!(
                    "the {part} gives the token to another page than the sign-in page"
                )));
            }
        }
        Ok(there)
    }

    /// The token stands in no plain words.
    fn check_plain(&self, text: &str, part: &str) -> Result<(), Diagnosis> {
        if self.token.len() < SECRET {
            return Ok(());
        }
        let in_links: usize = web_urls(text).iter().map(|url| url.matches(self.token).count()).sum();
        if text.matches(self.token).count() > in_links {
            return Err(defect(format!("the {part} holds the token outside its link")));
        }
        Ok(())
    }

    /// No address and no token of anybody else's.
    fn check_secrets<'b>(&self, texts: impl Iterator<Item = &'b str>, id: &str) -> Result<(), Diagnosis> {
        let recipient = addresses::form(&self.recipient.address);
        let id = addresses::find(id).into_iter().next().map(|found| found.form);
        let mut own: Option<OwnTexts> = None;
        for text in texts {
            for found in addresses::find(text) {
                let known = found.form == recipient
                    || Some(&found.form) == id.as_ref()
                    || self.letter.known_addresses.contains(&found.form)
                    || own
                        .get_or_insert_with(|| OwnTexts::of(self.recipient))
                        .addresses
                        .contains(&found.form);
                if !known {
                    return Err(defect(format!("the mail holds somebody else's address: {}", found.form)));
                }
            }
            for other in signed_tokens(text).filter(|token| *token != self.token) {
                let known = own.get_or_insert_with(|| OwnTexts::of(self.recipient)).all.contains(other)
                    || self.letter.sources.texts().any(|(_, source)| source.contains(other));
                if !known {
                    return Err(defect("the mail holds another token"));
                }
            }
        }
        Ok(())
    }

    fn is_unsubscribe_page(&self, url: &Url) -> bool {
        self.letter.letterhead.unsubscribe.url.as_ref().is_some_and(|page| same_page(url, page))
    }
}

/// The texts of this very row of the list.
struct OwnTexts {
    all: String,
    addresses: HashSet<String>,
}

impl OwnTexts {
    fn of(recipient: &Recipient) -> Self {
        let mut all = String::new();
        let mut add = |text: &str| {
            all.push_str(text);
            all.push('\n');
        };
        recipient.fields.values().for_each(|value| each_text(value, &mut add));
        add(&recipient.user_id);
        recipient.name.iter().for_each(|name| add(name));
        let addresses = addresses::find(&all).into_iter().map(|found| found.form).collect();
        Self { all, addresses }
    }
}

fn missing(part: &str, what: &str, variable: &str) -> Diagnosis {
    defect(format!("{part} does not hold {what}"))
        .hint(format!("put `{{{{ {variable} }}}}` into the template"))
}

fn is_only(field: Option<&Parsed<'_>>, address: &str) -> bool {
    let mut all = field.into_iter().flat_map(Parsed::iter);
    all.next().and_then(|first| first.address()) == Some(address) && all.next().is_none()
}

/// Equal but for the spaces, which folding may change.
fn same_words(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

fn same_page(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin() && a.path() == b.path()
}

/// Every `http(s)` URL in plain text, as mail programs find them: up to a space, bracket or quote.
fn web_urls(text: &str) -> Vec<&str> {
    let starts = text.match_indices("://").filter_map(|(at, _)| {
        let before = text.get(..at)?;
        let scheme = ["https", "http"].into_iter().find(|scheme| {
            before
                .len()
                .checked_sub(scheme.len())
                .and_then(|from| before.get(from..))
                .is_some_and(|end| end.eq_ignore_ascii_case(scheme))
        })?;
        let rest = text.get(at - scheme.len()..)?;
        let end = rest
            .find(|char: char| char.is_whitespace() || matches!(char, '<' | '>' | '"' | '`'))
            .unwrap_or(rest.len());
        Some(rest.get(..end)?.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*']))
    });
    starts.collect()
}

/// Everything that looks like a signed token (JWS compact form: three parts, the first begins `eyJ`).
fn signed_tokens(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("eyJ").filter_map(|(at, _)| {
        let rest = text.get(at..)?;
        let end = rest
            .find(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.')))
            .unwrap_or(rest.len());
        let token = rest.get(..end)?.trim_end_matches('.');
        let starts_here = !text
            .get(..at)?
            .ends_with(|char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.'));
        (starts_here && token.len() >= 40 && token.split('.').filter(|part| !part.is_empty()).count() == 3)
            .then_some(token)
    })
}
