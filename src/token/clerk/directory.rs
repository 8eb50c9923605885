//! The users of a list at Clerk, asked before the first mail: a row without a user id gets the user whose
//! address it is, and a row whose user could not sign in is a row with a problem.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::{
    ClerkIssuer,
    client::{Call, Client},
    is_without_user,
    wire::UserBody,
};
use crate::{
    audience::{KEY_SEPARATOR, Recipient, RecipientKey},
    campaign::WithoutUser,
    problem::Diagnosis,
    token::IssueError,
};

/// The most addresses or user ids in one request.
const BATCH: usize = 100;
/// The most characters of a request's query: proxies cut long ones.
const LONGEST_QUERY: usize = 6_000;
/// The length of `&email_address=`.
const NAME: usize = 15;
/// The most users in one answer. More than are asked for: an address may belong to several.
const LIMIT: &str = "500";

/// Clerk's answers about the people of a list.
#[derive(Debug, Default)]
pub struct Directory {
    /// By canonical address, of those who came without a user id.
    addresses: HashMap<String, Found>,
    /// By user id, only those that cannot be signed in.
    users: HashMap<String, Trouble>,
}

/// The user of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    User(String),
    Trouble(Trouble),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    /// Clerk knows nobody.
    Nobody,
    /// So many users have shown that the address is theirs.
    Several(usize),
    /// A user has the address and has not shown that it is theirs: somebody else may read the mail.
    Unverified,
    /// The user may not sign in.
    Barred(&'static str),
    /// Clerk does not take the address or the id.
    Refused(String),
}

/// The subject of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Address,
    UserId,
}

impl Directory {
    /// Asks Clerk about `people` and remembers the answers.
    pub async fn ask(
        &mut self,
        issuer: &ClerkIssuer,
        people: &[Recipient],
        halt: &CancellationToken,
    ) -> Result<(), IssueError> {
        let mut asking = JoinSet::new();
        let (without, with): (Vec<_>, Vec<_>) = people.iter().partition(|one| is_without_user(one));
        let addresses = without.iter().map(|one| one.user_id.as_str());
        let ids = with.iter().map(|one| one.user_id.as_str());
        for (by, batch) in batches(By::Address, addresses).into_iter().chain(batches(By::UserId, ids)) {
            let (client, halt) = (Arc::clone(&issuer.client), halt.clone());
            asking.spawn(async move { ask_batch(&client, by, batch, &halt).await });
        }
        while let Some(asked) = asking.join_next().await {
            for (by, key, found) in asked.unwrap_or(Err(IssueError::Interrupted))? {
                match (by, found) {
                    (By::Address, found) => drop(self.addresses.insert(key, found)),
                    (By::UserId, Found::Trouble(trouble)) => drop(self.users.insert(key, trouble)),
                    (By::UserId, Found::User(_)) => {}
                }
            }
        }
        Ok(())
    }

    /// The row with its user, or why it cannot be mailed. `without` says what becomes of people without a user.
    pub fn resolve(&self, recipient: &Recipient, without: WithoutUser) -> Result<Recipient, Diagnosis> {
        if !is_without_user(recipient) {
            return match self.users.get(&recipient.user_id) {
                None => Ok(recipient.clone()),
                Some(trouble) => Err(trouble.words(&format!("the user `{}`", recipient.user_id))),
            };
        }
        if without == WithoutUser::Refuse {
            return Err(Diagnosis::new("has no user id, and Clerk signs in users only").hint(
                "`without_user_id = \"look-up\"` under `[audience]` asks Clerk whose the addresses are; \
                 `\"invite\"` also invites those who have no user yet",
            ));
        }
        match self.addresses.get(&recipient.user_id) {
            Some(Found::User(id)) => Ok(named(recipient, id)),
            Some(Found::Trouble(Trouble::Nobody)) | None if without == WithoutUser::Invite => {
                Ok(recipient.clone())
            }
            None => Err(Trouble::Nobody.words("the address")),
            Some(Found::Trouble(trouble)) => Err(trouble.words("the address")),
        }
    }
}

/// The same row under its user's id.
fn named(recipient: &Recipient, id: &str) -> Recipient {
    let rest = recipient.key.0.split_once(KEY_SEPARATOR).map(|(_, rest)| rest);
    let key = match rest {
        Some(rest) => format!("{id}{KEY_SEPARATOR}{rest}"),
        None => id.to_owned(),
    };
    Recipient { key: RecipientKey(key), user_id: id.to_owned(), ..recipient.clone() }
}

impl Trouble {
    fn words(&self, whom: &str) -> Diagnosis {
        let (message, hint) = match self {
            Self::Nobody if whom == "the address" => (
                "Clerk knows no user with this address".to_owned(),
                Some("`without_user_id = \"invite\"` under `[audience]` invites those who have no user yet"),
            ),
            Self::Nobody => (format!("Clerk knows {whom} not"), None),
            Self::Several(count) => (
                format!("{whom} belongs to {count} users at Clerk"),
                Some("put the id of the one who is meant into the `user_id` column"),
            ),
            Self::Unverified => (
                format!("{whom} belongs to a user at Clerk who has not verified it"),
                Some(
                    "whoever reads this mailbox would be signed in as that user; name the user in `user_id` if that is right",
                ),
            ),
            Self::Barred(word) => (format!("{whom} is {word} at Clerk and cannot sign in"), None),
            Self::Refused(words) => (format!("{whom} cannot be looked up: {words}"), None),
        };
        Diagnosis { message, hint: hint.map(str::to_owned) }
    }
}

/// Different keys in batches that fit into a request.
fn batches<'a>(by: By, keys: impl Iterator<Item = &'a str>) -> Vec<(By, Vec<String>)> {
    let mut seen = HashSet::new();
    let mut batches: Vec<(By, Vec<String>)> = Vec::new();
    let mut length = 0;
    for key in keys.filter(|key| seen.insert(*key)) {
        let room = NAME + form_urlencoded::byte_serialize(key.as_bytes()).map(str::len).sum::<usize>();
        match batches.last_mut() {
            Some((_, batch)) if batch.len() < BATCH && length + room <= LONGEST_QUERY => {
                length += room;
                batch.push(key.to_owned());
            }
            _ => {
                length = room;
                batches.push((by, vec![key.to_owned()]));
            }
        }
    }
    batches
}

type Answered = Vec<(By, String, Found)>;

/// The words for what bars the users with these ids, of those who are barred.
pub(super) async fn barred(
    client: &Client,
    ids: &[String],
    halt: &CancellationToken,
) -> Result<HashMap<String, String>, IssueError> {
    let mut barred = HashMap::new();
    for (by, batch) in batches(By::UserId, ids.iter().map(String::as_str)) {
        for (_, id, found) in ask_batch(client, by, batch, halt).await? {
            // Whoever is not found any more is for the minting to judge.
            if let Found::Trouble(trouble @ Trouble::Barred(_)) = found {
                let words = trouble.words(&format!("the user `{id}`")).message;
                barred.insert(id, words);
            }
        }
    }
    Ok(barred)
}

async fn ask_batch(
    client: &Client,
    by: By,
    keys: Vec<String>,
    halt: &CancellationToken,
) -> Result<Answered, IssueError> {
    match ask_once(client, by, &keys, halt).await? {
        Ok(users) => Ok(keys.into_iter().map(|key| (by, find(by, &key, &users), key)).map(turn).collect()),
        Err(words) if keys.len() == 1 => {
            let refused = |key| (by, key, Found::Trouble(Trouble::Refused(words.clone())));
            Ok(keys.into_iter().map(refused).collect())
        }
        // One of them is to blame.
        Err(_) => {
            let mut answered = Vec::new();
            for key in keys {
                let found = match ask_once(client, by, std::slice::from_ref(&key), halt).await? {
                    Ok(users) => find(by, &key, &users),
                    Err(words) => Found::Trouble(Trouble::Refused(words)),
                };
                answered.push((by, key, found));
            }
            Ok(answered)
        }
    }
}

fn turn((by, found, key): (By, Found, String)) -> (By, String, Found) {
    (by, key, found)
}

/// The users, or Clerk's words where it does not take the question.
async fn ask_once(
    client: &Client,
    by: By,
    keys: &[String],
    halt: &CancellationToken,
) -> Result<Result<Vec<UserBody>, String>, IssueError> {
    let read = |body: &[u8]| serde_json::from_slice(body).map_err(|_| "Clerk's answer is no list of users");
    let asked = client.ask(&Call::get("/v1/users", query(by, keys)), halt, read).await?;
    Ok(asked.map_err(|refusal| refusal.to_string()))
}

/// The key is repeated for each; a `+` in an address goes out as `%2B`.
fn query(by: By, keys: &[String]) -> String {
    let name = match by {
        By::Address => "email_address",
        By::UserId => "user_id",
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(keys.iter().map(|key| (name, key)));
    query.append_pair("limit", LIMIT).finish()
}

/// The user that is meant by a key.
fn find(by: By, key: &str, users: &[UserBody]) -> Found {
    let found = |user: &UserBody| match user.barred() {
        Some(word) => Found::Trouble(Trouble::Barred(word)),
        None => Found::User(user.id.clone()),
    };
    if by == By::UserId {
        let user = users.iter().find(|user| user.id == key);
        return user.map_or(Found::Trouble(Trouble::Nobody), found);
    }
    let holds = |user: &&UserBody, verified: bool| {
        user.email_addresses
            .iter()
            .any(|email| email.email_address.eq_ignore_ascii_case(key) && (!verified || email.is_verified()))
    };
    let verified: Vec<_> = users.iter().filter(|user| holds(user, true)).collect();
    match verified.as_slice() {
        [user] => found(user),
        [] if users.iter().any(|user| holds(&user, false)) => Found::Trouble(Trouble::Unverified),
        [] => Found::Trouble(Trouble::Nobody),
        several => Found::Trouble(Trouble::Several(several.len())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audience::{Address, Cells};

    fn recipient(user_id: &str, address: &str, key: &str) -> Recipient {
        Recipient {
            line: 2,
            key: RecipientKey(key.to_owned()),
            user_id: user_id.to_owned(),
            address: Address::parse(address).unwrap(),
            name: None,
            fields: serde_json::Map::new(),
            cells: Cells::default(),
        }
    }

    fn users() -> Vec<UserBody> {
        let user = |id: &str, banned: bool, emails: &[(&str, &str)]| {
            let emails: Vec<_> = emails
                .iter()
                .map(|(address, status)| json!({ "email_address": address, "verification": { "status": status } }))
                .collect();
            json!({ "id": id, "banned": banned, "email_addresses": emails })
        };
        let users = json!([
            user("user_1", false, &[("ada@example.com", "verified"), ("two@example.com", "verified")]),
            user("user_2", false, &[("ADA@example.com", "unverified"), ("two@example.com", "verified")]),
            user("user_3", true, &[("eve@example.com", "verified")]),
            { "id": "user_4", "email_addresses": [{ "email_address": "kim@example.com", "verification": null }] },
        ]);
        serde_json::from_value(users).unwrap()
    }

    #[test]
    fn an_address_is_the_one_users_who_has_verified_it() {
        let check =
            |key: &str, expected: Found| assert_eq!(find(By::Address, key, &users()), expected, "{key}");
        check("ada@example.com", Found::User("user_1".into()));
        check("two@example.com", Found::Trouble(Trouble::Several(2)));
        check("eve@example.com", Found::Trouble(Trouble::Barred("banned")));
        check("kim@example.com", Found::Trouble(Trouble::Unverified));
        check("nobody@example.com", Found::Trouble(Trouble::Nobody));
        assert_eq!(find(By::UserId, "user_1", &users()), Found::User("user_1".into()));
        assert_eq!(find(By::UserId, "user_3", &users()), Found::Trouble(Trouble::Barred("banned")));
        assert_eq!(find(By::UserId, "user_9", &users()), Found::Trouble(Trouble::Nobody));
    }

    #[test]
    fn a_row_without_a_user_takes_the_users_id_and_keeps_the_rest_of_its_key() {
        let mut directory = Directory::default();
        directory.addresses.insert("ada@example.com".into(), Found::User("user_1".into()));
        directory.addresses.insert("new@example.com".into(), Found::Trouble(Trouble::Nobody));
        let cart = format!("ada@example.com{KEY_SEPARATOR}cart_7");
        let ada = recipient("ada@example.com", "Ada@example.com", &cart);
        let found = directory.resolve(&ada, WithoutUser::LookUp).unwrap();
        assert_eq!((found.user_id.as_str(), found.key.0.as_str()), ("user_1", "user_1\u{1f}cart_7"));
        assert!(directory.resolve(&ada, WithoutUser::Refuse).is_err());
        let new = recipient("new@example.com", "new@example.com", "new@example.com");
        assert!(directory.resolve(&new, WithoutUser::LookUp).is_err());
        assert_eq!(directory.resolve(&new, WithoutUser::Invite).unwrap(), new);
    }

    #[test]
    fn batches_have_at_most_a_hundred_keys_and_fit_into_an_address() {
        let short: Vec<_> = (0..250).map(|n| format!("user_{n}")).collect();
        let sizes = |keys: &[String]| -> Vec<usize> {
            batches(By::UserId, keys.iter().map(String::as_str))
                .iter()
                .map(|(_, batch)| batch.len())
                .collect()
        };
        assert_eq!(sizes(&short), [100, 100, 50]);
        let twice: Vec<_> = short.iter().chain(&short).cloned().collect();
        assert_eq!(sizes(&twice), [100, 100, 50]);
        let long: Vec<_> = (0..100).map(|n| format!("{n}{}", "x".repeat(250))).collect();
        assert!(sizes(&long).iter().all(|size| *size <= 23));
    }
}
