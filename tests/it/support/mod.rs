//! What the tests share, and which of its worlds a test wants:
//!
//! - [`fixture::Fixture`]: a campaign in a folder and the built program, run as a person or cron runs it. For what a verb
//!   does and says: `cli`, `mistakes`, `sources`. [`postbox::Postbox`] is the relay beside it, ours or somebody else's.
//! - [`rig::Rig`]: the pipeline in this process, on a clock that the test pushes. For what takes minutes: `delivery`.
//! - [`Desk`](crate::ledger::desk::Desk): a ledger alone, called as `pipeline` calls it. For what the books allow: `ledger`.
//! - `fault::Ordeal`: a fixture with a relay that is hurt, and [`books::check`] after it. For what must hold whatever
//!   happens: `fault`.
//! - The `World` in `ledger::model`, `ledger::promise` and `cli::due::year`: a state of its own that a search, a property
//!   or a year steps through; nobody else uses it.
//!
//! A test takes the first that shows what it is about. It never sleeps; it waits for events: those of the doubles, and
//! of other processes by [`wait`]. A whole output goes into a snapshot by [`screen`], since a part of it says less.
//!
//! [`clerk`] is the double of the token service, [`chance`] gives numbers with a seed that a failing test prints,
//! [`judges`] and [`mails`] read mails without our own code, and [`sql`] reads and changes the ledger behind the program's
//! back.

use std::{
    io::Write,
    process::{Child, Command},
};

use linkpost::{
    campaign::CampaignId,
    ledger::{Accept, Ledger, LedgerError, Run},
};

pub(crate) mod books;
pub(crate) mod chance;
pub(crate) mod clerk;
pub(crate) mod faketime;
pub(crate) mod fixture;
pub(crate) mod judges;
pub(crate) mod mails;
pub(crate) mod postbox;
pub(crate) mod rig;
pub(crate) mod screen;
pub(crate) mod shell;
pub(crate) mod sql;
pub(crate) mod wait;

/// Whether an independent judge is there. Missing judges are said aloud, and are a failure where they are required.
pub(crate) fn judge(name: &str, present: bool) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
    let required = std::env::var("LINKPOST_TEST_JUDGES").is_ok_and(|value| value == "required");
    assert!(present || !required, "the judge `{name}` is missing");
    if !present {
        skipped(&format!("the judge `{name}` is not here (tests/run.sh installs it)"));
    }
    present
}

/// Says that a test did nothing, past the capture of the test runner: it must not look like one that passed.
pub(crate) fn skipped(reason: &str) {
    let _deaf = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// Whether strace is there and may trace.
pub(crate) fn strace() -> bool {
    let traces = std::process::Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    judge("strace", traces.is_ok_and(|output| output.status.success()))
}

/// Whether Python can import these modules.
pub(crate) fn python(modules: &str) -> bool {
    let present = std::process::Command::new("python3")
        .args(["-c", &format!("import {modules}")])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    judge(&format!("python3 with {modules}"), present)
}

/// Begins a run that nobody else's run is in the way of.
pub(crate) async fn begin(ledger: &Ledger, campaign: &CampaignId, occasion: &str) -> Run {
    loop {
        match ledger.begin(campaign, occasion, Accept::default()).await {
            // Another test starts a program: until that has replaced its image, it holds our lock as well, and nothing
            // tells when it lets go.
            Err(LedgerError::Busy { .. }) => wait::pause(),
            begun => return begun.unwrap(),
        }
    }
}

/// Whether the long programmes are wanted.
pub(crate) fn long() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
    let wanted = std::env::var_os("LINKPOST_TEST_LONG").is_some();
    wanted
}

/// A line about what was done and found, past the capture of the test runner, to be pasted.
pub(crate) fn told(line: &str) {
    let _deaf = writeln!(std::io::stderr(), "fault | {line}");
}

/// Sends a signal, by its name, to a process that we have started and not yet waited for.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "{name} could not be sent");
}
