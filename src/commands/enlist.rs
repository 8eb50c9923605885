//! Whether a run takes its list in, and which: the ledger owns the rows, and reads the list again only where something
//! changed.

use std::sync::Arc;

use crate::{
    campaign::ListSource,
    commands::{
        Failure, clerk, find, list,
        parts::{CLOCK, World},
        send::SendArgs,
    },
    email::Letter,
    exit::Exit,
    ledger::{Ledger, ListMark, Run},
    lists::List,
    token::TokenIssuer,
    ui::Ui,
};

/// What taking in a list needs of the run.
pub(super) struct Enlisting<'a> {
    pub(super) ui: &'a Ui,
    pub(super) ledger: &'a Ledger,
    pub(super) run: &'a Run,
    pub(super) letter: &'a Arc<Letter>,
    pub(super) live: bool,
    pub(super) arguments: &'a SendArgs,
}

impl Enlisting<'_> {
    /// Books the list if it or the words changed since it was booked; otherwise the ledger has every row already.
    pub(super) async fn enlist(&self, world: &mut World, issuer: &TokenIssuer) -> Result<(), Failure> {
        let Self { ui, run, letter, live, arguments, .. } = *self;
        let known = run.mark().await?;
        let content = world.content_digest(letter);
        let same_words = known.as_ref().is_some_and(|known| known.content_digest == content);
        let all_new = matches!(world.campaign.list.source, ListSource::AllNew(_));
        // What is new since then is for the next occasion.
        let keeps_list = all_new || arguments.due.is_some_and(|due| due.goes_on);
        if same_words && keeps_list {
            return Ok(());
        }
        let list = match self.find(world, known.as_ref().filter(|_| all_new)).await {
            Ok(list) => list,
            // A run goes on without the list as long as nothing else changed.
            Err(failure) if same_words => {
                ui.note(format_args!("{}; going on with the rows in the ledger", failure.first_words()));
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        let mark = world.mark(letter, &list);
        let same_list = known.as_ref().is_some_and(|known| known.list_digest == mark.list_digest);
        if let Some(known) = &known
            && !same_words
            && known.tried
            && !arguments.accept_changed_template
        {
            return Err(Failure::words(
                Exit::Configuration,
                format!(
                    "the template, the sender or the link of `{}` changed after its first mails left",
                    world.campaign.id
                ),
            )
            .hint("undo the change, or send the rest in the new words with `--accept-changed-template`"));
        }
        if same_list && same_words {
            return Ok(());
        }
        if !same_list {
            list.check_fresh(&world.campaign.list, CLOCK.now())?;
        }
        if list.files.is_empty() {
            return list::book_nobody(ui, run, mark).await;
        }
        if let TokenIssuer::Clerk(issuer) = issuer {
            world.people = Some(clerk::look_up(ui, world, &list, live, issuer).await?);
        }
        let checked = list::check(ui, world, &list, letter, live, &arguments.list).await?;
        list::book(ui, world, &list, checked, live, run, mark).await
    }

    /// The list as it is now; of an occasion that keeps its files, those.
    async fn find(&self, world: &World, kept: Option<&ListMark>) -> Result<List, Failure> {
        let mut taken = self.ledger.taken(&world.campaign.id).await?;
        let occasion = &world.campaign.occasion;
        match kept {
            Some(kept) if kept.rows > 0 => Ok(List::again(&taken, occasion)?),
            Some(_) | None => {
                taken.retain(|taken| taken.occasion != *occasion);
                find::list(world, &taken).await
            }
        }
    }
}
