//! Secrets, keys and ledgers as containers and service managers mount them: their owner and mode are not ours to choose.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Command,
};

use crate::support::{
    fixture::{Fixture, Said},
    skipped,
};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A campaign whose relay wants a password and is not there, in a folder that others may enter.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.edit("linkpost.toml", "tls = \"none\"", "tls = \"none\"\nuser = \"campaigns\"");
    fixture
}

/// Runs up to the relay, with the password in this file.
fn connect(fixture: &Fixture, mut command: Command, file: &str) -> Said {
    command.env("LINKPOST_SMTP_PASSWORD_FILE", file);
    fixture.finish(command)
}

const CONNECT: [&str; 3] = ["check", "spring.toml", "--connect"];

/// A file of a secret is taken: the run comes as far as the relay, which is not there.
#[track_caller]
fn is_taken(said: &Said) {
    assert_eq!(said.code, Some(69), "{said:?}");
}

#[track_caller]
fn is_refused(said: &Said, found: &str, hint: &str) {
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains(found) && said.err.contains(&format!("hint: {hint}")), "{said:?}");
}

/// The program in a world of its own, after `mount` has run there; `None` where nothing may be mounted.
fn mounting(fixture: &Fixture, mount: &str, arguments: &[&str]) -> Option<Command> {
    let may = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    if !may {
        skipped("nothing may be mounted here");
        return None;
    }
    let script = format!("{mount} && exec \"$@\"");
    Some(fixture.wrapped(&["unshare", "-m", "sh", "-ec", &script, "sh"], arguments))
}

#[test]
fn a_secret_that_the_group_may_read_is_taken_and_one_that_everybody_can_is_not() {
    let fixture = fixture();
    fixture.file("pw", "s3cret\r\n");
    let path = fixture.path("pw");
    for mode in [0o400, 0o440, 0o600, 0o640] {
        set_mode(&path, mode);
        is_taken(&connect(&fixture, fixture.command(&CONNECT), "pw"));
    }
    for mode in [0o444, 0o644, 0o604, 0o620, 0o660, 0o666] {
        set_mode(&path, mode);
        let said = connect(&fixture, fixture.command(&CONNECT), "pw");
        is_refused(&said, &format!("pw: has mode `{mode:03o}`"), "chmod 600 pw");
    }
    // What the hint says helps.
    set_mode(&path, 0o600);
    is_taken(&connect(&fixture, fixture.command(&CONNECT), "pw"));
}

#[test]
fn whoever_cannot_come_to_a_secret_cannot_read_it() {
    let fixture = fixture();
    fixture.file("secrets/pw", "s3cret");
    let inside = fixture.path("secrets/pw");
    set_mode(&inside, 0o644);
    set_mode(&fixture.path("secrets"), 0o755);
    is_refused(&connect(&fixture, fixture.command(&CONNECT), "secrets/pw"), "has mode `644`", "chmod 600");
    set_mode(&fixture.path("secrets"), 0o700);
    is_taken(&connect(&fixture, fixture.command(&CONNECT), "secrets/pw"));
}

#[test]
fn the_folder_of_the_service_manager_is_known_and_only_below_itself() {
    let fixture = fixture();
    fixture.file("credentials/pw", "s3cret").file("credentials-of-others/pw", "s3cret");
    for folder in ["credentials", "credentials-of-others"] {
        set_mode(&fixture.path(folder).join("pw"), 0o444);
    }
    let with = |folder: &str, file: &str| {
        let mut command = fixture.command(&CONNECT);
        command.env("CREDENTIALS_DIRECTORY", fixture.path(folder));
        connect(&fixture, command, file)
    };
    is_taken(&with("credentials", "credentials/pw"));
    is_refused(&with("credentials", "credentials-of-others/pw"), "has mode `444`", "chmod 600");
    set_mode(&fixture.path("credentials/pw"), 0o666);
    is_refused(&with("credentials", "credentials/pw"), "has mode `666`", "chmod 600");
}

#[test]
fn what_root_owns_and_we_may_read_is_taken() {
    let fixture = fixture();
    fixture.file("pw", "s3cret");
    let (path, user) = (fixture.path("pw"), 4711);
    if chown(&path, Some(0), Some(user)).is_err() {
        skipped("only root can give a file to another user");
        return;
    }
    let as_user = || {
        let id = user.to_string();
        let wrapper = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
        connect(&fixture, fixture.wrapped(&wrapper, &CONNECT), "pw")
    };
    // systemd from 254 on hands a service its secrets like this, with the right to read in an access control list.
    set_mode(&path, 0o440);
    is_taken(&as_user());
    set_mode(&path, 0o644);
    is_refused(&as_user(), "has mode `644`", &format!("as root: chown {user} pw && chmod 600 pw"));
    chown(&path, Some(user), None).unwrap();
    set_mode(&path, 0o600);
    is_taken(&as_user());
    chown(&path, Some(user + 1), Some(user)).unwrap();
    set_mode(&path, 0o440);
    is_refused(&as_user(), &format!("belongs to user id `{}`", user + 1), "run as the owner");
}

#[test]
fn docker_and_kubernetes_mount_secrets_that_are_taken() {
    let fixture = fixture();
    fixture.file("host/pw", "s3cret\n").file("k8s/..2026_12_01/pw", "s3cret");
    set_mode(&fixture.path("host/pw"), 0o444);
    let docker = "mount -t tmpfs tmpfs /run && mkdir /run/secrets && touch /run/secrets/pw \
                  && mount --bind host/pw /run/secrets/pw && mount -o remount,bind,ro /run/secrets/pw";
    let Some(command) = mounting(&fixture, docker, &CONNECT) else { return };
    is_taken(&connect(&fixture, command, "/run/secrets/pw"));
    // A file of the host keeps the owner that it has there.
    if chown(fixture.path("host/pw"), Some(4711), None).is_ok() {
        is_taken(&connect(&fixture, mounting(&fixture, docker, &CONNECT).unwrap(), "/run/secrets/pw"));
    }
    std::os::unix::fs::symlink("..2026_12_01", fixture.path("k8s/..data")).unwrap();
    std::os::unix::fs::symlink("..data/pw", fixture.path("k8s/pw")).unwrap();
    set_mode(&fixture.path("k8s"), 0o1777);
    let kubernetes = "mount --bind k8s k8s && mount -o remount,bind,ro k8s";
    set_mode(&fixture.path("k8s/pw"), 0o440);
    is_taken(&connect(&fixture, mounting(&fixture, kubernetes, &CONNECT).unwrap(), "k8s/pw"));
    // The default of Kubernetes is open to everybody, and `chmod` is no remedy there.
    set_mode(&fixture.path("k8s/pw"), 0o644);
    let said = connect(&fixture, mounting(&fixture, kubernetes, &CONNECT).unwrap(), "k8s/pw");
    is_refused(&said, "k8s/pw: has mode `644`", "it is mounted read-only");
    assert!(!said.err.contains("chmod"), "{said:?}");
}

#[test]
fn a_key_folder_that_kubernetes_mounts_signs() {
    let fixture = Fixture::new();
    let version = fixture.path("keys/..2026_12_01");
    fs::create_dir(&version).unwrap();
    std::os::unix::fs::symlink("..2026_12_01", fixture.path("keys/..data")).unwrap();
    for entry in fs::read_dir(fixture.path("keys")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with("..") {
            set_mode(&entry.path(), 0o640);
            fs::rename(entry.path(), version.join(&name)).unwrap();
            std::os::unix::fs::symlink(format!("..data/{name}"), entry.path()).unwrap();
        }
    }
    set_mode(&version, 0o755);
    set_mode(&fixture.path("keys"), 0o1777);
    let list = ["keys", "list"];
    let said = fixture.run(&list);
    is_refused(&said, "keys: has mode `777`, expected `700`: others could read the keys", "chmod 700 keys");
    let mount = "mount --bind keys keys && mount -o remount,bind,ro keys";
    let Some(command) = mounting(&fixture, mount, &list) else { return };
    let said = fixture.finish(command);
    assert_eq!(said.code, Some(0), "{said:?}");
    let key = fs::read_dir(&version).unwrap().next().unwrap().unwrap().path();
    set_mode(&key, 0o644);
    let said = fixture.finish(mounting(&fixture, mount, &list).unwrap());
    is_refused(&said, "has mode `644`, expected `600`", "it is mounted read-only");
    // What is no mount: only a mode that nobody gets by a slip.
    set_mode(&fixture.path("keys"), 0o550);
    for (mode, code) in [(0o440, 0), (0o400, 0), (0o640, 78), (0o444, 78)] {
        for file in fs::read_dir(&version).unwrap() {
            set_mode(&file.unwrap().path(), mode);
        }
        assert_eq!(fixture.run(&list).code, Some(code), "{mode:o}");
    }
}

#[test]
fn a_file_that_is_no_secret_is_told_in_words_that_help() {
    let fixture = fixture();
    fixture.file("empty", "\n").file("two", "campaigns\ns3cret\n").file("mark", b"\xef\xbb\xbfs3cret\n");
    fs::create_dir(fixture.path("folder")).unwrap();
    for name in ["empty", "two", "mark"] {
        set_mode(&fixture.path(name), 0o600);
    }
    let with = |file: &str| connect(&fixture, fixture.command(&CONNECT), file);
    is_taken(&with("mark"));
    let put = "put the secret into it, as one line of UTF-8, or into what is mounted there";
    is_refused(&with("empty"), "empty: the file of `LINKPOST_SMTP_PASSWORD_FILE` is empty", put);
    is_refused(&with("two"), "two: the file of `LINKPOST_SMTP_PASSWORD_FILE` holds several lines", put);
    is_refused(&with("folder"), "`LINKPOST_SMTP_PASSWORD_FILE` names a folder", "name the file itself");
    is_refused(&with("/dev/null"), "`LINKPOST_SMTP_PASSWORD_FILE` names no file", "name the file itself");
    is_refused(&with("gone"), "cannot be read: no such file", "name the file from the root on");
    let mut command = fixture.command(&CONNECT);
    command.env("LINKPOST_SMTP_PASSWORD", "campaigns\ns3cret");
    is_refused(
        &fixture.finish(command),
        "LINKPOST_SMTP_PASSWORD: the variable holds several lines",
        "set it anew",
    );
    for secret in ["s3cret", "campaigns"] {
        assert!(!with("two").err.contains(secret));
    }
    // A shell's `<(command)` is a pipe.
    let script = "exec 9<<X\ns3cret\nX\nLINKPOST_SMTP_PASSWORD_FILE=/dev/fd/9 exec \"$@\"";
    is_taken(&fixture.finish(fixture.wrapped(&["sh", "-c", script, "sh"], &CONNECT)));
}

#[test]
fn a_ledger_on_a_groups_volume_is_used_and_told_once() {
    let fixture = Fixture::new();
    let sandbox = |more: &[&str]| fixture.run(&[&["send", "spring.toml", "--sandbox"][..], more].concat());
    assert_eq!(sandbox(&["--limit", "1"]).code, Some(75));
    let (folder, ledger) = (fixture.path("sandbox"), fixture.path("sandbox/linkpost.db"));
    let note = "note: sandbox/linkpost.db: the group of the file can read the addresses in it";
    set_mode(&folder, 0o755);
    set_mode(&ledger, 0o640);
    let said = sandbox(&["--limit", "1"]);
    assert_eq!((said.code, said.err.matches(note).count()), (Some(75), 1), "{said:?}");
    assert!(!sandbox(&["--limit", "1", "--quiet"]).err.contains(note));
    // What Kubernetes makes of a volume with `fsGroup` at each mount.
    set_mode(&ledger, 0o660);
    is_refused_as_ledger(&sandbox(&[]), "has mode `660`");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            set_mode(&path, 0o660);
        }
    }
    set_mode(&folder, 0o2775);
    let said = sandbox(&[]);
    assert_eq!((said.code, said.err.matches(note).count()), (Some(0), 1), "{said:?}");
    for mode in [0o644, 0o604, 0o666] {
        set_mode(&ledger, mode);
        is_refused_as_ledger(&sandbox(&[]), &format!("has mode `{mode:03o}`"));
    }
}

#[track_caller]
fn is_refused_as_ledger(said: &Said, found: &str) {
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains(found) && said.err.contains("hint: chmod 600 sandbox/linkpost.db"), "{said:?}");
}

#[test]
fn no_core_file_is_written_by_it_or_by_what_it_starts() {
    let fixture = Fixture::new();
    fixture
        .file(
            "export.sh",
            "#!/bin/sh\necho user_id,email,first_name\necho user_1,a@example.com,\"$(ulimit -c)\"\n",
        )
        .edit("spring.toml", "csv = \"people.csv\"", "command = [\"./export.sh\"]")
        .edit("linkpost.toml", "[list]", "[audience]\ncommands = [\"./export.sh\"]\n[list]");
    set_mode(&fixture.path("export.sh"), 0o755);
    let script = "ulimit -S -c unlimited && exec \"$@\"";
    let said = fixture.finish(fixture.wrapped(&["sh", "-c", script, "sh"], &["preview", "spring.toml"]));
    assert_eq!(said.code, Some(0), "{said:?}");
    let text = fs::read_dir(fixture.path("preview/spring")).unwrap().map(|entry| entry.unwrap().path());
    let text = text.filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
    assert!(fs::read_to_string(text.min().unwrap()).unwrap().contains("Hello 0,"));
}
