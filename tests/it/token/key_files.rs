//! The key folder: how it is made, who may see it, what is told when it is not as it should be.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use data_encoding::BASE64URL_NOPAD;
use linkpost::token::{Algorithm, KeyError, Keyring, Purpose};

use super::{Folder, after, start};
use crate::support;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The single signing key's file.
fn key_file(folder: &Folder) -> PathBuf {
    let entries = fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap() != "seed.key").min().unwrap()
}

#[test]
fn new_keys_are_for_our_eyes_only() {
    let folder = Folder::empty();
    let key = Keyring::create(&folder.path, Algorithm::EdDsa, start()).unwrap();
    assert_eq!(mode(&folder.path), 0o700);
    assert_eq!(mode(&folder.path.join("seed.key")), 0o600);
    assert_eq!(mode(&key.path), 0o600);
    assert!(key.kid.starts_with("20261122T093015-"), "{}", key.kid);
    assert_eq!(key.path, folder.path.join(format!("{}.ed25519.pem", key.kid)));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    assert!(key.kid.len() <= 64 && key.kid.bytes().all(allowed), "{}", key.kid);
    let pem = fs::read_to_string(&key.path).unwrap();
    assert!(pem.lines().all(|line| line.len() <= 64), "RFC 7468 allows 64 characters a line");

    let key = Keyring::create(&folder.path, Algorithm::Hs256, start()).unwrap();
    assert_eq!(mode(&key.path), 0o600);
    assert_eq!(key.path, folder.path.join(format!("{}.hs256.key", key.kid)));
}

#[test]
fn a_new_key_leaves_the_seed_and_the_older_keys_as_they_are() {
    let folder = Folder::with(Algorithm::EdDsa);
    let read = || {
        let mut files: Vec<_> = fs::read_dir(&folder.path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = read();
    let key = Keyring::create(&folder.path, Algorithm::EdDsa, after(60)).unwrap();
    let (new, old): (Vec<_>, Vec<_>) = read().into_iter().partition(|(path, _)| *path == key.path);
    assert_eq!(old, before);
    assert_eq!(new.len(), 1);
}

#[test]
fn keys_sort_by_age_whatever_the_clock_shows() {
    let folder = Folder::empty();
    let mut made = Vec::new();
    for seconds in [0, 0, 0, 3600, -86_400, -86_400, 7200] {
        made.push(Keyring::create(&folder.path, Algorithm::EdDsa, after(seconds)).unwrap().kid);
    }
    let listed = folder.open().list();
    assert_eq!(listed.iter().map(|key| key.kid.clone()).collect::<Vec<_>>(), made);
    assert!(listed.windows(2).all(|pair| pair[0].created < pair[1].created));
    let signing: Vec<_> = listed.iter().map(|key| key.signing).collect();
    assert_eq!(signing, [false, false, false, false, false, false, true]);
}

#[test]
fn the_newest_key_of_each_algorithm_signs() {
    let folder = Folder::empty();
    for (seconds, algorithm) in [Algorithm::Hs256, Algorithm::EdDsa, Algorithm::Hs256].into_iter().enumerate()
    {
        Keyring::create(&folder.path, algorithm, after(seconds.try_into().unwrap())).unwrap();
    }
    let listed: Vec<_> = folder.open().list().iter().map(|key| (key.algorithm, key.signing)).collect();
    assert_eq!(listed, [(Algorithm::Hs256, false), (Algorithm::EdDsa, true), (Algorithm::Hs256, true)]);
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let check = |path: &Path, folder: &Folder, mode: u32| {
        let before = fs::metadata(path).unwrap().mode() & 0o777;
        set_mode(path, mode);
        let error = Keyring::open(&folder.path).unwrap_err();
        assert!(matches!(error, KeyError::Exposed(_)), "{error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{}: has mode `{mode:03o}`", path.display())), "{text}");
        assert!(text.contains("\n  hint: chmod "), "{text}");
        set_mode(path, before);
        folder.open();
    };
    for algorithm in Algorithm::ALL {
        let folder = Folder::with(algorithm);
        for mode in [0o644, 0o640, 0o604, 0o620, 0o610, 0o601, 0o666] {
            check(&key_file(&folder), &folder, mode);
            check(&folder.path.join("seed.key"), &folder, mode);
        }
        for mode in [0o755, 0o750, 0o710, 0o701, 0o770, 0o777] {
            check(&folder.path, &folder, mode);
        }
    }
}

#[test]
fn no_key_is_added_to_a_folder_that_others_can_read() {
    let folder = Folder::empty();
    fs::create_dir(&folder.path).unwrap();
    set_mode(&folder.path, 0o755);
    let error = Keyring::create(&folder.path, Algorithm::EdDsa, start()).unwrap_err();
    assert!(matches!(error, KeyError::Exposed(_)), "{error}");
    assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 0);
}

#[test]
fn keys_of_another_user_are_refused() {
    let folder = Folder::with(Algorithm::EdDsa);
    let own = fs::metadata(&folder.path).unwrap().uid();
    if chown(&folder.path, Some(own + 1), None).is_err() {
        support::skipped("only root can give a file to another user");
        return;
    }
    chown(&folder.path, Some(own), None).unwrap();
    for path in [folder.path.clone(), folder.path.join("seed.key"), key_file(&folder)] {
        chown(&path, Some(own + 1), None).unwrap();
        let error = Keyring::open(&folder.path).unwrap_err();
        assert!(matches!(error, KeyError::Exposed(_)), "{error}");
        let found = format!("{}: belongs to user id `{}`", path.display(), own + 1);
        assert!(error.to_string().starts_with(&found), "{error}");
        chown(&path, Some(own), None).unwrap();
    }
    folder.open();
}

#[test]
fn a_missing_folder_or_key_comes_with_the_command_that_makes_one() {
    let check = |path: &Path| {
        let error = Keyring::open(path).unwrap_err();
        assert!(matches!(error, KeyError::Missing(_)), "{error}");
        let expected = format!(
            "{}: there are no keys here, expected a seed and a signing key\n  \
             hint: make them with `linkpost keys new`",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
    };
    let folder = Folder::with(Algorithm::EdDsa);
    check(&folder.path.join("elsewhere"));
    // What a crash between the two files leaves behind; making keys again goes on from there.
    fs::remove_file(key_file(&folder)).unwrap();
    check(&folder.path);
    Keyring::create(&folder.path, Algorithm::EdDsa, start()).unwrap();
    folder.open();
    fs::remove_file(key_file(&folder)).unwrap();
    fs::remove_file(folder.path.join("seed.key")).unwrap();
    check(&folder.path);
}

#[test]
fn a_lost_seed_is_told_and_never_replaced_silently() {
    let folder = Folder::with(Algorithm::EdDsa);
    fs::remove_file(folder.path.join("seed.key")).unwrap();
    let opened = Keyring::open(&folder.path).unwrap_err();
    let made = Keyring::create(&folder.path, Algorithm::EdDsa, after(60)).unwrap_err();
    assert_eq!(opened, made);
    assert!(matches!(opened, KeyError::Broken(_)), "{opened}");
    assert!(opened.to_string().contains("seed.key: is gone"), "{opened}");
    assert!(!folder.path.join("seed.key").exists());
}

#[test]
fn files_that_are_no_keys_are_named() {
    let check = |make: &dyn Fn(&Path), name: &str| {
        let folder = Folder::with(Algorithm::EdDsa);
        let path = folder.path.join(name);
        make(&path);
        for error in [
            Keyring::open(&folder.path).unwrap_err(),
            Keyring::create(&folder.path, Algorithm::EdDsa, after(60)).unwrap_err(),
        ] {
            assert!(matches!(error, KeyError::Broken(_)), "{error}");
            assert!(error.to_string().starts_with(&format!("{}: is no ", path.display())), "{error}");
        }
    };
    let write = |path: &Path| fs::write(path, "x").unwrap();
    for name in ["notes.txt", "seed.key.bak", ".hidden", "20261122T093015-0a1b2c3d.pem", "key.hs256.key"] {
        check(&write, name);
    }
    check(&|path| fs::create_dir(path).unwrap(), "20261122T093015-0a1b2c3d.hs256.key");
    check(&|path| symlink("/dev/null", path).unwrap(), "20261122T093015-0a1b2c3d.hs256.key");

    let folder = Folder::empty();
    fs::write(&folder.path, "x").unwrap();
    let error = Keyring::open(&folder.path).unwrap_err();
    assert!(error.to_string().contains("is no folder"), "{error}");
}

#[test]
fn a_damaged_key_is_told_by_file_and_never_by_content() {
    let ec = "-----BEGIN PRIVATE KEY-----\n\
              MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjqotbR5+1BFMlP1U\n\
              /rEnDVLGdbjDQhGZeLyA2mGAADOhRANCAARTfmmBgcWojdKnnRCjjYbp/OJm18Lk\n\
              EFE+6daTnSt+JkOC/GZ8DoUinwjuodj7ilvFP9FmKFnPy6xy8NzIQkQr\n\
              -----END PRIVATE KEY-----\n";
    for algorithm in Algorithm::ALL {
        let folder = Folder::with(algorithm);
        let good = fs::read_to_string(key_file(&folder)).unwrap();
        let seed = fs::read_to_string(folder.path.join("seed.key")).unwrap();
        let check = |path: &Path, damaged: &[u8]| {
            let before = fs::read(path).unwrap();
            fs::write(path, damaged).unwrap();
            let error = Keyring::open(&folder.path).unwrap_err();
            fs::write(path, before).unwrap();
            assert!(matches!(error, KeyError::Broken(_)), "{error}");
            let text = format!("{error} {error:?}");
            assert!(text.starts_with(&format!("{}: is damaged, expected ", path.display())), "{text}");
            for secret in
                [&good, &seed].into_iter().flat_map(|file| file.lines()).filter(|line| line.len() > 30)
            {
                assert!(!text.contains(&secret[..20]), "{text}");
            }
        };
        let doubled = good.repeat(2);
        let long = format!("{good}{}", "\n".repeat(5000));
        for damaged in ["", "\n", "secret", &good[..good.len() / 2], &doubled, &long, ec] {
            check(&key_file(&folder), damaged.as_bytes());
        }
        check(&key_file(&folder), b"\xff\xfe\x00");
        for damaged in ["", "secret", &seed[1..], &seed.repeat(2), &format!("{}=", seed.trim_end())] {
            check(&folder.path.join("seed.key"), damaged.as_bytes());
        }
        folder.open();
    }
}

#[test]
fn derived_keys_differ_by_purpose_and_survive_rotation() {
    let folder = Folder::with(Algorithm::EdDsa);
    let derive = |keyring: &Keyring| -> Vec<Vec<u8>> {
        let tag = |purpose| aws_lc_rs::hmac::sign(&keyring.derive(purpose), b"text").as_ref().to_vec();
        Purpose::ALL.into_iter().map(tag).collect()
    };
    let before = derive(&folder.open());
    for (index, tag) in before.iter().enumerate() {
        assert!(before[index + 1..].iter().all(|other| other != tag));
    }
    fs::remove_file(key_file(&folder)).unwrap();
    Keyring::create(&folder.path, Algorithm::Hs256, after(60)).unwrap();
    assert_eq!(derive(&folder.open()), before);
    let other = derive(&Folder::with(Algorithm::EdDsa).open());
    assert!(before.iter().all(|tag| !other.contains(tag)));
}

#[test]
fn a_derived_key_is_the_hkdf_of_the_seed() {
    // Computed with Python: HMAC-SHA256 alone, after RFC 5869 §2, over a seed of 32 zero bytes.
    let folder = Folder::with(Algorithm::EdDsa);
    fs::write(folder.path.join("seed.key"), format!("{}\n", "A".repeat(43))).unwrap();
    let tag = aws_lc_rs::hmac::sign(&folder.open().derive(Purpose::MessageId), b"text");
    assert_eq!(BASE64URL_NOPAD.encode(tag.as_ref()), "YBrMmhOhoZyqBIc_baq23fXRMOSu59_sGF2ngVDGYZM");
}
