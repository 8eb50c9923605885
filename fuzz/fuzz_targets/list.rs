//! A list as a file of any bytes: every row is told once, in order, and nothing panics.
#![no_main]

use std::{cell::LazyCell, fs, path::PathBuf};

use libfuzzer_sys::fuzz_target;
use linkpost::{
    audience::{Audience, FileProfile, Row, Used},
    campaign::{AudienceSpec, Campaign},
};
use tempfile::TempDir;

const CAMPAIGN: &str = r#"
name = "spring"
title = "Spring"
kind = "waitlist"
template = "mail"
token_life = "7 days"
[audience]
csv = "people.csv"
"#;

thread_local! {
    static PLACE: LazyCell<(TempDir, AudienceSpec)> = LazyCell::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let file: PathBuf = folder.path().join("spring.toml");
        fs::write(&file, CAMPAIGN).expect("a file");
        let spec = Campaign::load(&file).expect("a campaign").audience;
        (folder, spec)
    });
}

fuzz_target!(|bytes: &[u8]| {
    let (csv, spec) = PLACE.with(|place| (place.0.path().join("people.csv"), place.1.clone()));
    fs::write(&csv, bytes).expect("a file");
    let profile = FileProfile::of(&csv, "people.csv", None).expect("a file");
    let Ok(audience) = Audience::open(&spec, [&profile], &Used::All, false) else { return };
    let columns = audience.columns().to_vec();
    let mut last = 1;
    for row in audience {
        let Ok(row) = row else { return };
        let line = match &row {
            Row::Good(recipient) => {
                assert!(!recipient.user_id.is_empty());
                let address = recipient.address.to_string();
                assert!(
                    address.len() <= 254 && !address.contains(|c: char| c.is_control() || c.is_whitespace())
                );
                for (name, value) in &recipient.fields {
                    assert!(columns.contains(name), "a field that is no column: {name}");
                    assert!(!value.as_str().is_some_and(|text| text.contains('\0')));
                }
                recipient.line
            }
            Row::Bad(problem) => {
                assert!(!problem.message.is_empty());
                problem.line
            }
        };
        assert!(line > last, "line {line} after line {last}");
        last = line;
    }
});
