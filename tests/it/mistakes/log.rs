//! Logs for `resolve` that say nothing, or nothing that is understood: told with counts.

use insta::assert_snapshot;
use linkpost::sandbox::{Act, Script, Step};

use super::{steady, told};
use crate::support::{
    fixture::{Fixture, Said},
    mails::relay,
};

/// A campaign of which one mail has no answer.
async fn unanswered() -> Fixture {
    let relay = relay(Script::new().at(Step::Dot, Act::accept_then(Act::Drop)).times(1)).await;
    let fixture = Fixture::new();
    fixture.relay(relay.address());
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(3));
    fixture
}

fn by_log(fixture: &Fixture, log: impl AsRef<[u8]>) -> Said {
    fixture.file("mail.log", log);
    fixture.run(&["resolve", "spring.toml", "--log", "mail.log"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_not_understood_is_told_with_counts() {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"[0-9-]{10}T[0-9:]{8}Z", "[time]");
    let _timeless = settings.bind_to_scope();
    let _steady = steady();
    let fixture = unanswered().await;
    assert_snapshot!(told(&by_log(&fixture, "")), @r"
    exit 3
    note: mail.log: the log is empty
    0 mails decided, 1 mail unknown still
    ");
    let tracking = "date-time,client-ip,event-id,message-id\n2026-11-22T09:30:01Z,,RECEIVE,<a@b>\n";
    assert_snapshot!(told(&by_log(&fixture, tracking)), @r"
    exit 3
    note: mail.log: of 2 lines none is one that a relay wrote whose log is known (Postfix, OpenSMTPD, Exim, Sendmail); 2 could not be read at all
      hint: name the log of the relay itself, as text or as `journalctl -o json` writes it; for any other relay decide by `--message-id` or `--only`
    0 mails decided, 1 mail unknown still
    ");
    assert_snapshot!(told(&by_log(&fixture, "Nov 22 09:30:01 mx CRON[3]: (root) CMD (true)\n")), @r"
    exit 3
    note: mail.log: of 1 line none is one that a relay wrote whose log is known (Postfix, OpenSMTPD, Exim, Sendmail)
      hint: name the log of the relay itself, as text or as `journalctl -o json` writes it; for any other relay decide by `--message-id` or `--only`
    0 mails decided, 1 mail unknown still
    ");
    let another = "Nov 22 09:30:01 mx postfix/cleanup[11]: 4A1B2C: message-id=<other@example.com>\n\
                   Nov 22 09:30:01 mx sshd[9]: Connection closed\n\
                   what is this\n";
    assert_snapshot!(told(&by_log(&fixture, another)), @r"
    exit 3
    mail.log: 1 line of Postfix, 1 of other programs
    note: mail.log: 1 of 3 lines could not be read
    note: no line is about the mail, tried from [time] to [time]
      hint: it has to be the log of that time, and of the relay in `linkpost.toml`
    0 mails decided, 1 mail unknown still
    ");
    let said = fixture.run(&["resolve", "spring.toml", "--log", "mail.log", "--json", "--quiet"]);
    assert_snapshot!(told(&said), @r#"
    exit 3
    --- stdout
    {"event":"log","name":"mail.log","lines":3,"of_relays":1,"of_others":1,"unread":1}
    {"event":"ended","resolved":0,"unknown":1}
    --- stderr
    note: mail.log: 1 of 3 lines could not be read
    note: no line is about the mail, tried from [time] to [time]
      hint: it has to be the log of that time, and of the relay in `linkpost.toml`
    "#);
}
