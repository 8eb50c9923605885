//! Words that do not belong where they stand.

use std::collections::BTreeMap;

use super::{files, held, room};

/// What looks like an id and is a word of its own field.
const NO_IDS: &[&str] = &["C0", "C1", "L-3"];

/// The rooms in which files still speak to the database by themselves, and how many. The numbers may only shrink; a room
/// without such files that is listed fails the test.
const DATABASE: &[(&str, usize)] = &[];

/// An id such as the third of a list of rules that stands nowhere in the repository tells nobody anything: a comment
/// gives the reason.
#[test]
fn no_id_stands_for_a_reason() {
    let mut found = Vec::new();
    for (path, text) in files("src", ".rs") {
        for (number, line) in text.lines().enumerate() {
            for id in ids(line).filter(|id| !NO_IDS.contains(id)) {
                found.push(format!("{}:{}: {id}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "ids without a definition: {found:#?}");
}

/// Faults and promises have ids in the tests, and one page that defines them.
#[test]
fn every_id_in_the_tests_is_defined_beside_them() {
    let tests = files("tests/it", ".rs");
    let home = tests.iter().find(|(path, _)| path.ends_with("fault/mod.rs")).map(|(_, text)| text).unwrap();
    let defined: Vec<_> = home
        .lines()
        .filter_map(|line| line.strip_prefix("//! - `")?.split_once("`: "))
        .map(|(id, _)| id)
        .collect();
    let mut found = Vec::new();
    for (path, text) in &tests {
        for (number, line) in text.lines().enumerate() {
            for id in ids(line).filter(|id| !NO_IDS.contains(id) && !defined.contains(id)) {
                found.push(format!("{}:{}: {id}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "ids that `fault/mod.rs` does not define: {found:#?}");
}

#[test]
fn only_the_ledgers_store_knows_the_database() {
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (path, text) in files("src", ".rs") {
        let store = path.starts_with("src/ledger/store") || path.ends_with("ledger/store.rs");
        let speaks = text.contains("sqlx::") || text.contains("use sqlx") || text.contains("Sqlite");
        if !store && speaks {
            found.entry(room(&path)).or_default().push(path);
        }
    }
    held(DATABASE, &found);
}

/// What a second database has to say in its own words can be read off one folder.
#[test]
fn what_differs_between_databases_stands_in_its_folder_and_is_used() {
    let folder = files("src/ledger/store/sql/sqlite", ".sql");
    let sources: Vec<_> = files("src/ledger", ".rs")
        .into_iter()
        .filter(|(path, _)| !path.starts_with("src/ledger/store"))
        .collect();
    for (path, _) in &folder {
        let name = format!("\"{}\")", path.file_stem().unwrap().to_string_lossy());
        let uses = sources.iter().map(|(_, text)| text.matches(&name).count()).sum::<usize>();
        assert_eq!(uses, 1, "{} stands for one statement", path.display());
    }
    let elsewhere: Vec<_> = sources.iter().filter(|(_, text)| text.contains("Sql::sqlite(")).collect();
    assert!(folder.len() > 20 && elsewhere.is_empty(), "{elsewhere:?}");
}

/// A second database is then one more file for them.
#[test]
fn one_file_of_the_tests_knows_the_database() {
    let speaks =
        |text: &str| text.contains("sqlx::") || text.contains("Sqlite") || text.contains("import sqlite3");
    let found: Vec<_> = files("tests", ".rs")
        .into_iter()
        .filter(|(path, text)| !path.ends_with("support/sql.rs") && !path.ends_with(file!()) && speaks(text))
        .map(|(path, _)| path)
        .collect();
    assert!(found.is_empty(), "use `support::sql`: {found:?}");
}

/// The ids in a line: a capital letter with one or two digits, or a dash between them; in comments.
fn ids(line: &str) -> impl Iterator<Item = &str> {
    let comment = line.find("//").map_or("", |at| &line[at..]);
    let part = |c: char| {
        c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '=' | '%' | '#' | ':' | '\\')
    };
    comment.split(move |c| !part(c)).map(|word| word.trim_end_matches(['.', ':'])).filter(|word| {
        let mut chars = word.chars();
        let letter = chars.next().is_some_and(|c| c.is_ascii_uppercase());
        let rest = chars.as_str();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        letter && matches!(digits.len(), 1 | 2) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
