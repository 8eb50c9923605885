//! The campaign file: what goes to whom and when. A [`Campaign`] is valid by construction.
//!
//! Owns the kinds and their rules, the campaign's settings and their errors. It opens no list and no template.

mod file;
mod kind;
mod leeway;
mod list;
mod schedule;
mod token_life;
mod values;

pub use kind::{Kind, Once, Rules};
pub use leeway::Leeway;
pub use list::{ListPath, ListSource, ListSpec};
pub use schedule::ZONE_COLUMN;
pub use token_life::TokenLife;
pub use values::{duration, occasion_name};

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde_json::{Map, Value};

use crate::schedule::Schedule;

/// The name that keys the ledger: lower-case letters, digits and `-`, at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CampaignId(String);

impl CampaignId {
    /// Parses a campaign's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let good = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is no campaign name: lower-case letters, digits and inner `-`, at most 64"))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The type of a column's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// As it stands, trimmed.
    Text,
    /// A decimal number: `12`, `12.50`, `-3`.
    Number,
    /// A calendar date or date-time, ISO 8601: `2026-11-22`, `2026-11-22T09:30`.
    Date,
    /// A JSON value: loops and look-ups in templates.
    Json,
    /// A time zone of the tz database: `Europe/Berlin`.
    Zone,
}

/// The treatment of a row without a user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutUser {
    /// It is a row with a problem.
    Refuse,
    /// The token service is asked whose the address is.
    LookUp,
    /// The same, and those who have no user yet are invited.
    Invite,
}

/// The reading of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct AudienceSpec {
    /// The WHATWG label of the encoding; `None`: UTF-8, or detected and reported.
    pub encoding: Option<String>,
    /// The delimiter; `None`: `,`, `;`, `|` or tab, whichever the header has.
    pub delimiter: Option<char>,
    /// How many lines stand above the header; `None`: found.
    pub skip_lines: Option<u64>,
    /// The names of the columns of a list without a header; empty: the list has one.
    pub columns: Vec<String>,
    /// The columns whose cells may hold line breaks.
    pub multiline_columns: Vec<String>,
    /// Further header names for a column: normalised name → aliases, beside those that are built in.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Types of columns; those not named are text.
    pub types: BTreeMap<String, ColumnType>,
    /// The columns whose cells must not be empty (normalised names). The kind's needs are added by itself.
    pub required: Vec<String>,
    /// The column that says whom the link signs in: `user_id` unless set otherwise.
    pub user_id_column: String,
    /// The treatment of a row without a user id.
    pub without_user_id: WithoutUser,
    /// The kind's extra key column (`cart_id`), if it has one.
    pub key_column: Option<String>,
}

/// A list with a header, `email` and `user_id` in it.
impl Default for AudienceSpec {
    fn default() -> Self {
        Self {
            encoding: None,
            delimiter: None,
            skip_lines: None,
            columns: Vec::new(),
            multiline_columns: Vec::new(),
            aliases: BTreeMap::new(),
            types: BTreeMap::new(),
            required: Vec::new(),
            user_id_column: "user_id".to_owned(),
            without_user_id: WithoutUser::Refuse,
            key_column: None,
        }
    }
}

/// A file that goes along with every mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file, resolved against the campaign file's folder.
    pub file: PathBuf,
    /// The name that the recipient sees.
    pub name: String,
    /// The media type, for example `application/pdf`.
    pub media_type: String,
    /// `Some(id)`: an inline image that the HTML shows as `cid:id`.
    pub content_id: Option<String>,
}

/// A question of a survey, for the templates: one link per answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name that the answer is recorded under.
    pub id: String,
    /// The words.
    pub text: String,
    /// The choices, in order: (id, words).
    pub answers: Vec<(String, String)>,
}

/// A campaign file, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// The file as the user named it.
    pub file: PathBuf,
    /// Keys the ledger.
    pub id: CampaignId,
    /// The name for people: `List-Id` and reports.
    pub title: String,
    /// The defaults and rules that apply.
    pub kind: Kind,
    /// The name of this time of sending: a promo may go to the same people again on another occasion. A schedule with
    /// several due times names each after its time.
    pub occasion: String,
    /// The name of the survey, where the kind is one: the `occasion` of the file.
    pub survey: String,
    /// The source of the list.
    pub list: ListSpec,
    /// The reading of the list.
    pub audience: AudienceSpec,
    /// The template folder (`subject.txt`, `body.txt`, `body.html`); bases stand beside it.
    pub template: PathBuf,
    /// Constants for the templates.
    pub variables: Map<String, Value>,
    /// The life of a sign-in token.
    pub token_life: TokenLife,
    /// The path or parameter values that every link of the campaign carries (UTM and others), in order.
    pub link_parameters: Vec<(String, String)>,
    /// The time after the first try in which a mail may still leave; and where a schedule wants it, how long after the
    /// occasion's due time (or its beginning, where that was later) one that was never tried.
    pub not_after: jiff::SignedDuration,
    /// The attachments of every mail.
    pub attachments: Vec<Attachment>,
    /// The survey's questions; empty for other kinds.
    pub questions: Vec<Question>,
    /// The times at which it goes out by itself; `None`: only by hand.
    pub schedule: Option<Schedule>,
}

impl Campaign {
    /// Among which mails a recipient gets only one: the campaign's of all occasions, or `None` for those of one
    /// occasion alone. A survey is known by the `occasion` in its file.
    #[must_use]
    pub fn once_in(&self) -> Option<String> {
        match self.kind.rules().once {
            Once::PerOccasion => None,
            Once::Ever => Some(String::new()),
            Once::PerSurvey => Some(self.survey.clone()),
        }
    }
}
