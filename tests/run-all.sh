#!/bin/bash
# All tests and checks, each step under a heading; what `make test` runs.
#
#   tests/run-all.sh [STEP...]
#
# Steps, in order: gcc clang unit api postman checks lint. Without a name: all of them.
# A step that fails does not keep the next from running; the last line counts.
# Output of a step is shown in full where it failed.
set -u
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0

PYTHON=/usr/bin/python3
JOBS=$(nproc)
GCC=build-test-gcc
CLANG=build-test-clang
SAN=build-test-san
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
passed=0
failed=0
failures=

# run NAME COMMAND...: one check; its summary line is the last that it printed.
run() {
    local name=$1 began=$SECONDS status=0
    shift
    printf '\n== %s\n' "$name"
    "$@" >"$log/out" 2>&1 </dev/null || status=$?
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        tail -n 1 "$log/out"
        printf 'ok: %s (%d s)\n' "$name" $((SECONDS - began))
    else
        failed=$((failed + 1))
        failures="$failures  $name\n"
        tail -n 400 "$log/out"
        printf 'FAILED: %s (%d s, status %d)\n' "$name" $((SECONDS - began)) $status
    fi
    return $status
}

# build DIR COMPILER OPTION...: sets up where absent, and builds everything.
build() {
    local dir=$1 compiler=$2
    shift 2
    [ -f "$dir/build.ninja" ] || CC=$compiler meson setup "$dir" "$@" || return
    ninja -C "$dir"
}

unit() {
    meson test -C "$1" --print-errorlogs --num-processes "$JOBS" || return
    # No tests at all (cmocka not found, say) is not success.
    sed -n 's/^Ok: *\([1-9]\)/passed \1/p' "$1/meson-logs/testlog.txt" | grep .
}

# Tests on PostgreSQL beside all others: a core for each.
api() {
    local status=0 options="-q -rsfE --tb=short -p no:cacheprovider"
    export EASEL_BINARY="$PWD/$SAN/easel"
    "$PYTHON" -m pytest $options -k "not postgres" tests/api >"$log/first" 2>&1 &
    "$PYTHON" -m pytest $options -k postgres tests/api >"$log/second" 2>&1 || status=$?
    wait $! || status=$?
    cat "$log/second" "$log/first"
    grep -h "^FAILED \|^ERROR \|^[0-9].* in [0-9]" "$log/second" "$log/first"
    return $status
}

# The request collection through newman, whose modules are fetched where the lock
# file changed since they were.
postman() {
    local modules=build-test-postman lock
    [ -d ../shared/fixtures/postman ] || [ -n "${EASEL_SPEC:-}" ] ||
        { echo "skipped: no request collection in ../shared/fixtures/postman"; return; }
    command -v npm >/dev/null || { echo "skipped: npm is not installed"; return; }
    lock=$(cat tests/postman/package.json tests/postman/package-lock.json | sha256sum)
    if [ "$(cat $modules/installed 2>/dev/null)" != "$lock" ]; then
        mkdir -p $modules
        cp tests/postman/package.json tests/postman/package-lock.json tests/postman/.npmrc $modules || return
        (cd $modules && npm ci --no-audit --no-fund) || return
        echo "$lock" >$modules/installed
    fi
    EASEL_BINARY="$PWD/$SAN/easel" "$PYTHON" tests/postman/run.py $modules
}

formatted() {
    git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror &&
        echo "$(git ls-files '*.c' '*.h' | wc -l) files are formatted"
}

# Shell and Python sources at least parse.
scripts_parse() {
    local file count=0
    for file in tools/*.sh tests/*.sh .ci/run share/completion/easel.bash; do
        bash -n "$file" || return
        count=$((count + 1))
    done
    echo "$count scripts parse"
}

tidy() {
    git ls-files 'src/*.c' | xargs -P "$JOBS" -n 4 clang-tidy -p "$CLANG" --quiet --warnings-as-errors='*' &&
        echo "clang-tidy: $(git ls-files 'src/*.c' | wc -l) files"
}

cppchecked() {
    cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr -j "$JOBS" -Isrc -D_GNU_SOURCE \
        -DEASEL_VERSION='"0"' --enable=warning,portability --suppress=missingIncludeSystem \
        --suppressions-list=tools/cppcheck.suppress src && echo "cppcheck: clean"
}

step_gcc() {
    run "build with gcc, warnings are errors" build $GCC gcc -Dwerror=true
}

# Nothing of it is run, and clang warns alike without optimizing.
step_clang() {
    run "build with clang, warnings are errors" build $CLANG clang -Dwerror=true --buildtype=debug
}

step_unit() {
    run "build with gcc, ASan and UBSan" build $SAN gcc -Db_sanitize=address,undefined || return
    run "unit tests and fuzz seeds; SQLite, PostgreSQL, S3" \
        tests/with-s3.sh tests/with-postgres.sh "$0" --inner-unit
}

step_api() {
    run "build with gcc, ASan and UBSan" build $SAN gcc -Db_sanitize=address,undefined || return
    run "API tests, SQLite and PostgreSQL" tests/with-postgres.sh "$0" --inner-api
}

step_postman() {
    run "build with gcc, ASan and UBSan" build $SAN gcc -Db_sanitize=address,undefined || return
    run "the official request collection" postman
}

step_checks() {
    run "layers" "$PYTHON" tools/check-layers
    run "documents agree with the tables" "$PYTHON" tools/check-docs
    [ -x $GCC/easel ] || step_gcc
    run "compatibility page is the table's" "$PYTHON" tools/compatibility --check $GCC/easel
    run "format" formatted
    run "scripts" scripts_parse
}

step_lint() {
    [ -f $CLANG/build.ninja ] || step_clang || return
    run "clang-tidy" tidy
    run "cppcheck" cppchecked
}

# Called again from within with-postgres.sh, where EASEL_TEST_POSTGRES is set.
case ${1:-} in
--inner-unit)
    unit $SAN
    exit
    ;;
--inner-api)
    api
    exit
    ;;
esac

steps=${*:-gcc clang unit api postman checks lint}
for step in $steps; do
    "step_$step" || :
done
printf '\n%d passed, %d failed (%d s)\n' $passed $failed $SECONDS
printf "$failures"
[ $failed = 0 ]
