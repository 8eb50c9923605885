//! What happens to a list while it is checked and booked, in words.

use std::io;

use crate::{
    audience::{Findings, Places},
    campaign::Leeway,
    console::{Failure, ListArgs},
    exit::Exit,
    ledger::{Duplicate, Plan, SameBy},
    occasion::intake::{ListNews, Unfit, Wishes},
    problem::{Place, Problem},
    ui::{Ui, count, grouped, people},
};

/// How many mistyped domains are named.
const SLIPS: usize = 12;

impl ListArgs {
    /// The wishes that the arguments are.
    pub(crate) fn wishes(&self) -> Wishes {
        Wishes { skip: self.skip_problems, file: self.problems.clone(), scheduled: self.scheduled }
    }
}

/// Says what a person should know of it.
pub(crate) fn say(ui: &Ui, news: &ListNews<'_>) {
    match news {
        ListNews::File { name, note } => ui.note(format_args!("{name}: {note}")),
        ListNews::LikelySlip(slip) => ui.note(slip),
        ListNews::LookedUp(rows) => ui.say(format_args!("{} looked up at Clerk", count(*rows, "row"))),
        ListNews::Proven(rows) => ui.say(format_args!("{} read and rendered", count(*rows, "row"))),
        ListNews::Odd { findings, places } => say_odd(ui, findings, places),
        ListNews::MixedAlphabets { rows, place, domain } => ui.note(format_args!(
            "{place}: the domain `{domain}` mixes alphabets: is it what it looks like? ({} with such a domain)",
            count(*rows, "row")
        )),
        ListNews::SetAside { shown, total, leeway } => say_aside(ui, shown, *total, *leeway),
        ListNews::Duplicate { duplicate, places } => {
            ui.say(format_args!("{}: {}", places.of(duplicate.line), repeats(places, duplicate)));
        }
        ListNews::NothingNew(list) => ui.say(list),
        ListNews::Booked(plan) => ui.say(format_args!("{}: {}", count(plan.rows, "row"), booked(plan))),
        // Whoever watches sees it in the figures, and cron sees what is noted.
        ListNews::Left { campaign, number } => ui.note(format_args!(
            "{campaign}: {} left the list before their mail did, and get none",
            people(*number)
        )),
    }
}

/// Says what is odd about rows, each kind once.
fn say_odd(ui: &Ui, findings: &Findings, places: &Places) {
    for (finding, tally) in findings.iter().filter(|(finding, _)| finding.slip().is_none()) {
        let lines: Vec<String> = tally.lines.iter().map(|line| places.words(*line)).collect();
        let more = if tally.rows > tally.lines.len() as u64 { ", …" } else { "" };
        let rows = count(tally.rows, "row");
        ui.note(format_args!("{rows} {} ({}{more})", finding.words(tally.rows), lines.join(", ")));
    }
    let slips: Vec<_> =
        findings.iter().filter_map(|(finding, tally)| Some((finding.slip()?, tally))).collect();
    let first = slips.iter().flat_map(|(_, tally)| &tally.lines).min();
    if let Some(first) = first {
        let rows = slips.iter().map(|(_, tally)| tally.rows).sum();
        let look = if rows == 1 {
            "1 address looks".to_owned()
        } else {
            format!("{} addresses look", grouped(rows))
        };
        let names: Vec<&str> = slips.iter().map(|(slip, _)| slip.as_str()).take(SLIPS).collect();
        let more = if slips.len() > SLIPS { ", …" } else { "" };
        let (names, first) = (names.join(", "), places.words(*first));
        ui.note(format_args!("{look} mistyped: {names}{more} (the first is on {first})"));
    }
}

/// Says who is left out because the campaign file allows it.
fn say_aside(ui: &Ui, shown: &[Problem], total: u64, leeway: Leeway) {
    let (rows, get) = (count(total, "row"), if total == 1 { "gets" } else { "get" });
    ui.note(format_args!("{rows} with a problem {get} no mail (`skip_problems = \"{leeway}\"`):"));
    for Problem { place, what } in shown {
        ui.note(format_args!("{place}: {}", what.message));
    }
    let shown = shown.len() as u64;
    if total > shown {
        ui.note(format_args!("… and {} more", grouped(total - shown)));
    }
}

fn repeats(places: &Places, duplicate: &Duplicate) -> String {
    let what = match duplicate.by {
        SameBy::Key => "the same recipient",
        SameBy::Mailbox => "another user with the same mailbox",
    };
    match duplicate.first_line {
        Some(line) => format!("{what} as on {}: booked as a duplicate, not mailed", places.words(line)),
        None => {
            format!("{what} as one who was mailed from an earlier list: booked as a duplicate, not mailed")
        }
    }
}

/// What the ledger made of the list.
fn booked(plan: &Plan) -> String {
    let parts = [
        (plan.new, "new"),
        (plan.changed, "changed"),
        (plan.unchanged, "known"),
        (plan.returned, "back on the list"),
        (plan.corrected, "with another address after they were refused or expired (to be sent)"),
        (plan.withdrawn, "withdrawn (left the list)"),
        (plan.duplicates, "duplicate"),
        (plan.mailed_before, "mailed on an earlier occasion (not sent again)"),
        (plan.refused_before, "refused on an earlier occasion, since there is no such mailbox (not sent)"),
        (plan.invalid, "with a problem"),
        (plan.changed_after_sent, "changed after their mail was sent (not sent again)"),
        (
            plan.changed_after_end,
            "changed after they were refused or expired (not sent; `linkpost retry` puts them back)",
        ),
    ];
    let words =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    let words: Vec<_> = words.collect();
    if words.is_empty() { "nobody is on the list".to_owned() } else { words.join(", ") }
}

/// More rows with a problem than may be left out.
pub(crate) fn unfit(unfit: Unfit) -> Failure {
    let Unfit { shown, total, rows, leeway, wishes } = unfit;
    let limit = leeway.filter(|_| !wishes.skip).map_or_else(String::new, |leeway| {
        let (found, rows, most) = (grouped(total), count(rows, "row"), grouped(leeway.of(rows)));
        format!("{found} of {rows}, and `skip_problems = \"{leeway}\"` sets {most} aside; ")
    });
    let remedy = match &wishes.file {
        _ if wishes.skip => "so many rows are not skipped: look at the list and at the template".to_owned(),
        _ if wishes.scheduled => {
            "nothing was sent; correct these rows, or say under `[audience]` how many may be left out, such as `skip_problems = \"10 rows\"`".to_owned()
        }
        Some(file) => format!(
            "nothing was sent; these rows are in {}, to be corrected, and `--skip-problems` goes on without them",
            file.display()
        ),
        None => {
            "nothing was sent; `--skip-problems` goes on without these rows, `--problems FILE` writes them out for correction".to_owned()
        }
    };
    Failure::Problems { exit: Exit::Problems, problems: shown, total, remedy: Some(limit + &remedy) }
}

/// The file for rows with a problem cannot be written.
pub(crate) fn unwritten(error: &io::Error) -> Failure {
    Failure::words(Exit::Usage, format!("`--problems`: the file cannot be written: {error}"))
}

/// A list without anybody, where people wait for their mail.
pub(crate) fn emptied(list: String, waiting: u64) -> Failure {
    let wait = if waiting == 1 { "waits" } else { "wait" };
    let who = people(waiting);
    let message = format!("the list has no rows, and {who} who {wait} would lose their mail");
    let problem = Problem::new(Place::file(list), message)
        .hint("see whether the export broke off; a campaign that is called off is just not sent again");
    Failure::problems(Exit::Problems, vec![problem])
}
