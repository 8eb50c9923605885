//! A wall clock that is wrong, for one program; its monotonic clock stays right.

use std::{path::Path, process::Command};

use super::judge;

/// The library that fakes the clock, if it is there.
pub(crate) fn library() -> Option<&'static str> {
    const PLACES: [&str; 3] = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/faketime/libfaketimeMT.so.1",
    ];
    let found = PLACES.into_iter().find(|place| Path::new(place).exists());
    if judge("faketime", found.is_some()) { found } else { None }
}

/// Gives the program a clock: an offset such as `-50m`, or `@` and the time (UTC) at which it starts.
pub(crate) fn shift(command: &mut Command, library: &str, clock: &str) {
    command.env("LD_PRELOAD", library).env("FAKETIME", clock).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command.env("TZ", "UTC");
}
