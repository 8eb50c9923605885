//! `keys`: making them, listing them, and what every verb says where they are missing. The files are in `token::key_files`.

use std::{fs, os::unix::fs::PermissionsExt};

use insta::assert_snapshot;

use crate::support::{
    fixture::Fixture,
    screen::{screen, steady},
};

#[test]
fn a_new_key_signs_and_the_old_one_stays() {
    let _steady = steady();
    let fixture = Fixture::new();
    assert_snapshot!(screen(&fixture.run(&["keys", "new"])), @r"
    exit 0
    made the EdDSA key `[kid]`: keys/[kid].ed25519.pem
    it signs from now on; keep the folder out of backups that others can read, and never in a repository
    ");
    assert_snapshot!(screen(&fixture.run(&["keys", "list"])), @r"
    exit 0
    --- stdout
     key                       algorithm       use
     [kid]      EdDSA  verifies
     [kid]      EdDSA     signs
    --- stderr
    ");
    assert_snapshot!(screen(&fixture.run(&["keys", "list", "--json"])), @r#"
    exit 0
    --- stdout
    {"kid":"[kid]","algorithm":"EdDSA","signing":false}
    {"kid":"[kid]","algorithm":"EdDSA","signing":true}
    --- stderr
    "#);
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let _steady = steady();
    let fixture = Fixture::new();
    let key = fs::read_dir(fixture.path("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| !path.ends_with("seed.key"))
        .unwrap();
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_snapshot!(screen(&fixture.run(&["send", "spring.toml", "--yes"])), @r"
    exit 78
    error: keys/[kid].ed25519.pem: has mode `644`, expected `600`: others could read the keys
      hint: chmod 600 keys/[kid].ed25519.pem, and replace what others may have read
    ");
    assert!(!fixture.path("linkpost.db").exists(), "a ledger was made");
}

#[test]
fn missing_keys_are_told_with_the_command_that_makes_them() {
    let fixture = Fixture::new();
    fs::remove_dir_all(fixture.path("keys")).unwrap();
    assert_snapshot!(screen(&fixture.run(&["send", "spring.toml", "--yes"])), @r"
    exit 78
    error: keys: there are no keys here, expected a seed and a signing key
      hint: make them with `linkpost keys new`
    ");
    assert!(!fixture.path("linkpost.db").exists(), "a ledger was made");
}
