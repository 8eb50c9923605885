//! The end of a run: the books, who got no mail, what to do next, and the exit code that says the same.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use crate::{
    commands::send::{arguments::SendArgs, refused},
    console::{Failure, Global, clerk, list_files, run_news},
    exit::Exit,
    ledger::{Books, Ledger, Run, State, Tally},
    occasion::{Ending, Occasion, Refused},
    settings::Expected,
    token::clerk::ClerkIssuer,
    ui::{Ui, tally_table},
};

/// What was known of the occasion before the run.
pub(super) struct Known {
    pub(super) due: Option<Timestamp>,
    /// Who was refused by then.
    refused: Option<Refused>,
    /// How many mails without an answer earlier runs have told.
    unknown: u64,
}

/// A run at its end.
pub(super) struct End<'a> {
    pub(super) ui: &'a Ui,
    pub(super) global: &'a Global,
    pub(super) arguments: &'a SendArgs,
    pub(super) occasion: &'a Occasion,
    pub(super) ledger: &'a Ledger,
    pub(super) run: &'a Run,
    pub(super) minter: Option<&'a ClerkIssuer>,
    pub(super) known: Known,
}

impl Known {
    pub(super) async fn of(ledger: &Ledger, occasion: &Occasion, run: &Run) -> Result<Self, Failure> {
        let books = ledger.books_of(&occasion.campaign.id, &occasion.campaign.occasion).await?;
        let decided = run.decided_rejected().await?;
        Ok(Self {
            due: books.as_ref().and_then(|books| books.due),
            refused: books.as_ref().map(|books| Refused::of(&books.tally, decided)),
            unknown: books.map_or(0, |books| books.unknown()).saturating_sub(run.recovered().unknown),
        })
    }
}

impl End<'_> {
    /// Says how it ended. `lapsed`: how many mails had their time before they were tried; `kept`: where the rehearsal
    /// left them.
    pub(super) async fn conclude(self, lapsed: u64, kept: Option<&Path>) -> Result<Exit, Failure> {
        let Self { ui, global, arguments, occasion, ledger, run, minter, known } = self;
        clerk::report_tokens(ui, global, ledger, run, &occasion.campaign, minter).await?;
        let ours = ledger.books_of(&occasion.campaign.id, &occasion.campaign.occasion).await?;
        let unknown = ours.as_ref().map_or(0, Books::unknown);
        let (tally, next_due) = ours.map(|books| (books.tally, books.next_due)).unwrap_or_default();
        let refused = Refused::of(&tally, run.decided_rejected().await?);
        let expected = expected(occasion, arguments);
        // Nobody is left out in silence: that mails had their time before they were tried is for a person to see.
        let strict = arguments.strict || refused.is_news(expected) || lapsed > 0;
        let exit = report_books(ui, &tally, unknown, next_due, strict);
        if exit == Exit::Unfinished {
            print_way_on(ui, global, arguments, run, next_due).await?;
        }
        let before = known.refused.filter(|_| arguments.due.is_some());
        let name = &occasion.campaign.occasion;
        let commands =
            |state: State| (arguments.rows(global, state.name()), arguments.retry(global, name, state));
        refused::report(&refused, ui, run, (expected, before), commands).await?;
        report_unknown(ui, global, arguments, unknown, known.unknown);
        if let Some(mails) = kept {
            ui.say(format_args!("read the mails: {}", mails.display()));
        }
        if !arguments.sandbox {
            list_files::move_done(ui, ledger, occasion).await?;
        }
        Ok(exit)
    }
}

/// How many refusals are no news: none where nobody looks on.
fn expected(occasion: &Occasion, arguments: &SendArgs) -> Expected {
    let usual = if arguments.due.is_some() { Expected::BY_SCHEDULE } else { Expected::BY_HAND };
    occasion.settings.expected_refusals.unwrap_or(usual)
}

/// The books, and the exit code that says the same.
fn report_books(ui: &Ui, tally: &Tally, unknown: u64, next_due: Option<Timestamp>, strict: bool) -> Exit {
    let exit = match Ending::of(tally, unknown, strict) {
        Ending::Settled => Exit::Settled,
        Ending::Waits => Exit::Unfinished,
        Ending::Undecided => Exit::Undecided,
    };
    let books: serde_json::Map<_, _> =
        State::ALL.iter().map(|state| (state.name().to_owned(), tally.get(*state).into())).collect();
    let due = next_due.map(|due| due.to_string());
    ui.event(&json!({
        "event": "ended", "books": books, "rows": tally.total(), "next_due": due, "exit": exit.code(),
    }));
    ui.say(tally_table(tally));
    exit
}

/// What to do next. The command mails nobody whom this run was not to mail.
async fn print_way_on(
    ui: &Ui,
    global: &Global,
    arguments: &SendArgs,
    run: &Run,
    next_due: Option<Timestamp>,
) -> Result<(), Failure> {
    if !arguments.whom.only.is_empty() && run.chosen(&arguments.whom.selection()).await?.1 == 0 {
        ui.say("not finished: each row of `--only` is settled, and the rest of the list waits");
        return Ok(());
    }
    ui.say(format_args!("not finished; to go on: {}", arguments.again(global)));
    if let Some(due) = next_due {
        ui.say(format_args!(
            "the next deferred mail is due {} (`--wait` stays until all are settled)",
            run_news::clock_time(due)
        ));
    }
    Ok(())
}

/// Says that mails wait for a decision; a tick of cron only of those that earlier ticks have not told.
fn report_unknown(ui: &Ui, global: &Global, arguments: &SendArgs, unknown: u64, reported: u64) {
    if unknown == 0 {
        return;
    }
    let words = format!(
        "{} handed over without an answer: `{}` asks the relay's log, `{}` lists them",
        mails_were(unknown),
        arguments.by_log(global),
        arguments.rows(global, "unknown")
    );
    if arguments.due.is_some() && unknown <= reported { ui.remark(words) } else { ui.note(words) }
}

pub(super) fn mails_were(number: u64) -> String {
    if number == 1 { "1 mail was".to_owned() } else { format!("{number} mails were") }
}
