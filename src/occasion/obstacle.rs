//! Why an occasion does not go on, as data: the commands make words and exit codes of it.

use std::io;

use super::intake::Unfit;
use crate::{
    campaign::CampaignId,
    ledger::LedgerError,
    problem::{Diagnosis, Problem},
    sources::ListError,
    token::{IssueError, KeyError},
};

/// Why an occasion does not go on.
#[derive(Debug)]
pub enum Obstacle {
    /// The ledger cannot be used.
    Ledger(LedgerError),
    /// The token service cannot be used.
    Tokens(IssueError),
    /// The keys cannot be used.
    Keys(KeyError),
    /// Mistakes in the settings or the campaign file.
    Files(Vec<Problem>),
    /// A setting that is missing or wrong.
    Setting(Diagnosis),
    /// Mistakes in the list or a template.
    List(Vec<Problem>),
    /// More rows of the list have a problem than may be left out.
    Unfit(Box<Unfit>),
    /// The file for rows with a problem cannot be written.
    ProblemsFile(io::Error),
    /// The list has no rows, and people who wait would lose their mail.
    Emptied {
        /// The list's name in words.
        list: String,
        /// How many wait.
        waiting: u64,
    },
    /// The list is not in order, and mails of its occasion wait for it.
    HeldUp {
        /// What is wrong with it.
        by: Box<Self>,
        /// How many wait.
        mails: u64,
    },
    /// The list may be there later.
    NotYet(Problem),
    /// The template, the sender or the link changed after the first mails left.
    ChangedWords(CampaignId),
    /// So many mails without an answer would be sent again that it is likely a relay's fault.
    TooManyAgain {
        /// How many.
        mails: u64,
        /// The size of the list.
        total: u64,
    },
    /// The folder of the rehearsals cannot be used; why.
    Sandbox(String),
    /// A fault of the program itself.
    Internal(String),
}

impl Obstacle {
    /// A setting that is missing or wrong, without a remedy.
    pub(super) fn setting(message: impl Into<String>) -> Self {
        Self::Setting(Diagnosis::new(message))
    }
}

impl From<LedgerError> for Obstacle {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<IssueError> for Obstacle {
    fn from(error: IssueError) -> Self {
        Self::Tokens(error)
    }
}

impl From<KeyError> for Obstacle {
    fn from(error: KeyError) -> Self {
        Self::Keys(error)
    }
}

impl From<ListError> for Obstacle {
    fn from(error: ListError) -> Self {
        match error {
            ListError::NotYet(problem) => Self::NotYet(problem),
            ListError::Wrong(problem) => Self::List(vec![problem]),
        }
    }
}
