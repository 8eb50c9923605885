//! Whether a run takes its list in, and which: the ledger owns the rows, and reads the list again only where something
//! changed.

use std::sync::Arc;

use crate::{
    campaign::ListSource,
    commands::{
        Failure, Global, clerk,
        command_line::CommandLine,
        find, list,
        parts::{CLOCK, World},
        send::arguments::SendArgs,
    },
    email::Letter,
    exit::Exit,
    ledger::{Ledger, ListMark, NewMark, Plan, Run, Selection, TakenFile},
    sources::List,
    token::TokenIssuer,
    ui::{Ui, count, people},
};

/// What is known of an occasion before its list is looked at.
pub(in crate::commands) struct Before<'a> {
    /// The list that was taken in last.
    pub(in crate::commands) known: Option<&'a ListMark>,
    /// How many mails of it wait.
    pub(in crate::commands) waiting: u64,
    /// Whether the schedule began it: then it keeps the files that it began with.
    pub(in crate::commands) goes_on: bool,
    /// The files that the campaign took.
    pub(in crate::commands) taken: &'a [TakenFile],
    /// The command that sends the rest.
    pub(in crate::commands) again: CommandLine,
}

/// What is to be done about a list.
pub(in crate::commands) enum Look {
    /// The ledger has every row already.
    Known,
    /// There is no new file.
    NothingNew(List),
    /// The list is not there, for this reason: the rows in the ledger are what there is.
    Gone(Failure),
    /// It is to be taken in.
    Changed(List, NewMark),
}

impl Before<'_> {
    /// Finds the list as it is now, and says what is to be done about it. Cheap where nothing changed: no row is read.
    pub(in crate::commands) async fn look(
        &self,
        world: &World,
        letter: &Letter,
        accept_changed: bool,
    ) -> Result<Look, Failure> {
        let known = self.known;
        let content = world.content_digest(letter);
        let same_words = known.is_some_and(|known| known.content_digest == content);
        let waits = known.is_some() && self.waiting > 0;
        let source = &world.campaign.list.source;
        // Rows with a problem are to be looked at anew, whatever the list's bytes.
        let asked = known.is_some_and(ListMark::reads_again);
        // What is new waits until nobody of those who are booked does: it takes their list's place.
        if same_words && waits && !asked && matches!(source, ListSource::AllNew(_)) {
            return Ok(Look::Known);
        }
        let list = match self.find(world, waits || asked).await {
            Ok(list) if list.files.is_empty() && known.is_some() => return Ok(Look::NothingNew(list)),
            Ok(list) => list,
            // A run goes on without the list as long as nothing else changed; but no list to come is taken for one.
            Err(failure) if same_words && (waits || matches!(source, ListSource::File(_))) => {
                return Ok(Look::Gone(failure));
            }
            Err(failure) => return Err(failure),
        };
        let mark = world.mark(letter, &list);
        let same_list = known.is_some_and(|known| known.list_digest == mark.list_digest);
        if !same_words && known.is_some_and(|known| known.tried) && !accept_changed {
            return Err(Failure::words(
                Exit::Configuration,
                format!(
                    "the template, the sender or the link of `{}` changed after its first mails left",
                    world.campaign.id
                ),
            )
            .hint(format!(
                "undo the change, or send the rest in the new words: {}",
                self.again.clone().flag("--accept-changed-template", true)
            )));
        }
        if same_list && same_words {
            return Ok(Look::Known);
        }
        if !same_list {
            list.check_fresh(&world.campaign.list, CLOCK.now())?;
        }
        Ok(Look::Changed(list, mark))
    }

    /// The list as it is now, in the files that this occasion took where it keeps them.
    async fn find(&self, world: &World, waits: bool) -> Result<List, Failure> {
        let occasion = &world.campaign.occasion;
        match world.campaign.list.source {
            ListSource::AllNew(_) if waits => Ok(List::again(self.taken, occasion)?),
            // A newer one may be there for the next occasion already.
            ListSource::Newest(_) if self.goes_on && self.known.is_some() => {
                Ok(List::kept(self.taken, occasion)?)
            }
            ListSource::File(_) | ListSource::Newest(_) | ListSource::AllNew(_) | ListSource::Command(_) => {
                find::list(world, self.taken).await
            }
        }
    }
}

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
    pub(super) async fn enlist(&self, world: &mut World, issuer: &TokenIssuer) -> Result<(), Failure> {
        let Self { ui, run, letter, arguments, .. } = *self;
        let known = run.mark().await?;
        let before = Before {
            known: known.as_ref(),
            waiting: run.chosen(&Selection::default()).await?.1,
            goes_on: arguments.due.is_some_and(|due| due.goes_on),
            taken: &self.ledger.taken(&world.campaign.id).await?,
            again: arguments.again(self.global),
        };
        match before.look(world, letter, arguments.accept_changed_template).await? {
            Look::Gone(failure) => {
                self.tell_gone(&failure).await?;
                return self.began(before.known).await;
            }
            Look::NothingNew(list) => ui.say(&list.name),
            Look::Known => {}
            Look::Changed(list, mark) => {
                let under_way = before.known.filter(|_| before.waiting > 0).map(|_| before.waiting);
                let plan =
                    self.take_in(world, issuer, &list, mark).await.map_err(|failure| match under_way {
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
                        world.campaign.id,
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
        world: &mut World,
        issuer: &TokenIssuer,
        list: &List,
        mark: NewMark,
    ) -> Result<Plan, Failure> {
        let Self { ui, run, letter, live, arguments, .. } = *self;
        if list.files.is_empty() {
            return list::book_nobody(ui, run, mark).await;
        }
        if let TokenIssuer::Clerk(issuer) = issuer {
            world.people = Some(clerk::look_up(ui, world, list, live, issuer).await?);
        }
        let checked = list::check(ui, world, list, letter, live, &arguments.list).await?;
        list::book(ui, world, list, checked, live, run, mark).await
    }
}
