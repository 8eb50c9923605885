//! Waiting for other processes, which offer no event: their files, ports and states are looked at again and again.
//!
//! Whatever lives in the test's own process notifies instead ([`super::clerk::FakeClerk::until`],
//! `SandboxRelay::{accepted, until}`). No test asks how long something took: a machine under load takes longer.

use std::{fs, process::Child, thread, time::Duration};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);
/// What has not come about after so many looks never will: the test fails instead of hanging. Looks are counted, not
/// seconds, so that a machine that stood still meanwhile has as many as another.
const LOOKS: usize = 60_000;

/// Waits until another process has brought something about.
#[track_caller]
pub(crate) fn until(mut there: impl FnMut() -> bool) {
    until_some(|| there().then_some(()));
}

/// Waits until there is something to be seen of another process, and gives it.
#[track_caller]
pub(crate) fn until_some<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(found) = look() {
            return found;
        }
        pause();
    }
    panic!("it has not come about");
}

/// The time between two looks, where looking is more than [`until`] can do.
pub(crate) fn pause() {
    thread::sleep(PAUSE);
}

/// Waits until a process of ours stands still.
#[track_caller]
pub(crate) fn until_stopped(child: &Child) {
    until(|| match state(child) {
        Some('T') => true,
        Some('Z') | None => panic!("the process ended instead of standing still"),
        Some(_) => false,
    });
}

/// Whether a process of ours has ended, though nobody asked for its code yet.
pub(crate) fn ended(child: &Child) -> bool {
    matches!(state(child), Some('Z') | None)
}

/// The letter that Linux has for the state of a process.
fn state(child: &Child) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    text.rsplit(") ").next()?.chars().next()
}
