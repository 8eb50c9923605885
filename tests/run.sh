#!/bin/sh
# Installs what is missing from Debian's and PyPI's packages, then runs the whole suite. A missing judge is a failure
# here; plain `cargo test` skips it and says so.
#
#   tests/run.sh          everything that a change has to pass
#   tests/run.sh --long   the longer programmes too
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

missing=
need python3 python3
need smtp-sink postfix
need chromium chromium
need strace strace
need faketime faketime
need node nodejs
need npm npm
need curl curl
need openssl openssl
need systemd-analyze systemd
need setpriv util-linux
python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
    say "installing$missing"
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    $root apt-get update -qq
    # Postfix is only a toolbox here (smtp-sink): its own service stays off.
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

judges="$PWD/target/judges"
if ! "$judges/bin/python3" -c 'import aiosmtpd, jwt' 2>/dev/null; then
    say "installing the Python judges"
    python3 -m venv "$judges"
    "$judges/bin/pip" install --quiet --disable-pip-version-check 'aiosmtpd==1.4.6' 'pyjwt[crypto]>=2.10'
fi
mkdir -p "$judges/node"
if ! cmp -s tests/judges/package.json "$judges/node/package.json"; then
    say "installing the judges for Node"
    cp tests/judges/package.json "$judges/node/package.json"
    (cd "$judges/node" && npm install --silent --no-audit --no-fund --no-package-lock) ||
        { rm -f "$judges/node/package.json"; exit 1; }
fi
PATH="$judges/bin:$PATH"
export PATH
export LINKPOST_TEST_JUDGES=required
[ "${1:-}" = --long ] && export LINKPOST_TEST_LONG=1

say "format"
cargo fmt --check
cargo fmt --check --manifest-path fuzz/Cargo.toml
say "lints"
cargo clippy --locked --all-targets -- -D warnings
if cargo deny --version >/dev/null 2>&1; then
    say "licences, sources, bans"
    cargo deny --offline --locked check bans licenses sources
else
    say "cargo deny is not installed: licences, sources and bans are not checked in this run"
fi
say "tests with failpoints: the program dies, or stands still, at named places"
cargo test --locked --features failpoints --test it -- fault::failpoints a_run_that_was_stopped_before a_run_that_dies
say "tests"
cargo test --locked -- --test-threads="${LINKPOST_TEST_THREADS:-4}"
if [ -n "${LINKPOST_TEST_LONG:-}" ]; then
    say "the example pages, in Chromium"
    tests/judges/next/run.sh
fi
if [ -n "${LINKPOST_TEST_LONG:-}" ]; then
    say "fuzzing"
    fuzz/run.sh "${LINKPOST_FUZZ_SECONDS:-60}"
fi
say "documentation"
RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --quiet
say "all good"
