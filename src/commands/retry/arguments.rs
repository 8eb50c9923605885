//! What `retry` understands, and the commands that go on from there.

use std::path::PathBuf;

use clap::Args;

use crate::{
    commands::retry::report::remedy,
    console::{
        AcceptArgs, Global,
        command_line::{self, CommandLine},
    },
    ledger::State,
};

/// What `retry` understands.
#[derive(Debug, Clone, Args)]
pub struct RetryArgs {
    /// The campaign file, or the campaign's name
    pub campaign: PathBuf,
    /// Which: rejected, expired, invalid (the next run looks at their problem again) or suppressed (if their address is
    /// not on the suppression list any more)
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub rows: State,
    /// Of these only those whose reason holds this text, in whatever letter case
    #[arg(long, value_name = "TEXT")]
    pub reason_contains: Option<String>,
    /// Of these only this address or user id; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub only: Vec<String>,
    /// The occasion, where several have such rows
    #[arg(long, value_name = "NAME")]
    pub occasion: Option<String>,
    /// Do not ask before they are put back
    #[arg(long, short)]
    pub yes: bool,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Put back rows of the rehearsals of `send --sandbox`
    #[arg(long)]
    pub sandbox: bool,
    /// What the start puts up with.
    #[command(flatten)]
    pub accept: AcceptArgs,
}

impl RetryArgs {
    /// The same command once more; `occasion` where it is known by now.
    pub(super) fn again(&self, global: &Global, occasion: Option<&str>) -> CommandLine {
        command_line::retry(&self.campaign, self.sandbox, global, self.rows)
            .option("--reason-contains", &self.reason_contains)
            .option("--only", &self.only)
            .option("--occasion", occasion.or(self.occasion.as_deref()))
            .option("--reason", &self.reason)
    }

    /// The command that sends what waits of an occasion.
    pub(super) fn send(&self, global: &Global, occasion: &str) -> CommandLine {
        command_line::send(&self.campaign, self.sandbox, global, occasion)
    }

    /// The command that shows the books, or the rows in a state.
    pub(super) fn status(&self, global: &Global, state: Option<State>) -> CommandLine {
        CommandLine::new("status", &self.campaign)
            .option("--rows", state.map(State::name))
            .option("--occasion", &self.occasion)
            .flag("--sandbox", self.sandbox)
            .settings(global)
    }
}

fn state(text: &str) -> Result<State, String> {
    match State::parse(text) {
        Some(state @ (State::Rejected | State::Expired | State::Invalid | State::Suppressed)) => Ok(state),
        Some(state) => Err(format!("{}; expected rejected, expired, invalid or suppressed", remedy(state))),
        None => Err("expected rejected, expired, invalid or suppressed".to_owned()),
    }
}
