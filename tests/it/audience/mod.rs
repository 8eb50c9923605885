//! Lists as people really have them: every row becomes a recipient or a problem, and none is lost.

mod files;
mod passes;
mod quotes;
mod round_trip;
mod rows;
mod shape;
mod top;

use std::{fs, path::PathBuf};

use linkpost::{
    audience::{Audience, FileProfile, Finding, Findings, Recipient, Row, RowProblem, Tally, Used},
    campaign::AudienceSpec,
    problem::Problem,
};

/// A folder with one list in it, and how to read it.
struct List {
    folder: tempfile::TempDir,
    csv: PathBuf,
    spec: AudienceSpec,
    used: Used,
}

/// What came out of a list.
#[derive(Default)]
struct Outcome {
    good: Vec<Recipient>,
    bad: Vec<RowProblem>,
    end: Option<Problem>,
    notes: Vec<String>,
    findings: Findings,
}

impl List {
    fn new(bytes: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("people.csv");
        fs::write(&csv, bytes).unwrap();
        Self { folder, csv, spec: AudienceSpec::default(), used: Used::All }
    }

    fn with(mut self, change: impl FnOnce(&mut AudienceSpec)) -> Self {
        change(&mut self.spec);
        self
    }

    /// Only these columns are named by templates.
    fn using(mut self, names: &[&str]) -> Self {
        self.used = Used::Names(names.iter().map(ToString::to_string).collect());
        self
    }

    fn profile(&self) -> FileProfile {
        let name = self.csv.display().to_string();
        FileProfile::of(&self.csv, &name, self.spec.encoding.as_deref()).unwrap()
    }

    fn open(&self) -> Audience {
        Audience::open(&self.spec, [&self.profile()], &self.used, false)
            .map_err(|problems| self.words(&problems))
            .unwrap()
    }

    fn read(&self) -> Outcome {
        self.read_as(false)
    }

    fn read_as(&self, live: bool) -> Outcome {
        let mut outcome = Outcome::default();
        let audience = Audience::open(&self.spec, [&self.profile()], &self.used, live)
            .map_err(|problems| self.words(&problems))
            .unwrap();
        outcome.notes = audience.notes().map(|(_, note)| note.to_owned()).collect();
        let findings = audience.findings();
        for row in audience {
            assert!(outcome.end.is_none(), "nothing comes behind an error");
            match row {
                Ok(Row::Good(recipient)) => outcome.good.push(recipient),
                Ok(Row::Bad(problem)) => outcome.bad.push(problem),
                Err(problem) => outcome.end = Some(problem),
            }
        }
        outcome.findings = findings.lock().unwrap().clone();
        outcome
    }

    /// The problems that keep the list from being opened, without the folder.
    fn refused(&self) -> Vec<String> {
        self.refused_as(&self.profile())
    }

    /// The same, of a file as it was found before.
    fn refused_as(&self, found: &FileProfile) -> Vec<String> {
        match Audience::open(&self.spec, [found], &self.used, false) {
            Ok(_) => panic!("the list was opened"),
            Err(problems) => self.words(&problems),
        }
    }

    fn words(&self, problems: &[Problem]) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }
}

impl Outcome {
    fn names(&self) -> Vec<&str> {
        self.good.iter().filter_map(|recipient| recipient.name.as_deref()).collect()
    }

    /// What is odd, in words, with its lines.
    fn odd(&self) -> Vec<String> {
        let words = |(finding, tally): (&Finding, &Tally)| {
            format!("{} {} {:?}", tally.rows, finding.words(tally.rows), tally.lines)
        };
        self.findings.iter().map(words).collect()
    }

    /// `line column: message` of each bad row.
    fn problems(&self) -> Vec<String> {
        assert_eq!(self.end, None);
        let words = |bad: &RowProblem| match &bad.column {
            Some(column) => format!("{} {column}: {}", bad.line, bad.what.message),
            None => format!("{}: {}", bad.line, bad.what.message),
        };
        self.bad.iter().map(words).collect()
    }
}
