//! Proves that each row can be mailed: its mail is rendered and composed with a link that signs nobody in.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use super::{
    batches::{Batches, fault},
    people::People,
};
use crate::{
    audience::{Audience, Places, Recipient, Row, RowProblem},
    email::{Letter, Link},
    occasion::obstacle::Obstacle,
    problem::{Diagnosis, Problem},
    token::PreviewIssuer,
};

/// Batches that are rendered at the same time.
const AT_ONCE: usize = 4;
/// A mail is made in about a millisecond. One that takes longer than this has a template that loops without end, or as
/// good as that, and a loop that writes nothing cannot be told to stop.
const LONGEST_RENDERING: Duration = Duration::from_secs(10);

/// What proves that a row can be mailed.
#[derive(Clone)]
pub(super) struct Proof {
    /// The words.
    pub(super) letter: Arc<Letter>,
    /// The harmless links.
    pub(super) issuer: Arc<PreviewIssuer>,
    /// The time that the mails would carry.
    pub(super) now: Timestamp,
    /// Who the people are at the token service; `None` where it is not asked.
    pub(super) people: Option<People>,
}

/// The rows whose address has a domain that mixes alphabets. They are mailed: it may be meant.
#[derive(Debug, Default)]
pub(super) struct Mixed {
    /// How many.
    pub(super) rows: u64,
    /// The line of the first, and its domain as people see it.
    pub(super) first: Option<(u64, String)>,
}

/// Renders every mail of the list. Rows are proven in parallel and reported in the order of the list: how many were
/// read so far, and the problem of each that cannot be mailed. Returns what looks odd.
pub(super) async fn prove(
    audience: Audience,
    proof: &Proof,
    mut report: impl FnMut(u64, Vec<RowProblem>),
) -> Result<Mixed, Obstacle> {
    let places = audience.places().clone();
    let mut batches = Batches::of(audience);
    let mut proving: VecDeque<Proving> = VecDeque::new();
    let (mut read_so_far, mut mixed) = (0, Mixed::default());
    loop {
        if proving.len() < AT_ONCE
            && let Some(rows) = batches.next().await
        {
            mixed.look_at(&rows);
            proving.push_back(Proving::begin(proof.clone(), rows));
            continue;
        }
        let Some(batch) = proving.pop_front() else { break };
        let (rows, problems) = batch.end(&places).await?;
        read_so_far += rows as u64;
        report(read_so_far, problems);
    }
    batches.end().await?;
    Ok(mixed)
}

impl Mixed {
    fn look_at(&mut self, rows: &[Row]) {
        for row in rows {
            if let Row::Good(recipient) = row
                && let Some(domain) = recipient.address.mixed_domain()
            {
                self.rows += 1;
                self.first.get_or_insert((recipient.line, domain));
            }
        }
    }
}

/// A batch that is being proven on a thread of its own.
struct Proving {
    work: JoinHandle<(usize, Vec<RowProblem>)>,
    /// The line whose mail is being made.
    line: Arc<AtomicU64>,
}

impl Proving {
    fn begin(proof: Proof, rows: Vec<Row>) -> Self {
        let line = Arc::new(AtomicU64::new(0));
        let at = Arc::clone(&line);
        Self { work: spawn_blocking(move || (rows.len(), proof.problems(rows, &at))), line }
    }

    /// Waits for as long as it gets on. A thread that is stuck stays behind and ends with the program.
    async fn end(mut self, places: &Places) -> Result<(usize, Vec<RowProblem>), Obstacle> {
        loop {
            let before = self.line.load(Ordering::Relaxed);
            match timeout(LONGEST_RENDERING, &mut self.work).await {
                Ok(proven) => return proven.map_err(|_| fault()),
                Err(_) if before == self.line.load(Ordering::Relaxed) => {
                    let seconds = LONGEST_RENDERING.as_secs();
                    let words = format!("the mail is not made after {seconds} seconds");
                    let hint = "look in the template for a loop inside a loop that goes through more than the mail shows";
                    return Err(Obstacle::List(vec![Problem::new(places.of(before), words).hint(hint)]));
                }
                Err(_) => {}
            }
        }
    }
}

impl Proof {
    fn problems(&self, rows: Vec<Row>, line: &AtomicU64) -> Vec<RowProblem> {
        let problem = |row| match row {
            Row::Bad(problem) => Some(problem),
            Row::Good(recipient) => {
                line.store(recipient.line, Ordering::Relaxed);
                match self.row(recipient) {
                    Row::Bad(problem) => Some(problem),
                    Row::Good(_) => None,
                }
            }
        };
        rows.into_iter().filter_map(problem).collect()
    }

    /// The row as it is booked: a row whose mail cannot be made is a row with a problem.
    pub(super) fn row(&self, recipient: Recipient) -> Row {
        match self.resolved(recipient) {
            Row::Good(recipient) => match self.compose(&recipient) {
                Ok(()) => Row::Good(recipient),
                Err(defect) => bad(&recipient, defect),
            },
            bad @ Row::Bad(_) => bad,
        }
    }

    /// The row with its user, where the token service was asked.
    pub(super) fn resolved(&self, recipient: Recipient) -> Row {
        let Some(People { directory, without }) = &self.people else { return Row::Good(recipient) };
        match directory.resolve(&recipient, *without) {
            Ok(recipient) => Row::Good(recipient),
            Err(why) => bad(&recipient, why),
        }
    }

    fn compose(&self, recipient: &Recipient) -> Result<(), Diagnosis> {
        let issued =
            self.issuer.issue(recipient, self.now).map_err(|error| Diagnosis::new(error.to_string()))?;
        let url = issued.link.url([]).map_err(|error| Diagnosis::new(error.to_string()))?;
        let link = Link { url: &url, token: issued.link.token().expose(), expires: issued.link.expires() };
        let email = self.letter.render(recipient, &link)?;
        self.letter.compose(recipient, &email, &link, self.now).map(drop)
    }
}

fn bad(recipient: &Recipient, what: Diagnosis) -> Row {
    let cells = recipient.cells.iter().map(str::to_owned).collect();
    Row::Bad(RowProblem { line: recipient.line, column: None, what, cells })
}
