//! Issuing: the same token on every try, the next generation when it must be, and rotation.

use std::{collections::HashSet, fs, os::unix::fs::PermissionsExt, sync::Arc};

use linkpost::{
    audience::RecipientKey,
    campaign::CampaignId,
    token::{
        Algorithm, IssueError, IssuerError, Keyring, Like, LocalIssuer, PreviewIssuer, Refusal, TokenIssuer,
    },
};
use url::Url;

use super::{AUDIENCE, Folder, ISSUER, LIFE, after, issue, issuer, life, recipient, settings, start};

#[test]
fn an_issued_token_is_verified_and_matches_its_record() {
    for algorithm in Algorithm::ALL {
        let folder = Folder::with(algorithm);
        let (token, record) = issue(&folder, algorithm, None, start());
        let verified = folder.verify(&token, after(1)).unwrap();
        assert_eq!(verified.user_id, "user_1");
        assert_eq!(verified.jti_hash, record.jti_hash);
        assert_eq!(verified.kid, record.kid);
        assert_eq!(verified.issued_at, start());
        assert_eq!(verified.issued_at.as_second(), record.issued_at);
        assert_eq!(verified.expires_at, start() + LIFE);
        assert_eq!(verified.expires_at.as_second(), record.expires_at);
        assert_eq!(record.generation, 1);
    }
}

/// Made by Python from RFC 2104, RFC 5869 and RFC 8032 alone: the key is the one of RFC 8032 §7.1, test 1. Should a
/// new version of a library change one byte, retries would carry other tokens than first tries.
#[test]
fn a_token_has_the_same_bytes_in_every_process_and_version() {
    let folder = Folder::empty();
    fs::create_dir(&folder.path).unwrap();
    let write = |name: &str, text: &str| {
        fs::write(folder.path.join(name), text).unwrap();
        fs::set_permissions(folder.path.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    fs::set_permissions(&folder.path, fs::Permissions::from_mode(0o700)).unwrap();
    let zeros = "A".repeat(43);
    write("seed.key", &zeros);
    write("20261122T093015-00000002.hs256.key", &zeros);
    write(
        "20261122T093015-00000001.ed25519.pem",
        "-----BEGIN PRIVATE KEY-----\n\
         MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
         -----END PRIVATE KEY-----\n",
    );
    let claims = "eyJpc3MiOiJodHRwczovL2V4YW1wbGUuY29tIiwiYXVkIjoiaHR0cHM6Ly9hcHAuZXhhbXBsZS5jb20iLCJzdWIiOi\
                  J1c2VyXzEiLCJpYXQiOjE3OTUzMzk4MTUsIm5iZiI6MTc5NTMzOTgxNSwiZXhwIjoxNzk1NTk5MDE1LCJqdGkiOiJE\
                  eWRDdU1hcm9OajFFT3VGSHZRTGZnIn0";
    let check = |algorithm: Algorithm, header: &str, signature: &str| {
        let (token, _) = issue(&folder, algorithm, None, start());
        assert_eq!(token, format!("{header}.{claims}.{signature}"));
    };
    check(
        Algorithm::EdDsa,
        "eyJ0eXAiOiJlbWFpbC1saW5rK2p3dCIsImFsZyI6IkVkRFNBIiwia2lkIjoiMjAyNjExMjJUMDkzMDE1LTAwMDAwMDAxIn0",
        "tnbYoBB_L7D-KUNhlBM7Y3yJQdnTF1zBzMcDWffwXGh8scv1QjbpX_myETJiI4mGRf4Fjhcg2zRCVZr3e63kCQ",
    );
    check(
        Algorithm::Hs256,
        "eyJ0eXAiOiJlbWFpbC1saW5rK2p3dCIsImFsZyI6IkhTMjU2Iiwia2lkIjoiMjAyNjExMjJUMDkzMDE1LTAwMDAwMDAyIn0",
        "T5e1t_S81fjJcTDLtr5toOA5BXARseBReOjTN4f4hrg",
    );
}

#[test]
fn a_retry_carries_the_same_token_while_half_of_its_life_remains() {
    for algorithm in Algorithm::ALL {
        let folder = Folder::with(algorithm);
        let (token, record) = issue(&folder, algorithm, None, start());
        for seconds in [0, 1, 3600, LIFE.as_secs() / 2] {
            let (again, same) = issue(&folder, algorithm, Some(&record), after(seconds));
            assert_eq!(again, token, "after {seconds} s");
            assert_eq!(same, record);
        }
    }
}

#[test]
fn a_token_with_less_than_half_of_its_life_gets_a_new_generation() {
    for algorithm in Algorithm::ALL {
        let folder = Folder::with(algorithm);
        let (token, record) = issue(&folder, algorithm, None, start());
        let now = after(LIFE.as_secs() / 2 + 1);
        let (next_token, next) = issue(&folder, algorithm, Some(&record), now);
        assert_ne!(next_token, token);
        assert_ne!(next.jti_hash, record.jti_hash);
        assert_eq!((next.generation, next.issued_at), (2, now.as_second()));
        assert_eq!(next.expires_at, (now + LIFE).as_second());
        let (third_token, third) = issue(&folder, algorithm, Some(&next), now);
        assert_eq!((third_token, third), (next_token, next));
    }
}

#[test]
fn after_a_rotation_old_tokens_verify_and_the_newest_key_signs() {
    let folder = Folder::empty();
    let mut made = Vec::new();
    for seconds in [0, 60, 120] {
        let key = Keyring::create(&folder.path, Algorithm::EdDsa, after(seconds)).unwrap();
        let (token, record) = issue(&folder, Algorithm::EdDsa, None, after(seconds));
        assert_eq!(record.kid, key.kid);
        made.push((key, token, record));
    }
    for (_, token, record) in &made {
        assert_eq!(folder.verify(token, after(180)).unwrap().jti_hash, record.jti_hash);
        let (again, same) = issue(&folder, Algorithm::EdDsa, Some(record), after(180));
        assert_eq!((&again, &same), (token, record), "an older key still rebuilds its tokens");
    }

    let (retired, token, record) = &made[0];
    fs::remove_file(&retired.path).unwrap();
    assert_eq!(folder.verify(token, after(180)), Err(Refusal::UnknownKey));
    let (next_token, next) = issue(&folder, Algorithm::EdDsa, Some(record), after(180));
    assert_eq!((next.generation, &next.kid), (2, &made[2].0.kid));
    assert_eq!(folder.verify(&next_token, after(180)).unwrap().jti_hash, next.jti_hash);
    for (_, token, _) in &made[1..] {
        folder.verify(token, after(180)).unwrap();
    }
}

#[test]
fn a_change_of_algorithm_rebuilds_old_tokens_and_signs_new_ones_with_the_new_key() {
    let folder = Folder::with(Algorithm::Hs256);
    let (token, record) = issue(&folder, Algorithm::Hs256, None, start());
    let key = Keyring::create(&folder.path, Algorithm::EdDsa, after(60)).unwrap();
    assert_eq!(issue(&folder, Algorithm::EdDsa, Some(&record), after(60)), (token, record));
    assert_eq!(issue(&folder, Algorithm::EdDsa, None, after(60)).1.kid, key.kid);
}

#[test]
fn a_record_that_is_not_this_recipients_brings_no_token_back() {
    let folder = Folder::with(Algorithm::EdDsa);
    let local = folder.issuer(Algorithm::EdDsa);
    let record = local.issue(&recipient("user_1"), None, start()).unwrap().record;

    // The list now says that this key's address belongs to somebody else.
    let mut other = recipient("user_2");
    other.key = RecipientKey("user_1".to_owned());
    let next = local.issue(&other, Some(&record), start()).unwrap().record;
    assert_eq!(next.generation, 2);
    assert_ne!(next.jti_hash, record.jti_hash);

    // The seed was replaced together with the folder, but the signing key was kept.
    fs::write(folder.path.join("seed.key"), "A".repeat(43)).unwrap();
    let (_, next) = issue(&folder, Algorithm::EdDsa, Some(&record), start());
    assert_eq!(next.generation, 2);
}

#[test]
fn every_recipient_campaign_occasion_and_generation_has_a_token_of_its_own() {
    let folder = Folder::with(Algorithm::EdDsa);
    let keyring = Arc::new(folder.open());
    let mut hashes = HashSet::new();
    let mut count = 0;
    for campaign in ["spring", "spring-2"] {
        for occasion in ["2026-11", "2026-12"] {
            let issuer = LocalIssuer::new(
                Arc::clone(&keyring),
                settings(Algorithm::EdDsa),
                CampaignId::parse(campaign).unwrap(),
                occasion.to_owned(),
                life(),
                Vec::new(),
            )
            .unwrap();
            for user in ["user_1", "user_2", "User_1", "user_1\u{1f}cart_1", "ü"] {
                let mut former = None;
                for _ in 0..3 {
                    let now = former.as_ref().map_or(start(), |_| start() + LIFE);
                    let record = issuer.issue(&recipient(user), former.as_ref(), now).unwrap().record;
                    assert!(hashes.insert(record.jti_hash), "{campaign} {occasion} {user}");
                    former = Some(linkpost::ledger::TokenRecord { expires_at: record.issued_at, ..record });
                    count += 1;
                }
            }
        }
    }
    assert_eq!(hashes.len(), count);
}

#[test]
fn a_user_id_that_no_link_can_carry_is_refused_by_name_of_the_problem() {
    let folder = Folder::with(Algorithm::EdDsa);
    let issuer = folder.issuer(Algorithm::EdDsa);
    let check = |user_id: &str, expected: &str| {
        let error = issuer.issue(&recipient(user_id), None, start()).unwrap_err();
        assert!(matches!(error, IssueError::Refused(_)));
        assert_eq!(error.to_string(), expected);
    };
    check("", "the user id is empty, expected whom the link signs in");
    check(&"u".repeat(2000), "the user id of 2000 bytes makes a token of 3053 bytes, expected at most 2048");
    // The longest that is issued is one that is taken back.
    let (mut longest, mut length) = (None, 0);
    while let Ok(issued) = issuer.issue(&recipient(&"u".repeat(length + 1)), None, start()) {
        length += 1;
        longest = Some(issued);
    }
    let longest = longest.unwrap();
    let token = longest.link.token().expose();
    assert!((2040..=2048).contains(&token.len()), "{}", token.len());
    assert_eq!(folder.verify(token, start()).unwrap().user_id.len(), length);
}

#[test]
fn settings_that_make_no_token_are_refused_before_the_first_one() {
    let folder = Folder::with(Algorithm::EdDsa);
    let keyring = Arc::new(folder.open());
    let check = |change: &dyn Fn(&mut linkpost::token::LocalSettings), occasion: &str, expected: &str| {
        let mut settings = settings(Algorithm::EdDsa);
        change(&mut settings);
        let campaign = CampaignId::parse("spring").unwrap();
        let keyring = Arc::clone(&keyring);
        let error = LocalIssuer::new(keyring, settings, campaign, occasion.to_owned(), life(), Vec::new())
            .unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let text =
        |name: &str| format!("the {name} is empty, holds a control character or is longer than 256 bytes");
    check(&|_| {}, "a\u{1f}b", &text("occasion"));
    check(&|_| {}, "", &text("occasion"));
    check(&|settings| settings.issuer.clear(), "x", &text("issuer"));
    check(&|settings| settings.audience = "a".repeat(257), "x", &text("audience"));
    check(
        &|settings| settings.algorithm = Algorithm::Hs256,
        "x",
        "there is no `HS256` key, expected at least one\n  hint: make one with `linkpost keys new`",
    );
    check(
        &|settings| settings.page = Url::parse("http://app.example.com/in").unwrap(),
        "x",
        "the page's address starts with `http:`, expected `https:`, or `http:` on `localhost`",
    );
    assert!(matches!(
        LocalIssuer::new(
            keyring,
            settings(Algorithm::Hs256),
            CampaignId::parse("spring").unwrap(),
            "x".to_owned(),
            life(),
            Vec::new()
        ),
        Err(IssuerError::NoKey(Algorithm::Hs256))
    ));
}

#[test]
fn a_preview_token_is_told_apart_differs_by_recipient_and_signs_nobody_in() {
    let folder = Folder::with(Algorithm::EdDsa);
    let campaign = || CampaignId::parse("spring").unwrap();
    let page = Url::parse("https://app.example.com/in?lang=de#top").unwrap();
    let utm = vec![("utm_source".to_owned(), "mail".to_owned())];
    let preview = PreviewIssuer::new(
        &page,
        "token",
        campaign(),
        "2026-11".to_owned(),
        life(),
        utm,
        Like::Local(settings(Algorithm::EdDsa)),
    )
    .unwrap();
    let mut tokens = HashSet::new();
    for user in 0..1000 {
        let user = format!("user_{user}");
        let issued = preview.issue(&recipient(&user), start()).unwrap();
        let token = issued.link.token().expose().to_owned();
        let middle =
            token.strip_prefix("PREVIEW.").and_then(|rest| rest.strip_suffix(".signs-nobody-in")).unwrap();
        assert!(middle.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
        // As long as a real one: what is too long for a link is so in a preview, too.
        let real = issuer(Arc::new(folder.open()), Algorithm::EdDsa).issue(&recipient(&user), None, start());
        assert_eq!(token.len(), real.unwrap().link.token().expose().len(), "{token}");
        assert!(folder.verify(&token, start()).is_err());
        assert_eq!(issued.link.expires(), start() + LIFE);
        assert_eq!(
            *issued.link.url([("answer", "yes")]).unwrap(),
            format!("https://app.example.com/in?lang=de&token={token}&utm_source=mail&answer=yes#top")
        );
        let again = preview.issue(&recipient(&user), start()).unwrap();
        assert_eq!(again.link.token().expose(), token);
        assert_eq!(again.record, issued.record);
        assert!(tokens.insert(token));
    }
}

#[test]
fn nothing_prints_a_token_or_a_key() {
    for algorithm in Algorithm::ALL {
        let folder = Folder::with(algorithm);
        let keyring = Arc::new(folder.open());
        let issued =
            issuer(Arc::clone(&keyring), algorithm).issue(&recipient("user_1"), None, start()).unwrap();
        let token = issued.link.token().expose().to_owned();
        let verified = linkpost::token::verify(&token, &keyring, ISSUER, AUDIENCE, start()).unwrap();
        assert_eq!(format!("{keyring:?}"), "Keyring([redacted])");
        assert_eq!(format!("{:?}", issued.link), "SignInLink");
        assert_eq!(format!("{:?}", issued.link.token()), "SignInToken");

        let local = TokenIssuer::Local(issuer(keyring, algorithm));
        let printed = format!("{local:?} {issued:#?} {verified:#?} {:?}", folder.open().list());
        let mut secrets: Vec<String> = token.split('.').map(str::to_owned).collect();
        secrets.extend([verified.jti, verified.user_id]);
        for entry in fs::read_dir(&folder.path).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            secrets.extend(text.lines().filter(|line| !line.starts_with("---")).map(str::to_owned));
        }
        assert!(secrets.len() >= 7);
        for secret in secrets {
            assert!(!printed.contains(&secret), "`{secret}` in {printed}");
        }
    }
}
