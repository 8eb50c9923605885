//! The README is true: its console blocks are run, its table of exit codes is the program's, its samples work.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use linkpost::exit::Exit;
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = env!("CARGO_BIN_EXE_linkpost");

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README.md is there")
}

/// The folder that a newcomer stands in, as far as the program needs it.
fn samples() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["campaigns", "templates", "linkpost.toml"] {
        copy(&Path::new(ROOT).join(name), &folder.path().join(name));
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}

/// Runs a shell command in a folder, `linkpost` being the built program; what it wrote to stdout and stderr, merged.
fn shell(folder: &Path, command: &str) -> String {
    let command = command.replace("cargo run --release -- ", "linkpost ");
    let program = Path::new(PROGRAM).parent().unwrap().display();
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{program}:/usr/bin:/bin"))
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A command of a console block and the lines that it is said to print.
#[derive(Debug, PartialEq)]
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

/// The steps of every ```` ```console ```` block, in order. A block may be indented, as in a list.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut indent = None;
    for (number, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        match indent {
            None if bare == "```console" => indent = Some(line.len() - bare.len()),
            None => {}
            Some(_) if bare == "```" => indent = None,
            Some(indent) => {
                let line = line.get(indent..).unwrap_or_default();
                match (line.strip_prefix("$ "), steps.last_mut()) {
                    (Some(command), _) => {
                        let command = command.to_owned();
                        steps.push(Step { line: number + 1, command, expected: Vec::new() });
                    }
                    (None, Some(step)) if step.expected.is_empty() && step.command.ends_with('\\') => {
                        step.command.push('\n');
                        step.command.push_str(line.trim_start_matches("> "));
                    }
                    (None, Some(step)) => step.expected.push(line.to_owned()),
                    (None, None) => panic!("README.md:{}: a block begins with `$ `", number + 1),
                }
            }
        }
    }
    steps
}

/// Whether lines are as expected: `...` stands for any lines, `[..]` for any text within one.
fn matches(expected: &[&str], found: &[&str]) -> bool {
    match (expected, found) {
        ([], _) => found.is_empty(),
        (["...", rest @ ..], _) => {
            matches(rest, found) || found.split_first().is_some_and(|(_, found)| matches(expected, found))
        }
        ([first, rest @ ..], [line, found @ ..]) => line_matches(first, line) && matches(rest, found),
        ([_, ..], []) => false,
    }
}

fn line_matches(expected: &str, found: &str) -> bool {
    let (expected, found) = (expected.trim_end(), found.trim_end());
    let Some((start, rest)) = expected.split_once("[..]") else { return expected == found };
    let Some(mut found) = found.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split("[..]").collect();
    let end = parts.pop().unwrap();
    for part in parts {
        let Some(at) = found.find(part) else { return false };
        found = &found[at + part.len()..];
    }
    found.ends_with(end)
}

#[test]
fn the_wildcards_stand_for_text_and_for_lines() {
    let check = |expected: &str, found: &str, matching: bool| {
        let lines = |text: &'static str| text.lines().collect::<Vec<_>>();
        let (expected, found) = (expected.to_owned().leak(), found.to_owned().leak());
        assert_eq!(matches(&lines(expected), &lines(found)), matching, "{expected:?} and {found:?}");
    };
    check("20 mails in [..]: sent 20", "20 mails in 0.7 s (27/s): sent 20", true);
    check("20 mails in [..]: sent 20", "20 mails in 0.7 s: sent 19", false);
    check("a [..] b [..] c", "a 1 b 2 c", true);
    check("a[..]a", "a", false);
    check("one\n...\nfour", "one\ntwo\nthree\nfour", true);
    check("one\n...", "one", true);
    check("one\n...\nfour", "one\ntwo", false);
    check("one", "one\ntwo", false);
    check("", "", true);
}

#[test]
fn console_blocks_are_found_wherever_they_stand() {
    let text = "a\n```console\n$ one\nout\n$ two \\\n>  three\n```\n$ no\n- b\n  ```console\n  $ four\n  ...\n  ```\n";
    let step = |line, command: &str, expected: &[&str]| Step {
        line,
        command: command.to_owned(),
        expected: expected.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert_eq!(
        steps(text),
        [step(3, "one", &["out"]), step(5, "two \\\n three", &[]), step(11, "four", &["..."])]
    );
}

#[test]
fn the_console_blocks_of_the_readme_say_what_happens() {
    let folder = samples();
    let steps = steps(&readme());
    assert!(!steps.is_empty(), "the README shows no session");
    for Step { line, command, expected } in steps {
        let found = shell(folder.path(), &command);
        let (lines, wanted) = (found.lines().collect::<Vec<_>>(), expected.iter().map(String::as_str));
        assert!(
            matches(&wanted.collect::<Vec<_>>(), &lines),
            "README.md:{line}: `{command}` is said to print\n{}\nand prints\n{found}",
            expected.join("\n")
        );
    }
}

#[test]
fn the_readme_has_the_exit_codes_of_the_program() {
    let text = readme();
    let (_, section) = text.split_once("\n## Exit codes\n").expect("a section `Exit codes`");
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<_> = section
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let code: u8 = cells.next()?.trim_matches('`').parse().ok()?;
            Some((code, cells.next()?))
        })
        .collect();
    assert_eq!(rows, Exit::ALL.map(|exit| (exit.code(), exit.sentence())));
}

#[test]
fn the_readme_names_every_verb() {
    let text = readme();
    for verb in verbs(&[]) {
        assert!(
            text.contains(&format!("linkpost {verb}")),
            "README.md does not say what `linkpost {verb}` does"
        );
    }
}

#[test]
fn every_file_that_the_readme_links_to_is_there() {
    for link in readme().split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = link.split('#').next().unwrap();
        if !path.is_empty() && !path.contains("://") {
            assert!(Path::new(ROOT).join(path).exists(), "README.md links to `{path}`");
        }
    }
}

#[test]
fn every_sample_campaign_can_be_checked_previewed_and_rehearsed() {
    let folder = samples();
    let mut campaigns: Vec<PathBuf> = fs::read_dir(folder.path().join("campaigns"))
        .unwrap()
        .map(|entry| PathBuf::from("campaigns").join(entry.unwrap().file_name()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    campaigns.sort();
    assert!(campaigns.len() >= 4, "{campaigns:?}");
    for campaign in campaigns {
        let campaign = campaign.display();
        // No environment at all: neither has anything to do with the relay's password.
        for verb in ["check", "preview", "send --sandbox"] {
            let said = shell(folder.path(), &format!("linkpost {verb} {campaign}; echo \"exit $?\""));
            assert!(said.ends_with("exit 0\n"), "linkpost {verb} {campaign}: {said}");
            assert!(!said.contains("hint:"), "linkpost {verb} {campaign}: {said}");
            let Some((_, index)) = said.split_once("read the mails: ") else {
                assert_eq!(verb, "check");
                continue;
            };
            let index = fs::read_to_string(folder.path().join(index.lines().next().unwrap())).unwrap();
            assert!(
                index.contains("<iframe") || index.contains("<a "),
                "{campaign}: the gallery shows no mail"
            );
        }
    }
}

/// The verbs below a verb, as its help lists them.
fn verbs(above: &[String]) -> Vec<String> {
    let help = help(above);
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    // A line that is indented further goes on with the words about the verb above.
    let verbs = lines.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    verbs.map(str::to_owned).collect()
}

fn help(verb: &[String]) -> String {
    shell(Path::new(ROOT), &format!("linkpost {} --help", verb.join(" ")))
}

/// Every verb's help by the name of its file: `linkpost.txt`, `linkpost-keys-new.txt`.
fn all_help() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![Vec::new()];
    while let Some(verb) = waiting.pop() {
        waiting.extend(verbs(&verb).into_iter().map(|name| [verb.as_slice(), &[name]].concat()));
        let name = [&["linkpost".to_owned()], verb.as_slice()].concat().join("-");
        found.push((format!("{name}.txt"), help(&verb)));
    }
    found.sort();
    found
}

#[test]
fn the_help_is_the_one_that_was_read_and_found_good() {
    let folder = Path::new(ROOT).join("tests/data/help");
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
    let update = std::env::var_os("LINKPOST_TEST_UPDATE").is_some();
    let help = all_help();
    if update {
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        for (name, text) in &help {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let hint = "`LINKPOST_TEST_UPDATE=1 cargo test --test it readme` writes what the program says now";
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, help.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), "{hint}");
    for (name, text) in help {
        assert_eq!(fs::read_to_string(folder.join(&name)).unwrap(), text, "tests/data/help/{name}: {hint}");
    }
}
