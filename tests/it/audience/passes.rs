//! How often a list is read: once to find out what it is, once to prove its rows, once to book them.

use std::fs;

use crate::support::{fixture::Fixture, strace};

/// The calls that read a file.
const TRACE: &str = "trace=read,readv,pread64,preadv,preadv2,mmap";

/// How many bytes of the list a run of the program reads, as the kernel saw it.
fn bytes_read(fixture: &Fixture, arguments: &[&str], exit: i32) -> u64 {
    let log = fixture.path("trace");
    fs::create_dir(&log).unwrap();
    // A log for each thread, so that no call is torn apart.
    let calls = log.join("calls");
    let wrapper = ["strace", "-ff", "-y", "-qq", "-s", "0", "-e", TRACE, "-o", calls.to_str().unwrap()];
    let said = fixture.finish(fixture.wrapped(&wrapper, arguments));
    assert_eq!(said.code, Some(exit), "{said:?}");
    let logs = fs::read_dir(&log).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let logs: Vec<_> = logs.collect();
    fs::remove_dir_all(log).unwrap();
    let of_list = |line: &&str| line.contains("/people.csv>");
    let read = |line: &str| {
        assert!(line.starts_with("read("), "{line}");
        let (_, read) = line.rsplit_once(" = ").unwrap();
        read.trim().parse::<u64>().unwrap()
    };
    logs.iter().flat_map(|log| log.lines()).filter(of_list).map(read).sum()
}

/// A list of some hundred kilobytes.
fn people(note: &str) -> String {
    let row = |number| format!("user_{number},person{number}@example.com,Ada,{}\n", note.repeat(100));
    format!("user_id,email,first_name,note\n{}", (0..200).map(row).collect::<String>())
}

#[test]
fn a_list_is_read_three_times_and_once_where_it_is_known() {
    if !strace() {
        return;
    }
    let latin = people("François ").chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    for bytes in [people("Francois ").into_bytes(), people("Gökçe ").into_bytes(), latin] {
        let fixture = Fixture::new();
        fixture.file("people.csv", &bytes);
        let size = bytes.len() as u64;
        let send = ["send", "spring.toml", "--sandbox", "--limit", "1"];
        assert_eq!(bytes_read(&fixture, &send, 75), 3 * size, "a send");
        assert_eq!(bytes_read(&fixture, &send, 75), size, "a send that goes on");
        assert_eq!(bytes_read(&fixture, &["check", "spring.toml"], 0), 3 * size, "a check");
    }
}
