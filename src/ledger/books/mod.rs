//! Reading the books: counts, lists and rows; checking them, and taking the persons out of them.

mod figures;
pub(super) mod purge;
mod rows;
pub(super) mod tally;
mod tokens;
mod verify;

pub use figures::{Books, Gone, ListFacts};
pub use purge::PurgeReport;
pub use rows::RowView;
pub use tally::Tally;
pub(super) use tally::counts;
pub use tokens::{TokenTally, UsedLink};
pub use verify::Check;
