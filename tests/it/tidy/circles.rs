//! No circles among the files: what a file imports never leads back to it.
//!
//! The arrows are read from the paths that begin with `crate` or `super`. A name that a `mod.rs` only passes on counts
//! as an arrow to the file that has it. Between a `mod.rs` and the files below it no arrow counts: it is their map.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{files, held, room};

/// A path of modules below the crate: `["ledger", "run"]`.
type Module = Vec<String>;

/// The rooms that still have circles, and how many of their files stand in one. The numbers may only shrink; a room
/// without circles that is listed fails the test.
const IN_A_CIRCLE: &[(&str, usize)] = &[];

#[test]
fn files_have_no_circles() {
    let uses = arrows();
    let reach = |from: &String| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some(file) = todo.pop() {
            for next in &uses[file] {
                if seen.insert(next) {
                    todo.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = uses.keys().map(|file| (file, reach(file))).collect();
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for (file, reaches) in &reached {
        let circle: Vec<_> =
            uses[*file].iter().filter(|next| reached[next].contains(file)).map(String::as_str).collect();
        if reaches.contains(file) {
            found.insert(file, circle.join(", "));
        }
    }
    let mut rooms: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (file, circle) in &found {
        rooms.entry(room(Path::new(file))).or_default().push((file, circle));
    }
    held(IN_A_CIRCLE, &rooms);
}

/// Every file of `src` with the files that it uses.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let texts: BTreeMap<Module, (String, String)> = files("src", ".rs")
        .into_iter()
        .map(|(path, text)| {
            let path = path.to_string_lossy().into_owned();
            (module(&path), (path, code(&text)))
        })
        .collect();
    let passed_on: BTreeMap<(Module, String), Module> = texts
        .iter()
        .flat_map(|(module, (_, text))| imports(text, module).into_iter().map(|it| (module.clone(), it)))
        .map(|(module, (path, name))| ((module, name), path))
        .collect();
    texts
        .iter()
        .map(|(module, (file, text))| {
            let used = paths(text, module).into_iter().map(|path| home(path, &texts, &passed_on));
            let beside = used.filter(|other| {
                !other.starts_with(module) && !module.starts_with(other) && !other.is_empty()
            });
            (file.clone(), beside.map(|other| texts[&other].0.clone()).collect())
        })
        .collect()
}

fn module(path: &str) -> Module {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// The text without comments and without the tests at its end.
fn code(text: &str) -> String {
    let tests = text.find("#[cfg(test)]\nmod tests").or(text.find("#[cfg(test)]\npub(super) mod tests"));
    let lines = text[..tests.unwrap_or(text.len())].lines();
    lines.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The module that has what a path names.
fn home(
    path: Module,
    texts: &BTreeMap<Module, (String, String)>,
    passed_on: &BTreeMap<(Module, String), Module>,
) -> Module {
    let mut path = path;
    for _ in 0..8 {
        let deepest = (0..=path.len()).rev().find(|to| texts.contains_key(&path[..*to])).unwrap_or(0);
        let (module, rest) = path.split_at(deepest);
        let further = rest.first().and_then(|name| passed_on.get(&(module.to_vec(), name.clone())));
        match further {
            Some(further) => path = further.iter().chain(&rest[1..]).cloned().collect(),
            None => return module.to_vec(),
        }
    }
    panic!("{path:?} is passed on without an end")
}

/// What a file takes in by `use`, as whole path and the name that it has there.
fn imports(text: &str, module: &Module) -> Vec<(Module, String)> {
    let mut imports = Vec::new();
    for line_start in text.match_indices("use ").map(|(at, _)| at) {
        let before = text[..line_start].rsplit('\n').next().unwrap_or_default().trim();
        if !(before.is_empty() || before.starts_with("pub")) {
            continue;
        }
        let tree = &text[line_start + "use ".len()..];
        let first = word(tree);
        let base = match first {
            "crate" | "super" => None,
            "self" => Some(module.clone()),
            _ => Some(module.iter().cloned().chain([first.to_owned()]).collect()),
        };
        let (base, rest) = match base {
            Some(base) => (base, tree[first.len()..].trim_start_matches("::")),
            None => start(tree, module),
        };
        walk(rest, &base, &mut |path, name| imports.push((path, name)));
    }
    imports
}

/// Every path in a text that begins with `crate` or `super`.
fn paths(text: &str, module: &Module) -> Vec<Module> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::").chain(text.match_indices("super::")) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let (base, rest) = start(&text[at..], module);
        walk(rest, &base, &mut |path, _| found.push(path));
    }
    found
}

/// The module that `crate::…` or `super::super::…` begins in, and the rest.
fn start<'a>(path: &'a str, module: &Module) -> (Module, &'a str) {
    let Some(mut rest) = path.strip_prefix("super::") else {
        return (Vec::new(), &path["crate::".len()..]);
    };
    let mut base = module.clone();
    base.pop();
    while let Some(further) = rest.strip_prefix("super::") {
        base.pop();
        rest = further;
    }
    (base, rest)
}

fn word(text: &str) -> &str {
    &text[..text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())]
}

/// Calls `each` with every path of a tree such as `a::{b, c::{self, d as e}}`, and its name; gives what follows.
fn walk<'a>(tree: &'a str, base: &Module, each: &mut impl FnMut(Module, String)) -> &'a str {
    let mut tree = tree.trim_start();
    let mut path = base.clone();
    loop {
        if let Some(group) = tree.strip_prefix('{') {
            tree = group.trim_start();
            while !tree.starts_with('}') && !tree.is_empty() {
                let rest = walk(tree, &path, each).trim_start();
                tree = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
            return tree.strip_prefix('}').unwrap_or(tree);
        }
        let name = word(tree);
        tree = &tree[name.len()..];
        if name.is_empty() {
            each(path, "*".to_owned());
            return tree.strip_prefix('*').unwrap_or(tree);
        }
        if name != "self" {
            path.push(name.to_owned());
        }
        match tree.strip_prefix("::") {
            Some(rest) => tree = rest,
            None => break,
        }
    }
    let renamed = tree.trim_start().strip_prefix("as ").map(|rest| (word(rest.trim_start()), rest));
    let last = path.last().cloned().unwrap_or_default();
    if let Some((name, rest)) = renamed {
        each(path, name.to_owned());
        &rest.trim_start()[name.len()..]
    } else {
        each(path, last);
        tree
    }
}
