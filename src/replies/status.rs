//! Enhanced status codes (RFC 3463).

/// An enhanced status code, such as `5.1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnhancedCode {
    /// 2, 4 or 5.
    pub class: u16,
    /// 1: the address, 2: the mailbox, 7: policy, …
    pub subject: u16,
    /// The detail within the subject.
    pub detail: u16,
}

/// The highest subject that is registered.
const LAST_SUBJECT: u16 = 7;

impl EnhancedCode {
    /// Reads `5.1.1` and nothing else.
    fn parse(word: &[u8]) -> Option<Self> {
        let mut numbers = word.split(|&byte| byte == b'.').map(|digits| {
            let good = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
            good.then(|| digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
        });
        let code = Self { class: numbers.next()??, subject: numbers.next()??, detail: numbers.next()?? };
        (numbers.next().is_none() && matches!(code.class, 2 | 4 | 5)).then_some(code)
    }

    /// The first code in a text that fits a reply code: some servers put it behind `#`, in brackets or at the end.
    pub(super) fn find(text: &str, reply_code: u16) -> Option<Self> {
        text.split(|char: char| !char.is_ascii_digit() && char != '.')
            .map(|word| word.trim_matches('.'))
            .filter_map(|word| Self::parse(word.as_bytes()))
            .find(|code| code.class == reply_code / 100 && code.subject <= LAST_SUBJECT)
    }
}

/// The code that leads a line, and what follows its space: `5.1.1 no such user`.
#[must_use]
pub fn leading(line: &[u8]) -> Option<(EnhancedCode, &[u8])> {
    let (word, rest) = match line.iter().position(|&byte| byte == b' ') {
        Some(space) => (line.get(..space)?, line.get(space + 1..)?),
        None => (line, &[][..]),
    };
    EnhancedCode::parse(word).map(|code| (code, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_wherever_a_server_puts_it() {
        let check = |text: &str, reply_code, expected: Option<&str>| {
            let found = EnhancedCode::find(text, reply_code)
                .map(|code| format!("{}.{}.{}", code.class, code.subject, code.detail));
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("5.1.1 no such user", 550, Some("5.1.1"));
        check("#5.1.0 Address rejected", 550, Some("5.1.0"));
        check("Mail from 192.0.2.1 not allowed - 5.7.1 [BL23]", 553, Some("5.7.1"));
        check("temporarily deferred - 4.16.50.", 421, None);
        check("blocked 5.7.1.2", 550, None);
        check("4.2.2 full", 550, None);
        check("mail from 192.0.2.5 is refused", 550, None);
    }
}
