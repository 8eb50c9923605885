//! The number of rows with problems that a list may have.

use std::fmt;

/// So many parts are the whole: hundredths of a per cent.
const WHOLE: u64 = 10_000;

/// Up to how many rows with problems are set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leeway {
    /// A number of rows.
    Rows(u64),
    /// A share of the list, in hundredths of a per cent.
    Share(u64),
}

impl Leeway {
    /// Reads `10 rows`, `2%` or `0.5%`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("found `{text}`, expected such as `10 rows` or `2%`");
        if let Some(share) = text.strip_suffix('%') {
            let parts = hundredths(share).ok_or_else(wrong)?;
            return if parts <= WHOLE {
                Ok(Self::Share(parts))
            } else {
                Err(format!("found `{text}`, expected from `0%` to `100%`"))
            };
        }
        let rows = text.strip_suffix(" rows").or_else(|| text.strip_suffix(" row"));
        rows.and_then(digits).map(Self::Rows).ok_or_else(wrong)
    }

    /// The number of rows in a list of `rows`: of a share the whole ones.
    #[must_use]
    pub fn of(self, rows: u64) -> u64 {
        match self {
            Self::Rows(most) => most,
            Self::Share(parts) => {
                u64::try_from(u128::from(rows) * u128::from(parts) / u128::from(WHOLE)).unwrap_or(rows)
            }
        }
    }
}

/// As the campaign file writes it.
impl fmt::Display for Leeway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Rows(1) => f.write_str("1 row"),
            Self::Rows(rows) => write!(f, "{rows} rows"),
            Self::Share(parts) if parts % 100 == 0 => write!(f, "{}%", parts / 100),
            Self::Share(parts) => {
                let text = format!("{}.{:02}", parts / 100, parts % 100);
                write!(f, "{}%", text.trim_end_matches('0'))
            }
        }
    }
}

/// A decimal number with up to two places.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, places) = text.split_once('.').map_or((text, "0"), |(whole, places)| (whole, places));
    let scale = match places.len() {
        1 => 10,
        2 => 1,
        _ => return None,
    };
    digits(whole)?.checked_mul(100)?.checked_add(digits(places)? * scale)
}

/// A number without a sign.
fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_shares_are_read_and_said_again() {
        for (text, of, most) in [
            ("10 rows", 5, 10),
            ("1 row", 5, 1),
            ("0 rows", 5, 0),
            ("2%", 14, 0),
            ("2%", 149, 2),
            ("0.5%", 1_000, 5),
            ("0.05%", 10_000, 5),
            ("100%", 7, 7),
            ("100%", u64::MAX, u64::MAX),
        ] {
            let leeway = Leeway::parse(text).unwrap();
            assert_eq!((leeway.of(of), leeway.to_string().as_str()), (most, text));
        }
    }

    #[test]
    fn what_is_neither_says_what_was_expected() {
        for text in [
            "",
            "10",
            "%",
            "rows",
            " rows",
            "-1 rows",
            "+1 rows",
            "1.5 rows",
            "10rows",
            "10  rows",
            "10 people",
            "2 %",
            "-2%",
            ".5%",
            "2.%",
            "0.005%",
            "1e2%",
            "two%",
            "2,5%",
            "99999999999999999999 rows",
        ] {
            let expected = format!("found `{text}`, expected such as `10 rows` or `2%`");
            assert_eq!(Leeway::parse(text), Err(expected));
        }
        for text in ["101%", "100.01%"] {
            let expected = format!("found `{text}`, expected from `0%` to `100%`");
            assert_eq!(Leeway::parse(text), Err(expected));
        }
    }
}
