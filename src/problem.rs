//! One shape for everything a person can get wrong: place, what was found, what was expected, one hint.
//!
//! The text follows one rule all over the program: lower-case fragment, no full stop, the user's value in backticks,
//! then at most one `hint:` line with the exact remedy.

use std::fmt;

/// Where a problem is: a file, and where known its line and column, both counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1; `None` where the problem concerns the file as a whole.
    pub line: Option<u64>,
    /// Column in characters, from 1.
    pub column: Option<u64>,
}

impl Place {
    /// A place that is the whole file.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, column: None }
    }

    /// A place on a line of a file.
    pub fn line(file: impl Into<String>, line: u64) -> Self {
        Self { file: file.into(), line: Some(line), column: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        Ok(())
    }
}

/// Something wrong, and how to put it right. The two lines of every error.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Diagnosis {
    /// The thing found and the thing expected.
    pub message: String,
    /// The remedy, as one line.
    pub hint: Option<String>,
}

impl Diagnosis {
    /// A diagnosis without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same with its remedy.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The message, and on a line of its own the hint.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n{}", Hint(hint)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnosis {}

/// A remedy as the line that it is printed as.
#[derive(Debug, Clone, Copy)]
pub struct Hint<'a>(pub &'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  hint: {}", self.0)
    }
}

/// A diagnosis of a place that a person can mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place to look at.
    pub place: Place,
    /// The thing that is wrong there.
    pub what: Diagnosis,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, what: Diagnosis::new(message) }
    }

    /// The same problem with its remedy.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { what: self.what.hint(hint), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// What the system said, without the number that only programs want.
#[must_use]
pub fn cause(error: &std::io::Error) -> String {
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The name among `known` that `found` was probably meant to be.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}
