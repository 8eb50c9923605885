//! Unsubscribing by the opaque id of a mail (RFC 8058), and taking it back for a while by the same mail.

use data_encoding::HEXLOWER;

use crate::{
    audience::Address,
    ledger::{
        handle::Ledger,
        rules::LedgerError,
        store::{Connection, Row, Sql, values},
        suppression::{Person, Whom, Wish, end_all, find, of_mail, put},
    },
};

/// How long a wish can be taken back by the mail that said it: a week.
const WHILE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Whom an unsubscribe link is about, and how they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeLink {
    /// The address; `None` where the campaign was purged.
    pub address: Option<Address>,
    /// Whether the person is on the suppression list already.
    pub gone: bool,
    /// The wish that this mail can take back, by its time: what [`Ledger::take_back`] wants.
    pub wish: Option<i64>,
    /// Whether nothing is left by which a wish could find its person: purged by an earlier version.
    pub is_forgotten: bool,
}

/// A mail, as far as a wish needs it.
struct Mail {
    campaign: String,
    address: Option<Address>,
    names: Vec<Whom>,
    is_forgotten: bool,
}

const MAIL: Sql = Sql::shared(
    "
select r.address, r.user_id, r.address_hash, r.user_hash, r.key, o.campaign
from recipient r join occasion o on o.id = r.occasion_id where r.unsubscribe_id = ?1",
);

impl Ledger {
    /// Whom an unsubscribe link is about; `None`: no mail has this id.
    pub async fn unsubscribe_link(&self, id: &str) -> Result<Option<UnsubscribeLink>, LedgerError> {
        let now = self.inner.clock.now().as_millisecond();
        let mut connection = self.inner.readers.get().await?;
        match mail(&mut connection, id).await? {
            Some(mail) => look(&mut connection, id, mail, now).await.map(Some),
            None => Ok(None),
        }
    }

    /// Keeps the person of an unsubscribe link from getting any mail, those of a run under way included: by address and
    /// user id, and where the campaign was purged, by what hashes to the same. Durable when this returns; twice is the
    /// same as once. `None`: no mail has this id.
    pub async fn unsubscribe(&self, id: &str) -> Result<Option<UnsubscribeLink>, LedgerError> {
        let (asked, requests) = (id.to_owned(), &self.inner.requests);
        let done = requests
            .alone(move |connection, now| Box::pin(async move { unsubscribe(connection, &asked, now).await }))
            .await?;
        Ok(match done {
            None => None,
            Some((link, is_new)) => {
                if is_new && link.address.is_none() {
                    self.recognise_everybody().await?;
                }
                Some(link)
            }
        })
    }

    /// Takes back the wish of this time that this mail alone has said, within a week. Says whether it did.
    pub async fn take_back(&self, id: &str, wish: i64) -> Result<bool, LedgerError> {
        let (id, requests) = (id.to_owned(), &self.inner.requests);
        requests
            .alone(move |connection, now| {
                Box::pin(async move { take_back(connection, &id, wish, now).await })
            })
            .await
    }

    /// The person to whom the mail with this unsubscribe id went; `None`: no mail has it.
    pub async fn person_of_mail(&self, id: &str) -> Result<Option<Person>, LedgerError> {
        let mut connection = self.inner.readers.get().await?;
        let mail = mail(&mut connection, id).await?;
        Ok(mail.map(|mail| Person { names: mail.names, is_known: true }))
    }
}

/// Puts the person of a mail on the suppression list. Tells whether they were not on it before.
async fn unsubscribe(
    connection: &mut Connection,
    id: &str,
    now: i64,
) -> Result<Option<(UnsubscribeLink, bool)>, LedgerError> {
    let Some(mail) = mail(connection, id).await? else { return Ok(None) };
    let mut is_new = false;
    for whom in &mail.names {
        is_new |= find(connection, whom).await?.is_none();
        let reason = format!("unsubscribed by a mail of `{}`", mail.campaign);
        put(connection, whom, &Wish { reason, since: now, mail: Some(id.to_owned()) }).await?;
    }
    Ok(Some((look(connection, id, mail, now).await?, is_new)))
}

/// Takes a wish back: the one of this mail and this time, and no other. Says whether it did.
async fn take_back(connection: &mut Connection, id: &str, wish: i64, now: i64) -> Result<bool, LedgerError> {
    let Some(mail) = mail(connection, id).await? else { return Ok(false) };
    let ended = format!("taken back on the page of a mail of `{}`", mail.campaign);
    if look(connection, id, mail, now).await?.wish != Some(wish) {
        return Ok(false);
    }
    let all = of_mail(connection, id).await?;
    Ok(end_all(connection, &all, &ended, now).await? > 0)
}

/// How the person of a mail stands.
async fn look(
    connection: &mut Connection,
    id: &str,
    mail: Mail,
    now: i64,
) -> Result<UnsubscribeLink, LedgerError> {
    let mut wishes = Vec::new();
    for whom in &mail.names {
        wishes.extend(find(connection, whom).await?);
    }
    // What another mail or somebody else has said as well stays, and so does the whole.
    let is_ours = |wish: &Wish| wish.mail.as_deref() == Some(id) && wish.since > now - WHILE_MS;
    let wish = wishes.iter().all(is_ours).then(|| wishes.iter().map(|wish| wish.since).max()).flatten();
    Ok(UnsubscribeLink {
        address: mail.address,
        gone: !wishes.is_empty(),
        wish,
        is_forgotten: mail.is_forgotten,
    })
}

async fn mail(connection: &mut Connection, id: &str) -> Result<Option<Mail>, LedgerError> {
    connection.row(MAIL, values![id]).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Mail, LedgerError> {
    let broken = |_| LedgerError::broken("the ledger holds an address that cannot be read");
    let address: Option<String> = row.get("address")?;
    let address = address.map(|address| Address::parse(&address).map_err(broken)).transpose()?;
    let user_id: Option<String> = row.get("user_id")?;
    let hashes: [Option<[u8; 32]>; 2] = [row.get("address_hash")?, row.get("user_hash")?];
    let mut names: Vec<_> = address.iter().cloned().map(Whom::Address).collect();
    names.extend(user_id.map(Whom::User));
    let is_forgotten = names.is_empty() && hashes == [None, None];
    names.extend(hashes.into_iter().flatten().map(Whom::Hash));
    if is_forgotten {
        // The key of most kinds is the user id, and a purge always left its hash.
        names.extend(digest(&row.text("key")?).map(Whom::Hash));
    }
    Ok(Mail { campaign: row.text("campaign")?, address, names, is_forgotten })
}

/// 32 bytes in hexadecimal.
fn digest(text: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
