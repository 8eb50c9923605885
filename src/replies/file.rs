//! The files of rules: TOML, every mistake told at once.

use jiff::SignedDuration;

use super::{
    fault::{Fault, Step},
    rule::{Code, Rule, Speaker},
    words::Phrase,
};
use crate::{
    problem::Problem,
    toml_file::{Table, TomlFile},
};

/// The rules of a file; the problems of single rules stay in the file.
pub(super) fn read(file: &TomlFile) -> Result<Vec<Rule>, Vec<Problem>> {
    let mut root = file.root()?;
    let mut rules = Vec::new();
    for (key, speaker) in [("smtp", Speaker::Smtp), ("service", Speaker::Service)] {
        rules.extend(root.tables(key).into_iter().filter_map(|table| rule(table, speaker)));
    }
    root.finish();
    Ok(rules)
}

/// `None` only if a problem was recorded.
fn rule(mut table: Table<'_>, speaker: Speaker) -> Option<Rule> {
    let has_class = table.has("class");
    let fault = table.choice("class", &Fault::NAMES);
    if !has_class {
        table.missing("class", "add `class = \"person\"`, or another of the classes in the README");
    }
    let codes = list(&mut table, if speaker == Speaker::Smtp { "codes" } else { "status" }, Code::parse);
    let (mut enhanced, mut errors, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    match speaker {
        Speaker::Smtp => {
            enhanced = list(&mut table, "enhanced", pattern);
            steps = list(&mut table, "steps", step);
        }
        Speaker::Service => errors = table.strings("errors"),
    }
    let words = list(&mut table, "words", |text| {
        Phrase::parse(text)
            .ok_or_else(|| format!("found `{text}`, expected words, with `*` for what may differ"))
    });
    let say = table.string("say");
    let advice = table.string("advice");
    let opens_in = table.parse("opens_in", |text| {
        text.parse::<SignedDuration>()
            .ok()
            .filter(SignedDuration::is_positive)
            .ok_or_else(|| format!("found `{text}`, expected a time such as `24 hours`"))
    });
    let examples = table.strings("examples");
    let looks_at_nothing = codes.is_empty() && enhanced.is_empty() && errors.is_empty() && words.is_empty();
    if looks_at_nothing && has_class {
        table.tell(
            "the rule fits every refusal".to_owned(),
            "say which with `codes`, `enhanced` or `words`".to_owned(),
        );
    }
    table.finish();
    Some(Rule {
        speaker,
        fault: fault?,
        codes,
        enhanced,
        errors,
        words,
        steps,
        say,
        advice,
        opens_in,
        examples,
    })
}

/// A list of strings of which each is read; problems are recorded at the table.
fn list<T>(table: &mut Table<'_>, key: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
    let mut values = Vec::new();
    for text in table.strings(key) {
        match read(&text) {
            Ok(value) => values.push(value),
            Err(problem) => table.tell(format!("`{key}`: {problem}"), "see the rules in the README"),
        }
    }
    values
}

impl Code {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = |rest: char| text.replace('x', &rest.to_string()).parse::<u16>().ok();
        let known = text.trim_end_matches('x');
        let good = text.len() == 3
            && text.starts_with(|first: char| ('2'..='5').contains(&first))
            && known.bytes().all(|byte| byte.is_ascii_digit());
        match (digits('0'), digits('9')) {
            (Some(from), Some(to)) if good => Ok(Self { from, to }),
            _ => Err(format!("found `{text}`, expected a code such as `550` or `5xx`")),
        }
    }
}

fn pattern(text: &str) -> Result<[Option<u16>; 3], String> {
    let wrong = || format!("found `{text}`, expected an enhanced code such as `5.7.1` or `x.7.1`");
    let mut parts = [None; 3];
    let mut words = text.split('.');
    for part in &mut parts {
        let word = words.next().ok_or_else(wrong)?;
        *part = if word == "x" { None } else { Some(word.parse().map_err(|_| wrong())?) };
    }
    if words.next().is_some() { Err(wrong()) } else { Ok(parts) }
}

fn step(text: &str) -> Result<Step, String> {
    let names = [
        ("opening", Step::Opening),
        ("login", Step::Login),
        ("mail", Step::Mail),
        ("rcpt", Step::Rcpt),
        ("data", Step::Data),
        ("dot", Step::Dot),
    ];
    names.into_iter().find(|(name, _)| *name == text).map(|(_, step)| step).ok_or_else(|| {
        let names: Vec<_> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
        format!("found `{text}`, expected one of {}", names.join(", "))
    })
}
