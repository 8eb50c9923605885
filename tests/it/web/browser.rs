//! Real Chromium at the pages, over TLS, under the site's real name.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{Serve, mailed, redeemed};
use crate::support::{fixture::Fixture, judge};

/// Node with a script of `tests/judges` and the packages that `tests/run.sh` installed; `None` where they are missing.
pub(super) fn node(script: &str, package: &str) -> Option<Command> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules: PathBuf = root.join("target/judges/node/node_modules");
    let present = modules.join(package).is_dir() && Command::new("node").arg("--version").output().is_ok();
    if !judge(&format!("node with {package}"), present) {
        return None;
    }
    let mut command = Command::new("node");
    command.arg(root.join("tests/judges").join(script)).env("NODE_PATH", modules);
    Some(command)
}

/// The site under its real name, with a certificate of its own.
fn serve(fixture: &Fixture) -> Serve {
    let made = rcgen::generate_simple_self_signed(["app.example.com".to_owned()]).unwrap();
    fixture.file("web.pem", made.cert.pem()).file("web.key", made.signing_key.serialize_pem());
    fixture.edit("linkpost.toml", "[web]", "[web]\ntls_certificate = \"web.pem\"\ntls_key = \"web.key\"");
    Serve::start(fixture)
}

/// Lets a script run to its end.
fn run(node: &mut Command, arguments: &[&str]) {
    let output = node.args(arguments).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim_end().ends_with("ok"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_leaves_and_thinks_again_without_scripts_and_cookies() {
    let Some(mut node) = node("leave.cjs", "playwright-core") else { return };
    if !judge("chromium", Path::new("/usr/bin/chromium").exists()) {
        return;
    }
    let fixture = super::fixture(1);
    let mails = super::send(&fixture).await;
    let serve = serve(&fixture);
    run(&mut node, &[&serve.address.to_string(), &super::leave::path(&mails[0])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_loads_the_page_a_hundred_times_spends_nothing_and_a_click_spends_it_once() {
    let Some(mut node) = node("browser.cjs", "playwright-core") else { return };
    if !judge("chromium", Path::new("/usr/bin/chromium").exists()) {
        return;
    }
    let (fixture, tokens) = mailed(1).await;
    let serve = serve(&fixture);
    run(&mut node, &[&serve.address.to_string(), &tokens[0], "100"]);
    assert_eq!(redeemed(&fixture), 1);
}
