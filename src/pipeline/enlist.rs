//! The list enters the ledger: every row read and every mail rendered once, before the first one leaves.
//!
//! Two passes. [`prove`] renders and touches no ledger, so it may take its time; [`enlist`] holds the ledger's writer
//! and is quick.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    audience::{Audience, Places, Recipient, Row, RowProblem},
    campaign::WithoutUser,
    email::{Defect, Letter, Link},
    ledger::{Duplicate, Enlistment, LedgerError},
    problem::Problem,
    token::{
        IssueError, PreviewIssuer,
        clerk::{ClerkIssuer, Directory, Unresolved},
    },
};

/// Rows that travel together: enough to make a set-based statement cheap, few enough to keep memory flat.
const BATCH: usize = 256;
/// Batches that are rendered at the same time.
const AT_ONCE: usize = 4;
/// A mail is made in about a millisecond. One that takes longer than this has a template that loops without end, or as
/// good as that, and a loop that writes nothing cannot be told to stop.
const LONGEST_RENDERING: Duration = Duration::from_secs(10);
/// People about whom the token service is asked at the same time, in several requests.
const LOOK_UP_AT_ONCE: usize = 1_000;

/// What proves that a row can be mailed: its mail is rendered and composed with a link that signs nobody in.
#[derive(Clone)]
pub struct Proof {
    /// The words.
    pub letter: Arc<Letter>,
    /// The harmless links.
    pub issuer: Arc<PreviewIssuer>,
    /// The time that the mails would carry.
    pub now: Timestamp,
    /// Who the people are at the token service; `None` where it is not asked.
    pub people: Option<People>,
}

/// Who the people of a list are at the token service, and what becomes of those who have no user there.
#[derive(Debug, Clone)]
pub struct People {
    /// The service's answers.
    pub directory: Arc<Directory>,
    /// The campaign's wish.
    pub without: WithoutUser,
}

/// Why a list could not be read to its end.
#[derive(Debug)]
pub enum EnlistError {
    /// The file breaks off or cannot be understood from some line on.
    List(Problem),
    /// The ledger cannot record.
    Ledger(LedgerError),
    /// The token service cannot be asked about the people.
    Tokens(IssueError),
    /// A fault of the program: a reader panicked.
    Fault,
}

/// The rows whose address has a domain that mixes alphabets. They are mailed: it may be meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mixed {
    /// How many.
    pub rows: u64,
    /// The line of the first, and its domain as people see it.
    pub first: Option<(u64, String)>,
}

impl From<LedgerError> for EnlistError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Renders every mail of the list. Rows are proven in parallel and told in the order of the list: how many were read
/// so far, and the problem of each that cannot be mailed. Returns what looks odd.
pub async fn prove(
    audience: Audience,
    proof: Proof,
    mut tell: impl FnMut(u64, Vec<RowProblem>),
) -> Result<Mixed, EnlistError> {
    let places = audience.places().clone();
    let (reader, mut batches) = read(audience);
    let mut proving: VecDeque<Proving> = VecDeque::new();
    let (mut read_so_far, mut mixed) = (0, Mixed::default());
    loop {
        if proving.len() < AT_ONCE
            && let Some(rows) = batches.recv().await
        {
            mixed.look_at(&rows);
            proving.push_back(Proving::begin(proof.clone(), rows));
            continue;
        }
        let Some(batch) = proving.pop_front() else { break };
        let (rows, problems) = batch.end(&places).await?;
        read_so_far += rows as u64;
        tell(read_so_far, problems);
    }
    reader.await.map_err(|_| EnlistError::Fault)?.map_err(EnlistError::List)?;
    Ok(mixed)
}

/// Books the list. `unfit` are the lines that [`prove`] found a problem with; a row that reads well but is unfit is
/// proven once more for its words.
pub async fn enlist(
    audience: Audience,
    proof: Proof,
    unfit: BTreeSet<u64>,
    enlistment: &mut Enlistment,
    mut tell: impl FnMut(Duplicate),
) -> Result<(), EnlistError> {
    let (reader, mut batches) = read(audience);
    while let Some(rows) = batches.recv().await {
        let rows = rows.into_iter().map(|row| match row {
            Row::Good(recipient) if unfit.contains(&recipient.line) => proof.row(recipient),
            Row::Good(recipient) => proof.resolved(recipient),
            Row::Bad(_) => row,
        });
        enlistment.add(rows.collect()).await?.into_iter().for_each(&mut tell);
    }
    reader.await.map_err(|_| EnlistError::Fault)?.map_err(EnlistError::List)
}

/// Asks the token service who the people of a list are. It takes its time and touches no ledger.
pub async fn look_up(
    audience: Audience,
    issuer: &ClerkIssuer,
    mut tell: impl FnMut(u64),
) -> Result<Directory, EnlistError> {
    let (reader, mut batches) = read(audience);
    let never = CancellationToken::new();
    let mut directory = Directory::default();
    let (mut waiting, mut asked) = (Vec::new(), 0);
    loop {
        let batch = batches.recv().await;
        let ended = batch.is_none();
        waiting.extend(batch.into_iter().flatten().filter_map(|row| match row {
            Row::Good(recipient) => Some(recipient),
            Row::Bad(_) => None,
        }));
        if waiting.len() >= LOOK_UP_AT_ONCE || (ended && !waiting.is_empty()) {
            directory.ask(issuer, &waiting, &never).await.map_err(EnlistError::Tokens)?;
            asked += waiting.len() as u64;
            tell(asked);
            waiting.clear();
        }
        if ended {
            break;
        }
    }
    reader.await.map_err(|_| EnlistError::Fault)?.map_err(EnlistError::List)?;
    issuer.trust_the_look_up().await;
    Ok(directory)
}

/// Reads batches of rows on a thread of their own; at most two are waiting.
fn read(audience: Audience) -> (JoinHandle<Result<(), Problem>>, mpsc::Receiver<Vec<Row>>) {
    let (sender, batches) = mpsc::channel(1);
    let reader = spawn_blocking(move || {
        let mut batch = Vec::with_capacity(BATCH);
        for row in audience {
            batch.push(row?);
            if batch.len() == BATCH {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                if sender.blocking_send(full).is_err() {
                    return Ok(());
                }
            }
        }
        // Where nobody listens any more, an error is on its way already.
        let _listener_gone = sender.blocking_send(batch);
        Ok(())
    });
    (reader, batches)
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
    async fn end(mut self, places: &Places) -> Result<(usize, Vec<RowProblem>), EnlistError> {
        loop {
            let before = self.line.load(Ordering::Relaxed);
            match timeout(LONGEST_RENDERING, &mut self.work).await {
                Ok(proven) => return proven.map_err(|_| EnlistError::Fault),
                Err(_) if before == self.line.load(Ordering::Relaxed) => {
                    let seconds = LONGEST_RENDERING.as_secs();
                    let words = format!("the mail is not made after {seconds} seconds");
                    let hint = "look in the template for a loop inside a loop that goes through more than the mail shows";
                    return Err(EnlistError::List(Problem::new(places.of(before), words).hint(hint)));
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

    /// A row whose mail cannot be made is a row with a problem.
    fn row(&self, recipient: Recipient) -> Row {
        match self.resolved(recipient) {
            Row::Good(recipient) => match self.compose(&recipient) {
                Ok(()) => Row::Good(recipient),
                Err(Defect { message, hint }) => bad(&recipient, message, hint),
            },
            bad @ Row::Bad(_) => bad,
        }
    }

    /// The row with its user, where the token service was asked.
    fn resolved(&self, recipient: Recipient) -> Row {
        let Some(People { directory, without }) = &self.people else { return Row::Good(recipient) };
        match directory.resolve(&recipient, *without) {
            Ok(recipient) => Row::Good(recipient),
            Err(Unresolved { message, hint }) => bad(&recipient, message, hint),
        }
    }

    fn compose(&self, recipient: &Recipient) -> Result<(), Defect> {
        let defect = |message: String| Defect { message, hint: None };
        let issued = self.issuer.issue(recipient, self.now).map_err(|error| defect(error.to_string()))?;
        let url = issued.link.url([]).map_err(|error| defect(error.to_string()))?;
        let link = Link { url: &url, token: issued.link.token().expose(), expires: issued.link.expires() };
        let email = self.letter.render(recipient, &link)?;
        self.letter.compose(recipient, &email, &link, self.now).map(drop)
    }
}

fn bad(recipient: &Recipient, message: String, hint: Option<String>) -> Row {
    let cells = recipient.fields.values().map(cell).collect();
    Row::Bad(RowProblem { line: recipient.line, column: None, message, hint, cells })
}

/// A typed field as the cell that it came from.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
