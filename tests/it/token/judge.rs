//! `PyJWT` as the judge: a JWT library that shares no line with ours reads our tokens, and we read its.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use linkpost::token::{Algorithm, Keyring, Refusal};

use super::{AUDIENCE, Folder, ISSUER, after, issue, start};
use crate::support;

/// Reads the key as a stranger would: PEM by `cryptography`, the HMAC secret by base64url.
const PRELUDE: &str = r"
import base64, json, sys, jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
data = json.load(sys.stdin)
text = open(data['key']).read()
if data['alg'] == 'EdDSA':
    private = load_pem_private_key(text.encode(), None)
    public = private.public_key()
else:
    private = public = base64.urlsafe_b64decode(text.strip() + '=')
";

const DECODE: &str = r"
claims = jwt.decode(
    data['token'], public, algorithms=[data['alg']], audience=data['aud'], issuer=data['iss'],
    options={'require': ['exp', 'iat', 'nbf', 'jti', 'sub', 'aud', 'iss'],
             'verify_exp': False, 'verify_nbf': False, 'verify_iat': False})
print(json.dumps({'header': jwt.get_unverified_header(data['token']), 'claims': claims}))
";

const ENCODE: &str = r"
print(json.dumps(jwt.encode(data['claims'], private, algorithm=data['alg'], headers=data['header'])))
";

/// What the script answered, or the last line of its complaint; `None` where `PyJWT` is not installed.
fn python(script: &str, data: &serde_json::Value) -> Option<Result<serde_json::Value, String>> {
    if !support::python("jwt, cryptography") {
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", &format!("{PRELUDE}{script}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(data.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Some(Ok(serde_json::from_slice(&output.stdout).unwrap()));
    }
    let complaint = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    Some(Err(complaint))
}

#[test]
fn pyjwt_reads_our_tokens() {
    for algorithm in Algorithm::ALL {
        let folder = Folder::empty();
        let key = Keyring::create(&folder.path, algorithm, start()).unwrap();
        let (token, record) = issue(&folder, algorithm, None, start());
        let data = serde_json::json!({
            "key": key.path, "alg": algorithm.name(), "token": token, "iss": ISSUER, "aud": AUDIENCE,
        });
        let Some(answer) = python(DECODE, &data) else { return };
        let jti = folder.verify(&token, start()).unwrap().jti;
        let expected = serde_json::json!({
            "header": { "alg": algorithm.name(), "typ": "email-link+jwt", "kid": key.kid },
            "claims": {
                "iss": ISSUER, "aud": AUDIENCE, "sub": "user_1", "jti": jti,
                "iat": record.issued_at, "nbf": record.issued_at, "exp": record.expires_at,
            },
        });
        assert_eq!(answer, Ok(expected));

        // The judge can say no.
        let mut other = data.clone();
        other["aud"] = "https://other.example".into();
        let complaint = python(DECODE, &other).unwrap().unwrap_err();
        assert!(complaint.contains("InvalidAudienceError"), "{complaint}");
        let mut other = data;
        let (message, signature) = token.rsplit_once('.').unwrap();
        other["token"] = format!("{message}.{}", signature.chars().rev().collect::<String>()).into();
        let complaint = python(DECODE, &other).unwrap().unwrap_err();
        assert!(
            complaint.contains("InvalidSignatureError") || complaint.contains("DecodeError"),
            "{complaint}"
        );
    }
}

#[test]
fn we_read_what_pyjwt_signs_with_our_keys_and_see_through_its_forgeries() {
    for algorithm in Algorithm::ALL {
        let folder = Folder::empty();
        let key = Keyring::create(&folder.path, algorithm, start()).unwrap();
        let iat = start().as_second();
        let data = serde_json::json!({
            "key": key.path,
            "alg": algorithm.name(),
            "header": { "typ": "email-link+jwt", "kid": key.kid },
            "claims": {
                "iss": ISSUER, "aud": AUDIENCE, "sub": "user_1", "jti": "AAAAAAAAAAAAAAAAAAAAAA",
                "iat": iat, "nbf": iat, "exp": iat + 3600,
            },
        });
        let check =
            |change: &dyn Fn(&mut serde_json::Value), expected: Result<&str, Refusal>| -> Option<()> {
                let mut data = data.clone();
                change(&mut data);
                let token = python(ENCODE, &data)?.unwrap();
                let verified = folder.verify(token.as_str().unwrap(), after(1));
                assert_eq!(verified.map(|verified| verified.user_id), expected.map(str::to_owned));
                Some(())
            };
        let Some(()) = check(&|_| {}, Ok("user_1")) else { return };
        check(&|data| data["claims"]["aud"] = serde_json::json!([AUDIENCE]), Err(Refusal::Claims)).unwrap();
        check(&|data| data["header"]["typ"] = "JWT".into(), Err(Refusal::Header)).unwrap();
        check(&|data| data["header"]["crit"] = serde_json::json!([]), Err(Refusal::Header)).unwrap();
        check(&|data| data["claims"]["exp"] = (iat + 1).into(), Err(Refusal::Expired)).unwrap();
    }
}

#[test]
fn openssl_reads_our_ed25519_key() {
    let folder = Folder::empty();
    let key = Keyring::create(&folder.path, Algorithm::EdDsa, start()).unwrap();
    let output = Command::new("openssl").args(["pkey", "-noout", "-text", "-in"]).arg(&key.path).output();
    let Ok(output) = output else {
        support::judge("openssl", false);
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("ED25519 Private-Key:"));
}
