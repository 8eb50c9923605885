//! What is wrong or odd in the templates themselves, each with its place: what the proof would refuse in every mail,
//! and what people do not mean.

mod arguments;
mod leftovers;
mod markup;
mod source;

use std::collections::BTreeMap;

use self::markup::Finding;
use super::{
    headers,
    templates::{Sources, is_html},
    words,
};
use crate::problem::Problem;

/// What the proof would refuse in every mail, once and in its place.
pub(super) fn faults(sources: &Sources, reached: &BTreeMap<&str, &str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, text) in reached {
        let glued = markup::glued(text, false).0;
        let markup = if is_html(name) { markup::faults(text) } else { Vec::new() };
        problems.extend(markup.into_iter().chain(glued).map(|finding| problem(sources, name, finding)));
    }
    let subject = sources.name_of("subject.txt");
    if let Some(text) = reached.get(subject.as_str())
        && words::words(text).is_empty()
        && let Err(reason) = headers::check_text(text.trim(), headers::MAX_SUBJECT)
    {
        let hint = "a subject is one line of at most 200 characters: shorten it";
        problems
            .push(Problem::new(sources.place_at(&subject, 0), format!("the subject {reason}")).hint(hint));
    }
    problems
}

/// What would go out as it stands and is not meant; `known` are the names that a template has.
pub(super) fn slips(sources: &Sources, reached: &BTreeMap<&str, &str>, known: &[&str]) -> Vec<Problem> {
    let all = reached.iter().flat_map(|(name, text)| {
        let found = leftovers::leftovers(text, known).into_iter().chain(arguments::unknown(text));
        found.map(|finding| problem(sources, name, finding))
    });
    all.collect()
}

/// What would make the mails better without being wrong.
pub(super) fn advice(sources: &Sources, reached: &BTreeMap<&str, &str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, text) in reached {
        let found = if is_html(name) {
            let lost = markup::lost_rules(text);
            lost.into_iter().chain(markup::remote_pictures(text)).collect()
        } else {
            markup::glued(text, true).1
        };
        problems.extend(found.into_iter().map(|finding| problem(sources, name, finding)));
    }
    problems
}

fn problem(sources: &Sources, name: &str, finding: Finding) -> Problem {
    let Finding { offset, message, hint } = finding;
    Problem::new(sources.place_at(name, offset), message).hint(hint)
}
