//! The bodies of the double's answers, whole, as the specification wants them.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{Made, Strange, User};

/// Milliseconds of a moment long past: what the bodies say, and nobody believes.
const THEN: i64 = 1_780_000_000_000;

/// 27 characters behind the prefix, as Clerk's have.
pub(super) fn id(prefix: &str, number: usize) -> String {
    format!("{prefix}{number:027}")
}

/// A ticket of Clerk's length and form, with a signature that differs in every character.
pub(super) fn ticket(kind: &str, id: &str, number: usize) -> String {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let header = part(r#"{"alg":"RS256","typ":"JWT"}"#);
    let claims =
        json!({ "eis": 604_800, "exp": THEN / 1000, "iid": self::id("ins_", 1), "sid": id, "st": kind });
    let mut signature = Vec::new();
    let mut seed = number as u64;
    while signature.len() < 256 {
        // An xorshift: no two tickets share a run of characters.
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        signature.extend((mixed ^ (mixed >> 31)).to_be_bytes());
    }
    format!("{header}.{}.{}", part(&claims.to_string()), BASE64URL_NOPAD.encode(&signature))
}

/// A sign-in token; its text stands only in the answer to its creation.
pub(super) fn token(made: &Made, with_text: bool) -> Value {
    let mut body = json!({
        "object": "sign_in_token", "id": made.id, "status": made.status, "user_id": made.whose,
        "created_at": THEN, "updated_at": THEN,
    });
    if with_text {
        body["token"] = made.text.clone().into();
        body["url"] = format!("https://example.accounts.dev/sign-in?__clerk_ticket={}", made.text).into();
    }
    body
}

/// The same, with something missing or of somebody else's.
pub(super) fn strange(made: &Made, strange: Strange) -> Value {
    let mut body = token(made, true);
    match strange {
        Strange::WithoutId => drop(body.as_object_mut().unwrap().remove("id")),
        Strange::EmptyId => body["id"] = "".into(),
        Strange::WithoutToken => drop(body.as_object_mut().unwrap().remove("token")),
        Strange::EmptyToken => body["token"] = "".into(),
        Strange::WithoutUser => drop(body.as_object_mut().unwrap().remove("user_id")),
        Strange::WithoutUrl => body["url"] = Value::Null,
        Strange::ForAnother => body["user_id"] = "user_of_somebody_else".into(),
        Strange::NotJson | Strange::NoContent | Strange::Repeated => {
            unreachable!("they have no body of this form")
        }
    }
    body
}

pub(super) fn invitation(made: &Made) -> Value {
    json!({
        "object": "invitation", "id": made.id, "email_address": made.whose, "public_metadata": {},
        "revoked": false, "status": made.status,
        "url": format!("https://clerk.example.com/v1/tickets/accept?ticket={}", made.text),
        "expires_at": THEN, "created_at": THEN, "updated_at": THEN,
    })
}

pub(super) fn user(user: &User) -> Value {
    let emails: Vec<_> = user
        .addresses
        .iter()
        .enumerate()
        .map(|(at, (address, verified))| {
            let status = if *verified { "verified" } else { "unverified" };
            json!({
                "id": format!("idn_{}_{at}", user.id), "object": "email_address", "email_address": address,
                "reserved": false, "linked_to": [], "matches_sso_connection": false,
                "verification": {
                    "object": "verification_otp", "status": status, "strategy": "email_code", "attempts": 1,
                    "expire_at": THEN,
                },
                "created_at": THEN, "updated_at": THEN,
            })
        })
        .collect();
    let mut body: Value = serde_json::from_str(PLAIN_USER).unwrap();
    body["id"] = user.id.clone().into();
    body["primary_email_address_id"] = format!("idn_{}_0", user.id).into();
    body["email_addresses"] = emails.into();
    body["banned"] = user.banned.into();
    body["locked"] = user.locked.into();
    body["deprovisioned"] = user.deprovisioned.into();
    body
}

/// Everything about a user that never differs here.
const PLAIN_USER: &str = r#"{
    "object": "user", "external_id": null, "primary_phone_number_id": null, "primary_web3_wallet_id": null,
    "username": null, "first_name": null, "last_name": null, "locale": null,
    "profile_image_url": "https://img.example.com/a.png", "image_url": "https://img.example.com/a.png",
    "has_image": false, "public_metadata": {}, "private_metadata": {}, "unsafe_metadata": {},
    "phone_numbers": [], "web3_wallets": [], "passkeys": [], "password_enabled": false,
    "two_factor_enabled": false, "totp_enabled": false, "backup_code_enabled": false, "mfa_enabled_at": null,
    "mfa_disabled_at": null, "password_last_updated_at": null, "external_accounts": [], "saml_accounts": [],
    "enterprise_accounts": [], "organization_memberships": [], "last_sign_in_at": null,
    "lockout_expires_in_seconds": null, "verification_attempts_remaining": 100,
    "updated_at": 1780000000000, "created_at": 1780000000000, "delete_self_enabled": true,
    "create_organization_enabled": true, "create_organizations_limit": null, "last_active_at": null,
    "legal_accepted_at": null, "bypass_client_trust": false, "scim": null
}"#;
