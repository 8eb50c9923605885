//! Clerk's own programs and specification as judges of the double, and of us.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use linkpost::sandbox::{Act, Script, Step};
use serde_json::{Value, json};

use super::{PAGE, campaign, relay, tokens};
use crate::support::{
    clerk::{FakeClerk, KEY, Options},
    judge,
    mails::taken,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How Prism calls what breaks the specification.
const VIOLATION: &str = "request terminated with error";

/// Where tests/run.sh puts the programs of npm, if they are there.
fn node(program: &str) -> Option<PathBuf> {
    let folder = Path::new(ROOT).join("target/judges/node");
    judge(program, folder.join("node_modules").join(program).exists()).then_some(folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clerks_own_clients_create_revoke_and_list_at_the_double() {
    for package in ["@clerk/backend", "clerk-backend-2", "clerk-backend-1"] {
        let Some(folder) = node(package) else { return };
        let clerk = FakeClerk::with_people(Options::default(), 3).await;
        let output = Command::new("node")
            .arg(Path::new(ROOT).join("tests/judges/clerk.mjs"))
            .args([package, &clerk.url()])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{package}: {}", String::from_utf8_lossy(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            said["made"],
            json!({ "userId": "user_1", "status": "pending", "token": "string", "url": true }),
            "{package}"
        );
        assert_eq!(said["revoked"], "revoked", "{package}");
        assert_eq!(said["twice"]["code"], "sign_in_token_cannot_be_revoked_code", "{package}: {said}");
        assert_eq!(
            (&said["unknown"]["status"], &said["unknown"]["code"]),
            (&404.into(), &"resource_not_found".into())
        );
        assert_eq!(said["users"], json!([{ "id": "user_2", "email": "person2@example.com" }]), "{package}");
        assert_eq!(said["count"], 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_curl_gets_the_documented_answer() {
    if !judge("curl", Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok()) {
        return;
    }
    let clerk = FakeClerk::start(Options::default()).await;
    clerk.user("user_123", "ada@example.com");
    let output = Command::new("curl")
        .args(["--silent", "--include", &format!("{}/v1/sign_in_tokens", clerk.url())])
        .args(["-X", "POST", "-H", "Authorization: Bearer YOUR_SECRET_KEY"])
        .args(["-H", "Content-Type: application/json", "-d", "{ \"user_id\": \"user_123\" }"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.lines().any(|line| line == "content-type: application/json"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["object"], &body["status"]), (&"sign_in_token".into(), &"pending".into()));
    assert_eq!(body["user_id"], "user_123");
    let token = body["token"].as_str().unwrap();
    assert!((500..600).contains(&token.len()), "{} characters", token.len());
    assert!(body["url"].as_str().unwrap().ends_with(&format!("?__clerk_ticket={token}")));
    assert_eq!(clerk.state().tokens[0].expires_in, 2_592_000, "the default of thirty days");
}

/// Prism, holding both sides to Clerk's specification. It ends with its handle.
struct Prism {
    child: Child,
    url: String,
    said: std::sync::mpsc::Receiver<String>,
}

impl Prism {
    fn start(folder: &Path, spec: &Path, upstream: &str) -> Self {
        // Prism wants a number: one that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new("node")
            .arg(folder.join("node_modules/@stoplight/prism-cli/dist/index.js"))
            .args(["proxy", "--host", "127.0.0.1", "--port", &port.to_string(), "--errors"])
            .arg(spec)
            .arg(upstream)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let prism = Self { child, url: format!("http://127.0.0.1:{port}"), said };
        while !prism.line().contains("Prism is listening") {}
        prism
    }

    /// The next line that it says.
    fn line(&self) -> String {
        self.said.recv_timeout(Duration::from_mins(1)).expect("prism says something")
    }

    /// Everything that it said since, once nothing more can come.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said.iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

/// The specification with the paths as they are on the wire: Prism leaves the server's `/v1` out.
fn with_version(folder: &Path) -> PathBuf {
    let text = fs::read_to_string(Path::new(ROOT).join("tests/data/clerk/bapi.yml")).unwrap();
    let mut in_paths = false;
    let mut derived = String::with_capacity(text.len() + 4_096);
    for line in text.lines() {
        in_paths = (in_paths || line.starts_with("paths:")) && !line.starts_with("components:");
        match line.strip_prefix("  /").filter(|_| in_paths) {
            Some(path) => derived.extend(["  /v1/", path, "\n"]),
            None => derived.extend([line, "\n"]),
        }
    }
    assert!(derived.contains("\n  /v1/sign_in_tokens:\n"));
    let path = folder.join("bapi-v1.yml");
    fs::write(&path, derived).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_we_nor_the_double_break_clerks_specification() {
    let Some(folder) = node("@stoplight/prism-cli") else { return };
    let script = Script::new()
        .at(Step::Rcpt, Act::reply(550, "5.1.1 no such user"))
        .for_recipient("person2@example.com");
    let (relay, clerk) = (relay(script).await, FakeClerk::with_people(Options::default(), 6).await);
    let here = tempfile::tempdir().unwrap();
    let prism = Prism::start(&folder, &with_version(here.path()), &clerk.url());

    // A sieve without holes: what breaks the specification does not pass.
    let broken = Command::new("curl")
        .args([
            "--silent",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &format!("{}/v1/sign_in_tokens", prism.url),
        ])
        .args(["-H", &format!("Authorization: Bearer {KEY}"), "-H", "Content-Type: application/json"])
        .args(["-d", "{ \"user_id\": \"user_1\", \"expires_in_seconds\": 0 }"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&broken.stdout), "422");
    assert_eq!(clerk.state().requests.len(), 0, "the sieve itself refused it");
    while !prism.line().to_lowercase().contains(VIOLATION) {}

    let sign_in = PAGE.replace("2 seconds", "60 seconds");
    let fixture = campaign(&relay, &format!("{sign_in}organization = \"org_1\"\n"), 9);
    fixture.edit("spring.toml", "csv = ", "user_id = \"email\"\nwithout_user_id = \"invite\"\ncsv = ");
    let run = |arguments: &[&str]| {
        let mut command = fixture.command(arguments);
        command.env("CLERK_SECRET_KEY", KEY).env("CLERK_API_URL", &prism.url);
        fixture.finish(command)
    };
    let sent = run(&["send", "spring.toml", "--yes"]);
    // One refused of nine is more than one in ten: somebody shall look, which is what exit 3 says.
    assert_eq!((sent.code, taken(&relay).len()), (Some(3), 8), "{sent:?}");
    let recalled = run(&["recall", "spring.toml", "--yes"]);
    assert_eq!(recalled.code, Some(0), "{recalled:?}");
    assert_eq!(tokens(&clerk, "revoked").len(), 6);
    assert!(clerk.state().invitations.iter().all(|made| made.status == "revoked"));

    let lines: Vec<_> = clerk.state().requests.iter().map(|request| request.line.clone()).collect();
    for wanted in [
        "GET /v1/users?",
        "POST /v1/sign_in_tokens",
        "POST /v1/sign_in_tokens/sit_",
        "POST /v1/invitations/bulk",
        "POST /v1/invitations/inv_",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(wanted)), "{wanted} in {lines:?}");
    }
    let said = prism.end();
    assert!(said.contains("sign_in_tokens"), "{said}");
    assert!(!said.to_lowercase().contains(VIOLATION), "{said}");
}
