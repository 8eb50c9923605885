//! No test measures the machine: none asks the wall clock how long something took, none sleeps where something notifies.

use super::files;

/// The files that may sleep.
const SLEEPS: &[(&str, &str)] = &[
    ("support/wait.rs", "looks at other processes, which offer no event, again and again"),
    ("support/chance.rs", "lets a random time pass, for kills and signals at any instant"),
];

/// The files that may read the clock of the machine. Others may read tokio's, which a test stops and pushes.
const CLOCKS: &[(&str, &str)] =
    &[("support/clerk/mod.rs", "the double counts requests in a window of real time, as Clerk does")];

#[test]
fn no_test_sleeps() {
    held(SLEEPS, |text| text.contains("sleep("));
}

#[test]
fn no_test_asks_how_long_something_took() {
    held(CLOCKS, |text| {
        let tokios = text.contains("tokio::time::Instant") || text.contains(", time::Instant}");
        text.contains("SystemTime::now(") || text.contains("Instant::now()") && !tokios
    });
}

/// Holds the tests to the list of files that may do something; a file that does it no more is to be taken off.
fn held(allowed: &[(&str, &str)], does: impl Fn(&str) -> bool) {
    let mut found: Vec<_> = files("tests", ".rs")
        .into_iter()
        .filter(|(path, text)| !path.ends_with("tidy/waits.rs") && does(text))
        .map(|(path, _)| path.to_string_lossy().trim_start_matches("tests/it/").to_owned())
        .collect();
    let mut expected: Vec<_> = allowed.iter().map(|(path, _)| (*path).to_owned()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "support/wait.rs and support/chance.rs say what to do instead");
}
