//! Whose a campaign's name is. A file that was copied and kept the old name would take the mails of the other's people,
//! so the ledger remembers which file used a name.

use std::path::Path;

use crate::{
    campaign::{Campaign, CampaignId},
    commands::{Failure, Global, command_line::CommandLine, parts::CLOCK},
    exit::Exit,
    ledger::{CampaignFile, Ledger, LedgerError},
    occasion::ledgers,
    problem::cause,
    settings::Settings,
    ui::Ui,
};

/// Whose name it is, in the ledger of these settings.
pub(super) struct Owner<'a> {
    pub(super) global: &'a Global,
    pub(super) settings: &'a Settings,
    pub(super) sandbox: bool,
}

impl Owner<'_> {
    /// Refuses a file whose name another one has used; or notes that it takes the other's place, where that is accepted.
    /// Where the ledger cannot be looked at, whoever opens it says so.
    pub(super) async fn check(
        &self,
        ui: &Ui,
        id: &CampaignId,
        file: &Path,
        accept: bool,
    ) -> Result<(), Failure> {
        let Ok(Some(failure)) = self.look(id, file).await else { return Ok(()) };
        if !accept {
            return Err(failure);
        }
        let ledger = Ledger::open_existing_with(
            &ledgers::path(self.settings, self.sandbox),
            CLOCK,
            &ledgers::options(self.settings, self.sandbox),
        )
        .await?;
        ledger.use_name(id, &found(file)?, true).await?;
        ledger.close().await?;
        ui.say(format_args!("{}: noted as the file of `{id}`", file.display()));
        Ok(())
    }

    /// Why the name is not this file's, without changing anything.
    pub(super) async fn look(&self, id: &CampaignId, file: &Path) -> Result<Option<Failure>, LedgerError> {
        let ledger = ledgers::path(self.settings, self.sandbox);
        let other = Ledger::look_for_campaign_file(&ledger, id).await?;
        Ok(match (other, found(file)) {
            (Some(other), Ok(this)) if !other.is(&this) => Some(self.refused(id, file, &this, &other)),
            (_, Err(failure)) => Some(failure),
            (Some(_) | None, Ok(_)) => None,
        })
    }

    /// Refuses the file for a verb that is about a campaign in the books, and does without its file.
    pub(super) async fn check_books(
        &self,
        verb: CommandLine,
        id: &CampaignId,
        file: &Path,
    ) -> Result<(), Failure> {
        match self.look(id, file).await {
            Ok(Some(failure)) if file.is_file() => {
                let settings = self.settings.file.as_os_str();
                let by_name = verb.flag("--sandbox", self.sandbox).option("--settings", [settings]);
                Err(failure.hint(format!("the campaign in the books goes by its name: {by_name}")))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Notes the file by which a list was taken in.
    pub(super) async fn claim(&self, ledger: &Ledger, id: &CampaignId, file: &Path) -> Result<(), Failure> {
        let this = found(file)?;
        match ledger.use_name(id, &this, false).await? {
            None => Ok(()),
            Some(other) => Err(self.refused(id, file, &this, &other)),
        }
    }

    fn refused(&self, id: &CampaignId, file: &Path, this: &CampaignFile, other: &CampaignFile) -> Failure {
        let verb = if self.sandbox { "send" } else { "check" };
        let accept = CommandLine::new(verb, file)
            .flag("--sandbox", self.sandbox)
            .flag("--accept-moved-file", true)
            .settings(self.global);
        let (before, now) = (other.path().display(), this.path().display());
        let named = Campaign::load(other.path()).map(|other| other.id);
        let (message, hint) = if !other.path().exists() {
            (
                format!(
                    "the name `{id}` was used by {before}, which is gone: it looks as if that was moved to {now}"
                ),
                format!("give this campaign a `name` of its own if it was not; if it was: {accept}"),
            )
        } else if named.is_ok_and(|named| named != *id) {
            (
                format!(
                    "the name `{id}` was used by {before}, which has another name now, and here is {now}"
                ),
                format!("give this campaign a `name` of its own; if the other goes on here: {accept}"),
            )
        } else {
            (
                format!(
                    "the name `{id}` is used by {before}, and here is {now}: its list would take the place of the other's"
                ),
                format!(
                    "give this campaign a `name` of its own; if it takes the place of the other: {accept}"
                ),
            )
        };
        Failure::words(Exit::Configuration, format!("{}: {message}", file.display())).hint(hint)
    }
}

fn found(file: &Path) -> Result<CampaignFile, Failure> {
    CampaignFile::at(file).map_err(|error| {
        let words = format!("{}: the campaign file cannot be found again: {}", file.display(), cause(&error));
        Failure::words(Exit::Configuration, words)
    })
}
