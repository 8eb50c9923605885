//! The quick pass over a list: its rows are booked in one transaction.

use super::{
    batches::Batches,
    check::{Checked, open},
    news::{ListNews, Report},
};
use crate::{
    audience::{Audience, Row},
    ledger::{Enlistment, NewMark, Plan, Run},
    occasion::{find, obstacle::Obstacle},
};

/// How many duplicates are reported.
const SHOWN: usize = 20;

impl Checked<'_> {
    /// Books the list in one transaction. A list that changed since it was found is not booked: the reader of its files
    /// notices.
    pub async fn book(self, run: &Run, mut mark: NewMark, report: Report<'_>) -> Result<Plan, Obstacle> {
        let Self { occasion, list, live, .. } = &self;
        let audience = open(occasion, list, &self.proof.letter, *live)?;
        let before = audience.places().files().iter().map(|(before, _)| *before);
        mark.files = find::kept(list, &occasion.campaign.list.source, before);
        let mut enlistment = run.enlist().await?;
        if let Err(obstacle) = self.rows(audience, &mut enlistment, report).await {
            enlistment.abandon().await?;
            return Err(obstacle);
        }
        finish(run, enlistment, mark, report).await
    }

    /// Books the rows. A row that reads well but has a problem is proven once more for its words.
    async fn rows(
        &self,
        audience: Audience,
        enlistment: &mut Enlistment,
        report: Report<'_>,
    ) -> Result<(), Obstacle> {
        let places = audience.places().clone();
        let mut batches = Batches::of(audience);
        let mut duplicates = 0;
        while let Some(rows) = batches.next().await {
            let rows = rows.into_iter().map(|row| match row {
                Row::Good(recipient) if self.unfit.contains(&recipient.line) => self.proof.row(recipient),
                Row::Good(recipient) => self.proof.resolved(recipient),
                Row::Bad(_) => row,
            });
            for duplicate in enlistment.add(rows.collect()).await? {
                duplicates += 1;
                if duplicates <= SHOWN {
                    report(ListNews::Duplicate { duplicate: &duplicate, places: &places });
                }
            }
        }
        batches.end().await
    }
}

/// Books that nobody is on the list: there was no new file.
pub async fn book_nobody(run: &Run, mark: NewMark, report: Report<'_>) -> Result<Plan, Obstacle> {
    report(ListNews::NothingNew(&mark.list));
    let plan = run.enlist().await?.finish(mark).await?;
    report(ListNews::Booked(&plan));
    Ok(plan)
}

/// An export that broke off looks like a list without anybody: it does not take the mails of those who wait.
async fn finish(
    run: &Run,
    mut enlistment: Enlistment,
    mark: NewMark,
    report: Report<'_>,
) -> Result<Plan, Obstacle> {
    if enlistment.is_empty() {
        let would = enlistment.abandon().await?;
        if would.withdrawn > 0 {
            return Err(Obstacle::Emptied { list: mark.list, waiting: would.withdrawn });
        }
        enlistment = run.enlist().await?;
    }
    let plan = enlistment.finish(mark).await?;
    report(ListNews::Booked(&plan));
    Ok(plan)
}
