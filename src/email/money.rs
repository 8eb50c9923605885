//! Amounts of money as people write them, without a float in between.

use crate::digits::grouped;

/// The sign before an amount; currencies without one stand after it by their code.
const SIGNS: [(&str, &str); 12] = [
    ("EUR", "€"),
    ("USD", "$"),
    ("GBP", "£"),
    ("JPY", "¥"),
    ("TRY", "₺"),
    ("INR", "₹"),
    ("KRW", "₩"),
    ("BRL", "R$"),
    ("CAD", "CA$"),
    ("AUD", "A$"),
    ("NZD", "NZ$"),
    ("ILS", "₪"),
];

/// The currencies whose amounts do not have two decimals (ISO 4217).
const DECIMALS: [(&str, usize); 12] = [
    ("JPY", 0),
    ("KRW", 0),
    ("VND", 0),
    ("CLP", 0),
    ("ISK", 0),
    ("PYG", 0),
    ("UGX", 0),
    ("XAF", 0),
    ("KWD", 3),
    ("BHD", 3),
    ("JOD", 3),
    ("TND", 3),
];

/// `12.5` in EUR → `€12.50`; a currency without a sign of its own: `12.50 CHF`. Halves round away from zero.
pub(super) fn money(amount: &str, currency: &str) -> Result<String, String> {
    let code = currency.to_ascii_uppercase();
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("`{currency}` is no currency code: three letters, for example `EUR`"));
    }
    let decimals = DECIMALS.iter().find(|(name, _)| *name == code).map_or(2, |(_, decimals)| *decimals);
    let (negative, digits) =
        rounded(amount, decimals).ok_or("expected a plain decimal number like `12.50`")?;
    let (whole, fraction) = digits.split_at_checked(digits.len() - decimals).unwrap_or((&digits, ""));
    let minus = if negative { "-" } else { "" };
    let point = if decimals > 0 { "." } else { "" };
    let whole = grouped(whole);
    Ok(match SIGNS.iter().find(|(name, _)| *name == code) {
        Some((_, sign)) => format!("{minus}{sign}{whole}{point}{fraction}"),
        None => format!("{minus}{whole}{point}{fraction} {code}"),
    })
}

/// Whether the amount is below zero, and its digits in the smallest unit, at least `decimals` + 1 of them.
fn rounded(amount: &str, decimals: usize) -> Option<(bool, String)> {
    let amount = amount.trim();
    let (negative, plain) = match amount.strip_prefix('-') {
        Some(plain) => (true, plain),
        None => (false, amount.strip_prefix('+').unwrap_or(amount)),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 30 || plain.ends_with('.') || !digits(whole) || !digits(fraction) {
        return None;
    }
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(decimals).collect();
    let up = fraction.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5');
    let units: u128 = format!("{whole}{kept}").parse().ok()?;
    let units = units + u128::from(up);
    Some((negative && units > 0, format!("{units:0width$}", width = decimals + 1)))
}

#[cfg(test)]
mod tests {
    use super::money;

    fn check(amount: &str, currency: &str, expected: &str) {
        assert_eq!(money(amount, currency).as_deref(), Ok(expected), "{amount} {currency}");
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        check("12.5", "EUR", "€12.50");
        check("12", "eur", "€12.00");
        check("0.005", "USD", "$0.01");
        check("-0.004", "USD", "$0.00");
        check("-3", "GBP", "-£3.00");
        check("999.995", "GBP", "£1,000.00");
        check("1234567.891", "EUR", "€1,234,567.89");
        check("1999.5", "JPY", "¥2,000");
        check("149.9", "TRY", "₺149.90");
        check("12.5", "CHF", "12.50 CHF");
        check("0.5", "KWD", "0.500 KWD");
    }

    #[test]
    fn what_is_no_plain_number_is_refused() {
        for amount in ["", "12,50", "1e3", "abc", ".5", "5.", "--1", "١٢", "9".repeat(40).as_str()] {
            assert!(money(amount, "EUR").is_err(), "{amount}");
        }
        assert!(money("1", "EURO").is_err());
    }
}
