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
    ledger::{Ledger, ListMark, Run, Selection},
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
        let waits = known.is_some() && run.chosen(&Selection::default()).await?.1 > 0;
        let source = &world.campaign.list.source;
        let asked = known.as_ref().is_some_and(ListMark::reads_again);
        // What is new waits until nobody of those who are booked does: it takes their list's place.
        let keeps_files = waits && matches!(source, ListSource::AllNew(_));
        if same_words && !asked && (keeps_files || arguments.due.is_some_and(|due| due.goes_on)) {
            return Ok(());
        }
        // A run goes on without the list as long as nothing else changed; but no list to come is taken for one.
        let goes_without = same_words && (waits || matches!(source, ListSource::File(_)));
        let again = keeps_files || (asked && matches!(source, ListSource::AllNew(_)));
        let list = match self.find(world, again).await {
            Ok(list) if list.files.is_empty() && known.is_some() => {
                ui.say(&list.name);
                return Ok(());
            }
            Ok(list) => list,
            Err(failure) if goes_without => {
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

    /// The list as it is now, or the files that this occasion took.
    async fn find(&self, world: &World, again: bool) -> Result<List, Failure> {
        let taken = self.ledger.taken(&world.campaign.id).await?;
        if again {
            return Ok(List::again(&taken, &world.campaign.occasion)?);
        }
        find::list(world, &taken).await
    }
}
