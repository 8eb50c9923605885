//! `retry`: lets rows that came to their end without a mail wait for their turn again.

mod arguments;
mod report;

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    audience::problems::quoted_row,
    campaign::CampaignId,
    commands::retry::report::{agree, describe_stays, print_rows, remedy},
    console::{Failure, Global, OWN_OCCASION, books, files, name_owner::Owner, spelled},
    exit::Exit,
    ledger::{Back, Books, Ledger, PutBack, RowView, Run, Source, State, Stays},
    occasion::{Never, is_named, ledgers},
    ui::{Ui, count, grouped},
};

pub use arguments::RetryArgs;

/// Rows that are read from the ledger, or put back, at once.
const PAGE: u32 = 500;
/// How many occasions are named where there is a choice.
const SHOWN: usize = 5;
/// Why, where nobody says.
const NO_REASON: &str = "put back with `linkpost retry`";

/// The rows of an occasion that were asked for.
struct Found {
    occasion: String,
    over: bool,
    rows: Vec<RowView>,
}

/// The rows of an occasion, by what can become of them.
struct Sorted {
    waits: Vec<RowView>,
    stays: Vec<(Stays, u64)>,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, mut arguments: RetryArgs) -> Result<Exit, Failure> {
    let (settings, campaign) = files::named(global, &arguments.campaign)?;
    if arguments.rows == State::Invalid && !arguments.only.is_empty() {
        let words = "`--only`: rows with a problem are booked without their address and user id";
        let all = RetryArgs { only: Vec::new(), ..arguments };
        return Err(Failure::words(Exit::Usage, words)
            .hint(format!("the next run looks at all of them again after: {}", all.again(global, None))));
    }
    if arguments.campaign.is_file() {
        let owner = Owner { global, settings: &settings, sandbox: arguments.sandbox };
        owner.check(ui, &campaign, &arguments.campaign, arguments.accept.accepted()).await?;
    }
    let ledger = ledgers::existing(&settings, arguments.sandbox).await?;
    arguments.campaign = books::file(&ledger, &campaign, arguments.campaign).await?;
    let all = books::books(&ledger, &campaign, arguments.occasion.as_deref()).await?;
    let Some(found) = find(&ledger, &campaign, &all, global, &arguments).await? else {
        return Err(nothing_fits(ui, &ledger, &campaign, &all, global, &arguments).await?);
    };
    let run = ledger.begin(&campaign, &found.occasion, arguments.accept.accept()).await?;
    if let Some(never) = Never::find(&arguments.campaign, &found.occasion, &run).await? {
        let hint = match never {
            Never::Over { .. } => OWN_OCCASION,
            Never::Cancelled(_) => books::UNCANCEL,
        };
        return Err(Failure::from(never).hint(hint));
    }
    let done = if arguments.rows == State::Invalid {
        read_again(ui, global, &campaign, &run, &found, &arguments).await
    } else {
        put_back(ui, global, &campaign, &run, &found, &arguments).await
    };
    drop(run);
    // So that a plain copy of the file is a whole backup. A failure loses nothing: the next run folds the log in.
    let _ = ledger.close().await;
    done.map(|()| Exit::Settled)
}

/// The rows that were asked for, of the one occasion that has such; `None` where none has.
async fn find(
    ledger: &Ledger,
    campaign: &CampaignId,
    all: &[Books],
    global: &Global,
    arguments: &RetryArgs,
) -> Result<Option<Found>, Failure> {
    let sought = arguments.reason_contains.as_ref().map(|text| text.to_lowercase());
    let people = spelled(&arguments.only);
    let fits = |row: &RowView| {
        let reason = row.reason.as_deref().unwrap_or_default().to_lowercase();
        sought.as_ref().is_none_or(|text| reason.contains(text)) && (people.is_empty() || is(row, &people))
    };
    let mut found = Vec::new();
    for books in all.iter().filter(|books| books.purged.is_none() && number(books, arguments.rows) > 0) {
        let mut rows = every(ledger, campaign, &books.occasion, Some(arguments.rows)).await?;
        rows.retain(fits);
        if !rows.is_empty() {
            found.push(Found { occasion: books.occasion.clone(), over: books.over.is_some(), rows });
        }
    }
    // Those that nothing can be done about leave the choice to the others.
    let can_go = |found: &Found| !found.over && found.rows.iter().any(|row| row.listed);
    if found.iter().any(can_go) {
        found.retain(can_go);
    }
    if found.len() > 1 {
        let named = found.iter().rev().take(SHOWN);
        let named: Vec<_> =
            named.map(|found| format!("`{}` ({})", found.occasion, found.rows.len())).collect();
        let more = if found.len() > SHOWN { ", and older ones" } else { "" };
        let words = format!(
            "{} have {} rows that fit: {}{more}",
            count(found.len() as u64, "occasion"),
            arguments.rows,
            named.join(", ")
        );
        let newest = found.last().map(|found| found.occasion.as_str());
        return Err(Failure::words(Exit::Usage, words)
            .hint(format!("choose one, the newest for example: {}", arguments.again(global, newest))));
    }
    Ok(found.pop())
}

/// Why no row can be put back, in words that name what there is instead.
async fn nothing_fits(
    ui: &Ui,
    ledger: &Ledger,
    campaign: &CampaignId,
    all: &[Books],
    global: &Global,
    arguments: &RetryArgs,
) -> Result<Failure, Failure> {
    let state = arguments.rows;
    let usage = |words: String| Failure::words(Exit::Usage, words);
    let (purged, known): (Vec<_>, Vec<_>) = all.iter().partition(|books| books.purged.is_some());
    let some = known.iter().any(|books| number(books, state) > 0);
    if !some && purged.iter().any(|books| number(books, state) > 0) {
        let words = format!("`{campaign}` was purged: whom its {state} rows were for is not known any more");
        return Ok(usage(words).hint("whoever is on its list gets a mail on another occasion"));
    }
    let people = spelled(&arguments.only);
    for name in &people {
        let mut states = Vec::new();
        for books in &known {
            let rows = every(ledger, campaign, &books.occasion, None).await?;
            states.extend(
                rows.iter()
                    .filter(|row| row.key.is_some() && is(row, std::slice::from_ref(name)))
                    .map(|row| row.state),
            );
        }
        let shown = if name.contains('@') { ui.address(name) } else { name.clone() };
        let Some(found) = states.iter().find(|found| **found != state).or(states.first()) else {
            let words = format!("`--only`: nobody on the list has the address or user id `{shown}`");
            return Ok(usage(words).hint("write it as the list does; duplicates cannot be chosen"));
        };
        if *found != state {
            return Ok(
                usage(format!("`--only`: the row of `{shown}` is {found}, not {state}")).hint(remedy(*found))
            );
        }
    }
    Ok(match &arguments.reason_contains {
        Some(text) if some => {
            usage(format!("no {state} row of `{campaign}` has a reason with `{text}` in it"))
                .hint(format!("`{}` lists them with their reasons", arguments.status(global, Some(state))))
        }
        Some(_) | None => usage(format!("no row of `{campaign}` is {state}"))
            .hint(format!("`{}` shows the books", arguments.status(global, None))),
    })
}

/// Puts rows back, once it was shown which and a person agreed.
async fn put_back(
    ui: &Ui,
    global: &Global,
    campaign: &CampaignId,
    run: &Run,
    found: &Found,
    arguments: &RetryArgs,
) -> Result<(), Failure> {
    let Sorted { waits, stays } = sort(run, &found.rows).await?;
    let stay: u64 = stays.iter().map(|(_, rows)| rows).sum();
    if waits.is_empty() {
        let words = format!(
            "none of the {} {} rows that fit can be put back: {}",
            grouped(stay),
            arguments.rows,
            describe_stays(&stays)
        );
        return Err(Failure::words(Exit::Usage, words)
            .hint(format!("`{}` lists them", arguments.status(global, Some(arguments.rows)))));
    }
    print_rows(ui, campaign, &found.occasion, arguments.rows, &waits);
    if stay > 0 {
        let they = if stay == 1 { "stays as it is" } else { "stay as they are" };
        ui.note(format_args!("{} {they}: {}", count(stay, "more row"), describe_stays(&stays)));
    }
    let number = waits.len() as u64;
    confirm(
        ui,
        global,
        arguments,
        &found.occasion,
        &format!("Let {} of `{campaign}` wait again?", count(number, "row")),
        &format!("{} would be put back", count(number, "row")),
    )?;
    let reason = arguments.reason.clone().unwrap_or_else(|| NO_REASON.to_owned());
    let mut moved = 0;
    for page in waits.chunks(PAGE as usize) {
        let rows =
            page.iter().map(|row| PutBack { id: row.id, source: Source::Hand, reason: reason.clone() });
        let backs = run.put_back(rows.collect()).await?;
        for (row, _) in page.iter().zip(&backs).filter(|(_, (_, back))| *back == Back::Waits) {
            moved += 1;
            list(ui, row);
        }
    }
    ui.event(&json!({ "event": "ended", "occasion": found.occasion, "put_back": moved, "stay": stay }));
    ui.say(format_args!("{} {} again, each with a new link", count(moved, "row"), agree(moved, "wait")));
    print_send(ui, global, arguments, &found.occasion, moved);
    Ok(())
}

/// Has the list read again at the next run, which looks at every row with a problem anew.
async fn read_again(
    ui: &Ui,
    global: &Global,
    campaign: &CampaignId,
    run: &Run,
    found: &Found,
    arguments: &RetryArgs,
) -> Result<(), Failure> {
    print_rows(ui, campaign, &found.occasion, arguments.rows, &found.rows);
    let number = found.rows.len() as u64;
    confirm(
        ui,
        global,
        arguments,
        &found.occasion,
        &format!("Look at {} with a problem again at the next run?", count(number, "row")),
        &format!("{} with a problem would be looked at again", count(number, "row")),
    )?;
    run.read_again().await?;
    ui.event(&json!({ "event": "ended", "occasion": found.occasion, "read_again": number }));
    ui.say(
        "the next run reads the whole list again: a row whose problem is gone is mailed, and it says what is wrong \
         with the others",
    );
    print_send(ui, global, arguments, &found.occasion, number);
    Ok(())
}

fn print_send(ui: &Ui, global: &Global, arguments: &RetryArgs, occasion: &str, rows: u64) {
    let them = if rows == 1 { "it" } else { "them" };
    ui.say(format_args!("to send {them}: {}", arguments.send(global, occasion)));
}

/// What would become of the rows.
async fn sort(run: &Run, rows: &[RowView]) -> Result<Sorted, Failure> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let backs: BTreeMap<_, _> = run.look_back(&ids).await?.into_iter().collect();
    let mut sorted = Sorted { waits: Vec::new(), stays: Vec::new() };
    for row in rows {
        match backs.get(&row.id) {
            Some(Back::Waits) => sorted.waits.push(row.clone()),
            Some(Back::Stays(why)) => match sorted.stays.iter_mut().find(|(known, _)| known == why) {
                Some((_, rows)) => *rows += 1,
                None => sorted.stays.push((why.clone(), 1)),
            },
            None => {}
        }
    }
    Ok(sorted)
}

/// Lists a row that was put back on stdout.
fn list(ui: &Ui, row: &RowView) {
    let address = row.address.as_deref().map(|address| ui.address(address)).unwrap_or_default();
    let (user, reason) = (row.user_id.clone().unwrap_or_default(), row.reason.clone().unwrap_or_default());
    if ui.json {
        ui.event(&json!({
            "event": "put_back", "line": row.line, "user_id": user, "address": address, "was": row.state.name(),
            "state": State::Pending.name(), "reason": reason,
        }));
    } else {
        ui.data(quoted_row(&[&row.line.to_string(), &user, &address, State::Pending.name(), &reason]));
    }
}

/// Asks, unless the answer was given with `--yes` or nothing can leave this machine.
fn confirm(
    ui: &Ui,
    global: &Global,
    arguments: &RetryArgs,
    occasion: &str,
    question: &str,
    would: &str,
) -> Result<(), Failure> {
    if arguments.yes || arguments.sandbox {
        return Ok(());
    }
    match ui.confirm(question) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::words(Exit::Unfinished, "nothing was changed: the answer was no")),
        None => {
            let words = format!("{would}, and there is no terminal to ask at");
            Err(Failure::words(Exit::Usage, words).hint(format!(
                "`--yes` does it without asking, and a terminal asks: {}",
                arguments.again(global, Some(occasion))
            )))
        }
    }
}

/// The rows of an occasion in a state, or all.
async fn every(
    ledger: &Ledger,
    campaign: &CampaignId,
    occasion: &str,
    state: Option<State>,
) -> Result<Vec<RowView>, Failure> {
    let mut rows: Vec<RowView> = Vec::new();
    loop {
        let after = rows.last().map_or(0, |row| row.id);
        let page = ledger.rows(campaign, occasion, state, after, PAGE).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

fn number(books: &Books, state: State) -> u64 {
    books.tally.get(state) + books.gone.0.get(state)
}

/// Whether a row is one of these people's.
fn is(row: &RowView, people: &[String]) -> bool {
    let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
    is_named(people, &text(&row.user_id), &text(&row.address))
}
