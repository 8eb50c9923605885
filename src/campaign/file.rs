//! The wire shape of a campaign file, and how it becomes a [`Campaign`].

use std::path::Path;

use serde_json::Value;

use super::{
    Attachment, Campaign, CampaignId, Kind, Question, TokenLife, list, schedule,
    values::{duration, occasion_name},
};
use crate::{
    problem::Problem,
    toml_file::{Table, TomlFile},
};

impl Campaign {
    /// Reads and checks a campaign file; all its problems at once.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let file = TomlFile::read(path, "campaign file").map_err(|problem| {
            vec![match problem.what.hint {
                None => problem.hint("a campaign file is text; see `campaigns/` for samples"),
                Some(_) => problem,
            }]
        })?;
        let campaign = read(&file, path)?;
        let problems = file.into_problems();
        campaign.filter(|_| problems.is_empty()).ok_or(problems)
    }
}

/// `None` only if a problem was recorded.
fn read(file: &TomlFile, path: &Path) -> Result<Option<Campaign>, Vec<Problem>> {
    let mut root = file.root()?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let id = root.require("name", "spring-sale", CampaignId::parse);
    let title = root.string("title").unwrap_or(stem);
    let kinds = Kind::ALL.map(|kind| (kind.name(), kind));
    if !root.has("kind") {
        root.missing("kind", "add `kind = \"waitlist\"`, or promo, abandoned-cart, survey");
    }
    let kind = root.choice("kind", &kinds);
    let rules = kind.unwrap_or(Kind::Waitlist).rules();
    let named = root.has("occasion");
    let occasion = root.parse("occasion", occasion_name).unwrap_or_else(|| "once".to_owned());
    let template =
        root.require("template", "../templates/waitlist", |text| Ok::<_, String>(file.resolve(text)));
    let token_life = root.parse("token_life", TokenLife::parse).unwrap_or(rules.token_life);
    let not_after = root.parse("not_after", duration).unwrap_or(rules.not_after);
    let audience = root.require_table("audience");
    let variables = root.table("variables").map(Table::values).unwrap_or_default();
    let link_parameters = root.table("link").map(|table| table.entries(parameter)).unwrap_or_default();
    let attachments =
        root.tables("attachments").into_iter().filter_map(|table| attachment(file, table)).collect();
    let questions: Vec<_> = root.tables("questions").into_iter().filter_map(question).collect();
    if kind == Some(Kind::Survey) && questions.is_empty() {
        root.missing("questions", "add `[[questions]]` with `id`, `text` and `answers`");
    }
    let schedule = root.table("schedule").and_then(schedule::read);
    if let Some(schedule) = &schedule {
        schedule::check_occasion(&root, schedule, kind, named);
    }
    let audience = audience.and_then(|table| list::read(file, table, kind, schedule.as_ref()));
    root.finish();
    let (Some(id), Some(kind), Some(template), Some((list, audience))) = (id, kind, template, audience)
    else {
        return Ok(None);
    };
    Ok(Some(Campaign {
        file: path.to_owned(),
        id,
        title,
        kind,
        survey: occasion.clone(),
        occasion,
        list,
        audience,
        template,
        variables,
        token_life,
        link_parameters,
        not_after,
        attachments,
        questions,
        schedule,
    }))
}

fn parameter(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err("expected a string: the value of a query parameter".to_owned())
        }
    }
}

fn attachment(file: &TomlFile, mut table: Table<'_>) -> Option<Attachment> {
    let path = table.require("file", "terms.pdf", |text| Ok::<_, String>(file.resolve(text)));
    let media_type = table.require("media_type", "application/pdf", |text| match text.split_once('/') {
        Some((kind, subtype))
            if !kind.is_empty() && !subtype.is_empty() && !text.contains(char::is_whitespace) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("found `{text}`, expected a media type such as `application/pdf`")),
    });
    let name = table.string("name");
    let content_id = table.parse("content_id", |text| {
        let good = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if good {
            Ok(text.to_owned())
        } else {
            Err(format!("found `{text}`, expected letters, digits and `-._`"))
        }
    });
    table.finish();
    let path = path?;
    let name = name.unwrap_or_else(|| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    Some(Attachment { file: path, name, media_type: media_type?, content_id })
}

fn question(mut table: Table<'_>) -> Option<Question> {
    let id = table.require("id", "rating", |text| Ok::<_, String>(text.to_owned()));
    let text = table.require("text", "How do you like it?", |text| Ok::<_, String>(text.to_owned()));
    let answers: Vec<_> = table
        .tables("answers")
        .into_iter()
        .filter_map(|mut answer| {
            let id = answer.require("id", "5", |text| Ok::<_, String>(text.to_owned()));
            let text = answer.require("text", "Very much", |text| Ok::<_, String>(text.to_owned()));
            answer.finish();
            Some((id?, text?))
        })
        .collect();
    if answers.len() < 2 {
        table.missing(
            "answers",
            "a question needs at least two answers: `answers = [{ id = \"yes\", text = \"Yes\" }, …]`",
        );
    }
    table.finish();
    Some(Question { id: id?, text: text?, answers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::{ColumnType, ListSource};

    fn load(text: &str) -> Result<Campaign, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spring.toml");
        std::fs::write(&path, text).unwrap();
        Campaign::load(&path).map_err(|problems| {
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            all.join("\n").replace(&format!("{}/", folder.path().display()), "")
        })
    }

    const GOOD: &str =
        "name = \"spring\"\nkind = \"promo\"\ntemplate = \"../t/spring\"\n[audience]\ncsv = \"people.csv\"\n";

    #[test]
    fn a_short_file_gets_the_defaults_of_its_kind() {
        let campaign = load(GOOD).unwrap();
        assert_eq!(campaign.token_life, TokenLife::of_days(7));
        assert_eq!(campaign.occasion, "once");
        assert_eq!(campaign.title, "spring");
        assert!(
            matches!(campaign.list.source, ListSource::File(path) if path.to_string().ends_with("people.csv"))
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_line_and_column() {
        let text = "name = \"Spring Sale\"\nkind = \"promotion\"\ntemplat = \"x\"\ntoken_life = \"90 days\"\n[audience]\ncsv = 3\nencodng = \"utf-8\"\n";
        insta::assert_snapshot!(load(text).unwrap_err(), @r#"
        spring.toml:1:1: `template` is missing
          hint: add `template = "../templates/waitlist"`
        spring.toml:1:8: `name`: `Spring Sale` is no campaign name: lower-case letters, digits and inner `-`, at most 64
        spring.toml:2:8: `kind`: found `promotion`, expected one of `waitlist`, `promo`, `abandoned-cart`, `survey`
        spring.toml:3:1: unknown key `templat`
          hint: did you mean `template`?
        spring.toml:4:14: `token_life`: found `90 days`, expected from `1 minute` to `30 days`
        spring.toml:6:7: `audience.csv`: found `3`, expected a string in quotes
        spring.toml:7:1: unknown key `audience.encodng`
          hint: did you mean `encoding`?
        "#);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let error = load("name = \"spring\nkind = 3\n").unwrap_err();
        assert!(error.starts_with("spring.toml:1:"), "{error}");
    }

    #[test]
    fn a_cart_campaign_needs_its_columns() {
        let campaign = load(&GOOD.replace("promo", "abandoned-cart")).unwrap();
        assert_eq!(campaign.audience.key_column.as_deref(), Some("cart_id"));
        assert_eq!(campaign.audience.types.get("items"), Some(&ColumnType::Json));
        assert_eq!(campaign.audience.required, ["cart_id", "items"]);
    }

    fn scheduled(schedule: &str) -> Result<Campaign, String> {
        load(&format!("{GOOD}[schedule]\n{schedule}"))
    }

    #[test]
    fn a_schedule_is_read_with_its_zone_and_its_window() {
        let words = |text: &str| scheduled(text).unwrap().schedule.unwrap().in_words();
        let berlin = "zone = \"Europe/Berlin\"\n";
        for (text, expected) in [
            ("at = \"2026-11-27T09:00[Europe/Berlin]\"", "Fri 2026-11-27 09:00 Europe/Berlin (+01:00)"),
            ("at = \"2026-11-27T09:00+01:00\"", "Fri 2026-11-27 08:00 UTC"),
            (&format!("at = \"2026-11-27 09:00\"\n{berlin}"), "Fri 2026-11-27 09:00 Europe/Berlin (+01:00)"),
            (&format!("cron = \"0 9 * * mon\"\n{berlin}"), "At 09:00, on Monday, Europe/Berlin"),
            (
                &format!("every = \"2 hours\"\nfrom = \"2026-07-01T09:00\"\n{berlin}"),
                "every 2 hours since Wed 2026-07-01 09:00 Europe/Berlin (+02:00)",
            ),
            (
                "at = \"2026-11-27T09:00Z\"\nwindow = { hours = \"22:00-06:00\", days = \"fri-mon\", zone = \"recipient\" }",
                "Fri 2026-11-27 09:00 UTC; mails leave 22:00-06:00 mon, fri, sat, sun in the recipient's own zone",
            ),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn a_window_by_the_recipients_clocks_checks_their_zones() {
        let window = "at = \"2026-11-27T09:00Z\"\nwindow = { days = \"mon-fri\", zone = \"recipient\" }";
        let campaign = scheduled(window).unwrap();
        assert_eq!(campaign.audience.types.get("timezone"), Some(&ColumnType::Zone));
        assert_eq!(campaign.audience.required, ["timezone"]);
        let campaign = scheduled(&format!("zone = \"Asia/Tokyo\"\n{window}")).unwrap();
        assert_eq!(campaign.audience.types.get("timezone"), Some(&ColumnType::Zone));
        assert!(campaign.audience.required.is_empty());
    }

    #[test]
    fn all_mistakes_of_a_schedule_are_told_at_once() {
        let text = "cron = \"0 9 * *\"\nevery = \"ten days\"\nmax_late = \"soon\"\ncatch_up = \"all\"\npaused = \"yes\"\nzone = \"CEST\"\nuntill = 1\n[schedule.window]\nhours = \"9 to 5\"\ndays = \"mo-fr\"\nzone = \"Europe/Atlantis\"\n";
        insta::assert_snapshot!(scheduled(text).unwrap_err(), @r#"
        spring.toml:6:2: a schedule has one of `at`, `cron` and `every`, found `cron` and `every`
          hint: keep one; a second schedule is a second campaign
        spring.toml:7:8: `schedule.cron`: found `0 9 * *`, expected a cron line of five fields such as `0 9 * * mon-fri` (one field is missing)
          hint: write `cron = "0 9 * * *"`
        spring.toml:8:9: `schedule.every`: found `ten days`, expected such as `2 hours`, `1 day` or `1 month`
        spring.toml:9:12: `schedule.max_late`: found `soon`, expected a duration such as `14 days` or `36 hours`
        spring.toml:10:12: `schedule.catch_up`: found `all`, expected one of `latest`, `none`
        spring.toml:11:10: `schedule.paused`: found `yes`, expected `true` or `false`
        spring.toml:12:8: `schedule.zone`: found `CEST`, expected a zone of the tz database such as `Europe/Berlin`
        spring.toml:13:1: unknown key `schedule.untill`
          hint: did you mean `until`?
        spring.toml:15:9: `schedule.window.hours`: found `9 to 5`, expected hours such as `09:00-17:30`
        spring.toml:16:8: `schedule.window.days`: found `mo-fr`, expected days such as `mon-fri` or `sat, sun`
        spring.toml:17:8: `schedule.window.zone`: found `Europe/Atlantis`, expected a zone of the tz database such as `Europe/Berlin`, or `recipient`
        "#);
    }

    #[test]
    fn a_schedule_wants_one_timing_and_what_it_needs() {
        let check = |text: &str, expected: &str| {
            let error = scheduled(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("paused = true", "`schedule.at` is missing");
        check("cron = \"0 9 * * *\"", "`schedule.zone` is missing");
        check("every = \"1 day\"", "`schedule.from` is missing");
        check("every = \"1 second\"\nfrom = \"2026-07-01T09:00Z\"", "expected at least `1 minute`");
        check("at = \"2026-11-27T09:00\"", "or `zone` beside it");
        check("at = \"2026-11-27T09:00Z\"\nfrom = \"2026-11-27T09:00Z\"", "bound a `cron` or `every`");
        let ends = "from = \"2027-02-01T00:00Z\"\nuntil = \"2027-01-01T00:00Z\"";
        let cron = "cron = \"0 9 1 * *\"\nzone = \"UTC\"\n";
        check(
            &format!("{cron}{ends}"),
            "lies before `schedule.from` (Mon 2027-02-01 00:00 UTC): it is never due",
        );
        let close = "from = \"2027-02-02T00:00Z\"\nuntil = \"2027-02-20T00:00Z\"";
        check(&format!("{cron}{close}"), "no due time lies between");
        check("at = \"2026-11-27T09:00Z\"\ncron = \"0 9 * * *\"", "one of `at`, `cron` and `every`");
        check("at = \"2026-11-27T09:00Z\"\nmax_late = \"1 h\"\ncatch_up = \"latest\"", "keep one of the two");
        let named = GOOD.replace("template", "occasion = \"2026-11\"\ntemplate");
        let recurring = format!("{named}[schedule]\ncron = \"0 9 * * *\"\nzone = \"UTC\"\n");
        assert!(load(&recurring).unwrap_err().contains("take `occasion` out"));
        let single = format!("{named}[schedule]\nat = \"2026-11-27T09:00Z\"\n");
        assert_eq!(load(&single).unwrap().occasion, "2026-11");
    }

    #[test]
    fn a_survey_without_questions_is_refused() {
        let error = load(&GOOD.replace("promo", "survey")).unwrap_err();
        assert!(error.contains("`questions` is missing"), "{error}");
    }
}
