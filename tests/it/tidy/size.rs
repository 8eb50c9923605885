//! Files and functions that fit on a screen or a few.

use std::collections::BTreeMap;

use super::{files, held, room};

/// The most lines of a function, from its name to its last brace.
const LONGEST_FUNCTION: usize = 80;

/// The rooms that still have longer ones, and how many. The numbers may only shrink; a room without that is listed
/// fails the test.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

#[test]
fn files_stay_small() {
    let long: Vec<_> = files("src", ".rs")
        .into_iter()
        .chain(files("tests", ".rs"))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > 450)
        .collect();
    assert!(long.is_empty(), "over 450 lines: {long:?}");
}

#[test]
fn functions_stay_small() {
    let mut long: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (path, text) in files("src", ".rs").into_iter().chain(files("tests/it", ".rs")) {
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = function(line) else { continue };
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = format!("{indent}}}");
            let length = lines[at..].iter().position(|line| *line == end).map_or(0, |last| last + 1);
            // A declaration without a body is no function with one.
            let body = lines[at..at + length]
                .iter()
                .take_while(|line| !line.ends_with('{'))
                .all(|line| !line.ends_with(';'));
            if body && length > LONGEST_FUNCTION {
                let room = if path.starts_with("tests") { "tests".to_owned() } else { room(&path) };
                long.entry(room).or_default().push(format!("{}::{name}: {length} lines", path.display()));
            }
        }
    }
    held(LONG_FUNCTIONS, &long);
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let modifiers = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe"];
    let plain = before.split_whitespace().all(|word| modifiers.contains(&word) || word.starts_with("pub(in"));
    let name = after.split(['(', '<']).next().unwrap_or_default();
    (plain && after.contains(['(', '<'])).then_some(name)
}
