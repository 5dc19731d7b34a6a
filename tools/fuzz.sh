#!/bin/sh
# Builds the fuzz targets with clang, libFuzzer, ASan and UBSan, and runs each.
#
#   tools/fuzz.sh [SECONDS [TARGET...]]
#
# What is found stays in build-fuzz/corpus; a failing input in build-fuzz/crashes.
set -eu

seconds=${1:-60}
[ $# -gt 0 ] && shift
dir=build-fuzz
if [ ! -f $dir/build.ninja ]; then
    CC=clang meson setup $dir -Dfuzz=true -Dbuildtype=debugoptimized -Db_lundef=false \
        -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link
fi
targets=${*:-$(cd tests/fuzz && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')}
for target in $targets; do
    ninja -C $dir "tests/fuzz/fuzz_$target"
done
mkdir -p $dir/crashes
for target in $targets; do
    echo "== fuzz $target, $seconds s"
    mkdir -p "$dir/corpus/$target"
    seeds=tests/fuzz/corpus/$target
    [ -d "$seeds" ] || seeds=
    if ! UBSAN_OPTIONS=halt_on_error=1 "$dir/tests/fuzz/fuzz_$target" \
        -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$dir/crashes/$target-" "$dir/corpus/$target" $seeds \
        >"$dir/$target.log" 2>&1; then
        tail -n 60 "$dir/$target.log"
        exit 1
    fi
    grep -E 'number_of_executed_units|new_units_added|peak_rss_mb' "$dir/$target.log"
done
