//! The slow pass over a list: every row is read and every mail rendered, before anything is booked.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    aside::Aside,
    news::{ListNews, Report},
    people::People,
    prove::{Proof, prove},
    unfit::Wishes,
};
use crate::{
    audience::{Audience, Used},
    clock::Clock,
    email::Letter,
    occasion::{obstacle::Obstacle, project::Occasion},
    sources::List,
};

/// A sign of life after so many rows.
const SIGN_OF_LIFE: u64 = 25_600;

/// A list that is to be taken in.
pub struct Intake<'a> {
    /// The occasion.
    pub occasion: &'a Occasion,
    /// Its list.
    pub list: &'a List,
    /// Its words.
    pub letter: &'a Arc<Letter>,
    /// Whether addresses are refused to which no mail can go.
    pub live: bool,
    /// Who the people are at the token service; `None` where it does not matter.
    pub people: Option<People>,
    /// What becomes of rows with a problem.
    pub wishes: &'a Wishes,
}

/// A list that was read to its end with every mail rendered; the rows that cannot be mailed are known.
pub struct Checked<'a> {
    pub(super) occasion: &'a Occasion,
    pub(super) list: &'a List,
    pub(super) live: bool,
    pub(super) proof: Proof,
    pub(super) unfit: BTreeSet<u64>,
    rows: u64,
}

impl<'a> Intake<'a> {
    /// Reads the whole list and renders every mail. Ends in an obstacle if a row has a problem and problems are not to
    /// be skipped.
    pub async fn check(self, report: Report<'_>) -> Result<Checked<'a>, Obstacle> {
        let Self { occasion, list, letter, live, people, wishes } = self;
        let audience = open(occasion, list, letter, live)?;
        for (name, note) in audience.notes() {
            report(ListNews::File { name, note });
        }
        let unknown = letter.check_variables(audience.columns());
        if !unknown.is_empty() {
            return Err(Obstacle::List(unknown));
        }
        for slip in letter.likely_slips(audience.columns()) {
            report(ListNews::LikelySlip(slip));
        }
        let proof = Proof {
            letter: Arc::clone(letter),
            issuer: Arc::new(occasion.preview_issuer()?),
            now: Clock::System.now(),
            people,
        };
        let (findings, places) = (audience.findings(), audience.places().clone());
        let mut aside = Aside::new(wishes, &audience)?;
        let mixed = prove(audience, &proof, |rows, problems| {
            aside.rows = rows;
            for problem in problems {
                aside.add(&places, problem);
            }
            if rows > 0 && rows.is_multiple_of(SIGN_OF_LIFE) {
                report(ListNews::Proven(rows));
            }
        })
        .await?;
        if let Ok(findings) = findings.lock() {
            report(ListNews::Odd { findings: &findings, places: &places });
        }
        if let Some((line, domain)) = &mixed.first {
            report(ListNews::MixedAlphabets { rows: mixed.rows, place: places.of(*line), domain });
        }
        let rows = aside.rows;
        let unfit = aside.finish(occasion.campaign.list.skip_problems, report)?;
        Ok(Checked { occasion, list, live, proof, unfit, rows })
    }
}

impl Checked<'_> {
    /// Whether no row was set aside.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unfit.is_empty()
    }

    /// Refuses a list without any row where so many mails wait: it would take them away.
    pub fn refuse_emptied(&self, waiting: u64) -> Result<(), Obstacle> {
        if self.rows == 0 && waiting > 0 {
            return Err(Obstacle::Emptied { list: self.list.name.clone(), waiting });
        }
        Ok(())
    }
}

/// Opens the list of an occasion. What its words do not use is not examined.
pub(super) fn open(
    occasion: &Occasion,
    list: &List,
    letter: &Letter,
    live: bool,
) -> Result<Audience, Obstacle> {
    let used = Used::Names(letter.variables());
    Audience::open(&occasion.campaign.audience, list.profiles(), &used, live).map_err(Obstacle::List)
}
