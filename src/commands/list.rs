//! Reads the list of a campaign into an enlistment and tells what is wrong with it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use crate::{
    audience::{Audience, RowProblem, problems::Writer},
    campaign::Campaign,
    commands::{
        Failure, ListArgs,
        parts::{CLOCK, World},
    },
    email::Letter,
    exit::Exit,
    ledger::{Duplicate, Enlistment, NewMark, Plan, SameBy},
    pipeline::{self, Notice, Proof},
    problem::{Place, Problem},
    ui::{Ui, count},
};

/// How many problems are kept for the screen; `--problems FILE` has all.
const KEPT: usize = 20;

/// The list was read and is booked, or has problems and nothing was.
#[derive(Debug)]
pub(super) struct Listed {
    /// What the ledger made of it.
    pub(super) plan: Plan,
    /// The first problems.
    pub(super) problems: Vec<Problem>,
    /// How many rows have one.
    pub(super) bad_rows: u64,
}

/// Opens the list and compares its columns with what the templates want.
pub(super) fn open(ui: &Ui, campaign: &Campaign, letter: &Letter, live: bool) -> Result<Audience, Failure> {
    let audience = Audience::open(&campaign.audience, live)
        .map_err(|problems| Failure::problems(Exit::Problems, problems))?;
    for note in &audience.dialect().notes {
        ui.note(format_args!("{}: {note}", campaign.audience.csv.display()));
    }
    let problems = letter.check_variables(audience.columns());
    if problems.is_empty() { Ok(audience) } else { Err(Failure::problems(Exit::Problems, problems)) }
}

/// Reads the list into the enlistment and books it, unless a row has a problem and `skip_problems` is not set.
pub(super) async fn book(
    ui: &Ui,
    world: &World,
    audience: Audience,
    letter: &Arc<Letter>,
    mut enlistment: Enlistment,
    mark: NewMark,
    arguments: &ListArgs,
) -> Result<Listed, Failure> {
    let list = world.campaign.audience.csv.display().to_string();
    let written = |error: io::Error| {
        Failure::words(Exit::Usage, format!("`--problems`: the file cannot be written: {error}"))
    };
    let mut writer = match &arguments.problems {
        Some(path) => Some(
            private_file(path)
                .and_then(|file| Writer::new(file, audience.header(), audience.dialect()))
                .map_err(written)?,
        ),
        None => None,
    };
    let (mut problems, mut bad_rows, mut duplicates, mut unwritten) = (Vec::new(), 0, 0, None);
    let issuer = world.preview_issuer()?;
    let proof = Proof { letter: Arc::clone(letter), issuer: Arc::new(issuer), now: CLOCK.now() };
    let read = pipeline::enlist(audience, proof, &mut enlistment, |notice| match notice {
        Notice::Problem(problem) => {
            bad_rows += 1;
            if problems.len() < KEPT {
                problems.push(placed(&list, problem));
            }
            if let Some(Err(error)) = writer.as_mut().map(|writer| writer.write(problem)) {
                unwritten.get_or_insert(error);
            }
        }
        Notice::Duplicate(duplicate) => {
            duplicates += 1;
            if duplicates <= KEPT as u64 {
                ui.say(format_args!("{list}:{}: {}", duplicate.line, repeats(duplicate)));
            }
        }
        Notice::Read(rows) if rows.is_multiple_of(25_600) => {
            ui.say(format_args!("{} read and rendered", count(rows, "row")));
        }
        Notice::Read(_) => {}
    })
    .await;
    if let Some(Err(error)) = writer.map(Writer::finish) {
        unwritten.get_or_insert(error);
    }
    if let Some(error) = unwritten {
        enlistment.abandon().await?;
        return Err(written(error));
    }
    if let Err(error) = read {
        enlistment.abandon().await?;
        return Err(error.into());
    }
    let plan = if bad_rows > 0 && !arguments.skip_problems {
        enlistment.abandon().await?
    } else {
        enlistment.finish(mark).await?
    };
    Ok(Listed { plan, problems, bad_rows })
}

impl Listed {
    /// What a list with problems ends in, unless they are to be skipped.
    pub(super) fn refuse(&self, arguments: &ListArgs) -> Result<(), Failure> {
        if self.bad_rows == 0 || arguments.skip_problems {
            return Ok(());
        }
        let mut problems = self.problems.clone();
        if let Some(last) = problems.last_mut() {
            let remedy = "`--skip-problems` goes on without these rows; `--problems FILE` writes them out for correction";
            last.hint = Some(
                last.hint
                    .take()
                    .map_or_else(|| remedy.to_owned(), |hint| format!("{hint}\n  hint: {remedy}")),
            );
        }
        Err(Failure::Problems { exit: Exit::Problems, problems, total: self.bad_rows })
    }

    /// The plan in words.
    pub(super) fn tell(&self, ui: &Ui) {
        let plan = &self.plan;
        let parts = [
            (plan.new, "new"),
            (plan.changed, "changed"),
            (plan.unchanged, "known"),
            (plan.returned, "back on the list"),
            (plan.withdrawn, "withdrawn (left the list)"),
            (plan.duplicates, "duplicate"),
            (plan.invalid, "with a problem"),
            (plan.changed_after_sent, "changed after their mail was sent (not sent again)"),
            (plan.changed_after_end, "changed after they were refused or expired (not sent)"),
        ];
        let words: Vec<_> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        ui.say(format_args!("{}: {}", count(plan.rows, "row"), words.join(", ")));
    }
}

/// A file for rows of people: nobody else reads it.
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn repeats(duplicate: &Duplicate) -> String {
    let what = match duplicate.by {
        SameBy::Key => "the same recipient",
        SameBy::Mailbox => "another user with the same mailbox",
    };
    match duplicate.first_line {
        Some(line) => format!("{what} as on line {line}: booked as a duplicate, not mailed"),
        None => {
            format!("{what} as one who was mailed from an earlier list: booked as a duplicate, not mailed")
        }
    }
}

fn placed(list: &str, problem: &RowProblem) -> Problem {
    let message = match &problem.column {
        Some(column) => format!("column `{column}`: {}", problem.message),
        None => problem.message.clone(),
    };
    Problem { place: Place::line(list, problem.line), message, hint: problem.hint.clone() }
}
