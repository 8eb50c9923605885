//! How the pages look: the templates in `pages/`, the style sheet, the logo.

use serde_json::{Value, json};
use tera::{Context, Tera};

use super::{Site, colour};

/// A picture for the head of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
}

/// The pages, ready to be filled in.
pub(super) struct Look {
    tera: Tera,
    /// The folder of the pages, such as `/` or `/app/`: what they need lies below it.
    base: String,
    site: String,
    has_logo: bool,
    pub(super) style: String,
}

/// A way on from a page of words.
pub(super) struct WayOn<'a> {
    pub(super) href: &'a str,
    pub(super) text: &'a str,
}

const PAGES: [(&str, &str); 5] = [
    ("base.html", include_str!("pages/base.html")),
    ("accept.html", include_str!("pages/accept.html")),
    ("words.html", include_str!("pages/words.html")),
    ("unsubscribe.html", include_str!("pages/unsubscribe.html")),
    ("unsubscribed.html", include_str!("pages/unsubscribed.html")),
];

impl Logo {
    /// The media type of a logo's file by its ending; `None`: a browser would not show it everywhere.
    #[must_use]
    pub fn media_type(file: &std::path::Path) -> Option<&'static str> {
        let ending = file.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "png" => Some("image/png"),
            "jpg" | "jpeg" => Some("image/jpeg"),
            "webp" => Some("image/webp"),
            "svg" => Some("image/svg+xml"),
            _ => None,
        }
    }
}

/// A sign for a site without a logo: its first letter on the accent, as SVG.
pub(super) fn initial(site: &Site) -> String {
    let letter = site.name.chars().find(|letter| letter.is_alphanumeric()).unwrap_or('•');
    let (accent, on_accent) = colour::button(&site.colour);
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="{accent}"/><text x="32" y="44" font-family="system-ui,sans-serif" font-size="36" font-weight="700" text-anchor="middle" fill="{on_accent}">{letter}</text></svg>"#,
        letter = letter.to_uppercase()
    )
}

impl Look {
    pub(super) fn new(site: &Site, base: &str) -> Self {
        let mut tera = Tera::new();
        tera.autoescape_on([".html"]);
        tera.add_raw_templates(PAGES).expect("the pages that come along are templates");
        let style = format!("{}{}", colour::variables(&site.colour), include_str!("pages/style.css"));
        Self { tera, base: base.to_owned(), site: site.name.clone(), has_logo: site.logo.is_some(), style }
    }

    /// Fills a page in. The values are text and are escaped.
    pub(super) fn page(&self, name: &str, title: &str, values: &Value) -> String {
        let mut context = Context::new();
        for (name, value) in values.as_object().into_iter().flatten() {
            context.insert(name.clone(), value);
        }
        context.insert("title", title);
        context.insert("site", &self.site);
        context.insert("base", &self.base);
        context.insert("logo", &self.has_logo);
        self.tera.render(name, &context).expect("each caller gives all that its page asks for")
    }

    /// A page of plain words, with at most one way on.
    pub(super) fn words(&self, title: &str, paragraphs: &[String], way_on: Option<&WayOn<'_>>) -> String {
        let link = way_on.map(|way| json!({ "href": way.href, "text": way.text }));
        self.page("words.html", title, &json!({ "paragraphs": paragraphs, "link": link }))
    }
}
