//! The filters and the function that templates get from us. None reads env, files, network, time or random.
#![expect(clippy::needless_pass_by_value, reason = "Tera hands arguments over by value")]

use std::fmt::Write;

use jiff::{Timestamp, civil, fmt::strtime, tz::TimeZone};
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};
use url::Url;

use super::money;

/// The context's name for the link's text that [`link`] starts from: templates cannot hide it with a `set`.
pub(super) const LINK: &str = "__link";

/// Adds filters and functions. Call before adding templates: Tera refuses names that it does not know.
pub(super) fn register(tera: &mut Tera) {
    tera.register_filter("date", date);
    tera.register_filter("money", amount);
    tera.register_filter("urlencode", urlencode);
    tera.register_filter("plural", plural);
    tera.register_filter("safe", safe);
    tera.register_function("link", link);
}

/// `link(to="/cart", item=3)`: the sign-in link with more query parameters, sorted by name. A null adds nothing.
fn link(kwargs: Kwargs, state: &State<'_>) -> TeraResult<String> {
    let link: String = state.get(LINK)?.ok_or_else(|| {
        Error::message("`link()` does not work inside a component: hand the link in as an argument")
    })?;
    let mut extra: Vec<(&str, String)> = Vec::new();
    for (name, value) in kwargs.iter() {
        let name = name.as_str().unwrap_or_default();
        if value.is_none() {
            continue;
        }
        let text = scalar(value).ok_or_else(|| {
            Error::message(format!(
                "`link({name}=…)` takes text, a number or true/false, not {}",
                value.name()
            ))
        })?;
        extra.push((name, text));
    }
    extra.sort_unstable();
    if extra.is_empty() {
        return Ok(link);
    }
    let mut url = Url::parse(&link).map_err(|_| Error::message("the sign-in link is no URL"))?;
    if let Some((name, _)) = extra.iter().find(|(name, _)| url.query_pairs().any(|(taken, _)| taken == *name))
    {
        return Err(Error::message(format!("the sign-in link has a parameter `{name}` already")));
    }
    url.query_pairs_mut().extend_pairs(extra);
    Ok(url.into())
}

/// `{{ day | date(format="%-d %B %Y") }}`: an ISO 8601 date, date-time or instant (shown in UTC).
fn date(value: &str, kwargs: Kwargs, _: &State<'_>) -> TeraResult<String> {
    let format = kwargs.get::<&str>("format")?.unwrap_or("%-d %B %Y");
    let shown = if let Ok(instant) = value.parse::<Timestamp>() {
        strtime::format(format, &instant.to_zoned(TimeZone::UTC))
    } else if let Ok(day) = value.parse::<civil::DateTime>() {
        strtime::format(format, day)
    } else {
        return Err(Error::message("`date` takes an ISO 8601 date or date-time like `2026-11-22`"));
    };
    shown.map_err(|_| Error::message(format!("`{format}` is no date format for this value")))
}

/// `{{ price | money(currency="EUR") }}`: a number or its text.
fn amount(value: &Value, kwargs: Kwargs, _: &State<'_>) -> TeraResult<String> {
    let currency = kwargs.must_get::<&str>("currency")?;
    let text = scalar(value)
        .ok_or_else(|| Error::message(format!("`money` takes a number or its text, not {}", value.name())))?;
    money::money(&text, currency).map_err(|reason| Error::message(format!("`money`: {reason}")))
}

/// `{{ code | urlencode }}`: everything but RFC 3986's unreserved characters as `%XX`.
fn urlencode(value: &Value, _: Kwargs, _: &State<'_>) -> TeraResult<String> {
    let text = scalar(value)
        .ok_or_else(|| Error::message(format!("`urlencode` takes text or a number, not {}", value.name())))?;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes any text");
        }
    }
    Ok(encoded)
}

/// `{{ count | plural(one="item", many="items") }}`: the word alone.
fn plural(value: &Value, kwargs: Kwargs, _: &State<'_>) -> TeraResult<String> {
    let number = scalar(value)
        .and_then(|text| text.trim().parse::<f64>().ok())
        .ok_or_else(|| Error::message("`plural` takes a number"))?;
    let name = if (number - 1.0).abs() < f64::EPSILON { "one" } else { "many" };
    Ok(kwargs.must_get::<&str>(name)?.to_owned())
}

/// Tera's `safe` would let the list write HTML.
fn safe(_: &Value, _: Kwargs, _: &State<'_>) -> TeraResult<String> {
    Err(Error::message("`safe` is refused: values are always escaped"))
}

/// Text, a number or a truth value as text; nothing else.
fn scalar(value: &Value) -> Option<String> {
    let scalar = value.is_string() || value.is_number() || value.is_bool();
    scalar.then(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use tera::{Context, Tera};

    use super::{LINK, register};

    fn render(template: &str) -> Result<String, String> {
        let mut tera = Tera::new();
        register(&mut tera);
        let mut context = Context::new();
        context.insert(LINK, "https://app.example/in?token=abc&utm=x#top");
        context.insert("nothing", &None::<&str>);
        context.insert("price", &12.5);
        context.insert("expires", "2026-11-29T23:30:00Z");
        context.insert("list", &[1, 2]);
        tera.add_raw_template("t.txt", template).map_err(|error| error.to_string())?;
        tera.render("t.txt", &context).map_err(|error| error.to_string())
    }

    fn check(template: &str, expected: &str) {
        assert_eq!(render(template).as_deref(), Ok(expected), "{template}");
    }

    #[test]
    fn the_link_takes_parameters_in_the_order_of_their_names() {
        check("{{ link() }}", "https://app.example/in?token=abc&utm=x#top");
        check(
            "{{ link(to=\"/cart?a=1&b\", item=3, gift=true, none=nothing) }}",
            "https://app.example/in?token=abc&utm=x&gift=true&item=3&to=%2Fcart%3Fa%3D1%26b#top",
        );
    }

    #[test]
    fn a_parameter_cannot_replace_the_token() {
        assert!(
            render("{{ link(token=\"other\") }}").unwrap_err().contains("has a parameter `token` already")
        );
        assert!(render("{{ link(a=list) }}").unwrap_err().contains("not array"));
    }

    #[test]
    fn dates_amounts_and_words_read_well() {
        check("{{ \"2026-11-02\" | date }}", "2 November 2026");
        check("{{ \"2026-11-02T09:30\" | date(format=\"%H:%M\") }}", "09:30");
        check("{{ expires | date(format=\"%A, %-d %B, %H:%M UTC\") }}", "Sunday, 29 November, 23:30 UTC");
        check(
            "{{ price | money(currency=\"EUR\") }} {{ \"3\" | money(currency=\"CHF\") }}",
            "€12.50 3.00 CHF",
        );
        check("{{ \"a b&ü\" | urlencode }}", "a%20b%26%C3%BC");
        check(
            "{{ 1 | plural(one=\"item\", many=\"items\") }} {{ \"2\" | plural(one=\"item\", many=\"items\") }}",
            "item items",
        );
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        for (template, part) in [
            ("{{ \"soon\" | date }}", "ISO 8601"),
            ("{{ \"2026-11-02\" | date(format=\"%Q\") }}", "no date format"),
            ("{{ nothing | date }}", "expected"),
            ("{{ list | money(currency=\"EUR\") }}", "not array"),
            ("{{ \"12,5\" | money(currency=\"EUR\") }}", "decimal number"),
            ("{{ \"x\" | plural(one=\"a\", many=\"b\") }}", "takes a number"),
            ("{{ \"<b>\" | safe }}", "always escaped"),
            ("{{ get_env(name=\"HOME\") }}", "Unknown function"),
        ] {
            let error = render(template).unwrap_err();
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
