#!/bin/sh
# Judges the example pages in examples/nextjs: builds both apps with the real packages and drives them in Chromium
# against a fake of Clerk's Frontend API. Everything but the npm registry is on 127.0.0.1.
#
#   tests/judges/next/run.sh [PART OF A PROMISE'S NAME]
#
# Works in target/judges/next (pictures of the pages lie there, in pictures/); what has not changed is not made again.
set -eu
cd "$(dirname "$0")/../../.."
judge="$PWD/tests/judges/next"
work="$PWD/target/judges/next"
mkdir -p "$work"

clerk_js=6.40.0 # what the example's @clerk/nextjs loads at run time, from Clerk's own hosts in real life
clerk_ui=1.34.0
CHROMIUM="${CHROMIUM:-$(command -v chromium)}"
NEXT_TELEMETRY_DISABLED=1
NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED=1
NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY="pk_live_$(printf 'clerk.example.test$' | base64)"
export CHROMIUM NEXT_TELEMETRY_DISABLED NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY

node -e 'const [a, b] = process.versions.node.split(".").map(Number)
if (a < 20 || (a === 20 && b < 11)) { console.error(`found Node.js ${process.version}, expected 20.11 or later`); process.exit(1) }'

# fresh NAME WHAT: true if the step NAME was done for exactly WHAT.
fresh() { [ "$(cat "$work/$1.done" 2>/dev/null)" = "$2" ]; }
done_for() { printf '%s' "$2" >"$work/$1.done"; }
sum_of() { sha256sum <"$1"; }

# unpacked NAME VERSION: the files of one package, without what it depends on.
unpacked() {
    fresh "$1" "$2" && return
    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1"
    (cd "$work/$1" && npm pack --silent "@clerk/$1@$2" >/dev/null && tar xzf ./*.tgz && rm ./*.tgz)
    done_for "$1" "$2"
}
unpacked clerk-js "$clerk_js"
unpacked ui "$clerk_ui"

tools=$(sum_of "$judge/package-lock.json")
if ! fresh tools "$tools"; then
    rm -rf "$work/tools"
    mkdir -p "$work/tools"
    cp "$judge/package.json" "$judge/package-lock.json" "$work/tools"
    (cd "$work/tools" && npm ci --silent --ignore-scripts --no-audit --no-fund)
    done_for tools "$tools"
fi

# Only what belongs to the example is copied: neither a developer's node_modules nor their .env.local.
files() { (cd examples/nextjs && find . -type f ! -path '*/node_modules/*' ! -path '*/.next/*' ! -name '.env*' ! -name next-env.d.ts ! -name '*.tsbuildinfo' ! -name '*.md'); }
packages=$(sum_of examples/nextjs/package-lock.json)
site=$(files | sort | sed 's|^|examples/nextjs/|' | tr '\n' '\0' | xargs -0 sha256sum | sha256sum)
if ! fresh site "$site"; then
    if fresh packages "$packages" && [ -d "$work/site/node_modules" ]; then
        find "$work/site" -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +
    else
        rm -rf "$work/site"
    fi
    mkdir -p "$work/site"
    files | tar cf - -C examples/nextjs -T - | tar xf - -C "$work/site"
    cd "$work/site"
    if ! fresh packages "$packages"; then
        npm ci --silent --no-audit --no-fund
        done_for packages "$packages"
    fi
    for build in build build:pages; do
        npm run --silent "$build" >"$work/build.log" 2>&1 || {
            cat "$work/build.log"
            exit 1
        }
    done
    done_for site "$site"
fi

if [ ! -f "$work/key.pem" ] || ! openssl x509 -in "$work/certificate.pem" -checkend 86400 -noout >/dev/null 2>&1; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=example.test \
        -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null
fi

node "$judge/judge.mjs" "$work" "$@"
