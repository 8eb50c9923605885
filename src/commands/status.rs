//! `status`: what the ledger knows.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use serde_json::json;

use crate::{
    audience::{Places, problems::quoted_row},
    console::{Failure, Global, books, files, name_owner::Owner, run_news::clock_time},
    exit::Exit,
    ledger::{Books, Ledger, Responses, State, TakenFile, TokenTally},
    occasion::ledgers,
    ui::{Ui, count, grouped, table, tally_table},
};

/// How many occasions are shown where nobody asks for more.
const NEWEST: usize = 5;
/// Rows that are read from the ledger at once.
const PAGE: u32 = 500;

/// What `status` understands.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The campaign file, or the campaign's name
    pub campaign: PathBuf,
    /// One occasion alone [default: the newest five; with --rows or --json all of them]
    #[arg(long, value_name = "NAME")]
    pub occasion: Option<String>,
    /// Every occasion
    #[arg(long, conflicts_with = "occasion")]
    pub all: bool,
    /// List the rows in this state as CSV on stdout
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub rows: Option<State>,
    /// Look at the rehearsals of `send --sandbox`
    #[arg(long)]
    pub sandbox: bool,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: StatusArgs) -> Result<Exit, Failure> {
    let (settings, campaign) = files::named(global, &arguments.campaign)?;
    let owner = Owner { global, settings: &settings, sandbox: arguments.sandbox };
    if arguments.campaign.is_file()
        && let Ok(Some(other)) = owner.look(&campaign, &arguments.campaign).await
    {
        ui.note(other.first_words());
    }
    let ledger = ledgers::existing(&settings, arguments.sandbox).await?;
    let all = books::books(&ledger, &campaign, arguments.occasion.as_deref()).await?;
    let newest = if arguments.all || arguments.rows.is_some() || ui.json { all.len() } else { NEWEST };
    let older = all.len().saturating_sub(newest);
    if older > 0 {
        ui.say(format_args!("{} before these: `--all` shows them", count(older as u64, "occasion")));
    }
    for books in all.iter().skip(older) {
        if let Some(state) = arguments.rows {
            rows(ui, &ledger, &campaign, &books.occasion, state).await?;
        } else {
            let returns = ledger.responses(&campaign, &books.occasion).await?;
            tell(ui, &campaign, books, &returns);
        }
    }
    if arguments.rows.is_none() {
        tell_orphans(ui, &campaign, &ledger.token_tally(&campaign).await?);
    }
    Ok(Exit::Settled)
}

fn tell(ui: &Ui, campaign: &crate::campaign::CampaignId, books: &Books, returns: &Responses) {
    if ui.json {
        let states: serde_json::Map<_, _> = State::ALL
            .iter()
            .map(|state| (state.name().to_owned(), books.tally.get(*state).into()))
            .collect();
        ui.event(&json!({
            "campaign": campaign.as_str(), "occasion": books.occasion, "books": states,
            "due": books.due.map(|due| due.to_string()), "over": books.over,
            "rows": books.tally.total(), "left_the_list": books.gone.0.total(),
            "redeemed": returns.redeemed, "answers": returns.answers.iter().map(|given| {
                json!({ "question": given.question, "answer": given.answer, "count": given.count })
            }).collect::<Vec<_>>(),
        }));
        return;
    }
    ui.data(format_args!("{campaign}, occasion {}", books.occasion));
    if let Some(reason) = &books.over {
        ui.data(format_args!("over: {reason}"));
    }
    if books.over.is_none() || books.tally.total() > 0 {
        ui.data(tally_table(&books.tally));
    }
    let gone = books.gone.0.total();
    if gone > 0 {
        ui.data(format_args!("{} left the list since", count(gone, "row")));
    }
    if returns.redeemed > 0 {
        ui.data(format_args!("{} signed in with", count(returns.redeemed, "link")));
    }
    if !returns.answers.is_empty() {
        let rows = returns
            .answers
            .iter()
            .map(|given| vec![format!("{}: {}", given.question, given.answer), grouped(given.count)]);
        ui.data(table(&["answer", "people"], rows));
    }
}

/// Tokens of Clerk's that nobody can call back.
fn tell_orphans(ui: &Ui, campaign: &crate::campaign::CampaignId, tally: &TokenTally) {
    let Some(end) = tally.orphans_end.filter(|_| tally.orphans > 0) else { return };
    if ui.json {
        let event = json!({ "campaign": campaign.as_str(), "orphans": tally.orphans, "orphans_until": end.to_string() });
        return ui.event(&event);
    }
    let orphans = count(tally.orphans, "token");
    ui.data(format_args!(
        "up to {orphans} may live without a mail until {}: Clerk's answers were lost",
        clock_time(end)
    ));
}

async fn rows(
    ui: &Ui,
    ledger: &Ledger,
    campaign: &crate::campaign::CampaignId,
    occasion: &str,
    state: State,
) -> Result<(), Failure> {
    if !ui.json {
        ui.data("line,user_id,address,state,attempts,message_id,reason,in_list");
    }
    let places = places(ledger.taken(campaign).await?, occasion);
    let none = Places::new(Vec::new());
    let mut after = 0;
    loop {
        let page = ledger.rows(campaign, occasion, Some(state), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for row in &page {
            let places = places.get(&row.generation).unwrap_or(&none);
            let address = row.address.as_deref().map(|address| ui.address(address)).unwrap_or_default();
            let (user_id, message_id) =
                (row.user_id.clone().unwrap_or_default(), row.message_id.clone().unwrap_or_default());
            let reason = row.reason.clone().unwrap_or_default();
            if ui.json {
                let place = places.of(row.line);
                let file = (!places.files().is_empty()).then_some(place.file);
                ui.event(&json!({
                    "file": file, "line": place.line, "user_id": user_id, "address": address, "state": row.state.name(),
                    "attempts": row.attempts, "message_id": message_id, "reason": reason, "in_list": row.listed,
                }));
            } else {
                let line = if places.files().len() > 1 {
                    places.of(row.line).to_string()
                } else {
                    row.line.to_string()
                };
                let attempts = row.attempts.to_string();
                let listed = if row.listed { "yes" } else { "no" };
                let cells =
                    [&line, &user_id, &address, row.state.name(), &attempts, &message_id, &reason, listed];
                ui.data(quoted_row(&cells));
            }
        }
    }
}

/// Where the lines of each list of an occasion are.
fn places(taken: Vec<TakenFile>, occasion: &str) -> BTreeMap<i64, Places> {
    let mut files: BTreeMap<i64, Vec<(u64, String)>> = BTreeMap::new();
    for TakenFile { generation, file, .. } in taken.into_iter().filter(|taken| taken.occasion == occasion) {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.entry(generation).or_default().push((file.lines_before, name));
    }
    files.into_iter().map(|(generation, files)| (generation, Places::new(files))).collect()
}

fn state(text: &str) -> Result<State, String> {
    State::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| {
        let names: Vec<_> = State::ALL.iter().map(|state| state.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}
