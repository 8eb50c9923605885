//! Named places at which a test lets the program die, or stand still. Only with the feature `failpoints`, which no
//! released program has; without it [`reach`] is empty and nothing is read from the environment.

/// The variable that names where to die: `NAME:NTH`, the nth time that the place is reached.
#[cfg(feature = "failpoints")]
pub(crate) const CRASH_AT: &str = "LINKPOST_CRASH_AT";
/// The variable that names where to stand still (SIGSTOP), in the same form.
#[cfg(feature = "failpoints")]
pub(crate) const STOP_AT: &str = "LINKPOST_STOP_AT";

#[cfg(feature = "failpoints")]
pub(crate) use armed::{arm, reach};

/// A place where a test may interfere.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn reach(_name: &str) {}

#[cfg(feature = "failpoints")]
mod armed {
    use std::{
        process::Command,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    /// What is to happen, and where.
    #[derive(Debug)]
    struct Plan {
        act: Act,
        name: String,
        nth: u64,
        seen: AtomicU64,
    }

    #[derive(Debug)]
    enum Act {
        Crash,
        Stop,
    }

    static PLANS: OnceLock<Vec<Plan>> = OnceLock::new();

    /// Takes the plans of this process, each `NAME:NTH`.
    pub(crate) fn arm(crash_at: Option<String>, stop_at: Option<String>) {
        let plan = |act, text: String| {
            let (name, nth) = text.rsplit_once(':').expect("a failpoint is `NAME:NTH`");
            let nth = nth.parse().expect("the nth time is a number");
            Plan { act, name: name.to_owned(), nth, seen: AtomicU64::new(0) }
        };
        let crash = crash_at.map(|text| plan(Act::Crash, text));
        let stop = stop_at.map(|text| plan(Act::Stop, text));
        PLANS.set(crash.into_iter().chain(stop).collect()).expect("a process is armed once");
    }

    /// A place where a test may interfere.
    pub(crate) fn reach(name: &str) {
        for plan in PLANS.get().into_iter().flatten().filter(|plan| plan.name == name) {
            if plan.seen.fetch_add(1, Ordering::SeqCst) + 1 != plan.nth {
                continue;
            }
            match plan.act {
                // No destructor runs and no buffer is flushed: for all that is on disk it is a `kill -9`.
                Act::Crash => std::process::abort(),
                // Returns once somebody has sent SIGCONT.
                Act::Stop => {
                    let stopped =
                        Command::new("kill").args(["-STOP", &std::process::id().to_string()]).status();
                    stopped.expect("a test has `kill`");
                }
            }
        }
    }
}
