//! A campaign file of any bytes: a campaign, or problems with words, and never a panic.
#![no_main]

use std::{cell::RefCell, fs};

use libfuzzer_sys::fuzz_target;
use linkpost::campaign::Campaign;
use tempfile::TempDir;

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new(tempfile::tempdir().expect("a folder"));
}

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.with_borrow(|folder| folder.path().join("spring.toml"));
    fs::write(&path, bytes).expect("a file");
    match Campaign::load(&path) {
        Ok(campaign) => {
            assert!(campaign.token_life.is_positive() && campaign.not_after.is_positive());
            assert!(!campaign.id.as_str().is_empty());
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal without a reason");
            for problem in problems {
                assert!(!problem.to_string().is_empty());
            }
        }
    }
});
