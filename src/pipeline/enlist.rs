//! The list enters the ledger: every row read, every mail rendered once, before the first one leaves.

use std::{collections::VecDeque, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    audience::{Audience, Recipient, Row, RowProblem},
    email::{Defect, Letter, Link},
    ledger::{Duplicate, Enlistment, LedgerError},
    problem::Problem,
    token::PreviewIssuer,
};

/// Rows that travel together: enough to make a set-based statement cheap, few enough to keep memory flat.
const BATCH: usize = 256;
/// Batches that are rendered at the same time.
const AT_ONCE: usize = 4;

/// What proves that a row can be mailed: its mail is rendered and composed with a link that signs nobody in.
#[derive(Clone)]
pub struct Proof {
    /// The words.
    pub letter: Arc<Letter>,
    /// The harmless links.
    pub issuer: Arc<PreviewIssuer>,
    /// The time that the mails would carry.
    pub now: Timestamp,
}

/// What there is to tell while a list is read.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A row cannot be mailed.
    Problem(&'a RowProblem),
    /// A row repeats another.
    Duplicate(&'a Duplicate),
    /// So many rows were read so far.
    Read(u64),
}

/// Why a list could not be read to its end.
#[derive(Debug)]
pub enum EnlistError {
    /// The file breaks off or cannot be understood from some line on.
    List(Problem),
    /// The ledger cannot record.
    Ledger(LedgerError),
    /// A fault of the program: a reader panicked.
    Fault,
}

impl From<LedgerError> for EnlistError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Reads the whole list into the enlistment. Rows are proven in parallel and added in the order of the list; at most
/// a few batches are in memory.
pub async fn enlist(
    audience: Audience,
    proof: Proof,
    enlistment: &mut Enlistment,
    mut tell: impl FnMut(Notice<'_>),
) -> Result<(), EnlistError> {
    let (sender, mut batches) = mpsc::channel(1);
    let reader = tokio::task::spawn_blocking(move || read(audience, &sender));
    let mut proving: VecDeque<JoinHandle<Vec<Row>>> = VecDeque::new();
    let mut read_so_far = 0;
    loop {
        let batch = if proving.len() < AT_ONCE { batches.recv().await } else { None };
        let more = batch.is_some();
        if let Some(rows) = batch {
            let proof = proof.clone();
            proving.push_back(tokio::task::spawn_blocking(move || proof.rows(rows)));
        }
        if more && proving.len() < AT_ONCE {
            continue;
        }
        let Some(proven) = proving.pop_front() else { break };
        let rows = proven.await.map_err(|_| EnlistError::Fault)?;
        read_so_far += rows.len() as u64;
        for row in &rows {
            if let Row::Bad(problem) = row {
                tell(Notice::Problem(problem));
            }
        }
        for duplicate in &enlistment.add(rows).await? {
            tell(Notice::Duplicate(duplicate));
        }
        tell(Notice::Read(read_so_far));
    }
    reader.await.map_err(|_| EnlistError::Fault)?.map_err(EnlistError::List)
}

/// Reads batches until the list or the listener ends.
fn read(audience: Audience, batches: &mpsc::Sender<Vec<Row>>) -> Result<(), Problem> {
    let mut batch = Vec::with_capacity(BATCH);
    for row in audience {
        batch.push(row?);
        if batch.len() == BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if batches.blocking_send(full).is_err() {
                return Ok(());
            }
        }
    }
    if !batch.is_empty() {
        // Where nobody listens any more, an error is on its way already.
        let _listener_gone = batches.blocking_send(batch);
    }
    Ok(())
}

impl Proof {
    fn rows(&self, rows: Vec<Row>) -> Vec<Row> {
        rows.into_iter().map(|row| self.row(row)).collect()
    }

    /// A row whose mail cannot be made is a row with a problem.
    fn row(&self, row: Row) -> Row {
        let Row::Good(recipient) = row else { return row };
        match self.prove(&recipient) {
            Ok(()) => Row::Good(recipient),
            Err(Defect { message, hint }) => {
                let cells = recipient.fields.values().map(cell).collect();
                Row::Bad(RowProblem { line: recipient.line, column: None, message, hint, cells })
            }
        }
    }

    fn prove(&self, recipient: &Recipient) -> Result<(), Defect> {
        let defect = |message: String| Defect { message, hint: None };
        let issued = self.issuer.issue(recipient, self.now).map_err(|error| defect(error.to_string()))?;
        let url = issued.link.url([]).map_err(|error| defect(error.to_string()))?;
        let link = Link { url: &url, token: issued.link.token().expose(), expires: issued.link.expires() };
        let email = self.letter.render(recipient, &link)?;
        self.letter.compose(recipient, &email, &link, self.now).map(drop)
    }
}

/// A typed field as the cell that it came from.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
