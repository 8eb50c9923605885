//! What `send` understands, and the commands that go on from there.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    campaign,
    console::{
        AcceptArgs, Failure, Global, ListArgs, WhomArgs,
        command_line::{self, CommandLine},
    },
    ledger::State,
};

/// What `send` understands.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct SendArgs {
    /// The campaign file
    pub campaign: PathBuf,
    /// Rehearse: a real SMTP conversation with an embedded relay that keeps the mails on this machine
    #[arg(long, conflicts_with = "dry_run")]
    pub sandbox: bool,
    /// The same as `preview`
    #[arg(long)]
    pub dry_run: bool,
    /// The occasion [default: the one in the campaign file; with a schedule that of the newest due time]
    #[arg(long, value_name = "NAME", value_parser = occasion_name, conflicts_with = "dry_run")]
    pub occasion: Option<String>,
    /// Do not ask before sending
    #[arg(long, short)]
    pub yes: bool,
    /// Whom to mail.
    #[command(flatten)]
    pub whom: WhomArgs,
    /// Rows with problems.
    #[command(flatten)]
    pub list: ListArgs,
    /// Send on although the template, the sender or the link changed after the first mails left
    #[arg(long)]
    pub accept_changed_template: bool,
    /// Send although the campaign is paused (`paused = true` in its `[schedule]`)
    #[arg(long)]
    pub accept_paused: bool,
    /// Stay until everything is settled: wait for the mails that the relay put off, for hours if need be
    #[arg(long, conflicts_with_all = ["limit", "only", "dry_run"])]
    pub wait: bool,
    /// What becomes of mails that were handed over without an answer: wait for a decision, send them again (they may
    /// arrive twice), or take them as sent
    #[arg(long, value_enum, default_value_t = OnUnknown::Hold, value_name = "RULE", conflicts_with = "dry_run")]
    pub on_unknown: OnUnknown,
    /// With `--on-unknown resend`: also when it is more than 10 mails and more than 1 % of the list
    #[arg(long)]
    pub force: bool,
    /// What the start puts up with.
    #[command(flatten)]
    pub accept: AcceptArgs,
    /// Take refusals at their word: go on although many people are refused in the same words
    #[arg(long, conflicts_with = "dry_run")]
    pub accept_refusals: bool,
    /// Exit with 3 if any row was rejected, expired or invalid
    #[arg(long)]
    pub strict: bool,
    /// What a schedule asks for; not from the command line.
    #[arg(skip)]
    pub due: Option<Due>,
    /// Cancelled when another campaign's turn has come: this one goes on later.
    #[arg(skip)]
    pub turn: CancellationToken,
    /// The refusal of a login that stops every mail: the list is taken in, and none is offered.
    #[arg(skip)]
    pub refused_login: Option<Failure>,
}

/// What a schedule asks for.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The due time.
    pub at: Timestamp,
    /// Whether the occasion has begun: then it keeps the files that it began with.
    pub goes_on: bool,
}

/// What becomes of unknown mails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnUnknown {
    /// They wait for a decision.
    #[default]
    Hold,
    /// They are sent again, with the same Message-ID and the same link, and may arrive twice.
    Resend,
    /// They count as sent.
    Skip,
}

impl SendArgs {
    /// The command that goes on where this run ended, with the same people and the same care.
    pub(crate) fn again(&self, global: &Global) -> CommandLine {
        CommandLine::new("send", &self.campaign)
            .option("--occasion", &self.occasion)
            .flag("--sandbox", self.sandbox)
            .option("--only", &self.whom.only)
            .option("--limit", self.whom.limit.map(|limit| limit.to_string()))
            .flag("--skip-problems", self.list.skip_problems)
            .flag("--strict", self.strict)
            .flag("--wait", self.wait)
            .settings(global)
    }

    /// The command that decides about unknown mails by a relay's log.
    pub(crate) fn by_log(&self, global: &Global) -> CommandLine {
        command_line::by_log(&self.campaign, self.sandbox, global, "FILE")
    }

    /// The command that lists the rows in a state.
    pub(crate) fn rows(&self, global: &Global, state: &str) -> CommandLine {
        command_line::rows(&self.campaign, self.sandbox, global, state)
    }

    /// The command that puts back the rows of an occasion that came to this end.
    pub(crate) fn retry(&self, global: &Global, occasion: &str, state: State) -> CommandLine {
        command_line::retry(&self.campaign, self.sandbox, global, state).option("--occasion", [occasion])
    }
}

fn occasion_name(text: &str) -> Result<String, String> {
    campaign::occasion_name(text)
}
