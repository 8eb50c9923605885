//! Whose a campaign's name is, in words.

use std::path::Path;

use crate::{
    campaign::CampaignId,
    console::{Failure, Global, arguments::Accepted, command_line::CommandLine},
    exit::Exit,
    ledger::{Ledger, LedgerError, OtherName},
    occasion::{
        ledgers,
        owner::{self, NotOurs, Other},
    },
    settings::Settings,
    ui::{Ui, count},
};

/// Whose name it is, in the ledger of these settings.
pub(crate) struct Owner<'a> {
    pub(crate) global: &'a Global,
    pub(crate) settings: &'a Settings,
    pub(crate) sandbox: bool,
}

impl Owner<'_> {
    /// Refuses a file whose name another one has used; or notes that it takes the other's place, where that is accepted.
    /// Where the ledger cannot be looked at, whoever opens it says so.
    pub(crate) async fn check(
        &self,
        ui: &Ui,
        id: &CampaignId,
        file: &Path,
        accepted: Accepted,
    ) -> Result<(), Failure> {
        let Ok(Some(why)) = owner::look(self.settings, self.sandbox, id, file).await else { return Ok(()) };
        let is_accepted = match why {
            NotOurs::Renamed { .. } => accepted.renamed,
            NotOurs::Used { .. } | NotOurs::Unfindable(_) => accepted.moved,
        };
        if !is_accepted {
            return Err(self.refused(id, file, &why));
        }
        let ledger = ledgers::existing(self.settings, self.sandbox).await?;
        let refused = owner::claim(&ledger, id, file, true).await?;
        if let Some(unfindable @ NotOurs::Unfindable(_)) = refused {
            return Err(self.refused(id, file, &unfindable));
        }
        ledger.close().await?;
        ui.say(format_args!("{}: noted as the file of `{id}`", file.display()));
        Ok(())
    }

    /// Why the name is not this file's, without changing anything.
    pub(crate) async fn look(&self, id: &CampaignId, file: &Path) -> Result<Option<Failure>, LedgerError> {
        let refused = owner::look(self.settings, self.sandbox, id, file).await?;
        Ok(refused.map(|why| self.refused(id, file, &why)))
    }

    /// Refuses the file for a verb that is about a campaign in the books, and does without its file.
    pub(crate) async fn check_books(
        &self,
        verb: CommandLine,
        id: &CampaignId,
        file: &Path,
    ) -> Result<(), Failure> {
        match owner::look(self.settings, self.sandbox, id, file).await {
            // What the books say of a name that was never used is plain enough.
            Ok(Some(NotOurs::Renamed { .. })) => Ok(()),
            Ok(Some(why)) if file.is_file() => {
                let failure = self.refused(id, file, &why);
                let settings = self.settings.file.as_os_str();
                let by_name = verb.flag("--sandbox", self.sandbox).option("--settings", [settings]);
                Err(failure.hint(format!("the campaign in the books goes by its name: {by_name}")))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Notes the file by which a list was taken in.
    pub(crate) async fn claim(&self, ledger: &Ledger, id: &CampaignId, file: &Path) -> Result<(), Failure> {
        match owner::claim(ledger, id, file, false).await? {
            None => Ok(()),
            Some(why) => Err(self.refused(id, file, &why)),
        }
    }

    /// Refuses a file that would mail people once more by another name.
    fn renamed(&self, id: &CampaignId, file: &Path, before: &OtherName) -> Failure {
        let OtherName { campaign, mailed } = before;
        let words = format!(
            "{}: this file was called `{campaign}` when {} had their mail by it, and as `{id}` it would mail them again",
            file.display(),
            count(*mailed, "recipient")
        );
        let verb = if self.sandbox { "send" } else { "check" };
        let accept = CommandLine::new(verb, file)
            .flag("--sandbox", self.sandbox)
            .flag("--accept-new-name", true)
            .settings(self.global);
        Failure::words(Exit::Configuration, words).hint(format!(
            "give it its `name = \"{campaign}\"` back (`title` is for people); if it is a campaign of its own: {accept}"
        ))
    }

    fn refused(&self, id: &CampaignId, file: &Path, why: &NotOurs) -> Failure {
        let shown = file.display();
        let (before, now, other) = match why {
            NotOurs::Unfindable(cause) => {
                let words = format!("{shown}: the campaign file cannot be found again: {cause}");
                return Failure::words(Exit::Configuration, words);
            }
            NotOurs::Renamed { before } => return self.renamed(id, file, before),
            NotOurs::Used { before, now, other } => (before.display(), now.display(), other),
        };
        let verb = if self.sandbox { "send" } else { "check" };
        let accept = CommandLine::new(verb, file)
            .flag("--sandbox", self.sandbox)
            .flag("--accept-moved-file", true)
            .settings(self.global);
        let (message, hint) = match other {
            Other::Gone => (
                format!(
                    "the name `{id}` was used by {before}, which is gone: it looks as if that was moved to {now}"
                ),
                format!("give this campaign a `name` of its own if it was not; if it was: {accept}"),
            ),
            Other::Renamed => (
                format!(
                    "the name `{id}` was used by {before}, which has another name now, and here is {now}"
                ),
                format!("give this campaign a `name` of its own; if the other goes on here: {accept}"),
            ),
            Other::There => (
                format!(
                    "the name `{id}` is used by {before}, and here is {now}: its list would take the place of the other's"
                ),
                format!(
                    "give this campaign a `name` of its own; if it takes the place of the other: {accept}"
                ),
            ),
        };
        Failure::words(Exit::Configuration, format!("{shown}: {message}")).hint(hint)
    }
}
