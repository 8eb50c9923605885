#!/bin/sh
# Builds the fuzz targets and runs each of them for a while, with the coverage of libFuzzer on a stable compiler.
#
#   fuzz/run.sh           builds
#   fuzz/run.sh 30        runs each target for 30 seconds
#
# `cargo fuzz run TARGET` does the same with AddressSanitizer, where cargo-fuzz is installed.
set -eu
cd "$(dirname "$0")"
# The compiler's own switches for coverage; no sanitizer, since the program has no unsafe line.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
target=$(rustc -vV | sed -n 's/^host: //p')
# Named with a target, the flags do not reach build scripts and procedural macros, which have no fuzzer to report to.
RUSTC_BOOTSTRAP=1 RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 $coverage" cargo build --locked --quiet --target "$target" --bins
[ $# -gt 0 ] || exit 0
for name in list message reply campaign token; do
    mkdir -p "corpus/$name" "artifacts/$name"
    printf 'fuzzing %s for %s s\n' "$name" "$1"
    "target/$target/debug/$name" -max_total_time="$1" -max_len=8192 -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="artifacts/$name/" -dict="dictionaries/$name" "corpus/$name" "seeds/$name" 2>artifacts/log ||
        { cat artifacts/log; exit 1; }
    grep -E 'number_of_executed_units' artifacts/log
done
