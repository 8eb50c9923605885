//! The architecture as tests: the arrows of rooms and files, the size of files and functions, the words on the tin.

mod circles;
mod size;
mod waits;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn files(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(ROOT).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The room that a source file belongs to: `src/ledger/run.rs` → `ledger`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    below.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Holds what was found in each room to the exceptions, which may only shrink.
fn held<T: Debug>(exceptions: &[(&str, usize)], found: &BTreeMap<String, Vec<T>>) {
    for (room, found) in found {
        let most = exceptions.iter().find(|(it, _)| it == room).map_or(0, |(_, most)| *most);
        assert!(found.len() <= most, "`{room}`: {} where {most} are excepted: {found:#?}", found.len());
    }
    for (room, _) in exceptions {
        assert!(found.contains_key(*room), "`{room}` is fine by now: take it off the exceptions");
    }
}

/// Every `crate::NAME` in a text, also inside `use crate::{ … }`.
fn used(text: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let (mut depth, mut start) = (0, true);
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && c.is_alphabetic() => {
                        rooms.insert(word(&group[at..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            rooms.insert(word(rest));
        }
    }
    rooms.retain(|name| !name.is_empty());
    rooms
}

/// The table of ARCHITECTURE.md: room → the rooms that it may use.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let mut arrows = BTreeMap::new();
    let table = text.split("<!-- arrows -->").nth(1).expect("ARCHITECTURE.md has the table of arrows");
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').collect();
        for room in names(cells[1]) {
            arrows.insert(room, names(cells[2]));
        }
    }
    arrows
}

#[test]
fn arrows_point_one_way() {
    let arrows = arrows();
    let mut wrong = Vec::new();
    for (path, text) in files("src", ".rs") {
        let room = room(&path);
        if room == "lib" {
            continue;
        }
        let allowed = arrows.get(&room).unwrap_or_else(|| panic!("ARCHITECTURE.md does not know `{room}`"));
        for used in used(&text) {
            if used != room && !allowed.contains(&used) {
                wrong.push(format!("{}: `{room}` may not use `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_arrows_have_no_circle() {
    let arrows = arrows();
    let mut order: Vec<String> = Vec::new();
    while order.len() < arrows.len() {
        let next = arrows
            .iter()
            .find(|(room, uses)| !order.contains(room) && uses.iter().all(|used| order.contains(used)))
            .map(|(room, _)| room.clone());
        order.push(next.unwrap_or_else(|| panic!("a circle among the rooms outside {order:?}")));
    }
}

/// The verbs of the command line, as `cli.rs` names the files that run them.
#[test]
fn commands_hold_verbs_and_nothing_else() {
    let source = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
    let (cli, map) = (source("src/cli.rs"), source("src/commands/mod.rs"));
    let modules: BTreeSet<_> = map
        .lines()
        .filter_map(|line| line.strip_suffix(';')?.split_once("mod "))
        .map(|(_, name)| name)
        .collect();
    let run: BTreeSet<_> = cli
        .split("=> commands::")
        .skip(1)
        .chain(cli.split("pin(commands::").skip(1))
        .chain(cli.split(" commands::").skip(1).filter(|rest| !rest.starts_with('{')))
        .filter_map(|rest| rest.split_once("::run(").map(|(verb, _)| verb))
        .collect();
    assert!(run.len() > 10, "{run:?}");
    assert_eq!(modules, run, "a file or folder in src/commands that is no verb");
}

#[test]
fn every_module_says_what_it_is() {
    for (path, text) in files("src", ".rs") {
        assert!(text.starts_with("//!"), "{} has no module documentation", path.display());
    }
}

#[test]
fn only_one_place_each_prints_reads_the_time_and_the_environment() {
    for (name, home) in
        [("println!", "ui"), ("eprintln!", "ui"), ("Timestamp::now(", "clock"), ("env::var", "settings")]
    {
        for (path, text) in files("src", ".rs") {
            assert!(room(&path) == home || !text.contains(name), "{} uses {name}", path.display());
        }
    }
}

#[test]
fn the_core_does_not_know_a_rehearsal_from_the_real_thing() {
    for room in ["pipeline", "ledger", "email"] {
        for (path, text) in files(&format!("src/{room}"), ".rs") {
            assert!(!text.contains("dry_run") && !text.contains("sandbox"), "{}", path.display());
        }
    }
}

#[test]
fn every_invariant_names_a_test_that_is_there() {
    let text = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let table = text.split("## Invariants").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 5, "the table of invariants is there");
    let tests = files("tests/it", ".rs");
    let sources = files("src", ".rs");
    for row in rows {
        let cell = row.split('|').nth(3).unwrap();
        for name in cell.split('`').skip(1).step_by(2) {
            let mut parts = name.split("::");
            let module = parts.next().unwrap();
            let rest: Vec<_> = parts.collect();
            let found = tests.iter().chain(&sources).any(|(path, text)| {
                let path = path.to_string_lossy();
                let home = path.contains(&format!("/{module}.rs")) || path.contains(&format!("/{module}/"));
                (home || path == module)
                    && rest.iter().all(|part| {
                        text.contains(&format!("fn {part}(")) || path.contains(&format!("/{part}.rs"))
                    })
            }) || Path::new(ROOT).join("src").join(module).exists();
            assert!(found, "`{name}` is in ARCHITECTURE.md, but nowhere else");
        }
    }
}
