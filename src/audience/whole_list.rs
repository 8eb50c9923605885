//! The list as a whole: one file or several, read one after the other as if they were one.

use std::{
    sync::{Arc, Mutex},
    vec,
};

use super::{Dialect, Findings, Row, Used, list_file::ListFile, profile::FileProfile};
use crate::{
    campaign::AudienceSpec,
    problem::{Place, Problem},
};

/// A list of people, open for reading: an iterator over its rows that holds one record at a time. Lines are counted
/// on from file to file; [`Places`] says where one is.
///
/// An `Err` says that the rest of the list cannot be read; it is the last thing that comes.
#[derive(Debug)]
pub struct Audience {
    /// The first file's header and columns, which the others have as well.
    header: Vec<String>,
    columns: Vec<String>,
    dialect: Dialect,
    notes: Vec<(String, String)>,
    places: Places,
    findings: Arc<Mutex<Findings>>,
    /// The file that is being read, and how many lines are before it.
    reading: Box<ListFile>,
    before: u64,
    waiting: vec::IntoIter<(Box<ListFile>, u64)>,
}

/// Where the lines of a list are: the name of each file, and how many lines are before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<(u64, String)>);

impl Places {
    /// The files in order: how many lines are before each, and its name.
    #[must_use]
    pub fn new(files: Vec<(u64, String)>) -> Self {
        Self(files)
    }

    /// The files in order: how many lines are before each, and its name.
    #[must_use]
    pub fn files(&self) -> &[(u64, String)] {
        &self.0
    }

    /// The file and line of a line of the list.
    #[must_use]
    pub fn of(&self, line: u64) -> Place {
        let file = self.0.iter().rev().find(|(before, _)| *before < line).or(self.0.first());
        file.map_or_else(
            || Place::line("the list", line),
            |(before, name)| Place::line(name, line.saturating_sub(*before)),
        )
    }

    /// A line in words: `line 17`, or with the file where there are several.
    #[must_use]
    pub fn words(&self, line: u64) -> String {
        if self.0.len() > 1 { self.of(line).to_string() } else { format!("line {line}") }
    }
}

impl Audience {
    /// Opens the files of a list and checks everything about them but their rows. All have the same header.
    ///
    /// The iterator compares each file with its profile. `live` refuses rows with a domain that is set aside for
    /// documentation and tests (RFC 2606, RFC 6761). `used` are the columns that the templates name.
    pub fn open<'a>(
        spec: &AudienceSpec,
        files: impl IntoIterator<Item = &'a FileProfile>,
        used: &Used,
        live: bool,
    ) -> Result<Self, Vec<Problem>> {
        let (mut open, mut names, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for profile in files {
            names.push(profile.name.as_str());
            match ListFile::open(spec, profile, used, live) {
                Ok(file) => open.push(file),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let (mut places, mut lines) = (Vec::new(), 0);
        for (file, name) in open.iter().zip(&names) {
            places.push((lines, (*name).to_owned()));
            lines += file.lines();
        }
        let notes = open.iter().zip(&names).flat_map(|(file, name)| {
            file.dialect().notes.iter().map(move |note| ((*name).to_owned(), note.clone()))
        });
        let notes = notes.collect();
        check_headers(&open, &names)?;
        let starts = places.iter().map(|(before, _)| *before);
        let mut waiting = open.into_iter().map(Box::new).zip(starts).collect::<Vec<_>>().into_iter();
        let Some((reading, before)) = waiting.next() else {
            return Err(vec![Problem::new(Place::file("the list"), "there is no file to read")]);
        };
        Ok(Self {
            header: reading.header().to_vec(),
            columns: reading.columns().to_vec(),
            dialect: reading.dialect().clone(),
            notes,
            places: Places(places),
            findings: Arc::default(),
            reading,
            before,
            waiting,
        })
    }

    /// The names of the columns as the header spells them, without what is left out.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The names under which templates know the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How the first file is read.
    #[must_use]
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// What there is to say about how a file is read, with the file's name.
    pub fn notes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.notes.iter().map(|(file, note)| (file.as_str(), note.as_str()))
    }

    /// What there is to say about the rows: it fills as they are read, and is whole when they are.
    #[must_use]
    pub fn findings(&self) -> Arc<Mutex<Findings>> {
        Arc::clone(&self.findings)
    }

    /// Where the lines are.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }
}

impl Iterator for Audience {
    type Item = Result<Row, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reading.next() {
                Some(Ok(mut row)) => {
                    match &mut row {
                        Row::Good(recipient) => recipient.line += self.before,
                        Row::Bad(problem) => problem.line += self.before,
                    }
                    return Some(Ok(row));
                }
                Some(Err(problem)) => {
                    // What follows is not read: the list has no other end than this.
                    self.waiting = Vec::new().into_iter();
                    return Some(Err(problem));
                }
                None => {
                    if let Ok(mut findings) = self.findings.lock() {
                        findings.merge(&self.reading.take_findings(), self.before);
                    }
                    (self.reading, self.before) = self.waiting.next()?;
                }
            }
        }
    }
}

/// Files with different columns are different lists.
fn check_headers(files: &[ListFile], names: &[&str]) -> Result<(), Vec<Problem>> {
    let Some((first, others)) = files.split_first() else { return Ok(()) };
    let differing =
        others.iter().zip(names.iter().skip(1)).filter(|(file, _)| file.columns() != first.columns());
    let problems = differing.map(|(file, name)| {
        let message = format!(
            "the columns are `{}`, expected those of {}: `{}`",
            file.columns().join("`, `"),
            names.first().copied().unwrap_or_default(),
            first.columns().join("`, `")
        );
        Problem::new(Place::file(*name), message).hint("files that are read together have the same header")
    });
    let problems: Vec<_> = problems.collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
