//! Tests of `ledger`: the file, who may read it, and what is refused.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use linkpost::{
    clock::Clock,
    ledger::{Accept, Ledger, LedgerError, Location, Options},
    problem::Diagnosis,
};

use crate::ledger::desk::{Desk, OCCASION, at, enlist, row};

#[tokio::test]
async fn the_file_is_private_and_does_what_it_was_told() {
    let desk = Desk::new();
    let path = desk.folder.path().join("new/folder/ledger.db");
    let ledger = Ledger::open(&(&path).into(), Clock::System, &Options::default()).await.unwrap();
    let run = ledger.begin(&desk.campaign, "Übung 1", Accept::default()).await.unwrap();
    enlist(&run, vec![row(2, "ada")]).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{entry:?}");
        files += 1;
    }
    assert_eq!(files, 7, "database, -wal, -shm, migration lock, run lock, journal, last run");
}

#[tokio::test]
async fn a_ledger_that_everybody_can_read_or_a_group_change_is_refused() {
    let desk = Desk::new();
    desk.ledger().await.close().await.unwrap();
    for mode in [0o604, 0o644, 0o660] {
        std::fs::set_permissions(desk.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let error = Ledger::open(&desk.path().into(), Clock::System, &Options::default()).await.unwrap_err();
        let LedgerError::Refused(Diagnosis { message, hint: Some(hint) }) = error else { panic!("{error}") };
        assert!(message.contains(&format!("mode `{mode:03o}`")), "{message}");
        assert!(hint.starts_with("chmod 600 "), "{hint}");
    }
}

#[tokio::test]
async fn what_is_no_ledger_is_refused_and_left_alone() {
    let desk = Desk::new();
    let missing =
        Ledger::open_existing(&desk.path().into(), Clock::System, &Options::default()).await.unwrap_err();
    assert!(matches!(missing, LedgerError::Refused(_)));
    assert!(!desk.path().exists());

    std::fs::write(desk.path(), "user_id,email\n".repeat(100)).unwrap();
    std::fs::set_permissions(desk.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = Ledger::open(&desk.path().into(), Clock::System, &Options::default()).await.unwrap_err();
    assert!(matches!(&text, LedgerError::Refused(what) if what.message.contains("is no ledger")), "{text}");

    std::fs::remove_file(desk.path()).unwrap();
    std::fs::File::create(desk.path()).unwrap();
    std::fs::set_permissions(desk.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    desk.behind().await.run("create table shop (id integer)").await;
    let other = Ledger::open(&desk.path().into(), Clock::System, &Options::default()).await.unwrap_err();
    assert!(matches!(&other, LedgerError::Refused(what) if what.message.contains("no ledger")), "{other}");
    let tables: i64 =
        desk.behind().await.value("select count(*) from sqlite_schema where name = 'occasion'").await;
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn a_ledger_whose_making_was_cut_short_is_made_to_its_end() {
    let desk = Desk::new();
    std::fs::File::create(desk.path()).unwrap();
    std::fs::set_permissions(desk.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    // What sqlx makes before the first migration, in a transaction of its own, with an index that SQLite adds.
    let first = "create table _sqlx_migrations (version bigint primary key, description text not null,
        installed_on timestamp not null default current_timestamp, success boolean not null, checksum blob not null,
        execution_time bigint not null)";
    desk.behind().await.run(first).await;
    desk.run().await;
}

#[tokio::test]
async fn the_ledger_of_a_newer_program_is_refused() {
    let desk = Desk::new();
    desk.ledger().await.close().await.unwrap();
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (9999, 'later', true, x'00', 0)";
    desk.behind().await.run(newer).await;
    let error = Ledger::open(&desk.path().into(), Clock::System, &Options::default()).await.unwrap_err();
    assert!(matches!(&error, LedgerError::Refused(what) if what.message.contains("schema 9999")), "{error}");
}

#[tokio::test]
async fn the_ledger_of_another_version_is_refused() {
    let desk = Desk::new();
    desk.ledger().await.close().await.unwrap();
    let other = "update _sqlx_migrations set checksum = x'00' where version = 1";
    desk.behind().await.run(other).await;
    let error = Ledger::open(&desk.path().into(), Clock::System, &Options::default()).await.unwrap_err();
    assert!(
        matches!(&error, LedgerError::Refused(what) if what.message.contains("made by another version")),
        "{error}"
    );
}

#[tokio::test]
async fn a_clock_that_lies_behind_the_ledger_is_refused() {
    let desk = Desk::new();
    drop(desk.run_at("2026-11-22T10:00:00Z").await);
    drop(desk.run_at("2026-11-22T09:00:00Z").await);
    let ledger = desk.ledger_at(at("2026-11-22T08:59:59Z")).await;
    drop(desk.run_at("2026-11-22T10:00:00Z").await);
    let error = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap_err();
    assert!(matches!(&error, LedgerError::Refused(what) if what.to_string().contains("clock")), "{error}");
}

#[tokio::test]
async fn a_scratch_ledger_is_gone_when_it_is_closed() {
    let desk = Desk::new();
    let ledger = Ledger::scratch(Clock::System).await.unwrap();
    let run = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap();
    assert_eq!(enlist(&run, vec![row(2, "ada")]).await.new, 1);
    let Location::File(file) = ledger.location();
    let folder = file.parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(run);
    ledger.close().await.unwrap();
    assert!(!folder.exists());
}
