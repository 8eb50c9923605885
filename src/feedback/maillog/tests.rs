//! Logs as relays and collectors write them, word for word in their forms.

use super::*;

fn wanted(id: &str, recipient: &str) -> Wanted {
    Wanted {
        message_id: format!("<{id}@example.com>"),
        sender: "news@example.com".into(),
        recipient: recipient.into(),
        began: "2026-11-22T09:30:00Z".parse().unwrap(),
        ended: "2026-11-22T09:40:00Z".parse().unwrap(),
    }
}

fn search(log: &str, wanted: Vec<Wanted>) -> Vec<Evidence> {
    let mut search = Search::new(wanted, TimeZone::UTC);
    search.read(log.as_bytes()).unwrap();
    search.finish()
}

const POSTFIX: &str = "\
Nov 22 09:30:01 mx postfix/smtpd[10]: connect from localhost[127.0.0.1]
Nov 22 09:30:01 mx postfix/cleanup[11]: 4A1: message-id=<one@example.com>
Nov 22 09:30:01 mx postfix/qmgr[12]: 4A1: from=<news@example.com>, size=999, nrcpt=1 (queue active)
2026-11-22T09:30:02.123456+00:00 mx postfix-out/cleanup[11]: 4bXyZ01abc: message-id=<two@example.com>
Nov 22 09:30:02 mx postfix/smtp[13]: 4A1: to=<ada@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9F)
Nov 22 09:30:02 mx postfix/qmgr[12]: 4A1: removed
Nov 22 09:30:02 mx postfix/cleanup[11]: 4A1: message-id=<somebody-else@example.com>
Nov 22 09:30:03 mx postfix/smtp[13]: 4A1: to=<eve@example.org>, relay=x, dsn=5.0.0, status=bounced (host said: 550 no)
2026-11-22T09:30:04.000000+00:00 mx postfix-out/smtp[13]: 4bXyZ01abc: to=<bob@example.org>, relay=x, dsn=4.0.0, status=deferred (connection refused)
2026-11-22T10:30:04.000000+00:00 mx postfix-out/smtp[13]: 4bXyZ01abc: to=<bob@example.org>, relay=x, dsn=5.1.1, status=bounced (550 5.1.1 no such user)
Nov 22 09:30:05 mx postfix/cleanup[11]: 4A3: message-id=<three@example.com>
Nov 22 09:30:05 mx postfix/smtpd[10]: lost connection after DATA (512 bytes) from localhost[127.0.0.1]
Nov 22 09:30:06 mx postfix/cleanup[11]: 4A4: message-id=<four@example.com>
Nov 22 09:30:06 mx postfix/qmgr[12]: 4A4: from=<news@example.com>, size=999, nrcpt=1 (queue active)
";

#[test]
fn postfix_is_read_by_message_id() {
    let ids = ["one", "two", "three", "four", "five"];
    let found = search(POSTFIX, ids.iter().map(|id| wanted(id, "x@example.org")).collect());
    let expected = [
        Evidence::Taken("status=sent (250 2.0.0 Ok: queued as 9F)".into()),
        Evidence::Bounced("status=bounced (550 5.1.1 no such user)".into()),
        Evidence::Seen,
        Evidence::Taken("in the relay's queue".into()),
        Evidence::None,
    ];
    assert_eq!(found, expected);
}

const OPENSMTPD: &str = "\
Nov 22 09:30:01 mx smtpd[3]: 5df8 smtp connected address=local host=localhost
Nov 22 09:30:01 mx smtpd[3]: 5df8 smtp message msgid=c405e39a size=303 nrcpt=1 proto=ESMTP
Nov 22 09:30:01 mx smtpd[3]: 5df8 smtp envelope evpid=c405e39a01 from=<news@example.com> to=<Ada@example.org>
Nov 22 09:30:02 mx smtpd[3]: 5df9 mta delivery evpid=c405e39a01 from=<news@example.com> to=<ada@example.org> rcpt=<-> source=\"192.0.2.9\" relay=\"192.0.2.1 (mx.example.org)\" delay=1s result=\"Ok\" stat=\"250 2.0.0 Ok\"
2026-11-22T09:31:00+00:00 mx smtpd[3]: 5df8 smtp envelope evpid=02 from=<news@example.com> to=<bob@example.org>
2026-11-22T09:31:02+00:00 mx smtpd[3]: 5df9 mta delivery evpid=02 from=<x> to=<y> result=\"PermFail\" stat=\"550 5.1.1 no\"
Nov 21 09:31:00 mx smtpd[3]: 5df8 smtp envelope evpid=03 from=<news@example.com> to=<eve@example.org>
2025-11-22T09:31:00+00:00 mx smtpd[3]: 5df8 smtp envelope evpid=04 from=<news@example.com> to=<eve@example.org>
Nov 22 09:32:00 mx smtpd[3]: 5df8 smtp envelope evpid=05 from=<news@example.com> to=<kim@example.org>
Nov 22 09:33:00 mx smtpd[3]: 5df8 smtp envelope evpid=06 from=<news@example.com> to=<kim@example.org>
Nov 22 09:33:00 mx smtpd[3]: 5df8 smtp envelope evpid=07 from=<other@example.com> to=<joe@example.org>
";

#[test]
fn opensmtpd_is_read_by_sender_recipient_and_time_and_doubt_counts_as_nothing() {
    let people = ["ada", "bob", "eve", "kim", "joe"];
    let all = people.iter().map(|name| wanted(name, &format!("{name}@example.org"))).collect();
    let expected = [
        Evidence::Taken("result=Ok stat=250 2.0.0 Ok".into()),
        Evidence::Bounced("result=PermFail stat=550 5.1.1 no".into()),
        Evidence::None,
        Evidence::Seen,
        Evidence::None,
    ];
    assert_eq!(search(OPENSMTPD, all), expected);
}

#[test]
fn a_log_of_noise_says_nothing() {
    let noise = format!("{}\n]: [\n\u{0}\nNov 22 postfix/cleanup[1]: x\n{}", "x".repeat(100_000), POSTFIX);
    let found = search(&noise, vec![wanted("one", "x@example.org")]);
    assert!(matches!(found.as_slice(), [Evidence::Taken(_)]));
}

/// Two mails of Postfix's, one taken and one bounced: the part that wrote it, and the line.
const LINES: [(&str, &str); 4] = [
    ("cleanup", "4A1B2C3D4E: message-id=<one@example.com>"),
    ("cleanup", "4A2B2C3D4E: message-id=<two@example.com>"),
    ("smtp", "4A1B2C3D4E: to=<ada@example.org>, relay=x, dsn=2.0.0, status=sent (250 \"Ok\")"),
    ("smtp", "4A2B2C3D4E: to=<bob@example.org>, relay=x, dsn=5.1.1, status=bounced (550 5.1.1 no)"),
];

type Form = fn(&str, &str) -> String;

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn old(part: &str, text: &str) -> String {
    format!("Nov 22 09:30:01 mx postfix/{part}[11]: {text}")
}

/// How syslogs, journals and containers hand a line on.
const FORMS: [(&str, Form); 14] = [
    ("RFC 5424", |part, text| format!("<22>1 2026-11-22T09:30:01.123Z mx postfix/{part} 11 - - {text}")),
    ("RFC 5424 with data and a mark", |part, text| {
        format!("<22>1 2026-11-22T09:30:01Z mx postfix/{part} - mail [a@1 b=\"]\\\" c\"][d@2] \u{feff}{text}")
    }),
    ("RFC 3164 with a priority", |part, text| format!("<22>{}", old(part, text))),
    ("RFC 3164 without a process", |part, text| format!("Nov  2 09:30:01 mx postfix/{part}: {text}")),
    ("the journal as JSON", |part, text| {
        format!(
            "{{\"__REALTIME_TIMESTAMP\":\"1795339801000000\",\"SYSLOG_IDENTIFIER\":\"postfix/{part}\",\
             \"MESSAGE\":{}}}",
            json(text)
        )
    }),
    ("the journal as JSON, the text as bytes", |part, text| {
        let bytes = text.as_bytes();
        format!("\u{1e}{{\"SYSLOG_IDENTIFIER\":\"postfix/{part}\",\"MESSAGE\":{bytes:?}}}")
    }),
    ("short-iso", |part, text| format!("2026-11-22T09:30:01+0000 mx postfix/{part}[11]: {text}")),
    ("short-full", |part, text| format!("Sun 2026-11-22 09:30:01 UTC mx postfix/{part}[11]: {text}")),
    ("cat", |_, text| text.to_owned()),
    ("Docker as JSON", |part, text| {
        let line = json(&(old(part, text) + "\n"));
        format!("{{\"log\":{line},\"stream\":\"stdout\",\"time\":\"2026-11-22T09:30:01.5Z\"}}")
    }),
    ("Kubernetes", |part, text| format!("2026-11-22T09:30:01.5Z stdout F {}", old(part, text))),
    ("docker logs -t", |part, text| format!("2026-11-22T09:30:01.5Z {}", old(part, text))),
    ("docker compose", |part, text| format!("mail-1  | {}", old(part, text))),
    ("an instance of another name", |part, text| format!("Nov 22 09:30:01 mx bulk/{part}[1]: {text}")),
];

#[test]
fn postfix_is_read_however_its_lines_were_collected() {
    for (form, line) in FORMS {
        let log: String = LINES.iter().map(|(part, text)| line(part, text) + "\n").collect();
        let mut search = Search::new(vec![wanted("one", "x"), wanted("two", "y")], TimeZone::UTC);
        let understood = search.read(log.as_bytes()).unwrap();
        assert_eq!(understood.relays, BTreeMap::from([(Relay::Postfix, 4)]), "{form}: {log}");
        assert_eq!((understood.others, understood.unread), (0, 0), "{form}");
        let found = search.finish();
        assert!(matches!(found.as_slice(), [Evidence::Taken(_), Evidence::Bounced(_)]), "{form}: {found:?}");
    }
}

#[test]
fn a_log_that_went_through_windows_is_read() {
    let crlf = POSTFIX.replace('\n', "\r\n");
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    let marked = format!("\u{feff}{crlf}");
    for log in [little(&marked), big(&marked), little(&crlf), big(&crlf), marked.into_bytes()] {
        // However the bytes come in.
        for size in [1, 2, 3, 7, 8192] {
            let mut search = Search::new(vec![wanted("one", "x"), wanted("two", "y")], TimeZone::UTC);
            let understood = search.read(io::BufReader::with_capacity(size.max(4), log.as_slice())).unwrap();
            assert_eq!((understood.relays[&Relay::Postfix], understood.unread), (14, 0));
            let found = search.finish();
            assert!(matches!(found.as_slice(), [Evidence::Taken(_), Evidence::Bounced(_)]), "{found:?}");
        }
    }
}

const EXIM: &str = "\
2026-11-22 09:30:01 1wXyZa-0000Ab-3C <= news@example.com H=localhost (me) [127.0.0.1]:4242 P=esmtps X=TLS1.3 S=999 id=one@example.com
2026-11-22 09:30:02 1wXyZa-0000Ab-3C => ada@example.org R=dnslookup T=remote_smtp H=mx.example.org [192.0.2.1] C=\"250 2.0.0 Ok: queued as 9F\"
2026-11-22 09:30:02 1wXyZa-0000Ab-3C Completed
2026-11-22 09:30:03.123 +0000 [77] 1wXyZb-000000000Ab-3CdE <= news@example.com H=x P=esmtp S=9 id=two@example.com
2026-11-22 09:30:04.123 +0000 [78] 1wXyZb-000000000Ab-3CdE ** bob@example.org R=dnslookup T=remote_smtp: 550 5.1.1 no such user
2026-11-22 09:30:04.123 +0000 [78] 1wXyZb-000000000Ab-3CdE Completed
Nov 22 09:30:05 mx exim[79]: 2026-11-22 09:30:05 1wXyZc-0000Ab-3C <= news@example.com H=x P=esmtp S=9 id=three@example.com
Nov 22 09:30:06 mx exim4[79]: 1wXyZc-0000Ab-3C == eve@example.org R=dnslookup T=remote_smtp defer (111): Connection refused
2026-11-22 09:30:07 1wXyZa-0000Ab-3C <= <> R=1wXyZq-0000Ab-3C U=Debian-exim P=local S=999
2026-11-22 09:30:07 1wXyZa-0000Ab-3C ** somebody@example.org: Unrouteable address
2026-11-22 09:30:08 no host name found for IP address 192.0.2.7
{\"SYSLOG_IDENTIFIER\":\"exim\",\"MESSAGE\":\"1wXyZd-0000Ab-3C <= news@example.com H=x P=esmtp S=9 id=four@example.com\"}
";

#[test]
fn exim_is_read_by_message_id() {
    let ids = ["one", "two", "three", "four", "five"];
    let mut exim = Search::new(ids.iter().map(|id| wanted(id, "x@example.org")).collect(), TimeZone::UTC);
    let understood = exim.read(EXIM.as_bytes()).unwrap();
    assert_eq!((understood.relays[&Relay::Exim], understood.unread), (11, 1));
    let expected = [
        Evidence::Taken("=> ada@example.org R=dnslookup T=remote_smtp H=mx.example.org [192.0.2.1] C=\"250 2.0.0 Ok: queued as 9F\"".into()),
        Evidence::Bounced("** bob@example.org R=dnslookup T=remote_smtp: 550 5.1.1 no such user".into()),
        Evidence::Taken("== eve@example.org R=dnslookup T=remote_smtp defer (111): Connection refused".into()),
        Evidence::Taken("in the relay's queue".into()),
        Evidence::None,
    ];
    assert_eq!(exim.finish(), expected);
}

const SENDMAIL: &str = "\
Nov 22 09:30:01 mx sm-mta[9]: 3AM9U1x1: from=<news@example.com>, size=999, class=0, nrcpts=1, msgid=<one@example.com>, proto=ESMTP, daemon=MTA, relay=localhost [127.0.0.1]
Nov 22 09:30:02 mx sm-mta[10]: 3AM9U1x1: to=<ada@example.org>, delay=00:00:01, mailer=esmtp, pri=1, relay=mx.example.org. [192.0.2.1], dsn=2.0.0, stat=Sent (Ok: queued as 9F)
Nov 22 09:30:03 mx sendmail[9]: 3AM9U1x2: from=<news@example.com>, size=999, class=0, nrcpts=1, msgid=<two@example.com>, proto=ESMTP
Nov 22 09:30:04 mx sendmail[10]: 3AM9U1x2: to=<bob@example.org>, delay=00:00:01, dsn=5.1.1, stat=User unknown
Nov 22 09:30:05 mx sm-mta[9]: 3AM9U1x3: from=<news@example.com>, size=999, nrcpts=1, msgid=<three@example.com>, proto=ESMTP
";

#[test]
fn sendmail_is_read_by_message_id() {
    let ids = ["one", "two", "three"];
    let expected = [
        Evidence::Taken("stat=Sent (Ok: queued as 9F)".into()),
        Evidence::Bounced("stat=User unknown".into()),
        Evidence::Seen,
    ];
    assert_eq!(search(SENDMAIL, ids.iter().map(|id| wanted(id, "x@example.org")).collect()), expected);
}

#[test]
fn what_is_not_understood_is_counted() {
    let log = "\n\
        Nov 22 09:30:01 mx CRON[3]: (root) CMD (true)\n\
        Nov 22 09:30:01 mx postfix/smtpd[3]: connect from x\n\
        2026-11-22T09:30:01Z,RECEIVE,SMTP,mx,<one@example.com>\n\
        {\"level\":\"info\"}\n\
        {\"MESSAGE\":\n\
        no log at all\n\n";
    let understood = Search::new(Vec::new(), TimeZone::UTC).read(log.as_bytes()).unwrap();
    assert_eq!(
        understood,
        Understood { relays: BTreeMap::from([(Relay::Postfix, 1)]), others: 1, unread: 4 }
    );
}

/// However often a line claims to be another's head.
#[test]
fn a_line_inside_of_lines_ends() {
    for piece in ["x | ", "2026-11-22T09:30:01Z ", "{\"log\":\"", "<22>", "[", "1 "] {
        let mut search = Search::new(vec![wanted("one", "x")], TimeZone::UTC);
        search.read(piece.repeat(10_000).as_bytes()).unwrap();
        assert_eq!(search.finish(), [Evidence::None]);
    }
}
