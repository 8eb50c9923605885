//! Takes a list in where it changed since it was booked.

use std::sync::Arc;

use super::{
    book::book_nobody,
    check::{Intake, open},
    news::{ListNews, Report},
    people::People,
    unfit::Wishes,
};
use crate::{
    email::Letter,
    ledger::{Ledger, ListMark, NewMark, Plan, Run, Selection},
    occasion::{
        look::{Before, Look},
        obstacle::Obstacle,
        project::Occasion,
    },
    sources::List,
    token::TokenIssuer,
};

/// What taking in a list needs.
pub struct Enlisting<'a> {
    /// The occasion.
    pub occasion: &'a Occasion,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// The run on it.
    pub run: &'a Run,
    /// Its words.
    pub letter: &'a Arc<Letter>,
    /// Who makes its tokens.
    pub issuer: &'a TokenIssuer,
    /// Whether addresses are refused to which no mail can go.
    pub live: bool,
    /// Whether a schedule began it: then it keeps the files that it began with.
    pub goes_on: bool,
    /// Whether the words may differ from those of the first mails.
    pub accept_changed: bool,
    /// What becomes of rows with a problem.
    pub wishes: &'a Wishes,
}

/// What the rows in the ledger are.
#[derive(Debug)]
pub enum Enlisted {
    /// Those of the list as it is now.
    UpToDate,
    /// Those of the list that was booked last: it is not there any more, for this reason.
    Without(Obstacle),
}

impl Enlisting<'_> {
    /// Books the list if it or the words changed since it was booked; otherwise the ledger has every row already.
    pub async fn enlist(&self, report: Report<'_>) -> Result<Enlisted, Obstacle> {
        let Self { occasion, ledger, run, letter, .. } = *self;
        let known = run.mark().await?;
        let before = Before {
            known: known.as_ref(),
            waiting: run.chosen(&Selection::default()).await?.1,
            goes_on: self.goes_on,
            taken: &ledger.taken(&occasion.campaign.id).await?,
        };
        match before.look(occasion, letter, self.accept_changed).await? {
            Look::Gone(obstacle) => {
                self.began(before.known).await?;
                return Ok(Enlisted::Without(obstacle));
            }
            Look::NothingNew(list) => report(ListNews::NothingNew(&list.name)),
            Look::Known => {}
            Look::Changed(list, mark) => {
                let under_way = before.known.map_or(0, |_| before.waiting);
                let plan = self.take_in(&list, mark, report).await.map_err(|by| match under_way {
                    0 => by,
                    mails => Obstacle::HeldUp { by: Box::new(by), mails },
                })?;
                if self.wishes.scheduled && plan.withdrawn > 0 {
                    report(ListNews::Left { campaign: &occasion.campaign.id, number: plan.withdrawn });
                }
            }
        }
        if before.known.is_some_and(|known| known.told) {
            run.tell(None).await?;
        }
        self.began(before.known).await?;
        Ok(Enlisted::UpToDate)
    }

    /// Notes that what was tried out by hand before its time has begun now.
    async fn began(&self, known: Option<&ListMark>) -> Result<(), Obstacle> {
        if self.wishes.scheduled && known.is_some_and(|known| known.early) {
            self.run.began().await?;
        }
        Ok(())
    }

    async fn take_in(&self, list: &List, mark: NewMark, report: Report<'_>) -> Result<Plan, Obstacle> {
        let Self { occasion, run, letter, live, wishes, .. } = *self;
        if list.files.is_empty() {
            return book_nobody(run, mark, report).await;
        }
        let people = match self.issuer {
            TokenIssuer::Clerk(issuer) => {
                let without = occasion.campaign.audience.without_user_id;
                let audience = open(occasion, list, letter, live)?;
                Some(People::look_up(audience, without, issuer, report).await?)
            }
            TokenIssuer::Local(_) | TokenIssuer::Preview(_) => People::unasked(occasion),
        };
        let checked = Intake { occasion, list, letter, live, people, wishes }.check(report).await?;
        checked.book(run, mark, report).await
    }
}
