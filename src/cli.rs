//! The command line as data, and the one place where a failure becomes words and an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        self, check::CheckArgs, doctor::DoctorArgs, due::DueArgs, keys::KeysVerb, ledger::LedgerVerb,
        preview::PreviewArgs, purge::PurgeArgs, recall::RecallArgs, resolve::ResolveArgs, retry::RetryArgs,
        send::SendArgs, serve::ServeArgs, status::StatusArgs, suppress::SuppressVerb,
    },
    console::{Failure, Global},
    exit::Exit,
    private_file, scratch,
    ui::Ui,
};

/// Send e-mail campaigns with single-use sign-in links: nobody twice, nobody silently skipped
#[derive(Debug, Parser)]
#[command(version, after_help = Exit::table(), max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read everything and render every row; send nothing
    Check(CheckArgs),
    /// Write every mail into a folder instead of sending it; its links sign nobody in
    Preview(PreviewArgs),
    /// Send what is due, or go on where the last run ended
    Send(SendArgs),
    /// Run every campaign whose time has come, each occasion once: the line for cron
    Due(DueArgs),
    /// Serve the pages behind the links: sign-in, unsubscribe, answers, token API
    Serve(ServeArgs),
    /// See that the landing page leaves a link unspent when machines visit it
    Doctor(DoctorArgs),
    /// Show the books of a campaign
    Status(StatusArgs),
    /// Decide about mails that were handed over without an answer, by hand or from the relay's log
    Resolve(ResolveArgs),
    /// Let rows that came to their end without a mail wait again: refused, expired, with a problem, suppressed
    Retry(RetryArgs),
    /// Examine the ledger
    #[command(subcommand)]
    Ledger(LedgerVerb),
    /// Make and list the keys that sign the links
    #[command(subcommand)]
    Keys(KeysVerb),
    /// Say who gets no mail of any campaign any more, or again, or show the list
    #[command(subcommand)]
    Suppress(SuppressVerb),
    /// Revoke the unused sign-in links of a campaign
    Recall(RecallArgs),
    /// Forget the people of a finished campaign; counts and hashes stay
    Purge(PurgeArgs),
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    private_file::forbid_core_files();
    let arguments = Arguments::parse();
    scratch::sweep_all();
    let global = arguments.global;
    let ui =
        Ui { json: global.json, quiet: global.quiet, show_addresses: global.show_addresses, hushed: false };
    log_to_stderr(global.verbose, std::io::IsTerminal::is_terminal(&std::io::stderr()));
    #[cfg(feature = "failpoints")]
    {
        use crate::{failpoint, settings::Environment};
        failpoint::arm(Environment.get(failpoint::CRASH_AT), Environment.get(failpoint::STOP_AT));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            ui.error(format_args!("the program cannot start: {error}"), None);
            return ExitCode::from(Exit::Internal.code());
        }
    };
    let ended = runtime.block_on(async {
        match arguments.verb {
            Verb::Check(arguments) => commands::check::run(&ui, &global, arguments).await,
            Verb::Preview(arguments) => commands::preview::run(&ui, &global, arguments).await,
            Verb::Send(SendArgs { campaign, whom, list, dry_run: true, .. }) => {
                let arguments = PreviewArgs { campaign, out: None, whom, list };
                commands::preview::run(&ui, &global, arguments).await
            }
            Verb::Send(arguments) => commands::send::run(&ui, &global, arguments).await,
            Verb::Due(arguments) => Box::pin(commands::due::run(&ui, &global, arguments)).await,
            Verb::Serve(arguments) => commands::serve::run(&ui, &global, arguments).await,
            Verb::Doctor(arguments) => commands::doctor::run(&ui, &global, arguments).await,
            Verb::Status(arguments) => commands::status::run(&ui, &global, arguments).await,
            Verb::Resolve(arguments) => commands::resolve::run(&ui, &global, arguments).await,
            Verb::Retry(arguments) => commands::retry::run(&ui, &global, arguments).await,
            Verb::Ledger(verb) => commands::ledger::run(&ui, &global, verb).await,
            Verb::Keys(verb) => commands::keys::run(&ui, &global, verb),
            Verb::Suppress(verb) => commands::suppress::run(&ui, &global, verb).await,
            Verb::Recall(arguments) => commands::recall::run(&ui, &global, arguments).await,
            Verb::Purge(arguments) => commands::purge::run(&ui, &global, arguments).await,
        }
    });
    // After a second signal workers may still be waiting for a relay; nobody waits for them.
    runtime.shutdown_background();
    let exit = ended.unwrap_or_else(|failure| tell(&ui, failure));
    ExitCode::from(exit.code())
}

/// Says what went wrong and names the exit code.
fn tell(ui: &Ui, failure: Failure) -> Exit {
    let exit = failure.exit();
    failure.report(ui);
    exit
}

/// Our own words only: `sqlx` logs statements, and what a library logs is not ours to vouch for. For a person on a
/// terminal, for a machine as JSON lines.
fn log_to_stderr(verbose: u8, terminal: bool) {
    use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = if terminal {
        layer.boxed()
    } else {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    };
    tracing_subscriber::registry().with(layer).with(Targets::new().with_target("linkpost", level)).init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
