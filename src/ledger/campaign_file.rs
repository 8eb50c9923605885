//! The campaign file that uses a name: a copy that still has the old one differs from the file that was edited.

use std::{
    io,
    path::{Path, PathBuf, absolute},
};

use super::{
    handle::Ledger,
    rules::LedgerError,
    store::{Connection, Location, Sql, values},
};
use crate::campaign::CampaignId;

/// A campaign file, as it is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignFile {
    /// From the root on, with every link followed.
    path: String,
    /// From the root on, as it was named.
    named: String,
}

impl CampaignFile {
    /// The file at a path.
    pub fn at(path: &Path) -> io::Result<Self> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Ok(Self { path: text(path.canonicalize()?), named: text(absolute(path)?) })
    }

    /// The path, with every link followed.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// Whether it is the same file, however it is named; or what a link leads to by now that is named as it was: that
    /// is how releases and mounted settings are replaced.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.path == other.path || self.named == other.named
    }
}

const FIND: Sql = Sql::shared("select path, named from campaign_file where campaign = ?1");

const USE: Sql = Sql::shared(
    "
insert into campaign_file (campaign, path, named, since) values (?1, ?2, ?3, ?4)
on conflict (campaign) do update set path = excluded.path, named = excluded.named, since = excluded.since
where ?5 or path = excluded.path or named = excluded.named",
);

/// A campaign that has mailed people by a file which has another name by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherName {
    /// Its name.
    pub campaign: String,
    /// How many people have a mail of it, or may have one.
    pub mailed: u64,
}

const OTHER_NAME: Sql = Sql::shared(
    "
select f.campaign, (select count(*) from occasion o join recipient r on r.occasion_id = o.id
    where o.campaign = f.campaign and r.first_try_at is not null)
from campaign_file f where f.campaign <> ?1 and (f.path = ?2 or f.named = ?3)
    and not exists (select 1 from campaign_file g where g.campaign = ?1)
order by f.since desc limit 1",
);

impl Ledger {
    /// The name by which a file has mailed people, where the name that it has now was never used. A look, which changes
    /// nothing and waits for nobody.
    pub async fn look_for_other_name(
        at: &Location,
        campaign: &CampaignId,
        file: &CampaignFile,
    ) -> Result<Option<OtherName>, LedgerError> {
        at.look(async |connection| other_name(connection, campaign, file).await).await
    }

    /// The file that uses a campaign's name; `None` where none did yet.
    pub async fn campaign_file(&self, campaign: &CampaignId) -> Result<Option<CampaignFile>, LedgerError> {
        find(&mut self.inner.readers.get().await?, campaign).await
    }

    /// The file that uses a campaign's name, by a look at a ledger that changes nothing, its schema included, and waits
    /// for no lock.
    pub async fn look_for_campaign_file(
        at: &Location,
        campaign: &CampaignId,
    ) -> Result<Option<CampaignFile>, LedgerError> {
        at.look(async |connection| find(connection, campaign).await).await
    }

    /// Notes that a file uses a campaign's name. Changes nothing, and returns the other, where another file does,
    /// unless this one is to take its place.
    pub async fn use_name(
        &self,
        campaign: &CampaignId,
        file: &CampaignFile,
        instead: bool,
    ) -> Result<Option<CampaignFile>, LedgerError> {
        if self.campaign_file(campaign).await?.as_ref() == Some(file) {
            return Ok(None);
        }
        let (campaign, file) = (campaign.clone(), file.clone());
        let requests = &self.inner.requests;
        requests
            .alone(move |connection, now| {
                Box::pin(async move { use_name(connection, &campaign, &file, instead, now).await })
            })
            .await
    }
}

/// Notes it in the transaction of the caller.
async fn use_name(
    connection: &mut Connection,
    campaign: &CampaignId,
    file: &CampaignFile,
    instead: bool,
    now: i64,
) -> Result<Option<CampaignFile>, LedgerError> {
    connection.execute(USE, values![campaign.as_str(), &file.path, &file.named, now, instead]).await?;
    Ok(find(connection, campaign).await?.filter(|other| other != file))
}

async fn other_name(
    connection: &mut Connection,
    campaign: &CampaignId,
    file: &CampaignFile,
) -> Result<Option<OtherName>, LedgerError> {
    let values = values![campaign.as_str(), &file.path, &file.named];
    let found: Option<(String, i64)> = connection.first(OTHER_NAME, values).await?;
    Ok(found.and_then(|(campaign, mailed)| {
        let mailed = u64::try_from(mailed).ok().filter(|mailed| *mailed > 0)?;
        Some(OtherName { campaign, mailed })
    }))
}

async fn find(
    connection: &mut Connection,
    campaign: &CampaignId,
) -> Result<Option<CampaignFile>, LedgerError> {
    let row: Option<(String, String)> = connection.first(FIND, values![campaign.as_str()]).await?;
    Ok(row.map(|(path, named)| CampaignFile { path, named }))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::{
        clock::Clock,
        ledger::{Accept, Options},
    };

    #[tokio::test]
    async fn a_name_stays_with_its_file_however_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for release in ["one", "two"] {
            fs::create_dir(at(release)).unwrap();
            fs::write(at(&format!("{release}/spring.toml")), "").unwrap();
        }
        symlink("one", at("current")).unwrap();
        let file = |name: &str| CampaignFile::at(&at(name)).unwrap();
        let id = CampaignId::parse("spring").unwrap();
        let ledger =
            Ledger::open(&at("linkpost.db").into(), Clock::System, &Options::default()).await.unwrap();
        let first = file("current/spring.toml");
        assert_eq!(ledger.use_name(&id, &first, false).await.unwrap(), None);
        for same in ["current/spring.toml", "one/spring.toml", "two/../one/./spring.toml"] {
            assert!(file(same).is(&first), "{same}");
            assert_eq!(ledger.use_name(&id, &file(same), false).await.unwrap(), None, "{same}");
        }
        let other = ledger.use_name(&id, &file("two/spring.toml"), false).await.unwrap();
        assert_eq!(other.unwrap().path(), at("one/spring.toml").canonicalize().unwrap());
        // A release that takes the place of another is named as it was.
        assert_eq!(ledger.use_name(&id, &first, false).await.unwrap(), None);
        fs::remove_file(at("current")).unwrap();
        symlink("two", at("current")).unwrap();
        assert_eq!(ledger.use_name(&id, &file("current/spring.toml"), false).await.unwrap(), None);
        assert_eq!(ledger.use_name(&id, &file("two/spring.toml"), false).await.unwrap(), None);
        assert_eq!(ledger.use_name(&id, &file("one/spring.toml"), true).await.unwrap(), None);
        assert_eq!(ledger.campaign_file(&id).await.unwrap(), Some(file("one/spring.toml")));
    }

    #[tokio::test]
    async fn a_look_finds_the_file_whoever_holds_the_ledger_and_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linkpost.db");
        let place = Location::from(&path);
        let id = CampaignId::parse("spring").unwrap();
        assert_eq!(Ledger::look_for_campaign_file(&place, &id).await.unwrap(), None);
        assert!(!path.exists());
        let ledger = Ledger::open(&place, Clock::System, &Options::default()).await.unwrap();
        let run = ledger.begin(&id, "once", Accept::default()).await.unwrap();
        assert_eq!(Ledger::look_for_campaign_file(&place, &id).await.unwrap(), None);
        let file = CampaignFile::at(&path).unwrap();
        assert_eq!(ledger.use_name(&id, &file, false).await.unwrap(), None);
        assert_eq!(Ledger::look_for_campaign_file(&place, &id).await.unwrap(), Some(file.clone()));
        let enlistment = run.enlist().await.unwrap();
        assert_eq!(Ledger::look_for_campaign_file(&place, &id).await.unwrap(), Some(file));
        drop(enlistment);
        fs::write(folder.path().join("old.db"), "no database at all, and long enough to be read as one")
            .unwrap();
        assert!(Ledger::look_for_campaign_file(&folder.path().join("old.db").into(), &id).await.is_err());
    }
}
