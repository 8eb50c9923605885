//! Takes a list in where it changed, and says what becomes of it.

use std::sync::Arc;

use super::Sending;
use crate::{
    console::{Failure, changed_words, list_news},
    email::Letter,
    occasion::intake::{Enlisted, Enlisting},
    token::TokenIssuer,
};

impl Sending<'_> {
    /// Books the list if it or the words changed since it was booked.
    pub(super) async fn enlist(&self, letter: &Arc<Letter>, issuer: &TokenIssuer) -> Result<(), Failure> {
        let Self { ui, global, arguments, occasion, target, ledger, run } = *self;
        let enlisting = Enlisting {
            occasion,
            ledger,
            run,
            letter,
            issuer,
            live: target.leaves_machine(),
            goes_on: arguments.due.is_some_and(|due| due.goes_on),
            accept_changed: arguments.accept_changed_template,
            wishes: &arguments.list.wishes(),
        };
        let enlisted = enlisting.enlist(&mut |news| list_news::say(ui, &news)).await;
        match enlisted.map_err(|obstacle| changed_words(obstacle, arguments.again(global)))? {
            Enlisted::UpToDate => Ok(()),
            Enlisted::Without(obstacle) => self.say_gone(&obstacle.into()).await,
        }
    }

    /// Says why the list is not read; a tick of cron says it once.
    async fn say_gone(&self, failure: &Failure) -> Result<(), Failure> {
        let words = format!("{}; going on with the rows in the ledger", failure.first_words());
        let is_new = self.run.tell(Some(&words)).await?;
        if is_new || self.arguments.due.is_none() {
            self.ui.note(words);
        } else {
            self.ui.remark(words);
        }
        Ok(())
    }
}
