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
    Defect, styles,
    urls::{self, Purpose},
};

/// What an HTML body holds.
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

/// How deep elements may nest: mail programs give up far earlier.
const MAX_DEPTH: usize = 512;

/// Surveys `html`; `hosts` are the hosts that links may lead to.
pub(super) fn survey(html: &str, hosts: Option<&[String]>) -> Result<Page, Defect> {
    if html.contains('\0') {
        return Err(Defect::new("the HTML holds a NUL character"));
    }
    let mut found = read(html, hosts, true);
    // Outlook reads conditional comments as HTML, so we do too.
    let hidden = std::mem::take(&mut found.conditional);
    for html in hidden {
        let inner = read(&html, hosts, false);
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

/// Looks at what the survey of the finished HTML could not see any more: style sheets, which the inliner takes out, and
/// nesting so deep that it might not survive it. All else is left to that survey: this one costs a fraction of it.
pub(super) fn before_inlining(html: &str, hosts: Option<&[String]>) -> Result<(), Defect> {
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
            return survey(html, hosts).map(drop);
        }
        if is("style") {
            let end = element.to_ascii_lowercase().find("</style").unwrap_or(element.len());
            survey(&format!("{}</style>", element.get(..end).unwrap_or_default()), hosts)?;
        }
    }
    Ok(())
}

fn read(html: &str, hosts: Option<&[String]>, visible: bool) -> Found {
    let surveyor = Surveyor { hosts, visible, found: RefCell::new(Found::default()) };
    let tokenizer = Tokenizer::new(surveyor, TokenizerOpts::default());
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
    defect: Option<Defect>,
    depth: usize,
    inside: Inside,
    style: String,
}

/// Where text goes.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Inside {
    #[default]
    Body,
    Title,
    Style,
}

struct Surveyor<'a> {
    hosts: Option<&'a [String]>,
    visible: bool,
    found: RefCell<Found>,
}

impl TokenSink for Surveyor<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut found = self.found.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return self.start(&tag, &mut found),
            Token::TagToken(tag) => self.end(&tag, &mut found),
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

impl Surveyor<'_> {
    fn start(&self, tag: &Tag, found: &mut Found) -> TokenSinkResult<()> {
        let name = &*tag.name;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-');
        if REFUSED.contains(&name) || !name.bytes().all(known) {
            let name = name.escape_debug();
            found.refuse(&format!("holds the element `{name}`, which no mail may"));
        }
        for attribute in &tag.attrs {
            self.attribute(name, attribute, found);
        }
        if name == "meta" && tag.attrs.iter().any(is_refresh) {
            found.refuse("holds a `meta` element that leads away by itself");
        }
        if !tag.self_closing && !VOID.contains(&name) {
            found.depth += 1;
            if found.depth > MAX_DEPTH {
                found.refuse(&format!("opens more than {MAX_DEPTH} elements at a time"));
            }
        }
        match name {
            "style" => {
                found.inside = Inside::Style;
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "title" => {
                found.inside = Inside::Title;
                TokenSinkResult::RawData(RawKind::Rcdata)
            }
            _ => TokenSinkResult::Continue,
        }
    }

    fn end(&self, tag: &Tag, found: &mut Found) {
        found.depth = found.depth.saturating_sub(1);
        found.inside = Inside::Body;
        if &*tag.name == "style" {
            let css = std::mem::take(&mut found.style);
            if let Err(reason) = styles::check(&css, self.hosts) {
                found.refuse(&format!("holds a `style` element that {reason}"));
            }
        }
    }

    fn attribute(&self, element: &str, attribute: &Attribute, found: &mut Found) {
        let name = attribute.name.local.to_ascii_lowercase();
        let value = &*attribute.value;
        let checked = match &*name {
            "href" | "xlink:href" => {
                found.page.links.push(value.to_owned());
                urls::check(value, Purpose::Link, self.hosts)
            }
            "src" | "background" | "poster" | "lowsrc" | "dynsrc" => self.image(value, found),
            "srcset" => value.split(',').try_for_each(|candidate| {
                self.image(candidate.split_whitespace().next().unwrap_or_default(), found)
            }),
            "style" => {
                found.page.rest.push_str(value);
                styles::check(value, self.hosts)
            }
            "action" | "formaction" | "ping" | "srcdoc" | "manifest" | "codebase" | "classid" | "archive" => {
                Err("is none of a mail's".to_owned())
            }
            name if name.starts_with("on") => Err("runs script".to_owned()),
            _ => {
                found.page.rest.push_str(value);
                found.page.rest.push('\n');
                plain(value)
            }
        };
        if let Err(reason) = checked {
            let name = name.escape_debug();
            found.refuse(&format!(
                "holds an attribute `{name}` (of `{}`) that {reason}",
                element.escape_debug()
            ));
        }
    }

    fn image(&self, value: &str, found: &mut Found) -> Result<(), String> {
        match value.split_once(':') {
            Some((scheme, id)) if scheme.eq_ignore_ascii_case("cid") => {
                found.page.content_ids.push(id.to_owned());
            }
            _ => {
                found.page.rest.push_str(value);
                found.page.rest.push('\n');
            }
        }
        urls::check(value, Purpose::Image, self.hosts)
    }
}

impl Found {
    /// Keeps the first reason.
    fn refuse(&mut self, reason: &str) {
        if self.defect.is_none() {
            self.defect = Some(Defect::new(format!("the HTML {reason}")));
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
    use super::survey;

    #[test]
    fn a_plain_page_gives_its_links_pictures_and_text() {
        let page = survey(
            "<!DOCTYPE html><html lang=\"en\"><head><title>t</title><style>a{color:red}</style></head><body>\
             <p>Hi &lt;b&gt;</p><a href=\"https://app.example/in?a=1&amp;token=x\">Go</a>\
             <img src=\"cid:logo\" alt=\"Logo\"><!--[if mso]><a href=\"https://b.example/\">B</a><![endif]-->",
            None,
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
            assert!(survey(html, None).is_err(), "{html}");
        }
        assert!(survey(&"<div>".repeat(600), None).is_err());
    }
}
