//! The `[audience]` of a campaign file: where the list comes from, and how it is read.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use jiff::{SignedDuration, Timestamp, Zoned, fmt::strtime, tz::TimeZone};
use serde_json::Value;

use super::{AudienceSpec, ColumnType, Kind, Leeway, WithoutUser, schedule, values::duration};
use crate::{
    schedule::Schedule,
    toml_file::{Table, TomlFile},
};

/// The time for which a file that was found by its name has to be left alone before it is read: an export in the making
/// is touched more often.
const USUAL_SETTLE: SignedDuration = SignedDuration::from_secs(10);
/// The form of `{date}` where the file names none: `2026-11-23`.
const USUAL_DATE: &str = "%Y-%m-%d";

/// The source of the list, and the freshness that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSpec {
    /// Its source.
    pub source: ListSource,
    /// The oldest that its files may be, by their time of change; `None`: any age.
    pub max_age: Option<SignedDuration>,
    /// The time for which its files must have been left alone.
    pub settle: SignedDuration,
    /// The folder that its files are moved to once everybody on them is settled.
    pub done: Option<PathBuf>,
    /// The number of rows with problems that are set aside; `None`: any stops the run.
    pub skip_problems: Option<Leeway>,
}

/// The source of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSource {
    /// One file; its path may hold the day of the due time.
    File(ListPath),
    /// The file that changed last, of those whose names match.
    Newest(ListPath),
    /// All files whose names match and that were not taken before.
    AllNew(ListPath),
    /// The output of a program: its name and its arguments. No shell is asked.
    Command(Vec<String>),
}

/// A path that may hold `{date}`, and wild cards (`*`, `?`) in the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPath {
    /// The folder that the rest is seen from.
    base: PathBuf,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// In the words of strftime.
    Date(String),
}

impl ListPath {
    /// Reads a path: `lists/people.csv`, `lists/carts-{date}.csv`, `lists/{date:%Y/%m}/carts-*.csv`. `resolve` says
    /// where a folder is.
    pub fn parse(text: &str, resolve: impl Fn(&str) -> PathBuf) -> Result<Self, String> {
        let wrong =
            |found: &str| format!("found `{found}`, expected `{{date}}`, or such as `{{date:%Y%m%d}}`");
        if let Some(problem) = no_path(text) {
            return Err(problem);
        }
        let head = text.find(['{', '*', '?']).map_or(text, |at| text.split_at(at).0);
        let (folder, mut rest) = text.split_at(head.rfind('/').map_or(0, |at| at + 1));
        let mut pieces = Vec::new();
        while let Some((before, behind)) = rest.split_once('{') {
            let (inside, after) = behind.split_once('}').ok_or_else(|| wrong(&format!("{{{behind}")))?;
            let format = match inside.split_once(':') {
                None if inside == "date" => USUAL_DATE,
                Some(("date", format)) if is_date_format(format) => format,
                Some(_) | None => return Err(wrong(&format!("{{{inside}}}"))),
            };
            pieces.extend([Piece::Text(before.to_owned()), Piece::Date(format.to_owned())]);
            rest = after;
        }
        if rest.contains('}') {
            return Err(wrong(text));
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let path = Self { base: resolve(folder), pieces };
        let shown = path.rest();
        let (folder, name) = shown.rsplit_once('/').unwrap_or(("", &shown));
        if folder.contains(['*', '?']) {
            return Err(format!("found `{text}`, expected `*` and `?` in the name of the file alone"));
        }
        if name.is_empty() {
            return Err(format!("found `{text}`, expected the path of a file"));
        }
        Ok(path)
    }

    /// Whether the path holds the day of the due time.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Date(_)))
    }

    /// Whether several files may match.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains(['*', '?'])))
    }

    /// The path for a due time. `None` where it needs one and there is none.
    #[must_use]
    pub fn at(&self, due: Option<&Zoned>) -> Option<PathBuf> {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Date(format) => strtime::format(format, due?).ok(),
        });
        pieces.collect::<Option<String>>().map(|rest| self.base.join(rest))
    }

    /// The path after the folder, as the campaign file writes it.
    fn rest(&self) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Date(format) if format == USUAL_DATE => "{date}".to_owned(),
            Piece::Date(format) => format!("{{date:{format}}}"),
        });
        pieces.collect()
    }
}

impl fmt::Display for ListPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.base.join(self.rest()).display())
    }
}

/// Texts that are a path elsewhere and none here.
fn no_path(text: &str) -> Option<String> {
    if text.contains("://") {
        return Some(format!(
            "found `{text}`, expected a file: what is on the web is fetched by a program, with \
             `command = [\"curl\", \"--fail\", \"--silent\", \"--location\", \"{text}\"]` in the place of `csv`"
        ));
    }
    if text.contains('\\') {
        let path = text.replace('\\', "/");
        return Some(format!("found `{text}`, expected `/` between folders, such as `{path}`"));
    }
    let drive =
        text.as_bytes().get(1) == Some(&b':') && text.starts_with(|first: char| first.is_ascii_alphabetic());
    if drive {
        return Some(format!("found `{text}`, expected a path without a drive's letter"));
    }
    if text.starts_with('~') {
        return Some(format!(
            "found `{text}`, expected a whole path: `~` means a home folder to a shell alone"
        ));
    }
    None
}

/// Whether strftime can write a time in this form.
fn is_date_format(format: &str) -> bool {
    let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    format.contains('%') && !format.contains(['*', '?', '{']) && strtime::format(format, &sample).is_ok()
}

/// Reads `[audience]`. `None` only if a problem was recorded.
pub(super) fn read(
    file: &TomlFile,
    mut table: Table<'_>,
    kind: Option<Kind>,
    schedule: Option<&Schedule>,
) -> Option<(ListSpec, AudienceSpec)> {
    let list = list(file, &mut table, schedule);
    let spec = spec(&mut table, kind);
    table.finish();
    Some((list?, with_zones(spec, schedule)))
}

fn list(file: &TomlFile, table: &mut Table<'_>, schedule: Option<&Schedule>) -> Option<ListSpec> {
    let (has_path, has_command) = (table.has("csv"), table.has("command"));
    let command = table.strings("command");
    let parse = |text: &str| ListPath::parse(text, |folder| file.resolve(folder));
    let path =
        if has_command { table.parse("csv", parse) } else { table.require("csv", "lists/people.csv", parse) };
    let pattern = path.as_ref().is_some_and(ListPath::is_pattern);
    let dated = path.as_ref().is_some_and(ListPath::is_dated);
    if has_path && has_command {
        table.tell("a list comes from `csv` or from `command`, and here are both", "take one of them out");
    }
    if dated && schedule.is_none() {
        table.tell(
            "`{date}` in `audience.csv` is the day of the due time, and the campaign has no `[schedule]`",
            "add `[schedule]`, or name the file",
        );
    }
    let takes_all = table.choice("take", &[("newest", false), ("all-new", true)]);
    if takes_all.is_some() && !pattern && path.is_some() {
        table.tell(
            "`audience.take` says which of several files to take, and `csv` names one",
            "take it out, or write `csv` with `*`",
        );
    }
    let max_age = table.parse("max_age", duration);
    let settle = table.parse("settle", duration);
    let done = table.string("done").map(|folder| file.resolve(&folder));
    let skip_problems = table.parse("skip_problems", Leeway::parse);
    if has_command && (max_age.is_some() || settle.is_some() || done.is_some()) {
        table.tell(
            "`max_age`, `settle` and `done` are about files, and the list is what `command` prints",
            "take them out",
        );
    }
    let source = match (path, has_command) {
        (_, true) if command.iter().any(|word| !word.is_empty()) => ListSource::Command(command),
        (_, true) => {
            table.tell(
                "`audience.command` is empty",
                "name a program and its arguments: `[\"psql\", \"-c\", \"…\"]`",
            );
            return None;
        }
        (None, false) => return None,
        (Some(path), false) if !pattern => ListSource::File(path),
        (Some(path), false) if takes_all == Some(true) => ListSource::AllNew(path),
        (Some(path), false) => ListSource::Newest(path),
    };
    let usual = if pattern || dated { USUAL_SETTLE } else { SignedDuration::ZERO };
    Some(ListSpec { source, max_age, settle: settle.unwrap_or(usual), done, skip_problems })
}

fn spec(table: &mut Table<'_>, kind: Option<Kind>) -> AudienceSpec {
    let rules = kind.unwrap_or(Kind::Waitlist).rules();
    let encoding = table.string("encoding");
    let delimiter = table.parse("delimiter", delimiter);
    let skip_lines = table.integer("skip_lines", 0..=1_000).and_then(|lines| u64::try_from(lines).ok());
    let columns = table.strings("columns");
    let user_id_column = table.string("user_id").unwrap_or_else(|| "user_id".to_owned());
    let choices =
        [("refuse", WithoutUser::Refuse), ("look-up", WithoutUser::LookUp), ("invite", WithoutUser::Invite)];
    let without_user_id = table.choice("without_user_id", &choices).unwrap_or(WithoutUser::Refuse);
    if without_user_id == WithoutUser::Invite && kind.is_some_and(|kind| kind != Kind::Waitlist) {
        table.tell(
            "`without_user_id` is `invite`, which is for people who waited to be let in",
            "use `look-up`, or make it a campaign of kind `waitlist`",
        );
    }
    let multiline_columns = table.strings("multiline_columns");
    let mut required = table.strings("required");
    required.extend(rules.required.iter().map(|name| (*name).to_owned()));
    let aliases = table.table("aliases").map(|table| table.entries(names).into_iter().collect());
    let mut types: BTreeMap<_, _> =
        rules.json.iter().map(|name| ((*name).to_owned(), ColumnType::Json)).collect();
    types.extend(table.table("types").map(|table| table.entries(column_type)).unwrap_or_default());
    AudienceSpec {
        encoding,
        delimiter,
        skip_lines,
        columns,
        multiline_columns,
        aliases: aliases.unwrap_or_default(),
        types,
        required,
        user_id_column,
        without_user_id,
        key_column: rules.key_column.map(str::to_owned),
    }
}

/// One character that can part columns.
fn delimiter(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) if !one.is_alphanumeric() && !"\"\r\n@._-'+".contains(one) => Ok(one),
        _ => Err(format!(
            "found `{}`, expected one character such as `,`, `;`, `|` or `\\t`",
            text.escape_default()
        )),
    }
}

fn names(value: &Value) -> Result<Vec<String>, String> {
    value
        .as_array()
        .and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect())
        .ok_or_else(|| "expected a list of header names".to_owned())
}

fn column_type(value: &Value) -> Result<ColumnType, String> {
    match value.as_str() {
        Some("text") => Ok(ColumnType::Text),
        Some("number") => Ok(ColumnType::Number),
        Some("date") => Ok(ColumnType::Date),
        Some("json") => Ok(ColumnType::Json),
        Some("zone") => Ok(ColumnType::Zone),
        _ => Err(format!("found `{value}`, expected one of `text`, `number`, `date`, `json`, `zone`")),
    }
}

fn with_zones(mut audience: AudienceSpec, schedule: Option<&Schedule>) -> AudienceSpec {
    if let Some(all) = schedule::needs_zones(schedule) {
        audience.types.insert(schedule::ZONE_COLUMN.to_owned(), ColumnType::Zone);
        if all {
            audience.required.push(schedule::ZONE_COLUMN.to_owned());
        }
    }
    audience
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_hold_the_due_time() {
        let due = "2026-11-03T09:05[Europe/Berlin]".parse::<Zoned>().unwrap();
        let check = |text: &str, expected: Result<&str, &str>| {
            let path = ListPath::parse(text, |folder| PathBuf::from("camp*{aign").join(folder));
            let found = path.map(|path| path.at(Some(&due)).unwrap().display().to_string());
            assert_eq!(found.as_deref(), expected.map_err(str::to_owned).as_ref().copied(), "{text}");
        };
        check("people.csv", Ok("camp*{aign/people.csv"));
        check("lists/carts-{date}.csv", Ok("camp*{aign/lists/carts-2026-11-03.csv"));
        check("{date:%Y/%m}/carts-{date:%d-%H%M}.csv", Ok("camp*{aign/2026/11/carts-03-0905.csv"));
        check("/srv/in/carts-*-{date}.csv", Ok("/srv/in/carts-*-2026-11-03.csv"));
        check("a/{day}.csv", Err("found `{day}`, expected `{date}`, or such as `{date:%Y%m%d}`"));
        check("a/{date:%!}.csv", Err("found `{date:%!}`, expected `{date}`, or such as `{date:%Y%m%d}`"));
        check("a/{date.csv", Err("found `{date.csv`, expected `{date}`, or such as `{date:%Y%m%d}`"));
        check("a/*/b.csv", Err("found `a/*/b.csv`, expected `*` and `?` in the name of the file alone"));
        check("a/{date}/", Err("found `a/{date}/`, expected the path of a file"));
        for elsewhere in
            ["https://docs.example.com/x?format=csv", r"lists\people.csv", "C:/people.csv", "~/p.csv"]
        {
            assert!(ListPath::parse(elsewhere, |folder| PathBuf::from(folder)).is_err(), "{elsewhere}");
        }
        assert_eq!(ListPath::parse("{date}.csv", |_| PathBuf::new()).unwrap().at(None), None);
    }
}
