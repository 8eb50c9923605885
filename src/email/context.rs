//! The context of a template, and the check that it asks for nothing that nobody provides.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use tera::{Context, Tera};

use super::{Letterhead, Link, filters, references, templates::Sources, theirs::ours};
use crate::{
    audience::Recipient,
    campaign::Campaign,
    problem::{Problem, nearest},
};

/// What every template has, whatever the list. Columns of these names are hidden, except for the first three, which
/// say the same.
const BUILT_INS: [&str; 9] =
    ["email", "name", "user_id", "link", "unsubscribe_url", "expires", "campaign", "sender", "questions"];

/// Whether a name is one that every mail provides.
pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_INS.contains(&name)
}

/// The built-ins that are taken from the columns of the same name.
const FROM_COLUMNS: usize = 3;

/// The values that are the same for every mail: constants, campaign, sender, questions.
pub(super) fn globals(campaign: &Campaign, letterhead: &Letterhead) -> Context {
    let mut context = Context::new();
    for (name, value) in &campaign.variables {
        context.insert(name.clone(), value);
    }
    let questions: Vec<Value> = campaign
        .questions
        .iter()
        .map(|question| {
            let answers: Vec<Value> =
                question.answers.iter().map(|(id, text)| json!({ "id": id, "text": text })).collect();
            json!({ "id": question.id, "text": question.text, "answers": answers })
        })
        .collect();
    context.insert("questions", &questions);
    context.insert(
        "campaign",
        &json!({
            "id": campaign.id.as_str(),
            "title": campaign.title,
            "kind": campaign.kind.name(),
            "occasion": campaign.occasion,
        }),
    );
    context.insert(
        "sender",
        &json!({
            "name": letterhead.sender_name,
            "address": letterhead.sender.to_string(),
            "postal_address": letterhead.postal_address,
        }),
    );
    context
}

/// One recipient's values. A column hides a constant of its name; a built-in hides a column.
pub(super) fn row(recipient: &Recipient, link: &Link<'_>, unsubscribe_url: Option<&str>) -> Context {
    let mut context = Context::new();
    for (name, value) in &recipient.fields {
        if !BUILT_INS.contains(&name.as_str()) && !name.starts_with("__") {
            context.insert(name.clone(), value);
        }
    }
    context.insert("email", &recipient.address.to_string());
    context.insert("name", &recipient.name);
    context.insert("user_id", &recipient.user_id);
    context.insert("link", link.url);
    context.insert(filters::LINK, link.url);
    context.insert("unsubscribe_url", &unsubscribe_url);
    context.insert("expires", &whole_seconds(link.expires));
    context
}

/// An instant as ISO 8601 in UTC, without fractions of a second.
fn whole_seconds(instant: Timestamp) -> String {
    Timestamp::from_second(instant.as_second())
        .map_or_else(|_| instant.to_string(), |instant| instant.to_string())
}

/// What a template may call a value of ours, whatever the list.
const OWN_VALUES: [&str; 1] = ["sender.postal_address"];

/// Every name that a template has.
pub(super) fn known<'a>(constants: &'a [String], columns: &'a [String]) -> impl Iterator<Item = &'a str> {
    columns.iter().chain(constants).map(String::as_str).chain(BUILT_INS).chain(OWN_VALUES)
}

/// Guarded variables that nothing provides: every mail goes without them.
pub(super) fn likely_slips(
    tera: &Tera,
    sources: &Sources,
    start: &[String],
    constants: &[String],
    columns: &[String],
) -> Vec<Problem> {
    let reached = sources.reached(start);
    let own: BTreeSet<String> = reached.values().flat_map(|text| references::own_names(text)).collect();
    let known = || columns.iter().chain(constants).map(String::as_str).chain(BUILT_INS);
    let asked: BTreeSet<&str> =
        start.iter().filter_map(|name| tera.get_template_variables(name).ok()).flatten().collect();
    let absent =
        asked.into_iter().filter(|name| !own.contains(*name) && !known().any(|known| known == *name));
    let slips = absent.filter_map(|name| {
        let mut uses =
            reached.iter().filter_map(|(file, text)| Some((file, text, references::first_use(text, name)?)));
        let (file, text, offset) = uses.next()?;
        let then = match references::stand_in(text, name) {
            Some(words) => format!("every mail says `{words}`"),
            None => "every mail goes without it".to_owned(),
        };
        let hint = match nearest(name, known()).or_else(|| ours(name, &known().collect::<Vec<_>>())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "where a column has it, call that so: `aliases.{name} = [\"HEADER\"]` under `[audience]`"
            ),
        };
        let message = format!("nothing provides `{name}`, so {then}");
        Some(Problem::new(sources.place_at(file, offset), message).hint(hint))
    });
    slips.collect()
}

/// The bodies in which a link that every mail must hold stands nowhere, not even under a condition.
pub(super) fn without_links(sources: &Sources, unsubscribe: bool) -> Vec<Problem> {
    let wanted =
        [("the sign-in link", "link", true), ("the unsubscribe link", "unsubscribe_url", unsubscribe)];
    let mut problems = Vec::new();
    for (file, part) in [("body.txt", "text"), ("body.html", "HTML")] {
        let name = sources.name_of(file);
        let reached = sources.taken_in_by(&name);
        for (what, variable, _) in wanted.iter().filter(|(_, _, wanted)| *wanted) {
            if !reached.values().any(|text| references::mentions(text, variable)) {
                let problem = Problem::new(
                    sources.place(&name),
                    format!("`{variable}` stands nowhere, so no mail's {part} would hold {what}"),
                );
                problems.push(problem.hint(format!("put `{{{{ {variable} }}}}` into the template")));
            }
        }
    }
    problems
}

/// The variables that nothing provides, and those that two things provide.
pub(super) fn check_variables(
    tera: &Tera,
    sources: &Sources,
    start: &[String],
    constants: &[String],
    columns: &[String],
) -> Vec<Problem> {
    let reached = sources.reached(start);
    let own: BTreeSet<String> = reached.values().flat_map(|text| references::own_names(text)).collect();
    let asked: BTreeSet<&str> =
        start.iter().filter_map(|name| tera.get_template_variables(name).ok()).flatten().collect();
    let mut problems = Vec::new();
    for name in asked {
        let column = columns.iter().any(|column| column == name);
        let constant = constants.iter().any(|constant| constant == name);
        let built_in = BUILT_INS.iter().position(|built_in| *built_in == name);
        let message = match built_in {
            Some(at) if constant || (column && at >= FROM_COLUMNS) => {
                let whose = if constant { "constant" } else { "column" };
                format!("`{name}` is a {whose} and also what every template has by that name")
            }
            None if column && constant => format!("`{name}` is both a column and a constant"),
            None if !column && !constant && !own.contains(name) => {
                format!("nothing provides the variable `{name}`")
            }
            Some(_) | None => continue,
        };
        let known = columns.iter().chain(constants).map(String::as_str).chain(BUILT_INS);
        let absent = !column && !constant;
        // A guarded variable may be absent; one that two things provide is ambiguous wherever it stands.
        let place = reached.iter().find_map(|(file, text)| {
            references::unguarded(text, name).map(|offset| sources.place_at(file, offset))
        });
        let place = match place {
            Some(place) => place,
            None if absent => continue,
            None => sources.place(start.first().map_or("", String::as_str)),
        };
        let subtracts = reached.values().find_map(|text| references::subtracted(text, name, columns));
        let hint = match nearest(name, known.filter(|known| *known != name)) {
            _ if absent && let Some(whole) = subtracts => {
                format!("`-` subtracts: write `{{{{ {whole} }}}}`, which is what the column is called here")
            }
            Some(near) if absent => format!("did you mean `{near}`?"),
            _ if absent => format!("add a column, a constant, or write `{{{{ {name} or \"…\" }}}}`"),
            _ if constant => "give the constant another name".to_owned(),
            _ => format!(
                "give the column another name, `aliases.list_{name} = [\"{name}\"]` under `[audience]`, and write `{{{{ list_{name} }}}}` where it is meant"
            ),
        };
        problems.push(Problem::new(place, message).hint(hint));
    }
    problems
}
