//! Reads an HTML body the way a mail program does and says what it found: links, pictures, visible text; or why the
//! body must not leave. It looks at tokens, not at a tree, so it sees what a lenient parser would still act on.

use std::cell::RefCell;

use html5ever::{
    Attribute,
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::RawKind,
    },
};

use super::{
    defect, styles,
    urls::{self, Purpose},
};
use crate::problem::Diagnosis;

/// The contents of an HTML body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Every `href`, decoded.
    pub(super) links: Vec<String>,
    /// The content ids of the pictures that come along.
    pub(super) content_ids: Vec<String>,
    /// The text that people see, a preheader included; spaces as they stand.
    pub(super) text: String,
    /// Every other attribute's value and every comment: where no secret belongs.
    pub(super) rest: String,
}

/// Elements that act, load or ask; and those that make parsers disagree.
const REFUSED: [&str; 29] = [
    "applet",
    "base",
    "bgsound",
    "button",
    "embed",
    "form",
    "frame",
    "frameset",
    "iframe",
    "input",
    "isindex",
    "layer",
    "link",
    "math",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "option",
    "plaintext",
    "portal",
    "script",
    "select",
    "slot",
    "svg",
    "template",
    "textarea",
    "xml-stylesheet",
    "xmp",
];

/// Elements without an end tag: they do not nest.
const VOID: [&str; 8] = ["area", "br", "col", "hr", "img", "meta", "source", "wbr"];

/// The greatest depth of elements: mail programs give up far earlier.
const MAX_DEPTH: usize = 512;

/// Reads `html` to its end.
pub(super) fn scan(html: &str) -> Result<Page, Diagnosis> {
    if html.contains('\0') {
        return Err(defect("the HTML holds a NUL character"));
    }
    let mut found = read(html, true);
    // Outlook reads conditional comments as HTML, so we do too.
    let hidden = std::mem::take(&mut found.conditional);
    for html in hidden {
        let inner = read(&html, false);
        found.page.links.extend(inner.page.links);
        found.page.content_ids.extend(inner.page.content_ids);
        found.page.rest.push_str(&inner.page.text);
        found.page.rest.push_str(&inner.page.rest);
        found.defect = found.defect.or(inner.defect);
    }
    match found.defect {
        Some(defect) => Err(defect),
        None => Ok(found.page),
    }
}

/// Looks at what the scan of the finished HTML could not see any more: style sheets, which the inliner takes out, and
/// nesting so deep that it might not survive it. All else is left to that scan: this one costs a fraction of it.
pub(super) fn before_inlining(html: &str) -> Result<(), Diagnosis> {
    let mut opened = 0;
    for (at, _) in html.match_indices('<') {
        let element = html.get(at..).unwrap_or_default();
        let is = |name: &str| element.get(1..=name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
        if !element.get(1..).is_some_and(|name| name.starts_with(|char: char| char.is_ascii_alphabetic())) {
            continue;
        }
        opened += 1;
        // What opens fewer elements than may nest does not nest deeper.
        if opened > MAX_DEPTH || is("link") {
            return scan(html).map(drop);
        }
        if is("style") {
            let end = element.to_ascii_lowercase().find("</style").unwrap_or(element.len());
            scan(&format!("{}</style>", element.get(..end).unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn read(html: &str, visible: bool) -> Found {
    let scanner = Scanner { visible, found: RefCell::new(Found::default()) };
    let tokenizer = Tokenizer::new(scanner, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    // The sink never asks to run a script, so one call reads everything.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.found.into_inner()
}

#[derive(Default)]
struct Found {
    page: Page,
    conditional: Vec<String>,
    defect: Option<Diagnosis>,
    depth: usize,
    inside: Inside,
    style: String,
}

/// The place that text goes to.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Inside {
    #[default]
    Body,
    Title,
    Style,
}

struct Scanner {
    visible: bool,
    found: RefCell<Found>,
}

impl TokenSink for Scanner {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut found = self.found.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return found.start(&tag),
            Token::TagToken(tag) => found.end(&tag),
            Token::CharacterTokens(text) => match found.inside {
                Inside::Body => found.page.text.push_str(&text),
                Inside::Title => found.page.rest.push_str(&text),
                Inside::Style => found.style.push_str(&text),
            },
            Token::CommentToken(text) => {
                if self.visible && text.trim_start().starts_with("[if") {
                    let inner = text.split_once("]>").map_or("", |(_, inner)| inner);
                    found.conditional.push(inner.to_owned());
                } else {
                    found.page.rest.push_str(&text);
                }
            }
            Token::NullCharacterToken | Token::DoctypeToken(_) | Token::EOFToken | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

impl Found {
    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-');
        if REFUSED.contains(&name) || !name.bytes().all(known) {
            let name = name.escape_debug();
            self.refuse(&format!("holds the element `{name}`, which no mail may"));
        }
        for attribute in &tag.attrs {
            self.attribute(name, attribute);
        }
        if name == "meta" && tag.attrs.iter().any(is_refresh) {
            self.refuse("holds a `meta` element that leads away by itself");
        }
        if !tag.self_closing && !VOID.contains(&name) {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                self.refuse(&format!("opens more than {MAX_DEPTH} elements at a time"));
            }
        }
        match name {
            "style" => {
                self.inside = Inside::Style;
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "title" => {
                self.inside = Inside::Title;
                TokenSinkResult::RawData(RawKind::Rcdata)
            }
            _ => TokenSinkResult::Continue,
        }
    }

    fn end(&mut self, tag: &Tag) {
        self.depth = self.depth.saturating_sub(1);
        self.inside = Inside::Body;
        if &*tag.name == "style" {
            let css = std::mem::take(&mut self.style);
            if let Err(reason) = styles::check(&css) {
                self.refuse(&format!("holds a `style` element that {reason}"));
            }
        }
    }

    fn attribute(&mut self, element: &str, attribute: &Attribute) {
        let name = attribute.name.local.to_ascii_lowercase();
        let value = &*attribute.value;
        let checked = match &*name {
            "href" | "xlink:href" => {
                self.page.links.push(value.to_owned());
                urls::check(value, Purpose::Link)
            }
            "src" | "background" | "poster" | "lowsrc" | "dynsrc" => self.image(value),
            "srcset" => value.split(',').try_for_each(|candidate| {
                self.image(candidate.split_whitespace().next().unwrap_or_default())
            }),
            "style" => {
                self.page.rest.push_str(value);
                styles::check(value)
            }
            "action" | "formaction" | "ping" | "srcdoc" | "manifest" | "codebase" | "classid" | "archive" => {
                Err("is none of a mail's".to_owned())
            }
            name if name.starts_with("on") => Err("runs script".to_owned()),
            _ => {
                self.page.rest.push_str(value);
                self.page.rest.push('\n');
                plain(value)
            }
        };
        if let Err(reason) = checked {
            let name = name.escape_debug();
            self.refuse(&format!(
                "holds an attribute `{name}` (of `{}`) that {reason}",
                element.escape_debug()
            ));
        }
    }

    fn image(&mut self, value: &str) -> Result<(), String> {
        match value.split_once(':') {
            Some((scheme, id)) if scheme.eq_ignore_ascii_case("cid") => {
                self.page.content_ids.push(id.to_owned());
            }
            _ => {
                self.page.rest.push_str(value);
                self.page.rest.push('\n');
            }
        }
        urls::check(value, Purpose::Image)
    }
}

impl Found {
    /// Keeps the first reason.
    fn refuse(&mut self, reason: &str) {
        if self.defect.is_none() {
            self.defect = Some(defect(format!("the HTML {reason}")));
        }
    }
}

fn is_refresh(attribute: &Attribute) -> bool {
    (*attribute.name.local).eq_ignore_ascii_case("http-equiv")
        && attribute.value.trim().eq_ignore_ascii_case("refresh")
}

/// A value that is no URL must not become one in a lenient mail program.
fn plain(value: &str) -> Result<(), String> {
    let start: String =
        value.chars().filter(|char| !char.is_whitespace() && !char.is_control()).take(11).collect();
    let start = start.to_ascii_lowercase();
    let scripted = ["javascript:", "vbscript:", "data:"].into_iter().find(|scheme| start.starts_with(scheme));
    scripted.map_or(Ok(()), |scheme| Err(format!("has the scheme `{scheme}`")))
}

#[cfg(test)]
mod tests {
    use super::scan;

    #[test]
    fn a_plain_page_gives_its_links_pictures_and_text() {
        let page = scan(
            "<!DOCTYPE html><html lang=\"en\"><head><title>t</title><style>a{color:red}</style></head><body>\
             <p>Hi &lt;b&gt;</p><a href=\"https://app.example/in?a=1&amp;token=x\">Go</a>\
             <img src=\"cid:logo\" alt=\"Logo\"><!--[if mso]><a href=\"https://b.example/\">B</a><![endif]-->",
        )
        .unwrap();
        assert_eq!(page.links, ["https://app.example/in?a=1&token=x", "https://b.example/"]);
        assert_eq!(page.content_ids, ["logo"]);
        assert_eq!(page.text, "Hi <b>Go");
        assert!(page.rest.contains("Logo"));
    }

    #[test]
    fn what_acts_is_refused() {
        for html in [
            "<script>x</script>",
            "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
            "<scr\u{0}ipt>",
            "<img src=x onerror=alert(1)>",
            "<a href=\"https://x.example/\" OnClick=\"x\">x</a>",
            "<a href=\"&#106;avascript:alert(1)\">x</a>",
            "<a href=\"java&#10;script:alert(1)\">x</a>",
            "<a href=\" javascript:alert(1)\">x</a>",
            "<a href='//evil.example'>x</a>",
            "<a href='page.html'>x</a>",
            "<meta http-equiv=\"Refresh\" content=\"0;url=https://evil.example\">",
            "<base href=\"https://evil.example/\">",
            "<iframe src=\"https://evil.example/\"></iframe>",
            "<form action=\"https://evil.example/\"></form>",
            "<link rel=stylesheet href=\"https://evil.example/x.css\">",
            "<td background=\"javascript:alert(1)\">",
            "<p style=\"width:expression(alert(1))\">",
            "<style>@import url(https://evil.example/x.css)</style>",
            "<img src=\"data:image/svg+xml;base64,AAAA\">",
            "<!--[if mso]><script>x</script><![endif]-->",
            "<svg><a xlink:href=\"javascript:alert(1)\">x</a></svg>",
            "<p title=\"javascript:alert(1)\">",
        ] {
            assert!(scan(html).is_err(), "{html}");
        }
        assert!(scan(&"<div>".repeat(600)).is_err());
    }
}
