//! The link: the page's address with a token in its query.

use std::{collections::HashSet, fmt, sync::Arc};

use jiff::Timestamp;
use url::{Host, Position, Url, form_urlencoded::byte_serialize};
use zeroize::Zeroizing;

use super::SignInToken;

/// A parameter or page that no link can be built from. The text never holds a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LinkError(pub String);

/// What all links of a campaign have in common, checked once.
#[derive(Debug)]
pub(super) struct LinkForm {
    /// The page up to and with its query, then the token's parameter up to and with the `=`.
    before_token: String,
    /// What the page's own query says behind the token: empty, but in an address that was made by others.
    after_token: String,
    /// The parameters that every link carries, in order, without those that the page's query has itself.
    parameters: Vec<(String, String)>,
    /// `#` and the page's fragment, if it has one.
    fragment: String,
    /// The names that nothing may be added under: the page's own and the token's.
    reserved: HashSet<String>,
}

/// A link that signs its recipient in, and the parameters that every link of the campaign carries.
pub struct SignInLink {
    form: Arc<LinkForm>,
    token: SignInToken,
    expires: Timestamp,
}

impl LinkForm {
    /// Checks the page and the names. The page's own query wins over a campaign's parameter of the same name.
    pub(super) fn new(
        page: &Url,
        parameter: &str,
        parameters: Vec<(String, String)>,
    ) -> Result<Self, LinkError> {
        check_page(page)?;
        check_name(parameter)?;
        let mut reserved: HashSet<String> = page.query_pairs().map(|(name, _)| name.into_owned()).collect();
        if !reserved.insert(parameter.to_owned()) {
            return Err(LinkError(format!(
                "the page's address has a parameter `{parameter}` already, expected the name to be free for the token"
            )));
        }
        let mut seen = HashSet::new();
        for (name, _) in &parameters {
            check_name(name)?;
            if name == parameter {
                return Err(LinkError(format!(
                    "the link parameter `{name}` has the name of the token's parameter, expected another name"
                )));
            }
            if !seen.insert(name) {
                return Err(LinkError(format!("the link parameter `{name}` is given twice, expected once")));
            }
        }
        let parameters = parameters.into_iter().filter(|(name, _)| !reserved.contains(name)).collect();

        let mut before_token = page[..Position::AfterQuery].to_owned();
        match page.query() {
            None => before_token.push('?'),
            Some("") => {}
            Some(_) => before_token.push('&'),
        }
        push_encoded(&mut before_token, parameter);
        before_token.push('=');
        let fragment = page.fragment().map_or_else(String::new, |fragment| format!("#{fragment}"));
        Ok(Self { before_token, after_token: String::new(), parameters, fragment, reserved })
    }

    /// The form of a whole address that holds `token` as the value of a parameter, and stays as it is. `redirect_url`
    /// is added to its query where it has none.
    pub(super) fn around(
        address: &str,
        token: &str,
        parameters: Vec<(String, String)>,
        redirect_url: Option<&Url>,
    ) -> Result<Self, LinkError> {
        let strange = || LinkError("the address of the sign-in page does not hold the token once".to_owned());
        let (before_token, rest) =
            address.split_once(token).filter(|_| !token.is_empty()).ok_or_else(strange)?;
        let (after_token, fragment) = match rest.split_once('#') {
            Some((after, fragment)) => (after, format!("#{fragment}")),
            None => (rest, String::new()),
        };
        let clean = after_token.is_empty() || after_token.starts_with('&');
        if rest.contains(token) || !before_token.ends_with('=') || !clean {
            return Err(strange());
        }
        // Without the token it is an address like any other.
        let page = Url::parse(&format!("{before_token}{after_token}{fragment}")).map_err(|_| strange())?;
        check_page(&page)?;
        let mut after_token = after_token.to_owned();
        let mut reserved: HashSet<String> = page.query_pairs().map(|(name, _)| name.into_owned()).collect();
        if let Some(url) = redirect_url.filter(|_| reserved.insert("redirect_url".to_owned())) {
            after_token.push_str("&redirect_url=");
            push_encoded(&mut after_token, url.as_str());
        }
        for (name, _) in &parameters {
            check_name(name)?;
        }
        let parameters = parameters.into_iter().filter(|(name, _)| !reserved.contains(name)).collect();
        Ok(Self { before_token: before_token.to_owned(), after_token, parameters, fragment, reserved })
    }

    /// The page, without the token's parameter.
    pub(super) fn page(&self) -> &str {
        let end = self.before_token.rfind(['?', '&']).unwrap_or(self.before_token.len());
        self.before_token.get(..end).unwrap_or_default()
    }
}

impl SignInLink {
    pub(super) fn new(form: Arc<LinkForm>, token: SignInToken, expires: Timestamp) -> Self {
        Self { form, token, expires }
    }

    /// The token inside.
    #[must_use]
    pub fn token(&self) -> &SignInToken {
        &self.token
    }

    /// When the link stops signing in: the token's `exp`, for the mail's words.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The link's text, with `extra` parameters added for this one place in the mail: a secret like the token in it,
    /// wiped when dropped. It belongs into the message and nowhere else.
    ///
    /// The order is: the page's own query as it stands, the token, the campaign's parameters, `extra`, the page's
    /// fragment. An extra parameter replaces the campaign's of the same name. One that would shadow the token or the
    /// page's own, or that comes twice, is an error: the page could not tell which of the two is meant.
    pub fn url<'a>(
        &self,
        extra: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Zeroizing<String>, LinkError> {
        let form = &*self.form;
        let mut added: Vec<(&str, &str)> = Vec::new();
        for (name, value) in extra {
            check_name(name)?;
            if form.reserved.contains(name) {
                return Err(LinkError(format!(
                    "the link parameter `{name}` has the name of the token's parameter or of one in the page's address"
                )));
            }
            if added.iter().any(|(known, _)| *known == name) {
                return Err(LinkError(format!("the link parameter `{name}` is given twice, expected once")));
            }
            added.push((name, value));
        }
        let kept = form.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let kept: Vec<_> = kept.filter(|(name, _)| added.iter().all(|(other, _)| other != name)).collect();

        // Room for the worst case, three characters for each byte: a text that grows leaves copies of the token behind.
        let room = |(name, value): &(&str, &str)| 2 + 3 * (name.len() + value.len());
        let around = form.before_token.len() + form.after_token.len() + form.fragment.len();
        let length = around + 3 * self.token.expose().len();
        let length = length + kept.iter().chain(&added).map(room).sum::<usize>();
        let mut text = Zeroizing::new(String::with_capacity(length));
        text.push_str(&form.before_token);
        push_encoded(&mut text, self.token.expose());
        text.push_str(&form.after_token);
        for (name, value) in kept.into_iter().chain(added) {
            text.push('&');
            push_encoded(&mut text, name);
            text.push('=');
            push_encoded(&mut text, value);
        }
        text.push_str(&form.fragment);
        Ok(text)
    }
}

/// A link holds a live token: it never prints itself.
impl fmt::Debug for SignInLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInLink")
    }
}

fn push_encoded(text: &mut String, value: &str) {
    text.extend(byte_serialize(value.as_bytes()));
}

/// A token in clear text on the wire would be anybody's, so only https will do, or http that never leaves the machine.
fn check_page(page: &Url) -> Result<(), LinkError> {
    let loopback = match page.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !page.username().is_empty() || page.password().is_some() {
        return Err(LinkError("the page's address has a user name or password, expected neither".to_owned()));
    }
    match page.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        scheme => Err(LinkError(format!(
            "the page's address starts with `{scheme}:`, expected `https:`, or `http:` on `localhost`"
        ))),
    }
}

fn check_name(name: &str) -> Result<(), LinkError> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(LinkError(format!(
            "`{}` is no name for a link parameter, expected at least one character and no control character",
            name.escape_debug()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(page: &str, parameters: &[(&str, &str)]) -> Result<LinkForm, LinkError> {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        LinkForm::new(&Url::parse(page).unwrap(), "token", parameters.collect())
    }

    fn link(page: &str, parameters: &[(&str, &str)]) -> SignInLink {
        let form = Arc::new(form(page, parameters).unwrap());
        SignInLink::new(form, SignInToken::new("a.b-c_d".to_owned()), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_link_keeps_the_page_and_adds_the_token_and_the_parameters() {
        let check = |page: &str, parameters: &[(&str, &str)], extra: &[(&str, &str)], expected: &str| {
            let text = link(page, parameters).url(extra.iter().copied()).unwrap();
            assert_eq!(*text, expected);
            // An independent reader finds the page's own parameters first, untouched, then the token, then the rest.
            let own = Url::parse(page).unwrap();
            let read = Url::parse(&text).unwrap();
            let before: Vec<_> = own.query_pairs().collect();
            let after: Vec<_> = read.query_pairs().collect();
            assert_eq!(after[..before.len()], before[..]);
            assert_eq!(after[before.len()], ("token".into(), "a.b-c_d".into()));
            assert_eq!(read.fragment(), own.fragment());
            assert_eq!(read.path(), own.path());
        };
        let utm = &[("utm_source", "mail"), ("utm_campaign", "spring")];
        check("https://example.com", &[], &[], "https://example.com/?token=a.b-c_d");
        check("https://example.com/in", &[], &[], "https://example.com/in?token=a.b-c_d");
        check("https://example.com/in?", &[], &[], "https://example.com/in?token=a.b-c_d");
        check("https://example.com/in#top", &[], &[], "https://example.com/in?token=a.b-c_d#top");
        check("https://example.com/#/in?x=1", &[], &[], "https://example.com/?token=a.b-c_d#/in?x=1");
        check("https://example.com/in#", &[], &[], "https://example.com/in?token=a.b-c_d#");
        check(
            "https://example.com/in?a=1%202&b=%26&a=3",
            utm,
            &[],
            "https://example.com/in?a=1%202&b=%26&a=3&token=a.b-c_d&utm_source=mail&utm_campaign=spring",
        );
        check(
            "https://example.com/in?utm_source=site#x",
            utm,
            &[],
            "https://example.com/in?utm_source=site&token=a.b-c_d&utm_campaign=spring#x",
        );
        check(
            "https://example.com/in",
            utm,
            &[("answer", "ja & nein"), ("utm_source", "button")],
            "https://example.com/in?token=a.b-c_d&utm_campaign=spring&answer=ja+%26+nein&utm_source=button",
        );
        check(
            "https://bücher.example/größe?ü=ß",
            &[("straße", "grün/#?=&+%")],
            &[("", "")][..0],
            "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe?%C3%BC=%C3%9F&token=a.b-c_d\
             &stra%C3%9Fe=gr%C3%BCn%2F%23%3F%3D%26%2B%25",
        );
        check("http://localhost:3000/in", &[], &[], "http://localhost:3000/in?token=a.b-c_d");
        check("http://127.0.0.9/in", &[], &[], "http://127.0.0.9/in?token=a.b-c_d");
        check("http://[::1]/in", &[], &[], "http://[::1]/in?token=a.b-c_d");
    }

    #[test]
    fn a_page_or_parameter_that_would_hurt_is_refused_before_any_link_is_built() {
        let check = |page: &str, parameters: &[(&str, &str)], expected: &str| {
            let error = form(page, parameters).unwrap_err().to_string();
            assert!(error.contains(expected), "{page}: {error}");
        };
        check("http://example.com/in", &[], "starts with `http:`");
        check("http://localhost.example.com/in", &[], "starts with `http:`");
        check("http://10.0.0.1/in", &[], "starts with `http:`");
        check("mailto:ada@example.com", &[], "starts with `mailto:`");
        check("javascript:alert(1)", &[], "starts with `javascript:`");
        check("https://ada@example.com/in", &[], "user name or password");
        check("https://ada:pass@example.com/in", &[], "user name or password");
        check("https://example.com/in?token=1", &[], "has a parameter `token` already");
        check("https://example.com/in?%74oken=1", &[], "has a parameter `token` already");
        check("https://example.com/in?token", &[], "has a parameter `token` already");
        check("https://example.com/in", &[("token", "x")], "the name of the token's parameter");
        check("https://example.com/in", &[("a", "1"), ("a", "2")], "`a` is given twice");
        check("https://example.com/in", &[("", "1")], "is no name for a link parameter");
        check("https://example.com/in", &[("a\u{7}", "1")], "is no name for a link parameter");
        let page = Url::parse("https://example.com").unwrap();
        assert!(LinkForm::new(&page, "", Vec::new()).is_err());
    }

    #[test]
    fn an_address_made_by_others_stays_as_it_is() {
        let check = |address: &str, redirect: Option<&str>, expected: &str| {
            let redirect = redirect.map(|text| Url::parse(text).unwrap());
            let form = LinkForm::around(address, "T.1", vec![("utm".into(), "x".into())], redirect.as_ref());
            let form = match form {
                Ok(form) => Arc::new(form),
                Err(error) => return assert_eq!(error.to_string(), expected),
            };
            let link = SignInLink::new(form, SignInToken::new("T.1".to_owned()), Timestamp::UNIX_EPOCH);
            assert_eq!(*link.url([]).unwrap(), expected);
        };
        let portal = "https://accounts.example.com/sign-in?__clerk_ticket=T.1";
        check(portal, None, "https://accounts.example.com/sign-in?__clerk_ticket=T.1&utm=x");
        check(
            &format!("{portal}&__clerk_status=sign_in#a"),
            Some("https://app.example.com/?b=1"),
            "https://accounts.example.com/sign-in?__clerk_ticket=T.1&__clerk_status=sign_in\
             &redirect_url=https%3A%2F%2Fapp.example.com%2F%3Fb%3D1&utm=x#a",
        );
        check(
            &format!("{portal}&redirect_url=x"),
            Some("https://app.example.com/"),
            "https://accounts.example.com/sign-in?__clerk_ticket=T.1&redirect_url=x&utm=x",
        );
        let strange = "the address of the sign-in page does not hold the token once";
        for address in
            ["https://example.com/", "https://example.com/?a=T.1&b=T.1", "https://example.com/?a=T.12"]
        {
            check(address, None, strange);
        }
        check(
            "http://example.com/?a=T.1",
            None,
            "the page's address starts with `http:`, expected `https:`, or `http:` on `localhost`",
        );
    }

    #[test]
    fn an_extra_parameter_never_shadows_the_token_or_the_page() {
        let link = link("https://example.com/in?next=1", &[("utm_source", "mail")]);
        for extra in [&[("token", "x")][..], &[("next", "2")], &[("a", "1"), ("a", "2")], &[("", "1")]] {
            let error = link.url(extra.iter().copied()).unwrap_err().to_string();
            assert!(!error.contains("a.b-c_d"), "{error}");
        }
    }

    #[test]
    fn the_text_is_written_once_into_room_that_was_made_for_it() {
        let link = link("https://example.com/in?a=b#c", &[("ü", "ü".repeat(99).as_str())]);
        let text = link.url([("é", "&&&&")]).unwrap();
        // Growing would have doubled the capacity. The token alone needs less than was kept for it.
        assert_eq!(text.capacity() - text.len(), 2 * link.token().expose().len());
    }

    #[test]
    fn whatever_the_parameters_hold_the_reader_gets_them_back_and_nothing_else() {
        let pairs = || prop::collection::btree_map("[^\\p{Cc}]{1,8}", any::<String>(), 0..4);
        proptest!(|(campaign in pairs(), extra in pairs())| {
            prop_assume!(["token", "next"].iter().all(|own| !campaign.contains_key(*own) && !extra.contains_key(*own)));
            let page = "https://example.com/in?next=%2Fa%20b#top";
            let parameters: Vec<_> = campaign.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let added = extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let text = link(page, &parameters).url(added.clone()).unwrap();
            let read = Url::parse(&text).unwrap();
            prop_assert_eq!(read.as_str(), text.as_str(), "the link is its own normal form");
            let mut expected = vec![("next", "/a b"), ("token", "a.b-c_d")];
            expected.extend(parameters.iter().filter(|(name, _)| !extra.contains_key(*name)));
            expected.extend(added);
            let found: Vec<_> = read.query_pairs().collect();
            let found: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(read.fragment(), Some("top"));
            prop_assert!(text.is_ascii());
        });
    }
}
