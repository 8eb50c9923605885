//! Where lists come from: the day's, the newest, all new ones, a program's output; fresh, whole and taken once.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};

use linkpost::{
    clock::Clock,
    sandbox::{SandboxRelay, Script},
};

use crate::support::{
    fixture::Fixture,
    mails::{relay, taken},
};

/// Due since long ago, and begun however late.
const DUE: &str = "[schedule]\nat = \"2020-01-01T09:00[Europe/Berlin]\"\nmax_late = \"36500 days\"\n";

/// A promo for the list that these lines of `[audience]` name.
fn promo(relay: &SandboxRelay, audience: &str) -> Fixture {
    let fixture = Fixture::new();
    fixture.relay(relay.address()).edit("spring.toml", "waitlist", "promo");
    fixture.edit("spring.toml", "csv = \"people.csv\"", audience);
    fixture
}

/// A list of these people that changed so many minutes ago.
fn list(fixture: &Fixture, name: &str, people: &[&str], minutes: u64) {
    let rows = people.iter().map(|who| format!("{who},{who}@example.com,{who}\n"));
    fixture.file(name, format!("user_id,email,first_name\n{}", rows.collect::<String>()));
    age(fixture, name, minutes);
}

fn age(fixture: &Fixture, name: &str, minutes: u64) {
    let file = File::options().write(true).open(fixture.path(name)).unwrap();
    file.set_modified(SystemTime::from(Clock::System.now()) - Duration::from_secs(60 * minutes)).unwrap();
}

/// Who got a mail so far, sorted.
fn mailed(relay: &SandboxRelay) -> Vec<String> {
    let mut names: Vec<_> =
        taken(relay).iter().map(|mail| mail.recipient.split('@').next().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn names(fixture: &Fixture, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(fixture.path(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_the_day_is_waited_for_and_read_when_it_is_whole() {
    let relay = relay(Script::new()).await;
    let fixture = promo(&relay, "csv = \"../in/people-{date}.csv\"");
    let text = fixture.read("spring.toml").replace("templates/", "../templates/");
    fixture.file("campaigns/spring.toml", text + DUE);
    let due = || fixture.run(&["due"]);
    let said = due();
    assert_eq!(said.code, Some(75), "{said:?}");
    assert!(
        said.err.contains("in/people-2020-01-01.csv: the list is not there yet")
            && said.err.contains("the due time, 2020-01-01 09:00 Europe/Berlin"),
        "{said:?}"
    );
    list(&fixture, "in/people-2020-01-01.csv", &["ada", "bob"], 0);
    let said = due();
    assert_eq!(said.code, Some(75), "{said:?}");
    assert!(said.err.contains("it may not be complete"), "{said:?}");
    assert!(mailed(&relay).is_empty());
    age(&fixture, "in/people-2020-01-01.csv", 1);
    let said = due();
    assert_eq!((said.code, mailed(&relay)), (Some(0), vec!["ada".into(), "bob".into()]), "{said:?}");
    assert_eq!(due().code, Some(0));
    assert_eq!(mailed(&relay).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_list_is_refused_and_one_that_is_booked_already_is_not() {
    let relay = relay(Script::new()).await;
    let fixture = promo(&relay, "csv = \"people.csv\"\nmax_age = \"36 hours\"");
    let send = |more: &[&str]| fixture.run(&[&["send", "spring.toml", "--yes"], more].concat());
    age(&fixture, "people.csv", 60 * 49);
    for command in [&["check", "spring.toml"], &["send", "spring.toml"]] {
        let said = fixture.run(command);
        assert_eq!(said.code, Some(65), "{said:?}");
        assert!(
            said.err.contains("people.csv: the list is 49 hours old, expected at most 36 hours"),
            "{said:?}"
        );
    }
    let said = fixture.run(&["preview", "spring.toml"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("note: people.csv: the list is 49 hours old"), "{said:?}");
    age(&fixture, "people.csv", 60);
    assert_eq!(send(&["--limit", "1"]).code, Some(75));
    age(&fixture, "people.csv", 60 * 49);
    assert_eq!(send(&[]).code, Some(0));
    assert_eq!(taken(&relay).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_list_is_the_one_that_changed_last() {
    let relay = relay(Script::new()).await;
    let fixture = promo(&relay, "csv = \"in/week-*.csv\"");
    fs::create_dir(fixture.path("in")).unwrap();
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(75), "{said:?}");
    assert!(said.err.contains("in/week-*.csv: there is no list of such a name yet"), "{said:?}");
    list(&fixture, "in/week-9.csv", &["ada"], 9);
    list(&fixture, "in/week-10.csv", &["bob"], 5);
    list(&fixture, "in/week-8.csv", &["eve"], 50);
    list(&fixture, "in/week-11.csv.part", &["kim"], 1);
    list(&fixture, "in/.week-12.csv", &["lea"], 1);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    assert_eq!(mailed(&relay), ["bob"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_new_lists_are_taken_once_and_moved_away() {
    let relay = relay(Script::new()).await;
    let audience = "csv = \"in/*.csv\"\ntake = \"all-new\"\ndone = \"in/done\"";
    let fixture = promo(&relay, audience);
    let send = |occasion: &str, more: &[&str]| {
        fixture.run(&[&["send", "spring.toml", "--yes", "--occasion", occasion], more].concat())
    };
    list(&fixture, "in/b.csv", &["bob", "bea"], 5);
    list(&fixture, "in/a.csv", &["ada"], 9);
    assert_eq!(send("one", &["--limit", "1"]).code, Some(75));
    assert_eq!(mailed(&relay), ["ada"]);
    // What comes while an occasion is under way is for the next.
    list(&fixture, "in/c.csv", &["cat"], 1);
    let said = fixture.run(&["status", "spring.toml", "--rows", "pending"]);
    assert!(said.out.contains("b.csv:2,bob,") && said.out.contains("b.csv:3,bea,"), "{said:?}");
    let said = send("one", &[]);
    assert_eq!((said.code, mailed(&relay)), (Some(0), vec!["ada".into(), "bea".into(), "bob".into()]));
    assert!(said.err.contains("2 lists moved to in/done"), "{said:?}");
    assert_eq!(
        (names(&fixture, "in"), names(&fixture, "in/done")),
        (vec!["c.csv".into(), "done".into()], vec!["a.csv".into(), "b.csv".into()])
    );
    // The same file again is not new, one of its name that says something else is.
    fs::copy(fixture.path("in/done/a.csv"), fixture.path("in/a.csv")).unwrap();
    age(&fixture, "in/a.csv", 3);
    list(&fixture, "in/b.csv", &["ben"], 3);
    let said = send("two", &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(mailed(&relay), ["ada", "bea", "ben", "bob", "cat"]);
    assert_eq!(names(&fixture, "in/done"), ["a.csv", "a.csv.2", "b.csv", "b.csv.2", "c.csv"]);
    // An occasion on which everybody is settled takes what is new as well: cron may run one campaign for ever.
    list(&fixture, "in/d.csv", &["dan"], 1);
    let said = send("two", &[]);
    assert_eq!((said.code, mailed(&relay).len()), (Some(0), 6), "{said:?}");
    assert!(mailed(&relay).contains(&"dan".into()));
    let said = fixture.run(&["status", "spring.toml", "--rows", "sent", "--occasion", "two"]);
    assert!(said.out.contains("\n2,dan,") && said.out.contains("c.csv:2,cat,"), "{said:?}");
    assert!(send("two", &[]).err.contains("nothing new in in/*.csv"));
    let said = send("three", &[]);
    assert_eq!((said.code, mailed(&relay).len()), (Some(0), 6), "{said:?}");
    assert!(said.err.contains("nothing new in in/*.csv"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_is_told_in_its_file_and_files_of_different_columns_are_refused() {
    let relay = relay(Script::new()).await;
    let fixture = promo(&relay, "csv = \"in/*.csv\"\ntake = \"all-new\"");
    list(&fixture, "in/a.csv", &["ada"], 9);
    list(&fixture, "in/b.csv", &["bob", "no address"], 5);
    let said = fixture.run(&["send", "spring.toml", "--yes", "--problems", "bad.csv"]);
    assert_eq!(said.code, Some(65), "{said:?}");
    assert!(said.err.contains("in/b.csv:3: column `email`: "), "{said:?}");
    assert!(fixture.read("bad.csv").contains("line 3, column `email`"), "{}", fixture.read("bad.csv"));
    fixture.file("in/b.csv", "user_id,email\nbob,bob@example.com\n");
    age(&fixture, "in/b.csv", 5);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(65), "{said:?}");
    let expected = "in/b.csv: the columns are `user_id`, `email`, expected those of in/a.csv: `user_id`, `email`, `first_name`";
    assert!(said.err.contains(expected), "{said:?}");
    assert!(mailed(&relay).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_prints_the_list_where_the_settings_allow_it() {
    let relay = relay(Script::new()).await;
    let fixture = promo(&relay, "command = [\"./export.sh\", \"ada\", \"b o b\"]");
    let script = "#!/bin/sh\n[ -z \"$LINKPOST_SMTP_PASSWORD\" ] || exit 9\necho email,user_id,first_name\n\
                  for who; do echo \"${who% *}@example.com,${who% *},x\" | tr -d ' '; done\n[ ! -e broken ]\n";
    fixture.file("export.sh", script);
    fs::set_permissions(fixture.path("export.sh"), Permissions::from_mode(0o755)).unwrap();
    let send = || {
        let mut command = fixture.command(&["send", "spring.toml", "--yes"]);
        command.env("LINKPOST_SMTP_PASSWORD", "secret").env("PATH", "/usr/bin:/bin");
        fixture.finish(command)
    };
    let said = send();
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(
        said.err
            .contains("spring.toml: `audience.command` runs `./export.sh`, which the settings do not allow")
            && said.err.contains("`commands = [\"./export.sh\"]` under `[audience]`"),
        "{said:?}"
    );
    fixture.edit("linkpost.toml", "[list]", "[audience]\ncommands = [\"./export.sh\"]\n[list]");
    fixture.file("broken", "");
    let said = send();
    assert_eq!(said.code, Some(65), "{said:?}");
    assert!(
        said.err.contains("the output of `./export.sh`: the program ended with exit status: 1"),
        "{said:?}"
    );
    assert!(mailed(&relay).is_empty());
    fs::remove_file(fixture.path("broken")).unwrap();
    let said = send();
    assert_eq!((said.code, mailed(&relay)), (Some(0), vec!["ada".into(), "bo".into()]), "{said:?}");
}

#[test]
fn a_program_that_prints_the_list_sees_no_secret_of_ours() {
    let fixture = Fixture::new();
    fixture
        .file("export.sh", "#!/bin/sh\nenv > seen\ncat people.csv\n")
        .edit("spring.toml", "csv = \"people.csv\"", "command = [\"./export.sh\"]")
        .edit("linkpost.toml", "[list]", "[audience]\ncommands = [\"./export.sh\"]\n[list]")
        .edit("linkpost.toml", "port = 1\n", "port = 1\npassword_env = \"FIRST_RELAY_PASSWORD\"\n");
    fs::set_permissions(fixture.path("export.sh"), Permissions::from_mode(0o755)).unwrap();
    let (ours, theirs) = (
        [
            "FIRST_RELAY_PASSWORD",
            "FIRST_RELAY_PASSWORD_FILE",
            "LINKPOST_SMTP_PASSWORD",
            "LINKPOST_API_KEY_FILE",
            "LINKPOST_PING_URL",
            "LINKPOST_OF_TOMORROW",
            "CLERK_SECRET_KEY",
            "CLERK_API_URL",
        ],
        ["SHOP_TOKEN", "FIRST_RELAY"],
    );
    let mut command = fixture.command(&["check", "spring.toml"]);
    command.env("PATH", "/usr/bin:/bin");
    for name in ours.iter().chain(&theirs) {
        command.env(name, "x");
    }
    let said = fixture.finish(command);
    assert_eq!(said.code, Some(0), "{said:?}");
    let seen = fixture.read("seen");
    let has = |name: &str| seen.lines().any(|line| line == format!("{name}=x"));
    assert!(!ours.iter().any(|name| has(name)), "{seen}");
    assert!(theirs.iter().all(|name| has(name)), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_rows_takes_nobodys_mail() {
    let relay = relay(Script::new()).await;
    let fixture = promo(&relay, "csv = \"people.csv\"");
    fixture.file("people.csv", "user_id,email,first_name\n");
    let said = fixture.run(&["send", "spring.toml", "--yes", "--occasion", "empty"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    fixture.people(3);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    fixture.file("people.csv", "user_id,email,first_name\n");
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!(said.code, Some(65), "{said:?}");
    assert!(
        said.err.contains("people.csv: the list has no rows, and 2 people who wait would lose their mail"),
        "{said:?}"
    );
    fixture.people(3);
    assert_eq!(fixture.run(&["send", "spring.toml", "--yes"]).code, Some(0));
    assert_eq!(taken(&relay).len(), 3);
}

/// A list of twenty in which so many addresses are none.
fn flawed(fixture: &Fixture, wrong: usize) {
    let rows = (1..=20).map(|n| {
        let at = if n <= wrong { "" } else { "@example.com" };
        format!("user_{n},person{n}{at},Person {n}\n")
    });
    fixture.file("people.csv", format!("user_id,email,first_name\n{}", rows.collect::<String>()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_may_leave_out_so_many_rows_with_problems_and_names_them() {
    for leeway in ["2 rows", "10%", "14.99%"] {
        let relay = relay(Script::new()).await;
        let fixture = promo(&relay, &format!("csv = \"people.csv\"\nskip_problems = \"{leeway}\""));
        flawed(&fixture, 3);
        for command in [&["check", "spring.toml"][..], &["send", "spring.toml", "--yes"]] {
            let said = fixture.run(command);
            assert_eq!((said.code, relay.count()), (Some(65), 0), "{said:?}");
            let words =
                format!("3 of 20 rows, and `skip_problems = \"{leeway}\"` sets 2 aside; nothing was sent");
            assert!(said.err.contains(&words), "{said:?}");
        }
        flawed(&fixture, 2);
        for command in
            [&["check", "spring.toml", "--quiet"][..], &["send", "spring.toml", "--yes", "--quiet"]]
        {
            let said = fixture.run(command);
            assert_eq!(said.code, Some(0), "{said:?}");
            let notes: Vec<_> = said.err.lines().collect();
            let first = format!("note: 2 rows with a problem get no mail (`skip_problems = \"{leeway}\"`):");
            assert_eq!((notes.len(), notes[0]), (3, first.as_str()), "{said:?}");
            for (note, line) in notes[1..].iter().zip([2, 3]) {
                assert!(note.starts_with(&format!("note: people.csv:{line}: column `email`: ")), "{said:?}");
            }
        }
        assert_eq!(relay.count(), 18);
        let rows = fixture.run(&["status", "spring.toml", "--rows", "invalid"]);
        assert_eq!(rows.out.lines().count(), 3, "{rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_template_counts_against_the_same_limit() {
    let relay = relay(Script::new()).await;
    let fixture = promo(&relay, "csv = \"people.csv\"\nskip_problems = \"2 rows\"");
    flawed(&fixture, 1);
    let fault = |rows: &str| {
        format!(
            "{{% if first_name in [{rows}] %}}{{{{ first_name | money(currency=\"EUR\") }}}}{{% endif %}}\n"
        )
    };
    let body = fixture.read("templates/spring/body.txt");
    fixture.file("templates/spring/body.txt", fault("\"Person 8\", \"Person 9\"") + &body);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, relay.count()), (Some(65), 0), "{said:?}");
    assert!(said.err.contains("3 of 20 rows, and `skip_problems = \"2 rows\"` sets 2 aside"), "{said:?}");
    fixture.file("templates/spring/body.txt", fault("\"Person 9\"") + &body);
    let said = fixture.run(&["send", "spring.toml", "--yes"]);
    assert_eq!((said.code, relay.count()), (Some(0), 18), "{said:?}");
    // On the command line there is no limit, as ever.
    flawed(&fixture, 12);
    let said = fixture.run(&["send", "spring.toml", "--yes", "--skip-problems", "--occasion", "two"]);
    assert_eq!((said.code, relay.count()), (Some(0), 26), "{said:?}");
}

#[test]
fn a_leeway_that_is_none_is_told_with_its_place() {
    let fixture = Fixture::new();
    for (value, words) in [
        ("\"10\"", "found `10`, expected such as `10 rows` or `2%`"),
        ("\"2 %\"", "found `2 %`, expected such as `10 rows` or `2%`"),
        ("\"-1 rows\"", "found `-1 rows`, expected such as `10 rows` or `2%`"),
        ("\"101%\"", "found `101%`, expected from `0%` to `100%`"),
        ("10", "found `10`, expected a string in quotes"),
        ("true", "found `true`, expected a string in quotes"),
    ] {
        let text = fixture.read("spring.toml");
        fixture.file("spring.toml", format!("{text}skip_problems = {value}\n"));
        let said = fixture.run(&["check", "spring.toml"]);
        assert_eq!(said.code, Some(78), "{said:?}");
        let expected = format!("error: spring.toml:9:17: `audience.skip_problems`: {words}\n");
        assert!(said.err.contains(&expected), "{said:?}");
        fixture.file("spring.toml", text);
    }
}
