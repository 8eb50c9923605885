//! How a verb fails: the words, the remedy, and the code that it leaves.

use crate::{
    exit::Exit,
    problem::{Diagnosis, Problem},
    ui::Ui,
};

/// Why a command ended badly: what to say and which code to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Mistakes with a place, all of them.
    Problems {
        /// The code.
        exit: Exit,
        /// The first of them.
        problems: Vec<Problem>,
        /// How many there are.
        total: u64,
        /// What can be done about all of them.
        remedy: Option<String>,
    },
    /// One thing.
    Words {
        /// The code.
        exit: Exit,
        /// What happened, and the remedy.
        what: Diagnosis,
    },
}

impl Failure {
    /// Mistakes in a settings file, a campaign file or a template.
    pub(crate) fn problems(exit: Exit, problems: Vec<Problem>) -> Self {
        let total = problems.len() as u64;
        Self::Problems { exit, problems, total, remedy: None }
    }

    pub(crate) fn words(exit: Exit, words: impl Into<String>) -> Self {
        Self::Words { exit, what: Diagnosis::new(words) }
    }

    /// The code that it leaves.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Problems { exit, .. } | Self::Words { exit, .. } => *exit,
        }
    }

    /// What went wrong, without the remedy; of several things the first.
    pub(crate) fn first_words(&self) -> String {
        match self {
            Self::Problems { problems, .. } => problems
                .first()
                .map_or_else(String::new, |problem| format!("{}: {}", problem.place, problem.what.message)),
            Self::Words { what, .. } => what.message.clone(),
        }
    }

    /// Says what went wrong.
    pub(crate) fn report(self, ui: &Ui) {
        match self {
            Self::Problems { problems, total, remedy, .. } => {
                ui.problems(&problems, total, remedy.as_deref());
            }
            Self::Words { what, .. } => ui.error(what.message, what.hint.as_deref()),
        }
    }

    /// Says it where the next tick of cron mends it: "not finished" needs nobody.
    pub(crate) fn report_in_tick(self, ui: &Ui) {
        match self {
            Self::Words { exit: Exit::Unfinished, what } => ui.remark(what.message),
            Self::Words { .. } | Self::Problems { .. } => self.report(ui),
        }
    }

    /// The same with a sentence more behind the remedy of problems.
    #[must_use]
    pub(crate) fn adding(self, more: &str) -> Self {
        match self {
            Self::Problems { exit, problems, total, remedy } => {
                let remedy = remedy.map_or_else(|| more.to_owned(), |remedy| format!("{remedy}; {more}"));
                Self::Problems { exit, problems, total, remedy: Some(remedy) }
            }
            Self::Words { .. } => self,
        }
    }

    #[must_use]
    pub(crate) fn hint(self, remedy: impl Into<String>) -> Self {
        match self {
            Self::Words { exit, what } => Self::Words { exit, what: what.hint(remedy) },
            Self::Problems { .. } => self,
        }
    }
}
