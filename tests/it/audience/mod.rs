//! Lists as people really have them: every row becomes a recipient or a problem, and none is lost.

mod files;
mod passes;
mod quotes;
mod round_trip;
mod rows;

use std::{collections::BTreeMap, fs, path::PathBuf};

use linkpost::{
    audience::{Audience, FileProfile, Recipient, Row, RowProblem},
    campaign::{AudienceSpec, WithoutUser},
    problem::Problem,
};

/// A folder with one list in it, and how to read it.
struct List {
    folder: tempfile::TempDir,
    csv: PathBuf,
    spec: AudienceSpec,
}

/// What came out of a list.
#[derive(Default)]
struct Outcome {
    good: Vec<Recipient>,
    bad: Vec<RowProblem>,
    end: Option<Problem>,
}

impl List {
    fn new(bytes: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("people.csv");
        fs::write(&csv, bytes).unwrap();
        let spec = AudienceSpec {
            encoding: None,
            delimiter: None,
            multiline_columns: Vec::new(),
            aliases: BTreeMap::new(),
            types: BTreeMap::new(),
            required: Vec::new(),
            user_id_column: "user_id".to_owned(),
            without_user_id: WithoutUser::Refuse,
            key_column: None,
        };
        Self { folder, csv, spec }
    }

    fn with(mut self, change: impl FnOnce(&mut AudienceSpec)) -> Self {
        change(&mut self.spec);
        self
    }

    fn profile(&self) -> FileProfile {
        let name = self.csv.display().to_string();
        FileProfile::of(&self.csv, &name, self.spec.encoding.as_deref()).unwrap()
    }

    fn open(&self) -> Audience {
        Audience::open(&self.spec, [&self.profile()], false)
            .map_err(|problems| self.words(&problems))
            .unwrap()
    }

    fn read(&self) -> Outcome {
        self.read_as(false)
    }

    fn read_as(&self, live: bool) -> Outcome {
        let mut outcome = Outcome::default();
        let audience = Audience::open(&self.spec, [&self.profile()], live)
            .map_err(|problems| self.words(&problems))
            .unwrap();
        for row in audience {
            assert!(outcome.end.is_none(), "nothing comes behind an error");
            match row {
                Ok(Row::Good(recipient)) => outcome.good.push(recipient),
                Ok(Row::Bad(problem)) => outcome.bad.push(problem),
                Err(problem) => outcome.end = Some(problem),
            }
        }
        outcome
    }

    /// The problems that keep the list from being opened, without the folder.
    fn refused(&self) -> Vec<String> {
        self.refused_as(&self.profile())
    }

    /// The same, of a file as it was found before.
    fn refused_as(&self, found: &FileProfile) -> Vec<String> {
        match Audience::open(&self.spec, [found], false) {
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
