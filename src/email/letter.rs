//! Everything that is the same for every mail of a campaign, read and checked once.

use std::collections::{BTreeSet, HashSet};

use aws_lc_rs::hmac;
use css_inline::CSSInliner;
use lettre::message::{Mailbox, header::HeaderValue};
use serde_json::Value;
use tera::Tera;

use super::{
    Letterhead, advice,
    attachments::Attached,
    context, headers, lint,
    templates::{self, REQUIRED, Sources},
};
use crate::{audience::RecipientKey, problem::Problem};

/// The keys that the ids in a message are derived with. Each is used for nothing else.
pub struct MessageKeys {
    /// For the Message-ID.
    pub message_id: hmac::Key,
    /// For the opaque id in the unsubscribe link.
    pub unsubscribe: hmac::Key,
}

/// A campaign's words, ready to be rendered and composed for one recipient after the other, by many threads.
pub struct Letter {
    pub(super) campaign: String,
    pub(super) occasion: String,
    pub(super) letterhead: Letterhead,
    pub(super) keys: MessageKeys,
    pub(super) tera: Tera,
    pub(super) sources: Sources,
    pub(super) inliner: CSSInliner<'static>,
    pub(super) attached: Vec<Attached>,
    pub(super) from: Mailbox,
    pub(super) reply_to: Option<Mailbox>,
    pub(super) list_id: HeaderValue,
    pub(super) feedback_id: String,
    /// The addresses that any mail of the campaign may hold: ours, and those in the templates.
    pub(super) known_addresses: HashSet<String>,
    pub(super) constants: Vec<String>,
    pub(super) digest: [u8; 32],
}

impl Letter {
    /// The variables that no column, constant or built-in provides, each with its place and the nearest name. One
    /// that the template guards (`or`, `default`, `if`) may be absent. `columns` are normalised names. Then the bodies
    /// that never show a link which every mail must hold, and what no mail may hold, each once and in its place.
    #[must_use]
    pub fn check_variables(&self, columns: &[String]) -> Vec<Problem> {
        let ways = &self.letterhead.unsubscribe;
        let unsubscribe = ways.url.is_some() || ways.mailto.is_some();
        let mut problems =
            context::check_variables(&self.tera, &self.sources, &self.start(), &self.constants, columns);
        problems.extend(context::without_links(&self.sources, unsubscribe));
        problems.extend(lint::faults(&self.sources, &self.sources.reached(&self.start())));
        problems
    }

    /// The names that the templates ask for and that are not built in: the columns of other names are used by no mail.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<String> {
        let start = self.start();
        start
            .iter()
            .filter_map(|name| self.tera.get_template_variables(name).ok())
            .flatten()
            .filter(|name| !context::is_built_in(name))
            .map(str::to_owned)
            .collect()
    }

    /// Variables that nothing provides, each with a stand-in or a test: every mail would get the stand-in. Then the tags
    /// of other services and the arguments that no filter knows. May be meant, so it is no problem.
    #[must_use]
    pub fn likely_slips(&self, columns: &[String]) -> Vec<Problem> {
        let start = self.start();
        let mut slips = context::likely_slips(&self.tera, &self.sources, &start, &self.constants, columns);
        let known: Vec<_> = context::known(&self.constants, columns).collect();
        slips.extend(lint::slips(&self.sources, &self.sources.reached(&start), &known));
        slips
    }

    /// Advice that would make the HTML better for people who listen to their mail: the mail may leave without it.
    #[must_use]
    pub fn advice(&self) -> Vec<Problem> {
        let reached = self.sources.reached(&self.start());
        let linted = lint::advice(&self.sources, &reached);
        let html = reached.into_iter().filter(|(name, _)| templates::is_html(name));
        let lacking = html.flat_map(|(name, text)| {
            let lacking = advice::lacking(text).into_iter();
            lacking.map(move |(offset, reason)| Problem::new(self.sources.place_at(name, offset), reason))
        });
        lacking.chain(linted).collect()
    }

    /// SHA-256 over everything that makes up the mails beside the list: templates, attachments, letterhead, constants,
    /// title, questions. Equal digests: the content has not changed.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The subject of an id in a mail of this letter.
    pub(super) fn about(&self, key: &RecipientKey) -> String {
        headers::about(&self.campaign, &self.occasion, &key.0)
    }

    /// The names of the three templates that everything starts from.
    fn start(&self) -> Vec<String> {
        REQUIRED.iter().map(|file| self.sources.name_of(file)).collect()
    }
}

/// Calls `each` with every text in a JSON value, keys included.
pub(super) fn each_text(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(values) => values.iter().for_each(|value| each_text(value, each)),
        Value::Object(fields) => {
            for (name, value) in fields {
                each(name);
                each_text(value, each);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
