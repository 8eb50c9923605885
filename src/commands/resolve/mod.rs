//! `resolve`: decides about mails that were handed over without an answer, by hand or from a relay's log.

mod relay_log;

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use jiff::tz::TimeZone;
use serde_json::json;

use self::relay_log::RelayLog;
use crate::{
    audience::problems::quoted_row,
    console::{
        AcceptArgs, Failure, Global, books,
        command_line::{self, CommandLine},
        files,
        name_owner::Owner,
        spelled,
    },
    exit::Exit,
    feedback::maillog::{Evidence, Search, Wanted},
    ledger::{Books, Decision, Resolution, Run, Source, State, UnknownRow},
    occasion::{Never, is_named, ledgers},
    ui::{Ui, count},
};

/// Rows that are read from the ledger, or decided about, at once.
const PAGE: u32 = 500;

/// What `resolve` understands.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["message_id", "only", "log"]))]
pub struct ResolveArgs {
    /// The campaign file, or the campaign's name
    pub campaign: PathBuf,
    /// The mail with this Message-ID; may be given several times
    #[arg(long, value_name = "ID", requires = "decision")]
    pub message_id: Vec<String>,
    /// The mail to this address or user id; may be given several times
    #[arg(long, value_name = "ADDRESS", requires = "decision")]
    pub only: Vec<String>,
    /// What it is from now on; `pending` sends it again
    #[arg(long = "as", value_enum, value_name = "STATE", id = "decision", conflicts_with = "log")]
    pub decision: Option<As>,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT", conflicts_with = "log")]
    pub reason: Option<String>,
    /// Find out from the relay's log (Postfix, Exim, OpenSMTPD, Sendmail; `-` for stdin); may be given several times, oldest first
    #[arg(long, value_name = "FILE")]
    pub log: Vec<PathBuf>,
    /// Decide about the rehearsals of `send --sandbox`
    #[arg(long)]
    pub sandbox: bool,
    /// What the start puts up with.
    #[command(flatten)]
    pub accept: AcceptArgs,
}

/// A decision on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// The relay took it.
    Sent,
    /// It is sent again.
    Pending,
    /// It will never arrive.
    Rejected,
}

/// An occasion that may hold unknown rows, held by a run of its own.
struct Held {
    occasion: String,
    run: Run,
}

/// What was decided about, over all occasions.
#[derive(Default)]
struct Done {
    rows: u64,
    left: u64,
    /// Unknown mails that the log says nothing definite of.
    seen: u64,
}

impl ResolveArgs {
    /// The command that sends what waits of an occasion.
    fn send(&self, global: &Global, occasion: &str) -> CommandLine {
        command_line::send(&self.campaign, self.sandbox, global, occasion)
    }

    /// The command that puts back who was refused.
    fn retry(&self, global: &Global) -> CommandLine {
        command_line::retry(&self.campaign, self.sandbox, global, State::Rejected)
    }

    /// The command that decides by a log.
    fn by_log(&self, global: &Global, log: &str) -> CommandLine {
        command_line::by_log(&self.campaign, self.sandbox, global, log)
    }

    /// The command that lists the rows in a state.
    fn rows(&self, global: &Global, state: &str) -> CommandLine {
        command_line::rows(&self.campaign, self.sandbox, global, state)
    }
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, mut arguments: ResolveArgs) -> Result<Exit, Failure> {
    let (settings, campaign) = files::named(global, &arguments.campaign)?;
    let logs = relay_log::open_all(&arguments.log, &arguments.by_log(global, "-"))?;
    if arguments.campaign.is_file() {
        let owner = Owner { global, settings: &settings, sandbox: arguments.sandbox };
        owner.check(ui, &campaign, &arguments.campaign, arguments.accept.accepted()).await?;
    }
    let ledger = ledgers::existing(&settings, arguments.sandbox).await?;
    arguments.campaign = books::file(&ledger, &campaign, arguments.campaign).await?;
    let all = books::books(&ledger, &campaign, None).await?;
    let mut runs = Vec::new();
    for books in all.iter().filter(|books| books.purged.is_none() && is_open(books)) {
        // A run of its own: nobody else sends meanwhile, and what a dead run left is known as unknown.
        let accept = arguments.accept.accept();
        let run = ledger.begin(&campaign, &books.occasion, accept).await?;
        runs.push(Held { occasion: books.occasion.clone(), run });
    }
    let done = if arguments.log.is_empty() {
        by_hand(ui, global, &runs, &arguments).await?
    } else {
        let sender = settings.sender.address.to_string();
        by_log(ui, &runs, logs, &sender).await?
    };
    drop(runs);
    // So that a plain copy of the file is a whole backup. A failure loses nothing: the next run folds the log in.
    let _ = ledger.close().await;
    report_end(ui, &arguments, &done);
    if done.rows == 0 && arguments.log.is_empty() {
        return Err(Failure::words(Exit::Usage, "no mail whose outcome is unknown fits").hint(format!(
            "`{}` lists them with their Message-IDs; who was refused is put back by: {}",
            arguments.rows(global, "unknown"),
            arguments.retry(global)
        )));
    }
    Ok(if done.left > 0 { Exit::Undecided } else { Exit::Settled })
}

/// Whether the occasion may hold unknown rows: those of a dead run become so when the next begins.
fn is_open(books: &Books) -> bool {
    let unsettled = |state| books.tally.get(state) + books.gone.0.get(state) > 0;
    unsettled(State::Unknown) || unsettled(State::Sending)
}

fn report_end(ui: &Ui, arguments: &ResolveArgs, done: &Done) {
    ui.event(&json!({ "event": "ended", "resolved": done.rows, "unknown": done.left }));
    if done.rows > 0 || !arguments.log.is_empty() {
        ui.say(format_args!(
            "{} decided, {} unknown still",
            count(done.rows, "mail"),
            count(done.left, "mail")
        ));
    }
    if done.seen > 0 {
        ui.note(format_args!(
            "{} of these the log mentions without saying whether the relay took them",
            count(done.seen, "mail")
        ));
    }
}

async fn by_hand(ui: &Ui, global: &Global, runs: &[Held], arguments: &ResolveArgs) -> Result<Done, Failure> {
    let decision = match arguments.decision {
        Some(As::Sent) | None => Decision::Sent,
        Some(As::Pending) => Decision::Pending,
        Some(As::Rejected) => Decision::Rejected,
    };
    let reason = arguments.reason.clone().unwrap_or_else(|| "decided by hand".to_owned());
    let bare = |id: &str| id.trim().trim_matches(['<', '>']).to_owned();
    let ids: Vec<_> = arguments.message_id.iter().map(|id| bare(id)).collect();
    let people = spelled(&arguments.only);
    let fits = |row: &UnknownRow| {
        ids.contains(&bare(&row.message_id)) || is_named(&people, &row.user_id, &row.address)
    };
    let mut done = Done::default();
    let mut chosen = Vec::new();
    for held in runs {
        let (rows, others): (Vec<_>, Vec<_>) = unknown(&held.run).await?.into_iter().partition(fits);
        done.left += others.len() as u64;
        if !rows.is_empty() {
            chosen.push((held, rows));
        }
    }
    if decision == Decision::Pending {
        // Before anything is written: what is refused has changed nothing.
        can_be_sent(arguments, &chosen).await?;
    }
    for (held, rows) in &chosen {
        for page in rows.chunks(PAGE as usize) {
            let resolution = |row: &UnknownRow| Resolution {
                id: row.id,
                decision,
                source: Source::Hand,
                reason: reason.clone(),
            };
            done.rows += enter(ui, &held.run, page, page.iter().map(resolution).collect()).await?;
        }
        // Whoever left the list meanwhile is not mailed again.
        let again = rows.iter().filter(|row| row.listed).count();
        if decision == Decision::Pending && again > 0 {
            ui.say(format_args!(
                "to send {}: {}",
                if again == 1 { "it" } else { "them" },
                arguments.send(global, &held.occasion)
            ));
        }
    }
    Ok(done)
}

/// Fails where one of the rows would wait for ever: no run takes up an occasion that is over, or a campaign that was
/// cancelled.
async fn can_be_sent(arguments: &ResolveArgs, chosen: &[(&Held, Vec<UnknownRow>)]) -> Result<(), Failure> {
    let hint = "decide `--as sent` or `--as rejected`";
    for (Held { occasion, run }, _) in chosen {
        if let Some(never) = Never::find(&arguments.campaign, occasion, run).await? {
            let hint = match &never {
                Never::Over { .. } => {
                    format!("{hint}; mails of other occasions are chosen by `--message-id`")
                }
                Never::Cancelled(_) => format!("{hint}, or {}", books::UNCANCEL),
            };
            return Err(Failure::from(never).hint(hint));
        }
    }
    Ok(())
}

/// Every unknown row of an occasion.
async fn unknown(run: &Run) -> Result<Vec<UnknownRow>, Failure> {
    let mut rows: Vec<UnknownRow> = Vec::new();
    loop {
        let page = run.unknown(rows.last().map_or(0, |row| row.id), PAGE).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

async fn by_log(ui: &Ui, runs: &[Held], logs: Vec<RelayLog>, sender: &str) -> Result<Done, Failure> {
    let mut rows = Vec::new();
    for (at, held) in runs.iter().enumerate() {
        rows.extend(unknown(&held.run).await?.into_iter().map(|row| (at, row)));
    }
    let wanted = rows.iter().map(|(_, row)| Wanted {
        message_id: row.message_id.clone(),
        sender: sender.to_owned(),
        recipient: row.address.clone(),
        began: row.began,
        ended: row.ended,
    });
    let mut search = Search::new(wanted.collect(), TimeZone::system());
    let mut of_a_relay = false;
    for log in logs {
        of_a_relay |= relay_log::read(ui, &mut search, log)?;
    }
    let found = search.finish();
    if of_a_relay && !rows.is_empty() && found.iter().all(|evidence| *evidence == Evidence::None) {
        tell_time(ui, &rows);
    }
    let mut done = Done::default();
    for (at, Held { run, .. }) in runs.iter().enumerate() {
        let (mut page, mut decided) = (Vec::new(), Vec::new());
        for ((_, row), evidence) in rows.iter().zip(&found).filter(|((of, _), _)| *of == at) {
            let (decision, words) = match evidence {
                Evidence::None => continue,
                Evidence::Seen => {
                    done.seen += 1;
                    continue;
                }
                Evidence::Taken(words) => (Decision::Sent, words),
                Evidence::Bounced(words) => (Decision::Rejected, words),
            };
            let reason = format!("the relay's log: {words}");
            decided.push(Resolution { id: row.id, decision, source: Source::Log, reason });
            page.push(row.clone());
            if decided.len() >= PAGE as usize {
                done.rows += enter(ui, run, &page, std::mem::take(&mut decided)).await?;
                page.clear();
            }
        }
        done.rows += enter(ui, run, &page, decided).await?;
    }
    done.left = rows.len() as u64 - done.rows;
    Ok(done)
}

/// Says from when the log would have to be that is silent about every mail.
fn tell_time(ui: &Ui, rows: &[(usize, UnknownRow)]) {
    let first = rows.iter().map(|(_, row)| row.began).min();
    let last = rows.iter().map(|(_, row)| row.ended).max();
    if let (Some(first), Some(last)) = (first, last) {
        ui.note(format_args!(
            "no line is about {}, tried from {first:.0} to {last:.0}\n  \
             hint: it has to be the log of that time, and of the relay in `linkpost.toml`",
            if rows.len() == 1 {
                "the mail".to_owned()
            } else {
                format!("any of {}", count(rows.len() as u64, "mail"))
            },
        ));
    }
}

/// Enters decisions and lists them on stdout.
async fn enter(ui: &Ui, run: &Run, rows: &[UnknownRow], decided: Vec<Resolution>) -> Result<u64, Failure> {
    if decided.is_empty() {
        return Ok(0);
    }
    let changed = run.resolve(decided).await?;
    for (id, state) in &changed {
        let Some(row) = rows.iter().find(|row| row.id == *id) else { continue };
        let (address, line) = (ui.address(&row.address), row.line.to_string());
        if ui.json {
            ui.event(&json!({
                "event": "resolved", "line": row.line, "user_id": row.user_id, "address": address,
                "message_id": row.message_id, "state": state.name(),
            }));
        } else {
            ui.data(quoted_row(&[&line, &row.user_id, &address, state.name(), &row.message_id]));
        }
    }
    Ok(changed.len() as u64)
}
