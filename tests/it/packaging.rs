//! The systemd units that come along: known to systemd, and shut off from what they do not need.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::support::judge;

const UNITS: [&str; 2] = ["packaging/linkpost-serve.service", "packaging/systemd/linkpost-due.service"];
/// What a unit may be exposed, of ten, in tenths.
const EXPOSURE: u32 = 20;

fn unit(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What systemd says about the units, with the built program in the place of the installed one.
fn systemd(arguments: &[&str]) -> Option<String> {
    let present = Command::new("systemd-analyze").arg("--version").output().is_ok();
    if !judge("systemd-analyze", present) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("systemd-analyze");
    command.args(arguments);
    for path in UNITS {
        let copy = folder.path().join(Path::new(path).file_name().unwrap());
        fs::write(&copy, unit(path).replace("/usr/bin/linkpost", env!("CARGO_BIN_EXE_linkpost"))).unwrap();
        command.arg(copy);
    }
    let output = command.output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let Some(said) = systemd(&["verify", "--man=no"]) else { return };
    let ours: Vec<_> = said.lines().filter(|line| line.contains("linkpost-")).collect();
    assert!(ours.is_empty(), "{said}");
}

#[test]
fn both_units_are_shut_off_from_what_they_do_not_need() {
    let Some(said) = systemd(&["security", "--offline=true"]) else { return };
    let exposed: Vec<u32> = said
        .lines()
        .filter_map(|line| line.split_once("Overall exposure level for linkpost-")?.1.split_once(": "))
        .map(|(_, level)| level.split(' ').next().unwrap().replace('.', "").parse().unwrap())
        .collect();
    assert_eq!(exposed.len(), UNITS.len(), "{said}");
    assert!(exposed.iter().all(|level| *level <= EXPOSURE), "{said}");
}

#[test]
fn what_shuts_one_unit_off_shuts_the_other_off_too() {
    let lines = |path| -> BTreeSet<String> {
        let text = unit(path);
        let hardening = text.lines().skip_while(|line| !line.starts_with("UMask=")).skip(1);
        hardening
            .take_while(|line| !line.starts_with('['))
            .filter(|line| line.contains('='))
            .filter(|line| !line.starts_with(['#']) && !line.starts_with("MemoryMax="))
            .map(str::to_owned)
            .collect()
    };
    let (serve, due) = (lines(UNITS[0]), lines(UNITS[1]));
    assert!(serve.contains("LimitCORE=0") && serve.len() > 20, "{serve:?}");
    assert_eq!(serve, due);
}
