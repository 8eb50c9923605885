//! Values that several tables of `linkpost.toml` are written with.

use url::Url;

/// One line of text that is not empty.
pub(super) fn plain_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        Err("expected one line of text that is not empty".to_owned())
    } else {
        Ok(text.trim().to_owned())
    }
}

/// An address of the web: `https`, or `http` on this machine.
pub(super) fn web_address(text: &str) -> Result<Url, String> {
    // What stands before an `@` may be a password.
    checked_address(text).map_err(|expected| {
        if text.contains('@') { expected.to_owned() } else { format!("found `{text}`, {expected}") }
    })
}

/// The address, or what was expected in its place: without what was found, which may be a secret.
pub(super) fn checked_address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "expected an address such as `https://app.example.com/page`")?;
    let loopback = url.host_str().is_some_and(is_loopback);
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err("expected `https` (`http` only on this machine)");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected an address without user and password");
    }
    Ok(url)
}

/// The page that a link leads to: the token is added to its query.
pub(super) fn page(text: &str) -> Result<Url, String> {
    let url = web_address(text)?;
    if url.fragment().is_some_and(|route| route.starts_with(['/', '!'])) {
        return Err(format!(
            "found `{text}`, expected a page without a route behind `#`: the token goes into the query before it, where \
             a router that reads what is behind `#` does not see it"
        ));
    }
    if text.contains(['{', '}']) {
        return Err(format!(
            "found `{text}`, expected the page alone: the token is added to its query, as `?token=…`"
        ));
    }
    Ok(url)
}

/// A host name or an IP address, and nothing else.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    // What stands before an `@` may be a password.
    if text.contains('@') {
        return Err("expected the host alone: the login is `user`, its password comes from the environment"
            .to_owned());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let (tls, name) =
            (if scheme == "smtps" { "implicit" } else { "starttls" }, rest.trim_end_matches('/'));
        let name = name.split([':', '/']).next().unwrap_or_default();
        return Err(format!(
            "found `{text}`, expected the host alone: `host = \"{name}\"` and `tls = \"{tls}\"`"
        ));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    if let Some((name, port)) = text.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(format!(
            "found `{text}`, expected the host alone: `host = \"{name}\"` and `port = {port}`"
        ));
    }
    let good = !text.is_empty() && !text.contains(['/', ' ', '_', ':']) && url::Host::parse(text).is_ok();
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("found `{text}`, expected a host name or an IP address"))
    }
}

/// A rate such as `20/s`, as so many a second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let wrong = || format!("found `{text}`, expected a rate such as `20/s`, `600/min` or `5000/h`");
    let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let seconds = match unit.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    if number.is_finite() && number > 0.0 { Ok(number / seconds) } else { Err(wrong()) }
}

/// Whether a host is this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
