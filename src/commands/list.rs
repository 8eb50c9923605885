//! Reads the list of a campaign, tells what is wrong with it, and books it.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use crate::{
    audience::{Audience, Places, RowProblem, problems::Writer},
    campaign::Leeway,
    clock::Clock,
    commands::{Failure, ListArgs},
    email::Letter,
    exit::Exit,
    ledger::{Duplicate, Enlistment, NewMark, Plan, Run, SameBy},
    occasion::{Occasion, find},
    pipeline::{self, EnlistError, People, Proof},
    problem::{Place, Problem},
    sources::List,
    ui::{Ui, count, grouped, people},
};

/// How many problems and duplicates are shown; `--problems FILE` has all problems.
const SHOWN: usize = 20;
/// A sign of life after so many rows.
const SIGN_OF_LIFE: u64 = 25_600;
/// With more rows than this to set aside, the list or the template is wrong, not the rows.
const MOST_UNFIT: usize = 100_000;

/// The list was read to its end and every mail rendered; the rows that cannot be mailed are known.
pub(super) struct Checked {
    proof: Proof,
    digests: Vec<[u8; 32]>,
    unfit: BTreeSet<u64>,
    rows: u64,
}

impl Checked {
    /// Whether there is no row at all.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether no row was set aside.
    pub(super) fn is_whole(&self) -> bool {
        self.unfit.is_empty()
    }
}

/// Reads the whole list and renders every mail. Ends in a failure if a row has a problem and problems are not to be
/// skipped. `live` refuses addresses to which no mail can go.
pub(super) async fn check(
    ui: &Ui,
    occasion: &Occasion,
    list: &List,
    letter: &Arc<Letter>,
    live: bool,
    people: Option<People>,
    arguments: &ListArgs,
) -> Result<Checked, Failure> {
    let audience = open(occasion, list, live)?;
    for (file, note) in audience.notes() {
        ui.note(format_args!("{file}: {note}"));
    }
    let unknown = letter.check_variables(audience.columns());
    if !unknown.is_empty() {
        return Err(Failure::problems(Exit::Problems, unknown));
    }
    for slip in letter.likely_slips(audience.columns()) {
        ui.note(slip);
    }
    let proof = Proof {
        letter: Arc::clone(letter),
        issuer: Arc::new(occasion.preview_issuer()?),
        now: Clock::System.now(),
        people,
    };
    let (digests, places) = (audience.digests().to_vec(), audience.places().clone());
    let mut aside = Aside::new(arguments, &audience)?;
    let mixed = pipeline::prove(audience, proof.clone(), |rows, problems| {
        aside.rows = rows;
        for problem in problems {
            aside.add(&places, problem);
        }
        if rows > 0 && rows.is_multiple_of(SIGN_OF_LIFE) {
            ui.say(format_args!("{} read and rendered", count(rows, "row")));
        }
    })
    .await?;
    if let Some((line, domain)) = mixed.first {
        ui.note(format_args!(
            "{}: the domain `{domain}` mixes alphabets: is it what it looks like? ({} with such a domain)",
            places.of(line),
            count(mixed.rows, "row")
        ));
    }
    let rows = aside.rows;
    let unfit = aside.finish(ui, arguments, occasion.campaign.list.skip_problems)?;
    Ok(Checked { proof, digests, unfit, rows })
}

/// Books a list that was checked, in one transaction.
pub(super) async fn book(
    ui: &Ui,
    occasion: &Occasion,
    list: &List,
    checked: Checked,
    live: bool,
    run: &Run,
    mut mark: NewMark,
) -> Result<Plan, Failure> {
    let Checked { proof, digests, unfit, rows: _ } = checked;
    let audience = open(occasion, list, live)?;
    if audience.digests() != digests {
        let problem = Problem::new(Place::file(&list.name), "the file changed while it was read");
        return Err(Failure::problems(Exit::Problems, vec![problem.hint("run again when it is complete")]));
    }
    let places = audience.places().clone();
    let before = places.files().iter().map(|(before, _)| *before);
    mark.files = find::kept(list, &occasion.campaign.list.source, before);
    let mut enlistment = run.enlist().await?;
    let mut duplicates = 0;
    let booked = pipeline::enlist(audience, proof, unfit, &mut enlistment, |duplicate| {
        duplicates += 1;
        if duplicates <= SHOWN {
            ui.say(format_args!("{}: {}", places.of(duplicate.line), repeats(&places, &duplicate)));
        }
    })
    .await;
    if let Err(error) = booked {
        enlistment.abandon().await?;
        return Err(error.into());
    }
    finish(ui, run, enlistment, mark).await
}

/// Books that nobody is on the list: there was no new file.
pub(super) async fn book_nobody(ui: &Ui, run: &Run, mark: NewMark) -> Result<Plan, Failure> {
    ui.say(&mark.list);
    let plan = run.enlist().await?.finish(mark).await?;
    tell(ui, &plan);
    Ok(plan)
}

/// An export that broke off looks like a list without anybody: it does not take the mails of those who wait.
async fn finish(ui: &Ui, run: &Run, mut enlistment: Enlistment, mark: NewMark) -> Result<Plan, Failure> {
    if enlistment.is_empty() {
        let would = enlistment.abandon().await?;
        if would.withdrawn > 0 {
            return Err(emptied(mark.list, would.withdrawn));
        }
        enlistment = run.enlist().await?;
    }
    let plan = enlistment.finish(mark).await?;
    tell(ui, &plan);
    Ok(plan)
}

/// A list without anybody, where people wait for their mail.
pub(super) fn emptied(list: String, waiting: u64) -> Failure {
    let wait = if waiting == 1 { "waits" } else { "wait" };
    let who = people(waiting);
    let message = format!("the list has no rows, and {who} who {wait} would lose their mail");
    let problem = Problem::new(Place::file(list), message)
        .hint("see whether the export broke off; a campaign that is called off is just not sent again");
    Failure::problems(Exit::Problems, vec![problem])
}

/// Opens the list of a campaign.
pub(super) fn open(occasion: &Occasion, list: &List, live: bool) -> Result<Audience, Failure> {
    Audience::open(&occasion.campaign.audience, &list.paths(), live)
        .map_err(|problems| Failure::problems(Exit::Problems, problems))
}

/// The rows that are set aside: some for the screen, all for the file.
struct Aside {
    /// How many rows the list has.
    rows: u64,
    shown: Vec<Problem>,
    unfit: BTreeSet<u64>,
    file: Option<Writer<File>>,
    unwritten: Option<io::Error>,
}

impl Aside {
    fn new(arguments: &ListArgs, audience: &Audience) -> Result<Self, Failure> {
        let create = |path: &Path| {
            // Rows of people: nobody else reads them.
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
            Writer::new(file, audience.header(), audience.dialect())
        };
        let file =
            arguments.problems.as_deref().map(create).transpose().map_err(|error| unwritten(&error))?;
        Ok(Self { rows: 0, shown: Vec::new(), unfit: BTreeSet::new(), file, unwritten: None })
    }

    fn add(&mut self, places: &Places, mut problem: RowProblem) {
        self.unfit.insert(problem.line);
        if self.shown.len() < SHOWN {
            self.shown.push(placed(places, &problem));
        }
        if places.files().len() > 1 {
            let Place { file, line, .. } = places.of(problem.line);
            problem.line = line.unwrap_or(problem.line);
            problem.message = format!("{} (of {file})", problem.message);
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(&problem)) {
            self.unwritten.get_or_insert(error);
        }
    }

    /// The lines to leave out, or the failure that the problems are.
    fn finish(self, ui: &Ui, arguments: &ListArgs, leeway: Option<Leeway>) -> Result<BTreeSet<u64>, Failure> {
        let Self { rows, shown, unfit, file, unwritten: mut failed } = self;
        if let Some(Err(error)) = file.map(Writer::finish) {
            failed.get_or_insert(error);
        }
        if let Some(error) = failed {
            return Err(unwritten(&error));
        }
        let most = leeway.map_or(0, |leeway| leeway.of(rows));
        let few = unfit.len() <= MOST_UNFIT;
        if unfit.is_empty() || (arguments.skip_problems && few) {
            return Ok(unfit);
        }
        let total = unfit.len() as u64;
        if let Some(leeway) = leeway
            && few
            && total <= most
        {
            tell_aside(ui, &shown, total, leeway);
            return Ok(unfit);
        }
        let limit = leeway.map_or_else(String::new, |leeway| {
            let (found, rows) = (grouped(total), count(rows, "row"));
            format!("{found} of {rows}, and `skip_problems = \"{leeway}\"` sets {} aside; ", grouped(most))
        });
        let remedy = match &arguments.problems {
            _ if arguments.skip_problems => {
                "so many rows are not skipped: look at the list and at the template".to_owned()
            }
            _ if arguments.scheduled => format!(
                "{limit}nothing was sent; correct these rows, or say under `[audience]` how many may be left out, such as `skip_problems = \"10 rows\"`"
            ),
            Some(file) => format!(
                "{limit}nothing was sent; these rows are in {}, to be corrected, and `--skip-problems` goes on without them",
                file.display()
            ),
            None => format!(
                "{limit}nothing was sent; `--skip-problems` goes on without these rows, `--problems FILE` writes them out for correction"
            ),
        };
        Err(Failure::Problems { exit: Exit::Problems, problems: shown, total, remedy: Some(remedy) })
    }
}

/// Says who is left out because the campaign file allows it.
fn tell_aside(ui: &Ui, shown: &[Problem], total: u64, leeway: Leeway) {
    let (rows, get) = (count(total, "row"), if total == 1 { "gets" } else { "get" });
    ui.note(format_args!("{rows} with a problem {get} no mail (`skip_problems = \"{leeway}\"`):"));
    for Problem { place, message, .. } in shown {
        ui.note(format_args!("{place}: {message}"));
    }
    let shown = shown.len() as u64;
    if total > shown {
        ui.note(format_args!("… and {} more", grouped(total - shown)));
    }
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::words(Exit::Usage, format!("`--problems`: the file cannot be written: {error}"))
}

/// What the ledger made of the list, in words.
fn tell(ui: &Ui, plan: &Plan) {
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
    let words = if words.is_empty() { "nobody is on the list".to_owned() } else { words.join(", ") };
    ui.say(format_args!("{}: {words}", count(plan.rows, "row")));
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

fn placed(places: &Places, problem: &RowProblem) -> Problem {
    let message = match &problem.column {
        Some(column) => format!("column `{column}`: {}", problem.message),
        None => problem.message.clone(),
    };
    Problem { place: places.of(problem.line), message, hint: problem.hint.clone() }
}

impl From<EnlistError> for Failure {
    fn from(error: EnlistError) -> Self {
        match error {
            EnlistError::List(problem) => Self::problems(Exit::Problems, vec![problem]),
            EnlistError::Ledger(error) => error.into(),
            EnlistError::Tokens(error) => error.into(),
            EnlistError::Fault => {
                Self::words(Exit::Internal, "the list's reader ended by a fault of the program")
            }
        }
    }
}
