//! The list on its way into the ledger: the people are looked up, every row is proven, then the rows are booked.
//!
//! Two passes over the list. The slow one renders every mail and touches no ledger; the quick one books the rows in
//! one transaction.
//!
//! - `enlist`: takes a list in where it changed since it was booked.
//! - `people`: who the people are at the token service.
//! - `check`: the slow pass; `prove` renders a mail for each row, `aside` and `unfit` decide about the rows without one.
//! - `book`: the quick pass.
//! - `batches`: rows on a thread of their own; `news`: what there is to report.

mod aside;
mod batches;
mod book;
mod check;
mod enlist;
mod news;
mod people;
mod prove;
mod unfit;

pub use book::book_nobody;
pub use check::{Checked, Intake};
pub use enlist::{Enlisted, Enlisting};
pub use news::{ListNews, Report};
pub use people::People;
pub use unfit::{Unfit, Wishes};
