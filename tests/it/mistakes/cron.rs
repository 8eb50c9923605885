//! Cron lines as other programs write them: each is right, or told with a hint that works when it is followed.

use linkpost::campaign::Campaign;

/// What becomes of a line.
enum Read {
    /// It is taken, and means this.
    As(&'static str),
    /// It is told; whoever follows the hint gets this.
    Told(&'static str),
    /// It is told, and what to write in its place is not known.
    Unknown,
}

use Read::{As, Told, Unknown};

/// Lines by where they come from.
const LINES: [(&str, Read); 101] = [
    // crontab(5), as its manual and its users write it
    ("5 0 * * *", As("At 00:05")),
    ("15 14 1 * *", As("At 14:15, on day 1 of the month")),
    ("0 22 * * 1-5", As("At 22:00, on Monday to Friday")),
    ("23 0-23/2 * * *", As("At :23 of the hours 00, 02, 04, 06, 08, 10, 12, 14, 16, 18, 20 and 22")),
    ("5 4 * * sun", As("At 04:05, on Sunday")),
    (
        "0 0,12 1 */2 *",
        As("At 00:00 and 12:00, on day 1 of the month, in January, March, May, July, September and November"),
    ),
    ("0 4 8-14 * *", As("At 04:00, on day 8 to 14 of the month")),
    ("*/5 9-17 * * 1-5", As("Every 5 minutes of the hours 09 to 17, on Monday to Friday")),
    ("* * * * *", As("Every minute")),
    ("0 * * * *", As("At :00 of every hour")),
    ("30 */4 * * *", As("At :30 of every 4th hour")),
    ("0 9,17 * * *", As("At 09:00 and 17:00")),
    ("00 09 * * 07", As("At 09:00, on Sunday")),
    ("0 9 * * 0-7", As("At 09:00, on Sunday to Saturday")),
    ("0 9 * * MON-SUN", As("At 09:00, on Sunday to Saturday")),
    ("0 9 * * fri-mon", As("At 09:00, on Friday to Monday")),
    ("0 9 * * Monday", As("At 09:00, on Monday")),
    ("0 9 * * tues,thurs", As("At 09:00, on Tuesday and Thursday")),
    ("0 9 * January,JULY *", As("At 09:00, in January and July")),
    ("0 9 13 * fri", As("At 09:00, on day 13 of the month and also on Friday")),
    ("0 9 1-7 * +mon", As("At 09:00, on day 1 to 7 of the month where that is Monday")),
    (
        "0 9 */2 * mon",
        As(
            "At 09:00, on day 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29 and 31 of the month where that is Monday",
        ),
    ),
    ("@daily", As("At 00:00")),
    ("@midnight", As("At 00:00")),
    ("@Annually", As("At 00:00, on day 1 of the month, in January")),
    ("@hourly", As("At :00 of every hour")),
    ("0 9 * * * linkpost due", Told("At 09:00")),
    ("* * * * * root /usr/bin/linkpost due --quiet", Told("Every minute")),
    ("0 9 * * *  # each morning", Told("At 09:00")),
    ("@reboot", Told("Fri 2026-11-27 09:00 Europe/Berlin (+01:00)")),
    ("0~30 9 * * *", Told("At 09:00")),
    ("0 9 * *", Told("At 09:00")),
    ("30 9", Told("At 09:30")),
    // what cron takes and does not do
    ("*/90 * * * *", Told("every 90 minutes since Thu 2026-01-01 00:00 Europe/Berlin (+01:00)")),
    ("0 */36 * * *", Told("every 36 hours since Thu 2026-01-01 00:00 Europe/Berlin (+01:00)")),
    ("30 9 */40 * *", Told("every 40 days since Thu 2026-01-01 09:30 Europe/Berlin (+01:00)")),
    ("0 9 15 */18 *", Told("every 18 months since Thu 2026-01-15 09:00 Europe/Berlin (+01:00)")),
    ("0 9 * * */14", Told("every 14 days since Thu 2026-01-01 09:00 Europe/Berlin (+01:00)")),
    ("*/60 * * * *", Told("At :00 of every hour")),
    ("0 */24 * * *", Told("At 00:00")),
    ("*/90 9-17 * * *", Told("At :00 of the hours 09 to 17")),
    ("0 9-11/5 * * *", Told("At 09:00")),
    ("0 24 * * *", Told("At 00:00")),
    ("60 * * * *", Told("At :00 of every hour")),
    ("0 22-2 * * *", Told("At 00:00, 01:00, 02:00, 22:00 and 23:00")),
    ("50-10 9 * * *", Told("At :00 to :10 and :50 to :59 of the hour 09")),
    ("0 9 30 2 *", Unknown),
    ("0 9 31 4,6,9,11 *", Unknown),
    ("0 9 0 * *", Unknown),
    ("0 9 * 13 *", Unknown),
    ("0 9 * * 8", Unknown),
    ("0 9 * * mo", Unknown),
    ("0 9,,10 * * *", Unknown),
    ("*/0 * * * *", Unknown),
    ("0 9 * * mon–fri", Unknown),
    ("", Unknown),
    ("soon", Unknown),
    // Quartz, Spring, node-cron, Azure Functions
    ("0 9 L * *", As("At 09:00, on the last day of the month")),
    ("0 9 LW * *", As("At 09:00, on the last day from Monday to Friday of the month")),
    ("0 9 L-3 * *", As("At 09:00, on the day that is 3 days before the last of the month")),
    ("0 9 15W * *", As("At 09:00, on the day from Monday to Friday that is nearest to day 15")),
    ("0 9 15,LW * *", As("At 09:00, on day 15 and the last day from Monday to Friday of the month")),
    ("0 9 * * 5L", As("At 09:00, on the last Friday of the month")),
    ("0 9 * * fri#2", As("At 09:00, on the 2nd Friday of the month")),
    ("0 9 ? * mon-fri", As("At 09:00, on Monday to Friday")),
    ("0 0 12 * * ?", Told("At 12:00")),
    ("0 15 10 ? * MON-FRI", Told("At 10:15, on Monday to Friday")),
    ("0 15 10 ? * 2-6", Told("At 10:15, on Monday to Friday")),
    ("0 15 10 ? * 6L", Told("At 10:15, on the last Friday of the month")),
    ("0 15 10 ? * 6#3", Told("At 10:15, on the 3rd Friday of the month")),
    ("0 15 10 L-2 * ?", Told("At 10:15, on the day that is 2 days before the last of the month")),
    ("0 0 12 1/5 * ?", Told("At 12:00, on day 1, 6, 11, 16, 21, 26 and 31 of the month")),
    ("0 0/5 14 * * ?", Told("Every 5 minutes of the hour 14")),
    ("0 11 11 11 11 ? 2027", Told("At 11:11, on day 11 of the month, in November")),
    ("*/10 * * * * *", Told("Every minute")),
    ("0 0 8-10 * * *", Told("At 08:00, 09:00 and 10:00")),
    ("0 0 9 * * 1-5", Told("At 09:00, on Monday to Friday")),
    ("0/15 * * * *", Told("Every 15 minutes")),
    ("5/15 * * * *", Told("At :05, :20, :35 and :50 of every hour")),
    ("0 9 * * L", Told("At 09:00, on the last Saturday of the month")),
    // AWS EventBridge
    ("cron(0 10 * * ? *)", Told("At 10:00")),
    ("cron(15 12 ? * 2 *)", Told("At 12:15, on Monday")),
    ("cron(0/15 * * * ? *)", Told("Every 15 minutes")),
    ("0 18 ? * MON-FRI *", Told("At 18:00, on Monday to Friday")),
    ("rate(5 minutes)", Told("every 5 minutes since Thu 2026-01-01 00:00 Europe/Berlin (+01:00)")),
    ("rate(1 day)", Told("every 1 day since Thu 2026-01-01 00:00 Europe/Berlin (+01:00)")),
    // GitHub Actions, Kubernetes, Go, Airflow, Jenkins
    ("'30 5 * * 1,3'", Told("At 05:30, on Monday and Wednesday")),
    ("- cron: '30 5 * * 1,3'", Told("At 05:30, on Monday and Wednesday")),
    ("CRON_TZ=Europe/Berlin 0 9 * * *", Told("At 09:00")),
    ("0 9 * * * Europe/Berlin", Told("At 09:00")),
    ("@every 1h30m", Told("every 1 hour 30 minutes since Thu 2026-01-01 00:00 Europe/Berlin (+01:00)")),
    ("@once", Told("Fri 2026-11-27 09:00 Europe/Berlin (+01:00)")),
    ("H 9 * * *", Told("At 09:00")),
    ("H(0-29)/10 * * * *", Told("At :00, :10 and :20 of every hour")),
    // systemd's OnCalendar, ISO 8601, iCalendar, App Engine
    ("*-*-* 09:00:00", Told("At 09:00")),
    ("Mon..Fri *-*-01..07 9:05", Told("At 09:05, on day 1 to 7 of the month where that is Monday to Friday")),
    ("*:0/15", Told("Every 15 minutes")),
    ("weekly", Told("At 00:00, on Monday")),
    ("R/PT15M", Told("every 15 minutes since Thu 2026-01-01 00:00 Europe/Berlin (+01:00)")),
    ("RRULE:FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9", Told("At 09:00, on Monday and Friday")),
    ("every monday 09:00", Told("At 09:00, on Monday")),
];

/// A campaign file with these keys in its schedule, read.
fn read(keys: &str) -> Result<Campaign, Vec<linkpost::problem::Problem>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spring.toml");
    let zone = if keys.contains("zone =") { "" } else { "zone = \"Europe/Berlin\"\n" };
    let text = format!(
        "name = \"spring\"\nkind = \"promo\"\ntemplate = \"t\"\n[audience]\ncsv = \"people.csv\"\n[schedule]\n{zone}{keys}\n"
    );
    std::fs::write(&path, text).unwrap();
    Campaign::load(&path)
}

/// The keys that a hint proposes, as a file holds them.
fn proposed(hint: &str) -> String {
    let keys = hint.split('`').filter(|part| part.contains(" = \"") && part.ends_with('"'));
    keys.collect::<Vec<_>>().join("\n")
}

#[test]
fn lines_of_other_programs_are_right_or_told_with_what_works() {
    let mut wrong = Vec::new();
    for (line, expected) in LINES {
        let found = match read(&format!("cron = {line:?}")) {
            Ok(campaign) => format!("as {}", campaign.schedule.unwrap().in_words()),
            Err(problems) => {
                assert_eq!(problems.len(), 1, "{line}: {problems:?}");
                let hint = problems[0].what.hint.clone().unwrap_or_default();
                assert!(!hint.is_empty() && problems[0].what.message.contains(line), "{line}: {problems:?}");
                let keys = proposed(&hint);
                match read(&keys) {
                    Ok(campaign) => format!("told {}", campaign.schedule.unwrap().in_words()),
                    Err(_) if keys.is_empty() => "unknown".to_owned(),
                    Err(problems) => format!("{hint} fails: {problems:?}"),
                }
            }
        };
        let found = found.trim_end_matches(", Europe/Berlin");
        let expected = match expected {
            As(words) => format!("as {words}"),
            Told(words) => format!("told {words}"),
            Unknown => "unknown".to_owned(),
        };
        let usual = expected == "unknown" && found == "told At 09:00, on Monday to Friday";
        if found != expected && !usual {
            wrong.push(format!("{line}: {found}, expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
