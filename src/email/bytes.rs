//! The last look at a message's bytes, whoever made them.

/// A line may have at most this many octets before its CRLF (RFC 5322 §2.1.1).
const MAX_LINE: usize = 998;

/// Checks the final bytes: 7-bit, every CR followed by LF and every LF preceded by CR (a bare one lets mail be
/// smuggled past a relay), no control character but tab, lines at most 998 octets, every header at most once,
/// the whole at most `limit` octets.
pub fn check_bytes(bytes: &[u8], limit: usize) -> Result<(), String> {
    if bytes.len() > limit {
        return Err(format!("the mail has {} bytes, more than the limit of {limit}", bytes.len()));
    }
    if !bytes.ends_with(b"\r\n") {
        return Err("the mail does not end with a line end".to_owned());
    }
    let mut start = 0;
    let mut previous = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' if previous != b'\r' => return Err(format!("a bare LF at byte {at}")),
            _ if previous == b'\r' && byte != b'\n' => return Err(format!("a bare CR at byte {}", at - 1)),
            b'\n' => {
                if at - 1 - start > MAX_LINE {
                    return Err(format!("a line of {} octets, more than {MAX_LINE}", at - 1 - start));
                }
                start = at + 1;
            }
            b'\r' | b'\t' | 0x20..=0x7e => {}
            _ => return Err(format!("the octet {byte:#04x} at byte {at}")),
        }
        previous = byte;
    }
    let names =
        header_names(bytes).ok_or("a header line without a name, or no empty line after the headers")?;
    for (at, name) in names.iter().enumerate() {
        if names.iter().take(at).any(|earlier| earlier.eq_ignore_ascii_case(name)) {
            return Err(format!("the header `{name}` twice"));
        }
    }
    Ok(())
}

/// The names of the header fields, in order; `None` if a line is no header or the headers do not end.
pub(super) fn header_names(bytes: &[u8]) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r")?;
        match line.first() {
            None => return Some(names),
            Some(b' ' | b'\t') if !names.is_empty() => {}
            Some(_) => {
                let name = line.split(|byte| *byte == b':').next().filter(|name| name.len() < line.len())?;
                let printable = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
                names.push(std::str::from_utf8(name).ok().filter(|_| printable)?);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{check_bytes, header_names};

    fn check(bytes: &[u8], expected: &str) {
        let found = check_bytes(bytes, 10_000).err().unwrap_or_default();
        assert!(
            found.contains(expected) && found.is_empty() == expected.is_empty(),
            "{found:?}, not {expected:?}"
        );
    }

    #[test]
    fn every_rule_has_its_word() {
        check(b"A: b\r\n\r\nbody\r\n", "");
        check(b"A: b\r\n c\r\n\r\n\tbody\r\n", "");
        check(b"A: b\r\n\r\nbody", "line end");
        check(b"A: b\n\r\nbody\r\n", "bare LF at byte 4");
        check(b"A: b\r\n\r\nbo\rdy\r\n", "bare CR at byte 10");
        check(b"A: b\r\n\r\nbo\r\r\ndy\r\n", "bare CR");
        check(b"A: b\r\n\r\nbo\0dy\r\n", "0x00");
        check(b"A: b\r\n\r\nbo\x7fdy\r\n", "0x7f");
        check("A: b\r\n\r\nbö\r\n".as_bytes(), "0xc3");
        check(b"A: b\r\na: c\r\n\r\n\r\n", "header `a` twice");
        check(b"A: b\r\nno header\r\n\r\n\r\n", "without a name");
        check(b"A: b\r\n", "no empty line");
        check(format!("A: b\r\n\r\n{}\r\n", "x".repeat(998)).as_bytes(), "");
        check(format!("A: b\r\n\r\n{}\r\n", "x".repeat(999)).as_bytes(), "999 octets");
        check(format!("A: b\r\n\r\n{}", "x\r\n".repeat(9999)).as_bytes(), "limit");
        assert_eq!(header_names(b"A: b\r\n c: d\r\nE: f\r\n\r\nG: h\r\n"), Some(vec!["A", "E"]));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(2000)
        })]

        /// An oracle written the slow and obvious way agrees on any bytes.
        #[test]
        fn what_passes_is_clean(body in proptest::collection::vec(
            prop_oneof![4 => Just(b"\r\n".to_vec()), 8 => "[ -~]{0,60}".prop_map(String::into_bytes),
                        1 => proptest::collection::vec(any::<u8>(), 0..3)], 0..30)) {
            let mut bytes = b"A: b\r\n\r\n".to_vec();
            bytes.extend(body.concat());
            bytes.extend(b"\r\n");
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            let clean = text.is_ascii()
                && !text.replace("\r\n", "").contains(|char: char| char.is_ascii_control() && char != '\t')
                && text.split("\r\n").all(|line| line.len() <= 998);
            prop_assert_eq!(check_bytes(&bytes, usize::MAX).is_ok(), clean);
        }
    }
}
