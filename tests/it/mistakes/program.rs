//! Programs that are to print a list and cannot be run, or fail.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use insta::assert_snapshot;

use super::told;
use crate::support::fixture::Fixture;

/// A campaign whose list this command prints.
fn printing(command: &str) -> Fixture {
    let fixture = Fixture::new();
    fixture.edit("spring.toml", "csv = \"people.csv\"", &format!("command = {command}")).edit(
        "linkpost.toml",
        "[list]",
        &format!(
            "[audience]\ncommands = [{}]\n[list]",
            command.split([',', ']']).next().unwrap().trim_matches('[')
        ),
    );
    fixture
}

/// What is said of a file of that mode that is to print the list.
fn checked(command: &str, content: impl AsRef<[u8]>, mode: u32) -> String {
    let fixture = printing(command);
    fixture.file("print.sh", content);
    fs::set_permissions(fixture.path("print.sh"), fs::Permissions::from_mode(mode)).unwrap();
    let mut check = fixture.command(&["check", "spring.toml"]);
    check.env("PATH", "/usr/bin:/bin");
    told(&fixture.finish(check))
}

const SELF: &str = "[\"./print.sh\"]";

#[test]
fn a_script_from_windows_is_told_by_its_line_ends() {
    assert_snapshot!(checked(SELF, "#!/bin/sh\r\ncat people.csv\r\n", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: `./print.sh` begins with `#!/bin/sh` and a carriage return
      hint: save it with Unix line ends (LF): sed -i 's/\r$//' print.sh
    ");
    // These interpreters are there, and are led astray by what follows their names.
    assert_snapshot!(checked(SELF, "#!/usr/bin/env sh\r\ncat people.csv\r\n", 0o755), @r"
    exit 65
    /usr/bin/env: 'sh\r': No such file or directory
    /usr/bin/env: use -[v]S to pass options in shebang lines
    error: the output of `./print.sh`: the program ended with exit status: 127: `./print.sh` has Windows line ends (CRLF)
      hint: save it with Unix line ends (LF): sed -i 's/\r$//' print.sh
    ");
    assert_snapshot!(checked("[\"sh\", \"print.sh\"]", "cat people.csv\r\nexit 0\r\n", 0o644), @r"
    exit 65
    cat: 'people.csv'$'\r': No such file or directory
    error: the output of `sh`: the program printed nothing: `print.sh` has Windows line ends (CRLF)
      hint: save it with Unix line ends (LF): sed -i 's/\r$//' print.sh
    ");
    assert_snapshot!(checked(SELF, "\u{feff}#!/bin/sh\ncat people.csv\n", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: `./print.sh` begins with a byte order mark
      hint: save it as UTF-8 without a byte order mark, with `#!` as its first two letters
    ");
    let utf16: Vec<u8> = "\u{feff}#!/bin/sh\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_snapshot!(checked(SELF, utf16, 0o755), @r"
    exit 65
    error: the output of `./print.sh`: `./print.sh` is saved as UTF-16
      hint: save it as UTF-8 without a byte order mark, with `#!` as its first two letters
    ");
}

#[test]
fn a_file_that_may_not_be_run_is_told_by_its_mode() {
    assert_snapshot!(checked(SELF, "#!/bin/sh\ncat people.csv\n", 0o644), @r"
    exit 65
    error: the output of `./print.sh`: `./print.sh` is not executable (mode `644`)
      hint: chmod +x print.sh
    ");
    assert_snapshot!(checked("[\"./templates\"]", "", 0o644), @r"
    exit 65
    error: the output of `./templates`: `./templates` is a folder
      hint: name the program in it
    ");
}

#[test]
fn a_program_that_is_not_there_is_told_by_what_is_missing() {
    assert_snapshot!(checked("[\"./prnt.sh\"]", "", 0o755), @r"
    exit 65
    error: the output of `./prnt.sh`: there is no file `./prnt.sh`
      hint: a program with a `/` in its name is seen from the folder of the campaign file
    ");
    assert_snapshot!(checked("[\"print.sh\"]", "#!/bin/sh\n", 0o755), @r"
    exit 65
    error: the output of `print.sh`: there is no program `print.sh` on the PATH
      hint: for the file beside the campaign file write `./print.sh`
    ");
    assert_snapshot!(checked("[\"no-such-program\"]", "", 0o755), @r"
    exit 65
    error: the output of `no-such-program`: there is no program `no-such-program` on the PATH
      hint: install it, or name it from the root on; under cron the PATH is short
    ");
    assert_snapshot!(checked("[\"cat people.csv\"]", "", 0o755), @r"
    exit 65
    error: the output of `cat people.csv`: there is no program `cat people.csv` on the PATH
      hint: `audience.command` is a program and its arguments, each in quotes of its own, and no line for a shell
    ");
    assert_snapshot!(checked(SELF, "#!/usr/bin/python9 -u\nprint()\n", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: `./print.sh` is to be run by `/usr/bin/python9`, which is not there
      hint: install it, or name another in the first line of the file
    ");
}

#[test]
fn a_file_that_is_no_program_is_told_by_what_it_is() {
    assert_snapshot!(checked(SELF, "cat people.csv\n", 0o755), @r#"
    exit 65
    error: the output of `./print.sh`: `./print.sh` does not say what runs it: its first line has no `#!`
      hint: begin it with `#!/bin/sh`, or with the interpreter that it is written for
    "#);
    assert_snapshot!(checked(SELF, b"MZ\x90\0\x03", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: `./print.sh` is a program for Windows
      hint: get the one for this system
    ");
    assert_snapshot!(checked(SELF, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x08\0", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: `./print.sh` was built for another machine
      hint: get the one for this system
    ");
    assert_snapshot!(checked(SELF, "", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: `./print.sh` is empty
      hint: look at how it got here: it was cut off, or the disk was full
    ");
}

#[test]
fn a_command_that_a_script_does_not_find_is_told_apart() {
    assert_snapshot!(checked(SELF, "#!/bin/sh\nno-such-command 2> /dev/null\n", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: the program ended with exit status: 127, so its output is no list
      hint: 127 says that a command in it was not found, and what it said is above; under cron the PATH is short: name such commands from the root on
    ");
    assert_snapshot!(checked(SELF, "#!/bin/sh\nexit 4\n", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: the program ended with exit status: 4, so its output is no list
      hint: run it by hand; what it said is above
    ");
    assert_snapshot!(checked(SELF, "#!/bin/sh\nkill -9 $$\n", 0o755), @r"
    exit 65
    error: the output of `./print.sh`: the program ended with signal: 9 (SIGKILL), so its output is no list
      hint: run it by hand; what it said is above
    ");
}

#[test]
fn what_the_hints_say_mends_it() {
    let fixture = printing("[\"./my print.sh\"]");
    let campaign = fixture.read("spring.toml").replace("templates/", "../templates/");
    fixture.file("campaigns/spring.toml", campaign);
    let list = fixture.read("people.csv");
    fixture.file("campaigns/my print.sh", format!("#!/bin/sh\r\ncat <<END\n{list}END\n"));
    let mut said = String::new();
    for words in ["chmod +x", "sed -i"] {
        said = told(&fixture.run(&["check", "campaigns/spring.toml"]));
        let command = said.find(words).map(|at| said[at..].lines().next().unwrap());
        let command = command.unwrap_or_else(|| panic!("{words}: {said}"));
        let done = Command::new("sh").args(["-c", command]).current_dir(fixture.path("")).status().unwrap();
        assert!(done.success(), "{command}");
        said = told(&fixture.run(&["check", "campaigns/spring.toml"]));
    }
    assert!(said.starts_with("exit 0\n"), "{said}");
}
