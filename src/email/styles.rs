//! The things that CSS may not do in a mail.

use super::urls::{self, Purpose};

/// The words that run script or fetch a stylesheet in some mail program or other.
const REFUSED: [&str; 6] =
    ["javascript:", "vbscript:", "expression(", "behavior:", "-moz-binding", "@import"];

/// Outlook's way to draw buttons; the only `behavior` that is let through.
const VML: &str = "behavior:url(#default#vml)";

/// Checks a `style` attribute or the inside of a `style` element; `Err` is a fragment that names the reason.
pub(super) fn check(css: &str) -> Result<(), String> {
    if !css.contains(['(', ':', '@', '\\']) {
        return Ok(());
    }
    let plain = plain(css);
    let squeezed: String = plain.chars().filter(|char| !char.is_whitespace() && !char.is_control()).collect();
    let squeezed = squeezed.to_lowercase().replace(VML, "").replace("scroll-behavior:", "");
    if let Some(found) = REFUSED.iter().find(|refused| squeezed.contains(**refused)) {
        return Err(format!("holds `{found}`"));
    }
    let lower = plain.to_ascii_lowercase();
    for (at, _) in lower.match_indices("url(") {
        let inside = plain.get(at + 4..).and_then(|rest| rest.split(')').next()).unwrap_or_default();
        let url = inside.trim().trim_matches(['"', '\'']).trim();
        if !url.eq_ignore_ascii_case("#default#vml") {
            urls::check(url, Purpose::Image).map_err(|reason| format!("holds a `url()` that {reason}"))?;
        }
    }
    Ok(())
}

/// The CSS without comments and with its escapes resolved.
fn plain(css: &str) -> String {
    let mut text = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(at) = rest.find(['/', '\\']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        if let Some(comment) = from.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if let Some(escape) = from.strip_prefix('\\') {
            let digits = escape.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
            let (hex, after) = escape.split_at_checked(digits).unwrap_or(("", escape));
            text.extend(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
            rest = if digits > 0 { after.strip_prefix([' ', '\n', '\t']).unwrap_or(after) } else { after };
        } else {
            text.push('/');
            rest = from.strip_prefix('/').unwrap_or_default();
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn plain_styles_pass() {
        for css in [
            "color: red; padding: 0 4px",
            "background: url(https://cdn.example/a.png) no-repeat",
            "background: url( 'cid:logo' )",
            "html { scroll-behavior: smooth }",
            "v\\:* { behavior: url(#default#VML); display: inline-block }",
            "@media (max-width: 600px) { td { width: 100% } }",
            "/* a comment */ a > b {}",
        ] {
            assert_eq!(check(css), Ok(()), "{css}");
        }
    }

    #[test]
    fn styles_that_act_do_not() {
        for css in [
            "background: url(javascript:alert(1))",
            "background: url( \"http://evil.example/a.png\")",
            "background: \\75 rl(javascript:alert(1))",
            "width: expr/**/ession(alert(1))",
            "width: e\\78 pression(alert(1))",
            "behavior: url(x.htc)",
            "-moz-binding: url(https://evil.example/x)",
            "@import 'https://evil.example/x.css'",
            "@\\69mport url(https://evil.example/x.css)",
            "background: url(//evil.example/x)",
        ] {
            assert!(check(css).is_err(), "{css}");
        }
    }
}
