//! The template files of one campaign: found, read, checked, compiled.
//!
//! The campaign's folder stands in the root of all templates, beside bases (`base.html`) and `parts/`. Only what the
//! campaign uses is read, so another campaign's mistake is not ours. Nothing outside the root is ever opened.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use tera::{Context, ErrorKind, Tera};

use super::{defect, filters, references, syntax, words::line_column};
use crate::problem::{Diagnosis, Place, Problem};

/// The three files that every template folder holds.
pub(super) const REQUIRED: [&str; 3] = ["subject.txt", "body.txt", "body.html"];

/// One template may be at most this long, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The greatest depth of `parts/`.
const MAX_DEPTH: usize = 8;

/// The sources of one campaign, by template name: the path below the root, with `/`.
#[derive(Debug)]
pub(super) struct Sources {
    root: PathBuf,
    folder: String,
    texts: BTreeMap<String, String>,
}

impl Sources {
    /// Reads the campaign's three files, whatever they refer to, and `parts/`. Reports every problem at once.
    pub(super) fn read(template: &Path) -> Result<Self, Vec<Problem>> {
        let whole = |message: &str| vec![Problem::new(Place::file(template.display().to_string()), message)];
        let Some(folder) = template.file_name().and_then(OsStr::to_str) else {
            return Err(whole("the template folder has no name in UTF-8"));
        };
        let root = template.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Some(real_root) = root.canonicalize().ok().filter(|_| template.is_dir()) else {
            let hint = format!(
                "`template` is relative to the campaign file and names a folder with {}",
                REQUIRED.join(", ")
            );
            let problems = whole("the template folder does not exist").into_iter();
            return Err(problems.map(|problem| problem.hint(hint.as_str())).collect());
        };
        let mut sources = Self { root: root.to_owned(), folder: folder.to_owned(), texts: BTreeMap::new() };
        let mut problems = Vec::new();
        let mut waiting: VecDeque<(String, Place)> = VecDeque::new();
        for name in REQUIRED {
            waiting.push_back((sources.name_of(name), Place::file(template.display().to_string())));
        }
        for name in parts(root, Path::new("parts"), 0) {
            let place = sources.place(&name);
            waiting.push_back((name, place));
        }
        while let Some((name, place)) = waiting.pop_front() {
            if sources.texts.contains_key(&name) {
                continue;
            }
            match read_one(root, &real_root, &name) {
                Ok(text) => {
                    sources.texts.insert(name.clone(), text);
                    let (more, wrong) = sources.follow(&name);
                    waiting.extend(more);
                    problems.extend(wrong);
                }
                Err(what) => problems.push(Problem { place, what }),
            }
        }
        if problems.is_empty() { Ok(sources) } else { Err(problems) }
    }

    /// The templates by name.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The template name of one of the campaign's own files.
    pub(super) fn name_of(&self, file: &str) -> String {
        format!("{}/{file}", self.folder)
    }

    /// The place of a template, as the user would name it.
    pub(super) fn place(&self, name: &str) -> Place {
        Place::file(self.root.join(name).display().to_string())
    }

    /// A place inside a template.
    pub(super) fn place_at(&self, name: &str, offset: usize) -> Place {
        let (line, column) = line_column(self.texts.get(name).map_or("", String::as_str), offset);
        Place { line: Some(line), column: Some(column), ..self.place(name) }
    }

    /// The templates that `start` reaches, itself included, and those that define components.
    pub(super) fn reached(&self, start: &[String]) -> BTreeMap<&str, &str> {
        let components = self.texts().filter(|(_, text)| references::defines_component(text));
        let components = components.map(|(name, _)| name.to_owned());
        self.followed(start.iter().cloned().chain(components).collect())
    }

    /// The templates that one reaches by name, itself included. A component sees nothing of a row but what it is handed.
    pub(super) fn taken_in_by(&self, name: &str) -> BTreeMap<&str, &str> {
        self.followed(vec![name.to_owned()])
    }

    fn followed(&self, mut waiting: Vec<String>) -> BTreeMap<&str, &str> {
        let mut reached = BTreeMap::new();
        while let Some(name) = waiting.pop() {
            if let Some((name, text)) = self.texts.get_key_value(&name)
                && reached.insert(name.as_str(), text.as_str()).is_none()
            {
                waiting.extend(references::templates(text).into_iter().map(|reference| reference.name));
            }
        }
        reached
    }

    /// The templates that a template refers to, with the place of the reference, and the problems of it.
    fn follow(&self, name: &str) -> (Vec<(String, Place)>, Vec<Problem>) {
        let text = self.texts.get(name).map_or("", String::as_str);
        let mut more = Vec::new();
        let mut problems = Vec::new();
        for reference in references::templates(text) {
            let place = self.place_at(name, reference.offset);
            if suffix(&reference.name) == suffix(name) {
                more.push((reference.name, place));
            } else {
                let message = format!("`{}` does not end like `{name}`", reference.name);
                problems.push(
                    Problem::new(place, message)
                        .hint("a .html template takes in .html alone, a .txt template .txt alone"),
                );
            }
        }
        for offset in references::unquoted(text).into_iter().filter(|_| is_html(name)) {
            let problem =
                Problem::new(self.place_at(name, offset), "an attribute's value stands without quotes");
            problems.push(problem.hint("write `name=\"{{ value }}\"`"));
        }
        for (reference, reason) in references::forbidden(text) {
            let place = self.place_at(name, reference.offset);
            problems.push(Problem::new(place, format!("`{}` {reason}", reference.name)));
        }
        (more, problems)
    }
}

/// Compiles the sources. `globals` are the values that are the same for every mail.
pub(super) fn compile(sources: &Sources, globals: Context) -> Result<Tera, Vec<Problem>> {
    let mut tera = Tera::new();
    tera.autoescape_on([".html"]);
    filters::register(&mut tera);
    *tera.global_context() = globals;
    // Tera stops at the first syntax error, so each file is tried alone first.
    let alone = sources.texts().filter_map(|(name, text)| {
        let error = tera.clone().add_raw_template(name, text).err()?;
        matches!(error.kind(), ErrorKind::SyntaxError(_)).then_some(error)
    });
    let problems: Vec<Problem> = alone.flat_map(|error| problems(&error, sources)).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    match tera.add_raw_templates(sources.texts()) {
        Ok(()) => Ok(tera),
        Err(error) => Err(self::problems(&error, sources)),
    }
}

/// Tera's error as places and words.
fn problems(error: &tera::Error, sources: &Sources) -> Vec<Problem> {
    if let ErrorKind::SyntaxError(report) = error.kind() {
        let span = report.span();
        let place = Place {
            line: Some(span.start_line as u64),
            column: Some(span.start_col as u64 + 1),
            ..sources.place(report.filename())
        };
        let source = sources.texts.get(report.filename()).map_or("", String::as_str);
        let remedy = syntax::remedy(source, offset_of(source, span.start_line, span.start_col));
        return vec![Problem::new(place, syntax(report.message())).hint(remedy)];
    }
    let text = error.to_string();
    let reports: Vec<Problem> = text.split("\n\n").filter_map(|report| reported(report, sources)).collect();
    if reports.is_empty() {
        vec![Problem::new(sources.place(&sources.folder), fragment(&text))]
    } else {
        reports
    }
}

/// Reads one of Tera's printed reports: `error: WHAT`, then `--> FILE:LINE:COLUMN`.
fn reported(report: &str, sources: &Sources) -> Option<Problem> {
    let message = report.strip_prefix("error: ")?.lines().next()?;
    let place = report.lines().find_map(|line| line.trim_start().strip_prefix("--> "))?;
    let mut parts = place.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let place = Place { line: Some(line), column: Some(column), ..sources.place(parts.next()?) };
    Some(Problem::new(place, fragment(message)))
}

/// The byte at a line (from 1) and a column (from 0).
fn offset_of(source: &str, line: usize, column: usize) -> usize {
    let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = source.get(before..).unwrap_or_default();
    before + rest.char_indices().nth(column).map_or(0, |(at, _)| at)
}

/// Tera's words about a syntax error; the tokens that it could begin an expression with are "a value" to an author.
fn syntax(message: &str) -> String {
    let message = fragment(message);
    match message.split_once("expected one of: ") {
        Some((before, tokens)) if tokens.contains("ident") => format!("{before}expected a value"),
        Some(_) | None => message,
    }
}

/// Tera's sentence as a lower-case fragment without its list of all variables.
pub(super) fn fragment(sentence: &str) -> String {
    let short = sentence.split(" Available ").next().unwrap_or(sentence).trim().trim_end_matches('.');
    let mut chars = short.chars();
    let first = chars.next().map(|char| char.to_lowercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}

/// Whether values are escaped in this template.
pub(super) fn is_html(name: &str) -> bool {
    suffix(name) == Some(".html")
}

/// The suffix that decides about escaping.
fn suffix(name: &str) -> Option<&'static str> {
    [".html", ".txt"].into_iter().find(|suffix| name.ends_with(suffix))
}

/// The templates below `parts/`, by name, in order. Files with another suffix are none of ours.
fn parts(root: &Path, folder: &Path, depth: usize) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut names = Vec::new();
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        let Some(name) = path.to_str().map(|name| name.replace('\\', "/")) else { continue };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => names.extend(parts(root, &path, depth + 1)),
            Ok(kind) if !kind.is_dir() && suffix(&name).is_some() => names.push(name),
            Ok(_) | Err(_) => {}
        }
    }
    names.sort();
    names
}

/// Reads one template; `Err` says why not, for the place that names it.
fn read_one(root: &Path, real_root: &Path, name: &str) -> Result<String, Diagnosis> {
    let refuse = |message| Err(defect(message));
    let unreadable = |error| defect(format!("`{name}` cannot be read: {error}"));
    if suffix(name).is_none() {
        return refuse(format!("`{name}` does not end in .txt or .html, which decides about escaping"));
    }
    let plain = !name.chars().any(|char| char.is_control() || matches!(char, '\\' | ':'))
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !plain {
        return refuse(format!(
            "`{}` is no template name: a path below the root, without `..`",
            name.escape_debug()
        ));
    }
    let path = root.join(name);
    let real = path.canonicalize().map_err(|_| {
        let missing = defect(format!("there is no template `{name}`"));
        match nearly(&path) {
            Some((there, wanted)) => missing.hint(format!("there is `{there}`: call it `{wanted}`")),
            None => missing,
        }
    })?;
    if !real.starts_with(real_root) {
        return refuse(format!("`{name}` leads out of the folder of templates"));
    }
    let metadata = fs::metadata(&real).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return refuse(format!("`{name}` is no file of at most 1 MiB"));
    }
    let bytes = fs::read(&real).map_err(unreadable)?;
    let as_utf8 = "save the file as UTF-8";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(defect(format!("`{name}` is UTF-16, expected UTF-8")).hint(as_utf8));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        defect(format!("`{name}` is not UTF-8 (line {line})")).hint(as_utf8)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
    if let Some(at) = text.find(|char: char| char.is_control() && !matches!(char, '\n' | '\t')) {
        let (line, _) = line_column(&text, at);
        return refuse(format!("`{name}` holds a control character (line {line})"));
    }
    Ok(text)
}

/// A file beside a missing one that is probably meant, and how it should be called: in another letter case, with `.htm`,
/// or with a second ending that a system hides.
fn nearly(path: &Path) -> Option<(String, String)> {
    let wanted = path.file_name()?.to_str()?;
    let names = fs::read_dir(path.parent()?).ok()?.flatten();
    let mut names: Vec<_> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let lower = wanted.to_ascii_lowercase();
    let stem = lower.strip_suffix(".html");
    let is_near = |name: &str| {
        let name = name.to_ascii_lowercase();
        name == lower
            || name.strip_prefix(lower.as_str()).is_some_and(|rest| rest.starts_with('.') && rest.len() <= 5)
            || stem.is_some_and(|stem| {
                name.strip_prefix(stem).is_some_and(|rest| matches!(rest, ".htm" | ".htm.txt" | ".xhtml"))
            })
    };
    let there = names.into_iter().find(|name| is_near(name))?;
    Some((there, wanted.to_owned()))
}
