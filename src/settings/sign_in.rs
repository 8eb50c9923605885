//! The wire shape of `[sign_in]`: exactly one of the two ways.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::{
    CLERK_API_URL, CLERK_SECRET_KEY, ClerkSignIn, Environment, LocalSignIn, SignIn,
    values::{page, plain_line, rate, web_address},
};
use crate::{
    campaign::duration,
    problem::{Place, Problem},
    token::{
        Algorithm,
        clerk::{ClerkLink, ClerkSettings},
    },
    toml_file::{Table, TomlFile},
};

/// The address of Clerk's Backend API, unless the settings name another.
const CLERK: &str = "https://api.clerk.com";
/// The part of the key's budget that is left to the live application.
const SHARE: f64 = 0.5;

/// `None` only if a problem was recorded.
pub(super) fn read(
    file: &TomlFile,
    mut table: Table<'_>,
    environment: Environment,
) -> Result<Option<SignIn>, Vec<Problem>> {
    let sign_in = match (table.table("local"), table.table("clerk")) {
        (Some(own), None) => local(file, own).map(SignIn::Local),
        (None, Some(own)) => clerk(file, own, environment)?.map(SignIn::Clerk),
        (found, _) => {
            let message = if found.is_some() { "has both" } else { "has neither" };
            table.tell(
                format!("`sign_in` {message} `[sign_in.local]` and `[sign_in.clerk]`, expected exactly one"),
                "`[sign_in.local]` signs tokens here, `[sign_in.clerk]` lets Clerk mint them",
            );
            // A misspelt name of one of the two is told as such.
            table.finish();
            return Ok(None);
        }
    };
    table.finish();
    Ok(sign_in)
}

fn clerk(
    file: &TomlFile,
    mut table: Table<'_>,
    environment: Environment,
) -> Result<Option<ClerkSignIn>, Vec<Problem>> {
    #[derive(Clone, Copy)]
    enum Form {
        Page,
        AccountPortal,
    }
    let form = table.choice("link", &[("page", Form::Page), ("account-portal", Form::AccountPortal)]);
    let link = match form.unwrap_or(Form::Page) {
        Form::Page => {
            let page = table.require("page", "https://app.example.com/accept-token", page);
            let parameter = table.parse("parameter", parameter).unwrap_or_else(|| "token".to_owned());
            page.map(|page| ClerkLink::Page { page, parameter })
        }
        Form::AccountPortal => {
            Some(ClerkLink::AccountPortal { redirect_url: table.parse("redirect_url", web_address) })
        }
    };
    let organization = table.parse("organization", plain_line);
    let own_url = table.parse("api_url", web_address);
    let share = table.number("share", 0.01..=1.0).unwrap_or(SHARE);
    let own_rate = table.parse("rate", rate);
    let mut span = |key, default: Duration| {
        let span = table.parse(key, |text| {
            duration(text).and_then(|span| Duration::try_from(span).map_err(|error| error.to_string()))
        });
        span.unwrap_or(default)
    };
    let deadline = span("deadline", Duration::from_secs(15));
    let patience = span("patience", Duration::from_mins(5));
    let keys = table.string("keys").unwrap_or_else(|| "keys".to_owned());
    table.finish();
    let api_url = match own_url {
        Some(url) => url,
        None => match environment.get(CLERK_API_URL) {
            Some(text) => {
                web_address(&text).map_err(|error| vec![Problem::new(Place::file(CLERK_API_URL), error)])?
            }
            None => Url::parse(CLERK).expect("the address is constant and right"),
        },
    };
    let (key, wants_key) = match environment.secret(CLERK_SECRET_KEY) {
        Ok(key) => (key, None),
        Err(none) => (SecretString::from(String::new()), Some(none)),
    };
    let rate = own_rate.unwrap_or_else(|| ClerkSettings::rate_of(&key, share));
    let rules = crate::replies::Rules::shipped();
    let settings =
        link.map(|link| ClerkSettings { api_url, key, rate, link, organization, deadline, patience, rules });
    Ok(settings.map(|settings| ClerkSignIn { settings, share, wants_key, keys: file.resolve(&keys) }))
}

fn parameter(text: &str) -> Result<String, String> {
    let good =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("found `{text}`, expected letters, digits and `-._`"))
    }
}

fn local(file: &TomlFile, mut table: Table<'_>) -> Option<LocalSignIn> {
    let page = table.require("page", "https://app.example.com/accept-token", page);
    let parameter = table.parse("parameter", parameter);
    let issuer = table.require("issuer", "https://example.com", plain_line);
    let audience = table.require("audience", "https://app.example.com", plain_line);
    let algorithm = table.choice("algorithm", &[("EdDSA", Algorithm::EdDsa), ("HS256", Algorithm::Hs256)]);
    let keys = table.string("keys").unwrap_or_else(|| "keys".to_owned());
    table.finish();
    Some(LocalSignIn {
        page: page?,
        parameter: parameter.unwrap_or_else(|| "token".to_owned()),
        issuer: issuer?,
        audience: audience?,
        algorithm: algorithm.unwrap_or(Algorithm::EdDsa),
        keys: file.resolve(&keys),
    })
}
