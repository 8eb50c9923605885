//! The extensions of a relay, from its reply to EHLO.

use lettre::transport::smtp::authentication::Mechanism;

use super::reply::Reply;

/// The extensions that a relay announced, as far as they are used. After HELO, and before EHLO, none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Commands may be sent in groups (RFC 2920).
    pub pipelining: bool,
    /// `SIZE` was announced: `MAIL` may carry the size (RFC 1870).
    pub size: bool,
    /// The largest message it takes, in bytes; `None`: it names no limit.
    pub largest_message: Option<u64>,
    /// The connection can be encrypted (RFC 3207).
    pub starttls: bool,
    /// The most mails on one connection (`LIMITS MAILMAX`, RFC 9422).
    pub most_mails: Option<u32>,
    /// The sign-in mechanisms that we speak too.
    pub mechanisms: Vec<Mechanism>,
}

impl Capabilities {
    /// Reads the lines after the first, which is the greeting.
    #[must_use]
    pub fn read(reply: &Reply) -> Self {
        let mut capabilities = Self::default();
        for line in reply.lines().skip(1) {
            // Old servers write `AUTH=PLAIN LOGIN`.
            let line = String::from_utf8_lossy(line).to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("PIPELINING") => capabilities.pipelining = true,
                Some("SIZE") => {
                    capabilities.size = true;
                    // Zero means "no fixed limit" (RFC 1870 §4).
                    capabilities.largest_message =
                        words.next().and_then(|limit| limit.parse().ok()).filter(|&limit| limit > 0);
                }
                Some("STARTTLS") => capabilities.starttls = true,
                Some("LIMITS") => {
                    capabilities.most_mails = words
                        .find_map(|limit| limit.strip_prefix("MAILMAX="))
                        .and_then(|limit| limit.parse().ok())
                        .filter(|&limit| limit > 0);
                }
                Some("AUTH") => capabilities.add_mechanisms(words),
                _ => {}
            }
        }
        capabilities
    }

    fn add_mechanisms<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        let spoken = words.filter_map(|word| match word {
            "PLAIN" => Some(Mechanism::Plain),
            "LOGIN" => Some(Mechanism::Login),
            "XOAUTH2" => Some(Mechanism::Xoauth2),
            _ => None,
        });
        for mechanism in spoken {
            if !self.mechanisms.contains(&mechanism) {
                self.mechanisms.push(mechanism);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::reply::ReplyParser, *};

    fn read(lines: &str) -> Capabilities {
        let bytes = lines.replace('\n', "\r\n");
        let parsed = ReplyParser::default().feed(bytes.as_bytes());
        let (reply, _) = parsed.expect("well formed").expect("complete");
        Capabilities::read(&reply)
    }

    #[test]
    fn announcements_are_read_in_any_case_and_order() {
        let capabilities = read(
            "250-mx.example.net pipelining\n250-PIPELINING\n250-size 1000\n250-8BITMIME\n250-AUTH PLAIN CRAM-MD5 LOGIN\n\
             250-AUTH=PLAIN XOAUTH2\n250-limits RCPTMAX=1 MAILMAX=20\n250-X-NEW thing\n250 StartTLS\n",
        );
        let expected = Capabilities {
            pipelining: true,
            size: true,
            largest_message: Some(1000),
            starttls: true,
            most_mails: Some(20),
            mechanisms: vec![Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2],
        };
        assert_eq!(capabilities, expected);
    }

    #[test]
    fn the_greeting_line_announces_nothing() {
        assert_eq!(read("250 PIPELINING\n"), Capabilities::default());
    }

    #[test]
    fn a_limit_that_says_nothing_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE lots"] {
            let capabilities = read(&format!("250-mx\n250 {line}\n"));
            assert_eq!((capabilities.size, capabilities.largest_message), (true, None), "{line}");
        }
        for line in ["LIMITS", "LIMITS MAILMAX=0", "LIMITS MAILMAX=x", "LIMITS RCPTMAX=5"] {
            assert_eq!(read(&format!("250-mx\n250 {line}\n")).most_mails, None, "{line}");
        }
    }
}
