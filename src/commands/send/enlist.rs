//! Takes a list in where it changed, and says what becomes of it.

use std::sync::Arc;

use crate::{
    commands::{Failure, Global, changed_words, clerk, list, send::arguments::SendArgs},
    email::Letter,
    ledger::{Ledger, ListMark, NewMark, Plan, Run, Selection},
    occasion::{Before, Look, Occasion},
    sources::List,
    token::TokenIssuer,
    ui::{Ui, count, people},
};

/// What taking in a list needs of the run.
pub(super) struct Enlisting<'a> {
    pub(super) ui: &'a Ui,
    pub(super) global: &'a Global,
    pub(super) ledger: &'a Ledger,
    pub(super) run: &'a Run,
    pub(super) letter: &'a Arc<Letter>,
    pub(super) live: bool,
    pub(super) arguments: &'a SendArgs,
}

impl Enlisting<'_> {
    /// Books the list if it or the words changed since it was booked; otherwise the ledger has every row already.
    pub(super) async fn enlist(&self, occasion: &Occasion, issuer: &TokenIssuer) -> Result<(), Failure> {
        let Self { ui, run, letter, arguments, .. } = *self;
        let known = run.mark().await?;
        let before = Before {
            known: known.as_ref(),
            waiting: run.chosen(&Selection::default()).await?.1,
            goes_on: arguments.due.is_some_and(|due| due.goes_on),
            taken: &self.ledger.taken(&occasion.campaign.id).await?,
        };
        let again = arguments.again(self.global);
        let look = before.look(occasion, letter, arguments.accept_changed_template).await;
        match look.map_err(|obstacle| changed_words(obstacle, again))? {
            Look::Gone(obstacle) => {
                self.tell_gone(&obstacle.into()).await?;
                return self.began(before.known).await;
            }
            Look::NothingNew(list) => ui.say(&list.name),
            Look::Known => {}
            Look::Changed(list, mark) => {
                let under_way = before.known.filter(|_| before.waiting > 0).map(|_| before.waiting);
                let plan =
                    self.take_in(occasion, issuer, &list, mark).await.map_err(|failure| match under_way {
                        Some(waiting) => failure.adding(&format!(
                            "{} of this occasion wait until the list is in order",
                            count(waiting, "mail")
                        )),
                        None => failure,
                    })?;
                // Whoever watches sees it in the figures, and cron sees what is noted.
                if arguments.due.is_some() && plan.withdrawn > 0 {
                    ui.note(format_args!(
                        "{}: {} left the list before their mail did, and get none",
                        occasion.campaign.id,
                        people(plan.withdrawn)
                    ));
                }
            }
        }
        if before.known.is_some_and(|known| known.told) {
            run.tell(None).await?;
        }
        self.began(before.known).await
    }

    /// What was tried out by hand before its time has begun now.
    async fn began(&self, known: Option<&ListMark>) -> Result<(), Failure> {
        if self.arguments.due.is_some() && known.is_some_and(|known| known.early) {
            self.run.began().await?;
        }
        Ok(())
    }

    /// Says why the list is not read; a tick of cron says it once.
    async fn tell_gone(&self, failure: &Failure) -> Result<(), Failure> {
        let words = format!("{}; going on with the rows in the ledger", failure.first_words());
        let is_new = self.run.tell(Some(&words)).await?;
        if is_new || self.arguments.due.is_none() {
            self.ui.note(words);
        } else {
            self.ui.remark(words);
        }
        Ok(())
    }

    async fn take_in(
        &self,
        occasion: &Occasion,
        issuer: &TokenIssuer,
        list: &List,
        mark: NewMark,
    ) -> Result<Plan, Failure> {
        let Self { ui, run, letter, live, arguments, .. } = *self;
        if list.files.is_empty() {
            return list::book_nobody(ui, run, mark).await;
        }
        let people = match issuer {
            TokenIssuer::Clerk(issuer) => Some(clerk::look_up(ui, occasion, list, live, issuer).await?),
            TokenIssuer::Local(_) | TokenIssuer::Preview(_) => occasion.people(),
        };
        let checked = list::check(ui, occasion, list, letter, live, people, &arguments.list).await?;
        list::book(ui, occasion, list, checked, live, run, mark).await
    }
}
