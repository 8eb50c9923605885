//! The file reference of the README is whole: every key and variable that the program knows, and no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use linkpost::{
    campaign::Campaign,
    problem::Problem,
    settings::{Environment, Settings},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A key that nothing is called, nor nearly.
const NONE: &str = "qqqqqqqqqqqq";

/// Tables whose keys depend on the value of one of them.
const CHOICES: [(&str, &str); 1] = [("sign_in.clerk", "link = \"account-portal\"\n")];

/// The names that the program says are valid beside an unknown key; `None` where `text` holds no such table.
fn valid(problems: &[Problem], path: &str) -> Option<Vec<String>> {
    let full = if path.is_empty() { NONE.to_owned() } else { format!("{path}.{NONE}") };
    let problem = problems.iter().find(|problem| problem.what.message == format!("unknown key `{full}`"))?;
    let names = problem.what.hint.as_deref()?.strip_prefix("the valid keys here are ")?;
    Some(names.split(", ").map(|name| name.trim_matches('`').to_owned()).collect())
}

/// Every key that is no table of keys itself, found by asking for it.
fn known(load: impl Fn(&str) -> Vec<Problem>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    // Dotted path, and the headers that lead there.
    let mut waiting = vec![(String::new(), String::new())];
    while let Some((path, headers)) = waiting.pop() {
        let choices = CHOICES.iter().filter(|(of, _)| *of == path).map(|(_, choice)| *choice);
        let mut names = BTreeSet::new();
        for choice in choices.chain([""]) {
            let text = format!("{headers}{choice}{NONE} = 1\n");
            names.extend(valid(&load(&text), &path).expect("the table was found a moment ago"));
        }
        for name in names {
            let below = if path.is_empty() { name } else { format!("{path}.{name}") };
            let table = ["[", "[["].into_iter().find_map(|open| {
                let headers = format!("{headers}{open}{below}{}\n", open.replace('[', "]"));
                valid(&load(&format!("{headers}{NONE} = 1\n")), &below).map(|_| headers)
            });
            match table {
                Some(headers) => waiting.push((below, headers)),
                None => drop(keys.insert(below)),
            }
        }
    }
    keys
}

/// The README's section with this heading, up to the next one of its rank.
fn section(heading: &str) -> String {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let (_, rest) = readme.split_once(&format!("\n{heading}\n")).expect(heading);
    let rank = heading.split(' ').next().unwrap();
    let ends = [format!("\n{rank} "), format!("\n{} ", &rank[1..])];
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    rest[..end].to_owned()
}

/// The names in the first cells of the tables whose head begins with `head`. A name without a dot behind one that has
/// some is below the same table.
fn told(section: &str, head: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut within = false;
    for line in section.lines() {
        let Some(cell) = line.strip_prefix("| ").and_then(|rest| rest.split('|').next()) else {
            within = within && line.starts_with('|');
            continue;
        };
        if cell.trim() == head {
            within = true;
        } else if within {
            let mut table = "";
            for name in cell.split('`').skip(1).step_by(2) {
                if let Some((above, _)) = name.rsplit_once('.') {
                    table = above;
                    names.push(name.to_owned());
                } else {
                    names.push(if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") });
                }
            }
        }
    }
    names
}

fn compare(what: &str, known: &BTreeSet<String>, told: Vec<String>) {
    let mut rows = BTreeMap::new();
    for name in told {
        *rows.entry(name).or_insert(0) += 1;
    }
    let told: BTreeSet<_> = rows.keys().cloned().collect();
    let missing: Vec<_> = known.difference(&told).collect();
    let unknown: Vec<_> = told.difference(known).collect();
    let twice: Vec<_> = rows.iter().filter(|(_, rows)| **rows > 1).collect();
    assert!(
        missing.is_empty() && unknown.is_empty() && twice.is_empty(),
        "{what}: the README lacks {missing:?}, names {unknown:?}, which nothing reads, and {twice:?} more than once"
    );
}

#[test]
fn every_key_of_the_settings_is_in_the_readme_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("linkpost.toml");
    let known = known(|text| {
        fs::write(&path, text).unwrap();
        Settings::load(&path, Environment).err().unwrap_or_default()
    });
    assert!(known.len() > 40 && known.contains("sign_in.clerk.redirect_url"), "{known:?}");
    compare("linkpost.toml", &known, told(&section("### `linkpost.toml`"), "key"));
}

#[test]
fn every_key_of_a_campaign_file_is_in_the_readme_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spring.toml");
    let known = known(|text| {
        fs::write(&path, text).unwrap();
        Campaign::load(&path).err().unwrap_or_default()
    });
    assert!(known.len() > 30 && known.contains("questions.answers.id"), "{known:?}");
    compare("campaigns/NAME.toml", &known, told(&section("### `campaigns/NAME.toml`"), "key"));
}

/// The names in quotes that begin as our variables do.
fn variables(text: &str) -> BTreeSet<String> {
    let quoted = text.split('"').skip(1);
    let ours = |name: &&str| {
        (name.starts_with("LINKPOST_") || name.starts_with("CLERK_"))
            && !name.ends_with('_')
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    quoted.filter(ours).map(str::to_owned).collect()
}

#[test]
fn every_variable_of_the_environment_is_in_the_readme_and_no_other() {
    let mut known = BTreeSet::new();
    for entry in fs::read_dir(Path::new(ROOT).join("src/settings")).unwrap() {
        known.extend(variables(&fs::read_to_string(entry.unwrap().path()).unwrap()));
    }
    assert!(known.len() > 4, "{known:?}");
    let section = section("### `linkpost.toml`");
    compare("the environment", &known, told(&section, "variable"));
    for name in known {
        let row = section.lines().find(|line| line.starts_with(&format!("| `{name}`"))).unwrap();
        // Whatever is secret may lie in a file; whatever is none need not.
        assert_eq!(row.contains("| yes |"), name != "CLERK_API_URL", "{row}");
    }
}
