//! The failures of the core as those of a verb: each cause gets its exit code and its remedy in this one place.

use super::{command_line::CommandLine, failure::Failure, list_news};
use crate::{
    delivery::Stop,
    exit::Exit,
    ledger::{LedgerError, StorageCause},
    occasion::Obstacle,
    pipeline::Halt,
    replies::{Fault, Identity, Refusal},
    token::{IssueError, KeyError},
    ui::count,
};

/// What can be done where the schedule has no occasion to send.
pub(crate) const OWN_OCCASION: &str = "`--occasion NAME` sends one of its own, beside those of the schedule";

/// Says how the rest is sent after the words of a campaign changed; `again` is the command that sends it.
pub(crate) fn changed_words(obstacle: Obstacle, again: CommandLine) -> Failure {
    let changed = matches!(obstacle, Obstacle::ChangedWords(_));
    let failure = Failure::from(obstacle);
    if !changed {
        return failure;
    }
    let again = again.flag("--accept-changed-template", true);
    failure.hint(format!("undo the change, or send the rest in the new words: {again}"))
}

impl From<Obstacle> for Failure {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Ledger(error) => error.into(),
            Obstacle::Tokens(error) => error.into(),
            Obstacle::Keys(error) => error.into(),
            Obstacle::Files(problems) => Self::problems(Exit::Configuration, problems),
            Obstacle::Setting(what) => Self::Words { exit: Exit::Configuration, what },
            Obstacle::List(problems) => Self::problems(Exit::Problems, problems),
            Obstacle::Unfit(unfit) => list_news::unfit(*unfit),
            Obstacle::ProblemsFile(error) => list_news::unwritten(&error),
            Obstacle::Emptied { list, waiting } => list_news::emptied(list, waiting),
            Obstacle::HeldUp { by, mails } => Self::from(*by).adding(&format!(
                "{} of this occasion wait until the list is in order",
                count(mails, "mail")
            )),
            Obstacle::NotYet(problem) => Self::problems(Exit::Unfinished, vec![problem]),
            Obstacle::ChangedWords(campaign) => Self::words(
                Exit::Configuration,
                format!(
                    "the template, the sender or the link of `{campaign}` changed after its first mails left"
                ),
            ),
            Obstacle::TooManyAgain { mails, total } => {
                Self::words(Exit::Undecided, format!("{mails} of {total} mails would be sent again"))
            }
            Obstacle::Sandbox(words) => Self::words(Exit::Ledger, words),
            Obstacle::Internal(words) => Self::words(Exit::Internal, words),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let words = error.to_string();
        match error {
            LedgerError::Busy { .. } => Self::words(Exit::Unfinished, words)
                .hint("wait for the other run to end, or stop it; what it leaves is sent by the next run"),
            LedgerError::Over { .. } => Self::words(Exit::Configuration, words).hint(OWN_OCCASION),
            LedgerError::Storage { cause: StorageCause::Locked, .. } => Self::words(Exit::Ledger, words)
                .hint("another program holds the ledger, such as a database browser: close it, then run the same command again"),
            LedgerError::Storage { .. } => Self::words(Exit::Ledger, words)
                .hint("free the disk or mend the file, then run the same command again; nothing is lost"),
            LedgerError::Refused(what) => Self::Words { exit: Exit::Configuration, what },
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Missing(problem)
            | KeyError::Exposed(problem)
            | KeyError::Broken(problem)
            | KeyError::Io(problem) => Self::problems(Exit::Configuration, vec![problem]),
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        let words = stop.to_string();
        match stop {
            Stop::Unreachable { .. } => Self::words(Exit::Unreachable, words)
                .hint("unsent mails wait in the ledger: run the same command again when the relay is back"),
            Stop::Refused(refusal) => refusal.into(),
            Stop::Tls { .. } => Self::words(Exit::Configuration, words)
                .hint("check `host`, `port` and `tls` under `[relay.smtp]`; `ca_file` names a certificate of your own"),
            Stop::Settings { .. } => Self::words(Exit::Configuration, words).hint("check `[relay.smtp]`"),
        }
    }
}

/// One sentence of what it is, and what to do. Nobody was marked for it.
impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.reading.fault {
            Fault::Identity(Identity::Login) => Exit::Credentials,
            Fault::Identity(
                Identity::Sender | Identity::Authentication | Identity::Encryption | Identity::Request,
            ) => Exit::Configuration,
            Fault::Identity(Identity::Relaying | Identity::Host | Identity::Account)
            | Fault::Person
            | Fault::Message
            | Fault::Quota
            | Fault::Reputation
            | Fault::TooFast
            | Fault::Theirs
            | Fault::Unclear => Exit::Unreachable,
        };
        let hint = format!("{}; nobody was marked as failed, unsent mails wait", refusal.reading.advice);
        Self::words(exit, refusal.to_string()).hint(hint)
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        let words = error.to_string();
        match error {
            IssueError::Refused(_) | IssueError::Unclear(_) | IssueError::Unavailable(_) => {
                Self::words(Exit::Unreachable, words).hint(
                    "unsent mails stay `pending`: run the same command again when the token service is back",
                )
            }
            IssueError::Us(refusal) => refusal.into(),
            IssueError::Interrupted => Self::words(Exit::Unfinished, words),
            IssueError::Ledger(error) => error.into(),
        }
    }
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Ledger(error) => error.into(),
            Halt::Relay(stop) => stop.into(),
            Halt::Refused { refusal, .. } => refusal.into(),
            Halt::ClockJumped(jump) => Self::words(
                Exit::Unfinished,
                format!(
                    "stopped: the machine's clock jumped by {jump:#} during the run, or the machine slept"
                ),
            )
            .hint("see that the clock is right, then run the same command again; nothing is lost"),
            Halt::Tokens(error) => error.into(),
            Halt::Interrupted => Self::words(Exit::Unfinished, "stopped before the relay had answered").hint(
                "run the same command again: what was under way is listed as `unknown`, the rest goes on",
            ),
            Halt::Fault => Self::words(Exit::Internal, "a worker ended by a fault of the program").hint(
                "run the same command again: what was under way is listed as `unknown`, the rest goes on",
            ),
        }
    }
}
