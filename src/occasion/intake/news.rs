//! What there is to report while a list is checked and booked, as data.

use crate::{
    audience::{Findings, Places},
    campaign::{CampaignId, Leeway},
    ledger::{Duplicate, Plan},
    problem::{Place, Problem},
};

/// Takes the news of a list as they come.
pub type Report<'a> = &'a mut (dyn FnMut(ListNews<'_>) + Send);

/// What there is to report while a list is checked and booked.
#[derive(Debug)]
pub enum ListNews<'a> {
    /// A remark about how a file of the list is read.
    File {
        /// The file's name.
        name: &'a str,
        /// The remark.
        note: &'a str,
    },
    /// A variable of the template that is nearly the name of something there.
    LikelySlip(Problem),
    /// So many people were looked up at the token service so far.
    LookedUp(u64),
    /// So many rows were read and their mails rendered so far; reported now and then.
    Proven(u64),
    /// What is odd about rows that can be mailed all the same.
    Odd {
        /// What it is.
        findings: &'a Findings,
        /// Where the rows of the list stand.
        places: &'a Places,
    },
    /// Rows whose address has a domain that mixes alphabets.
    MixedAlphabets {
        /// How many rows.
        rows: u64,
        /// Where the first stands.
        place: Place,
        /// Its domain as people see it.
        domain: &'a str,
    },
    /// Rows with a problem are left out, since the campaign file allows so many.
    SetAside {
        /// The first of them.
        shown: &'a [Problem],
        /// How many there are.
        total: u64,
        /// How many the campaign file allows.
        leeway: Leeway,
    },
    /// A row repeats another; reported of the first few.
    Duplicate {
        /// The row.
        duplicate: &'a Duplicate,
        /// Where the rows of the list stand.
        places: &'a Places,
    },
    /// No file of the list is new; its name in words.
    NothingNew(&'a str),
    /// The list is booked.
    Booked(&'a Plan),
    /// People left the list of a schedule before their mail did.
    Left {
        /// The campaign.
        campaign: &'a CampaignId,
        /// How many.
        number: u64,
    },
}
