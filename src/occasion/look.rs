//! What is to be done about the list of an occasion: the ledger owns the rows, and a list is read again only where
//! something changed.

use super::{find, obstacle::Obstacle, project::Occasion};
use crate::{
    campaign::ListSource,
    clock::Clock,
    email::Letter,
    ledger::{ListMark, NewMark, TakenFile},
    sources::List,
};

/// What is known of an occasion before its list is looked at.
pub struct Before<'a> {
    /// The list that was taken in last.
    pub known: Option<&'a ListMark>,
    /// How many mails of it wait.
    pub waiting: u64,
    /// Whether the schedule began it: then it keeps the files that it began with.
    pub goes_on: bool,
    /// The files that the campaign took.
    pub taken: &'a [TakenFile],
}

/// What is to be done about a list.
pub enum Look {
    /// The ledger has every row already.
    Known,
    /// There is no new file.
    NothingNew(List),
    /// The list is not there, for this reason: the rows in the ledger are what there is.
    Gone(Obstacle),
    /// It is to be taken in.
    Changed(List, NewMark),
}

impl Before<'_> {
    /// Finds the list as it is now, and says what is to be done about it. Cheap where nothing changed: no row is read.
    pub async fn look(
        &self,
        occasion: &Occasion,
        letter: &Letter,
        accept_changed: bool,
    ) -> Result<Look, Obstacle> {
        let known = self.known;
        let content = occasion.content_digest(letter);
        let same_words = known.is_some_and(|known| known.content_digest == content);
        let waits = known.is_some() && self.waiting > 0;
        let source = &occasion.campaign.list.source;
        // Rows with a problem are to be looked at anew, whatever the list's bytes.
        let asked = known.is_some_and(ListMark::reads_again);
        // What is new waits until nobody of those who are booked does: it takes their list's place.
        if same_words && waits && !asked && matches!(source, ListSource::AllNew(_)) {
            return Ok(Look::Known);
        }
        let list = match self.find(occasion, waits || asked).await {
            Ok(list) if list.files.is_empty() && known.is_some() => return Ok(Look::NothingNew(list)),
            Ok(list) => list,
            // A run goes on without the list as long as nothing else changed; but no list to come is taken for one.
            Err(failure) if same_words && (waits || matches!(source, ListSource::File(_))) => {
                return Ok(Look::Gone(failure));
            }
            Err(failure) => return Err(failure),
        };
        let mark = occasion.mark(letter, &list);
        let same_list = known.is_some_and(|known| known.list_digest == mark.list_digest);
        if !same_words && known.is_some_and(|known| known.tried) && !accept_changed {
            return Err(Obstacle::ChangedWords(occasion.campaign.id.clone()));
        }
        if same_list && same_words {
            return Ok(Look::Known);
        }
        if !same_list {
            list.check_fresh(&occasion.campaign.list, Clock::System.now())?;
        }
        Ok(Look::Changed(list, mark))
    }

    /// The list as it is now, in the files that this occasion took where it keeps them.
    async fn find(&self, occasion: &Occasion, waits: bool) -> Result<List, Obstacle> {
        let name = &occasion.campaign.occasion;
        let encoding = occasion.campaign.audience.encoding.as_deref();
        match occasion.campaign.list.source {
            ListSource::AllNew(_) if waits => Ok(List::again(self.taken, name, encoding)?),
            // A newer one may be there for the next occasion already.
            ListSource::Newest(_) if self.goes_on && self.known.is_some() => {
                Ok(List::kept(self.taken, name, encoding)?)
            }
            ListSource::File(_) | ListSource::Newest(_) | ListSource::AllNew(_) | ListSource::Command(_) => {
                find::list(occasion, self.taken).await
            }
        }
    }
}
