//! A full disk, a template that changed on the way, a list that was edited between two runs.

use std::process::Command;

use insta::assert_snapshot;
use linkpost::sandbox::Script;

use super::{books, send, steady, told};
use crate::support::{
    fixture::Fixture,
    mails::{counts, relay, taken},
};

/// The program under a limit for the size of files, in blocks of 512 bytes: beyond it every write fails, as on a full
/// disk.
fn cramped(fixture: &Fixture, blocks: u32) -> Command {
    let linkpost = fixture.command(&["send", "spring.toml", "--yes"]);
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(linkpost.get_program()).args(linkpost.get_args());
    command.current_dir(linkpost.get_current_dir().unwrap()).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_before_the_list_is_booked_lets_nothing_out() {
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    let said = fixture.finish(cramped(&fixture, 200));
    assert_snapshot!(told(&said), @r"
    exit 74
    error: failed to bring the schema of `linkpost.db` up to date: while executing migrations: error returned from database: (code: 778) disk I/O error
      hint: free the disk or mend the file, then run the same command again; nothing is lost
    ");
    assert_eq!(taken(&relay).len(), 0);
    assert_eq!(send(&fixture, &[]).code, Some(0));
    assert_eq!(taken(&relay).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_on_the_way_loses_nobody_and_mails_nobody_twice() {
    let _steady = steady();
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address()).people(400);
    let said = fixture.finish(cramped(&fixture, 3072));
    assert_eq!(said.code, Some(74), "{said:?}");
    assert!(said.err.contains("the ledger"), "{said:?}");
    assert!(said.err.ends_with(
        "hint: free the disk or mend the file, then run the same command again; nothing is lost\n"
    ));
    let before = taken(&relay).len();
    assert!((1..400).contains(&before), "{before} mails");
    // At most one mail a connection was under way, and what the relay said of it is in the journal.
    let noted = fixture.run(&["status", "spring.toml", "--rows", "sent"]).out.lines().count() - 1;
    assert!((noted..=noted + 4).contains(&before), "{noted} of {before} mails are in the books");

    let said = send(&fixture, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(books(&fixture), "sent 400, in all 400");
    let mails = counts(&taken(&relay));
    assert_eq!((mails.len(), mails.into_values().max()), (400, Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_changed_after_the_first_mails_are_not_sent_unasked() {
    let _steady = steady();
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_eq!(send(&fixture, &["--limit", "1"]).code, Some(75));
    fixture.edit("templates/spring/body.txt", "Sign in", "Come in");
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 78
    error: the template, the sender or the link of `spring` changed after its first mails left
      hint: undo the change, or send the rest in the new words: linkpost send spring.toml --accept-changed-template
    ");
    assert_eq!((taken(&relay).len(), books(&fixture).as_str()), (1, "sent 1, pending 2, in all 3"));

    assert_snapshot!(told(&send(&fixture, &["--accept-changed-template"])), @r"
    exit 0
    3 rows: 3 known
    sending 2 mails of `spring` through 127.0.0.1:[port]
    2 mails in [time]: sent 2
     state   rows
     sent       3
     in all     3
    ");
    let mails = taken(&relay);
    assert_eq!(counts(&mails).into_values().collect::<Vec<_>>(), [1, 1, 1]);
    let new_words = mails.iter().map(|mail| mail.text.contains("Come in")).collect::<Vec<_>>();
    assert_eq!(new_words, [false, true, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_list_is_reconciled() {
    let _steady = steady();
    let relay = relay(Script::new()).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_eq!(send(&fixture, &["--only", "user_1"]).code, Some(75));
    // user_1 has a mail and changes; user_2 changes; user_3 leaves; user_4 is new.
    fixture.file(
        "people.csv",
        "user_id,email,first_name\nuser_1,moved@example.com,One\nuser_2,person2@example.com,Two\nuser_4,person4@example.com,Four\n",
    );
    assert_snapshot!(told(&send(&fixture, &[])), @r"
    exit 0
    3 rows: 1 new, 1 changed, 1 withdrawn (left the list), 1 changed after their mail was sent (not sent again)
    sending 2 mails of `spring` through 127.0.0.1:[port]
    2 mails in [time]: sent 2
     state   rows
     sent       3
     in all     3
    ");
    let mails: Vec<_> = taken(&relay).into_iter().map(|mail| (mail.recipient, mail.subject)).collect();
    let expected = [("person1", "Person 1"), ("person2", "Two"), ("person4", "Four")];
    assert_eq!(
        mails,
        expected.map(|(local, name)| (format!("{local}@example.com"), format!("Welcome, {name}")))
    );
    assert_snapshot!(told(&fixture.run(&["status", "spring.toml"])), @r"
    exit 0
    --- stdout
    spring, occasion once
     state   rows
     sent       3
     in all     3
    1 row left the list since
    --- stderr
    ");
}
