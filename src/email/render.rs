//! One recipient's words: subject, text, HTML with its CSS inlined. What they say is checked on the message's bytes.

use std::io::{self, Write};

use css_inline::CSSInliner;
use tera::{Context, ErrorKind};

use super::{
    Email, Letter, Link, charset, context, defect, headers, html_scan, templates::fragment,
    unsubscribe::UnsubscribeLinks,
};
use crate::{audience::Recipient, problem::Diagnosis};

/// A template may write at most this many bytes.
const MAX_OUTPUT: usize = 2 << 20;

/// The HTML may have this many bytes: Gmail cuts what is longer.
const MAX_HTML: usize = 100 << 10;

/// The inliner for every mail: no network, media queries stay, widths as attributes for Outlook.
pub(super) fn inliner() -> CSSInliner<'static> {
    CSSInliner::options()
        .load_remote_stylesheets(false)
        .keep_at_rules(true)
        .apply_width_attributes(true)
        .resolve_css_variables(true)
        .build()
}

impl Letter {
    /// Renders one recipient's mail. A defect concerns this row alone.
    pub fn render(&self, recipient: &Recipient, link: &Link<'_>) -> Result<Email, Diagnosis> {
        let letter = self;
        let id = headers::unsubscribe_id(&letter.keys.unsubscribe, &letter.about(&recipient.key));
        let unsubscribe = UnsubscribeLinks::new(&letter.letterhead.unsubscribe, id);
        let context = context::row(recipient, link, unsubscribe.shown());
        let subject = subject(&template(letter, "subject.txt", &context, link)?)?;
        let text = template(letter, "body.txt", &context, link)?;
        let html = template(letter, "body.html", &context, link)?;
        for (part, text) in [("text", &text), ("HTML", &html)] {
            if text.contains(|char: char| char.is_control() && !matches!(char, '\n' | '\t')) {
                return Err(defect(format!("the {part} holds a control character")));
            }
            if text.trim().is_empty() {
                return Err(defect(format!("the {part} is empty")));
            }
        }
        if html.len() > MAX_HTML * 5 {
            return Err(too_long(html.len()));
        }
        html_scan::before_inlining(&html)?;
        let html = letter
            .inliner
            .inline(&html)
            .map_err(|_| defect("the HTML's CSS cannot be inlined").hint("look at the `style` elements"))?;
        if html.len() > MAX_HTML {
            return Err(too_long(html.len()));
        }
        Ok(Email {
            subject,
            text: with_final_line_end(&text),
            html: with_final_line_end(&charset::first(&html)),
            key: recipient.key.clone(),
            unsubscribe,
        })
    }
}

fn too_long(length: usize) -> Diagnosis {
    defect(format!("the HTML has {length} bytes, more than {MAX_HTML}"))
        .hint("Gmail cuts longer mails: shorten the template or the lists in it")
}

/// The subject as one line: never shortened, never mended.
fn subject(rendered: &str) -> Result<String, Diagnosis> {
    let subject = rendered.trim_matches([' ', '\n', '\r', '\t']);
    if subject.is_empty() {
        return Err(defect("the subject is empty"));
    }
    match headers::check_text(subject, headers::MAX_SUBJECT) {
        Ok(()) => Ok(subject.to_owned()),
        Err(reason) => Err(defect(format!("the subject {reason}"))),
    }
}

/// Renders one of the campaign's own templates; line ends become `\n`.
fn template(letter: &Letter, file: &str, context: &Context, link: &Link<'_>) -> Result<String, Diagnosis> {
    let name = letter.sources.name_of(file);
    let mut output = Capped(Vec::new());
    letter
        .tera
        .render_to(&name, context, &mut output)
        .map_err(|error| template_defect(letter, &error, link))?;
    let text = String::from_utf8(output.0).map_err(|_| defect(format!("`{name}` did not give UTF-8")))?;
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

/// Tera's error as place and reason. A reason that might quote the link is not passed on.
fn template_defect(letter: &Letter, error: &tera::Error, link: &Link<'_>) -> Diagnosis {
    if let ErrorKind::Io(_) = error.kind() {
        return defect(format!("the template writes more than {MAX_OUTPUT} bytes"));
    }
    let ErrorKind::RenderingError(report) = error.kind() else {
        return defect("the template cannot be rendered");
    };
    let span = report.span();
    let place = letter.sources.place(report.filename());
    let reason = fragment(report.message());
    let reason = if reason.contains(link.token) { "a value of the wrong kind" } else { &reason };
    let defect = defect(format!("{place}:{}:{}: {reason}", span.start_line, span.start_col + 1));
    if reason.ends_with("is not defined") {
        defect.hint("add the column, or say what to show without it: `{{ x or \"…\" }}`")
    } else {
        defect
    }
}

fn with_final_line_end(text: &str) -> String {
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    text
}

/// Takes at most [`MAX_OUTPUT`] bytes.
struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other("output limit"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
