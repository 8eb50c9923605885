//! Reads a TOML file so that every mistake in it is told at once, each with line, column and the nearest valid name.
//!
//! Serde stops at the first error, so both of our files are read through a [`Table`]: keys are taken out one by one,
//! and what is left at the end is unknown. Problems gather in the [`TomlFile`]; a value that could not be read is
//! `None`, and the caller goes on.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::problem::{Diagnosis, Place, Problem, cause, nearest};

/// The most that a settings or campaign file may hold, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A file's text and the problems found in it so far.
#[derive(Debug)]
pub struct TomlFile {
    path: PathBuf,
    text: String,
    problems: RefCell<Vec<Problem>>,
}

/// A table of the file; reading a key takes it out.
#[derive(Debug)]
pub struct Table<'a> {
    file: &'a TomlFile,
    /// The dotted path from the root, empty for the root.
    path: String,
    span: Range<usize>,
    entries: BTreeMap<String, Entry<'a>>,
    /// Every key that was asked for, found or not: the valid names.
    asked: Vec<&'static str>,
}

#[derive(Debug)]
struct Entry<'a> {
    key_span: Range<usize>,
    value: Spanned<DeValue<'a>>,
}

impl TomlFile {
    /// Reads the file's text; `what` says in an error what the file is for.
    pub fn read(path: &Path, what: &str) -> Result<Self, Problem> {
        let place = || Place::file(path.display().to_string());
        let failed = |error: std::io::Error| {
            let problem = Problem::new(place(), format!("the {what} cannot be read: {}", cause(&error)));
            if error.kind() == std::io::ErrorKind::NotFound {
                problem.hint("check the path; it is relative to the current folder")
            } else if error.kind() == std::io::ErrorKind::InvalidData {
                problem.hint("save the file as UTF-8")
            } else {
                problem
            }
        };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        if size > MAX_BYTES {
            return Err(Problem::new(
                place(),
                format!("the {what} has {size} bytes, expected at most {MAX_BYTES}"),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), text, problems: RefCell::default() })
    }

    /// A text that is no file; problems are placed in `name`.
    #[must_use]
    pub fn of(name: &str, text: &str) -> Self {
        Self { path: name.into(), text: text.to_owned(), problems: RefCell::default() }
    }

    /// The root table, or the syntax errors.
    pub fn root(&self) -> Result<Table<'_>, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        if errors.is_empty() {
            return Ok(self.table(String::new(), 0..0, root.into_inner()));
        }
        let problems = errors.iter().map(|error| {
            let at = error.span().unwrap_or(0..0).start;
            Problem::new(
                self.place(at),
                format!("not TOML: {}", error.message().trim_end().replace('\n', ", ")),
            )
        });
        Err(problems.collect())
    }

    /// A path in the file, relative to the file's own folder.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        let (mut folder, mut path) = (self.path.parent().unwrap_or(Path::new("")), Path::new(path));
        // `campaigns/../templates` is shown as `templates`, as long as no symlink makes them differ.
        while let (Ok(rest), Some(above)) = (path.strip_prefix(".."), folder.parent()) {
            if folder.file_name().is_none() || folder.is_symlink() {
                break;
            }
            (folder, path) = (above, rest);
        }
        folder.join(path)
    }

    /// What was found wrong so far, in the order of the file.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.place.line, problem.place.column));
        problems
    }

    fn table<'a>(&'a self, path: String, span: Range<usize>, table: DeTable<'a>) -> Table<'a> {
        let entries = table
            .into_iter()
            .map(|(key, value)| {
                let key_span = key.span();
                (key.into_inner().into_owned(), Entry { key_span, value })
            })
            .collect();
        Table { file: self, path, span, entries, asked: Vec::new() }
    }

    fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place { file: self.path.display().to_string(), line: Some(line as u64), column: Some(column as u64) }
    }

    fn tell(&self, at: usize, message: String, hint: Option<String>) {
        let problem = Problem { place: self.place(at), what: Diagnosis { message, hint } };
        self.problems.borrow_mut().push(problem);
    }
}

impl<'a> Table<'a> {
    /// A string, if the key is there.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        self.parse(key, |text| Ok::<_, String>(text.to_owned()))
    }

    /// A string that `parse` understands. `parse` says what it found and what it expected.
    pub fn parse<T, E: ToString>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.parse_hinted(key, |text| parse(text).map_err(|error| (error.to_string(), None)))
    }

    /// The same, where `parse` knows a remedy as well.
    pub fn parse_hinted<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, (String, Option<String>)>,
    ) -> Option<T> {
        let entry = self.take(key)?;
        let Some(text) = entry.value.get_ref().as_str() else {
            self.wrong_type(key, &entry, "a string in quotes");
            return None;
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err((error, hint)) => {
                self.file.tell(entry.value.span().start, format!("`{}`: {error}", self.full(key)), hint);
                None
            }
        }
    }

    /// The same for a key that has to be there; `example` is a value that would do.
    pub fn require<T, E: ToString>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.entries.contains_key(key) {
            self.asked.push(key);
            self.missing(key, &format!("add `{key} = \"{example}\"`"));
        }
        self.parse(key, parse)
    }

    /// One of a closed set of names.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        self.parse(key, |text| {
            choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
                format!("found `{text}`, expected one of {}", names.join(", "))
            })
        })
    }

    /// A whole number within `range`.
    pub fn integer(&mut self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let entry = self.take(key)?;
        let number =
            entry.value.get_ref().as_integer().and_then(|number| {
                i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
            });
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong_type(key, &entry, &expected);
                None
            }
        }
    }

    /// A number within `range`, whole or not.
    pub fn number(&mut self, key: &'static str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let entry = self.take(key)?;
        let value = entry.value.get_ref();
        let text = value
            .as_float()
            .map(|number| number.as_str().replace('_', ""))
            .or_else(|| value.as_integer().map(|number| number.as_str().replace('_', "")));
        match text.and_then(|text| text.parse::<f64>().ok()) {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                self.wrong_type(key, &entry, &format!("a number from {} to {}", range.start(), range.end()));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let entry = self.take(key)?;
        let value = entry.value.get_ref().as_bool();
        if value.is_none() {
            self.wrong_type(key, &entry, "`true` or `false`");
        }
        value
    }

    /// A list of strings; empty if the key is not there.
    pub fn strings(&mut self, key: &'static str) -> Vec<String> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        let strings = entry.value.get_ref().as_array().and_then(|array| {
            array.iter().map(|value| value.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        if strings.is_none() {
            self.wrong_type(key, &entry, "a list of strings");
        }
        strings.unwrap_or_default()
    }

    /// A table below this one, if it is there.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'a>> {
        let entry = self.take(key)?;
        let at = entry.key_span.clone();
        if entry.value.get_ref().is_table() {
            let path = self.full(key);
            let DeValue::Table(table) = entry.value.into_inner() else { return None };
            Some(self.file.table(path, at, table))
        } else {
            self.wrong_type(key, &entry, &format!("a table `[{}]`", self.full(key)));
            None
        }
    }

    /// The same for a table that has to be there.
    pub fn require_table(&mut self, key: &'static str) -> Option<Table<'a>> {
        if !self.entries.contains_key(key) {
            self.asked.push(key);
            self.missing(key, &format!("add a table `[{}]`", self.full(key)));
        }
        self.table(key)
    }

    /// A list of tables, `[[key]]`; empty if the key is not there.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        let path = self.full(key);
        let all_tables = entry
            .value
            .get_ref()
            .as_array()
            .is_some_and(|array| array.iter().all(|value| value.get_ref().is_table()));
        if !all_tables {
            self.wrong_type(key, &entry, &format!("tables `[[{path}]]`"));
            return Vec::new();
        }
        let DeValue::Array(array) = entry.value.into_inner() else { return Vec::new() };
        array
            .into_iter()
            .filter_map(|value| {
                let span = value.span();
                match value.into_inner() {
                    DeValue::Table(table) => Some(self.file.table(path.clone(), span, table)),
                    DeValue::String(_)
                    | DeValue::Integer(_)
                    | DeValue::Float(_)
                    | DeValue::Boolean(_)
                    | DeValue::Datetime(_)
                    | DeValue::Array(_) => None,
                }
            })
            .collect()
    }

    /// One table `[key]` or a list of them, `[[key]]`; empty if the key is not there.
    pub fn one_or_several(&mut self, key: &'static str) -> Vec<Table<'a>> {
        match self.entries.get(key) {
            Some(entry) if entry.value.get_ref().is_table() => self.table(key).into_iter().collect(),
            Some(_) | None => self.tables(key),
        }
    }

    /// Records a problem of another file that this table names.
    pub fn pass_on(&self, problem: Problem) {
        self.file.problems.borrow_mut().push(problem);
    }

    /// The keys of this table, whatever they are called, each with its value as `read` understands it.
    pub fn entries<T>(mut self, read: impl Fn(&Value) -> Result<T, String>) -> Vec<(String, T)> {
        let mut entries: Vec<_> = std::mem::take(&mut self.entries).into_iter().collect();
        entries.sort_by_key(|(_, entry)| entry.key_span.start);
        entries
            .into_iter()
            .filter_map(|(key, entry)| match read(&json(entry.value.get_ref())) {
                Ok(value) => Some((key, value)),
                Err(error) => {
                    let at = entry.value.span().start;
                    self.file.tell(at, format!("`{}`: {error}", self.full(&key)), None);
                    None
                }
            })
            .collect()
    }

    /// All keys and values as JSON: constants for templates.
    #[must_use]
    pub fn values(self) -> Map<String, Value> {
        self.entries(|value| Ok(value.clone())).into_iter().collect()
    }

    /// Tells a problem that concerns this table as a whole.
    pub fn tell(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.file.tell(self.span.start, message.into(), Some(hint.into()));
    }

    /// Tells a problem of a key, at its value if it is still there and at the table otherwise.
    pub fn missing(&self, key: &str, hint: &str) {
        self.tell(format!("`{}` is missing", self.full(key)), hint);
    }

    /// Whether the key is there and was not taken yet.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Ends the reading: keys that nobody asked for are unknown.
    pub fn finish(self) {
        for (key, entry) in &self.entries {
            let full = self.full(key);
            let hint = if ["password", "secret", "token", "secret_key", "api_key"].contains(&key.as_str()) {
                "secrets come from the environment or a `*_FILE`, never from this file: see `linkpost --help`"
                    .into()
            } else if let Some(name) = nearest(key, self.asked.iter().copied()) {
                format!("did you mean `{name}`?")
            } else {
                let names: Vec<_> = self.asked.iter().map(|name| format!("`{name}`")).collect();
                format!("the valid keys here are {}", names.join(", "))
            };
            self.file.tell(entry.key_span.start, format!("unknown key `{full}`"), Some(hint));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Entry<'a>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries.remove(key)
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn wrong_type(&self, key: &str, entry: &Entry<'_>, expected: &str) {
        let found = match entry.value.get_ref() {
            DeValue::Integer(number) => format!("`{number}`"),
            DeValue::Float(number) => format!("`{number}`"),
            DeValue::Boolean(value) => format!("`{value}`"),
            DeValue::String(text) => format!("`{text}`"),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let message = format!("`{}`: found {found}, expected {expected}", self.full(key));
        self.file.tell(entry.value.span().start, message, None);
    }
}

/// A TOML value as JSON; dates become their text.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(&number.as_str().replace('_', ""), number.radix())
            .map_or(Value::Null, Value::from),
        DeValue::Float(number) => {
            number.as_str().replace('_', "").parse::<f64>().map_or(Value::Null, Value::from)
        }
        DeValue::Boolean(value) => Value::from(*value),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(array) => array.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect(),
        ),
    }
}
