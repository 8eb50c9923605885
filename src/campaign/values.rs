//! Values that several files are written with: durations, names of occasions.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Reads a span such as `14 days`, `36 hours` or `1 week 2 days`; a day has 24 hours.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("found `{text}`, expected a duration such as `14 days` or `36 hours`");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if duration.is_positive() { Ok(duration) } else { Err(wrong()) }
}

/// Checks an occasion's name: letters, digits and `-._:`, at most 64.
pub fn occasion_name(text: &str) -> Result<String, String> {
    let good = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("found `{text}`, expected letters, digits and `-._:`, at most 64, such as `2026-11`"))
    }
}
