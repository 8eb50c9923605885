//! The only place with memory: every row of every list, and what became of it.
//!
//! [`Ledger`] is the database. [`Run`] proves that this process may work on a campaign. [`Claim`] proves that the run
//! holds one recipient; [`Run::intend`] turns it into an [`Intent`], which proves that the try is on disk, and only an
//! intent can carry a message body to a relay. Either is moved into [`Run::settle`], so nothing is settled twice.
//!
//! Rules ([`State`], the reconciliation of lists) are plain functions. One writer owns the one connection that writes:
//! it commits what waits as one group, and a caller that goes away takes nothing with it.

mod books;
mod calendar;
mod campaign_file;
mod decisions;
mod handle;
mod links;
mod list;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod races;
mod rules;
mod run;
mod store;
mod suppression;
#[cfg(test)]
mod transitions;
mod tries;
mod writer;

pub use books::{Books, Check, Gone, ListFacts, PurgeReport, RowView, Tally, TokenTally, UsedLink};
pub use calendar::{DueAgain, PAUSED, Skipped, Tick};
pub use campaign_file::{CampaignFile, OtherName};
pub use decisions::{Back, Decision, PutBack, Resolution, Source, Stays, UnknownRow};
pub use handle::{Ledger, Options};
pub use links::{
    AnswerCount, ApiToken, PageFacts, Redeemed, Redemption, Responses, Revoked, SurveyAnswer, Ticket,
    TokenOrigin, TokenStatus, UnsubscribeLink,
};
pub use list::{Duplicate, Enlistment, ListMark, NewFile, NewMark, Plan, TakenFile};
pub use rules::{
    Claim, Held, Intended, Intent, LedgerError, Outcome, SameBy, State, StorageCause, TokenRecord, Try,
    printable,
};
pub use run::{Accept, CLERK_KID, Recovered, Rest, Run, Selection, Settled};
pub use store::Location;
pub use suppression::{Person, SuppressedBy, Suppression, Whom};
pub use tries::{Asked, LiveToken, Question, TokenEnd, TokenKind, hash_of};

pub use crate::private_file::Readers;
