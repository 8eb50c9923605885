//! Rows that cannot be mailed: set aside where that is allowed, and a reason to stop where it is not.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{
    news::{ListNews, Report},
    unfit::{Unfit, Wishes},
};
use crate::{
    audience::{Audience, Places, RowProblem, problems::Writer},
    campaign::Leeway,
    occasion::obstacle::Obstacle,
    problem::{Place, Problem},
};

/// How many problems are reported; `--problems FILE` has all of them.
const SHOWN: usize = 20;
/// With more rows than this to set aside, the list or the template is wrong, not the rows.
const MOST_UNFIT: usize = 100_000;

/// The rows that are set aside: some for the report, all for the file.
pub(super) struct Aside<'a> {
    wishes: &'a Wishes,
    /// How many rows the list has.
    pub(super) rows: u64,
    shown: Vec<Problem>,
    unfit: BTreeSet<u64>,
    file: Option<Writer<File>>,
    unwritten: Option<io::Error>,
}

impl<'a> Aside<'a> {
    /// Opens the file for the rows of a list, where one is wished for.
    pub(super) fn new(wishes: &'a Wishes, audience: &Audience) -> Result<Self, Obstacle> {
        let create = |path: &Path| {
            // Rows of people: nobody else reads them.
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
            Writer::new(file, audience.header(), audience.dialect())
        };
        let file = wishes.file.as_deref().map(create).transpose().map_err(Obstacle::ProblemsFile)?;
        Ok(Self { wishes, rows: 0, shown: Vec::new(), unfit: BTreeSet::new(), file, unwritten: None })
    }

    /// Sets a row aside.
    pub(super) fn add(&mut self, places: &Places, mut problem: RowProblem) {
        self.unfit.insert(problem.line);
        if self.shown.len() < SHOWN {
            self.shown.push(placed(places, &problem));
        }
        if places.files().len() > 1 {
            let Place { file, line, .. } = places.of(problem.line);
            problem.line = line.unwrap_or(problem.line);
            problem.what.message = format!("{} (of {file})", problem.what.message);
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(&problem)) {
            self.unwritten.get_or_insert(error);
        }
    }

    /// The lines to leave out, or the obstacle that the problems are.
    pub(super) fn finish(
        self,
        leeway: Option<Leeway>,
        report: Report<'_>,
    ) -> Result<BTreeSet<u64>, Obstacle> {
        let Self { wishes, rows, shown, unfit, file, unwritten: mut failed } = self;
        if let Some(Err(error)) = file.map(Writer::finish) {
            failed.get_or_insert(error);
        }
        if let Some(error) = failed {
            return Err(Obstacle::ProblemsFile(error));
        }
        let few = unfit.len() <= MOST_UNFIT;
        if unfit.is_empty() || (wishes.skip && few) {
            return Ok(unfit);
        }
        let total = unfit.len() as u64;
        if let Some(leeway) = leeway
            && few
            && total <= leeway.of(rows)
        {
            report(ListNews::SetAside { shown: &shown, total, leeway });
            return Ok(unfit);
        }
        let wishes = wishes.clone();
        Err(Obstacle::Unfit(Box::new(Unfit { shown, total, rows, leeway, wishes })))
    }
}

fn placed(places: &Places, problem: &RowProblem) -> Problem {
    let mut what = problem.what.clone();
    if let Some(column) = &problem.column {
        what.message = format!("column `{column}`: {}", what.message);
    }
    Problem { place: places.of(problem.line), what }
}
