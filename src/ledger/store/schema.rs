//! The migrations, embedded, and the check of the version.

use std::path::Path;

use sqlx::{
    SqlSafeStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::ledger::rules::LedgerError;

/// `application_id` of a ledger, set by the first migration.
const APPLICATION_ID: i64 = 0x6c6e_6b70;

fn migrations() -> Vec<Migration> {
    [
        (1, "ledger", include_str!("../../../migrations/sqlite/0001_ledger.sql")),
        (2, "resolution", include_str!("../../../migrations/sqlite/0002_resolution.sql")),
        (3, "clerk", include_str!("../../../migrations/sqlite/0003_clerk.sql")),
        (4, "landing", include_str!("../../../migrations/sqlite/0004_landing.sql")),
        (5, "schedule", include_str!("../../../migrations/sqlite/0005_schedule.sql")),
        (6, "lists", include_str!("../../../migrations/sqlite/0006_lists.sql")),
        (7, "rest", include_str!("../../../migrations/sqlite/0007_rest.sql")),
        (8, "retry", include_str!("../../../migrations/sqlite/0008_retry.sql")),
        (9, "campaign file", include_str!("../../../migrations/sqlite/0009_campaign_file.sql")),
        (10, "take_back", include_str!("../../../migrations/sqlite/0010_take_back.sql")),
        (11, "suppressed people", include_str!("../../../migrations/sqlite/0011_suppressed_people.sql")),
        (12, "clock", include_str!("../../../migrations/sqlite/0012_clock.sql")),
    ]
    .into_iter()
    .map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    })
    .collect()
}

/// Brings the schema up to date. The caller holds the migration lock: sqlx takes none with `SQLite`.
pub(in crate::ledger) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), LedgerError> {
    let ledger = path.display();
    check_ours(connection, path).await?;
    let migrator = Migrator::with_migrations(migrations());
    let newest = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
    if let Some(found) = version(connection).await?
        && found > newest
    {
        return Err(LedgerError::refused(
            format!(
                "the ledger `{ledger}` has schema {found}, and this program knows schemas up to {newest}"
            ),
            "use the newer program that wrote it",
        ));
    }
    match migrator.run_direct(None, connection, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found) | MigrateError::VersionMismatch(found)) => {
            Err(LedgerError::refused(
                format!(
                    "the ledger `{ledger}` was made by another version of the program (its schema {found} differs)"
                ),
                "use the version that made it: the ledger alone knows who was mailed; one of rehearsals may be removed",
            ))
        }
        Err(error) => Err(LedgerError::storage(&format!("bring the schema of `{ledger}` up to date"), error)),
    }
}

/// Refuses a database that is somebody else's.
async fn check_ours(connection: &mut SqliteConnection, path: &Path) -> Result<(), LedgerError> {
    let id: i64 = sqlx::query_scalar("pragma application_id").fetch_one(&mut *connection).await?;
    let tables: i64 =
        sqlx::query_scalar("select count(*) from sqlite_schema where tbl_name <> '_sqlx_migrations'")
            .fetch_one(&mut *connection)
            .await?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) {
        return Ok(());
    }
    Err(LedgerError::refused(
        format!("`{}` is a database, but no ledger", path.display()),
        "name another file; a missing one is created",
    ))
}

async fn version(connection: &mut SqliteConnection) -> Result<Option<i64>, LedgerError> {
    let there: bool =
        sqlx::query_scalar("select exists (select 1 from sqlite_schema where name = '_sqlx_migrations')")
            .fetch_one(&mut *connection)
            .await?;
    if !there {
        return Ok(None);
    }
    Ok(sqlx::query_scalar("select max(version) from _sqlx_migrations").fetch_one(connection).await?)
}

#[cfg(test)]
mod tests {
    use crate::ledger::State;

    #[test]
    fn sql_and_code_spell_the_same_states() {
        let sql = include_str!("../../../migrations/sqlite/0001_ledger.sql");
        let (_, check) = sql.split_once("state text not null check (state in (").unwrap();
        let (check, _) = check.split_once("))").unwrap();
        let mut found: Vec<_> = check.split(',').map(|name| name.trim().trim_matches('\'')).collect();
        let mut expected: Vec<_> = State::ALL.into_iter().map(State::name).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
