#!/bin/sh
# Runs a command beside a private storage service that is gone afterwards.
#
#   tests/with-s3.sh COMMAND [ARGUMENT...]
#
# The command finds the service in EASEL_TEST_S3 (http://.../BUCKET). Its modules are
# installed by npm once. Where node or they cannot be had it says so, and the command
# runs without: what needs the service is then reported as skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
service=$here/s3
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "with-s3: no node or npm; tests of S3 are skipped" >&2
    exec "$@"
fi
if [ ! -d "$service/node_modules" ] &&
    ! (cd "$service" && npm ci --no-audit --no-fund >/dev/null 2>&1); then
    echo "with-s3: npm cannot install the modules of tests/s3; tests of S3 are skipped" >&2
    rm -rf "$service/node_modules"
    exec "$@"
fi

dir=$(mktemp -d /tmp/easel-s3-XXXXXX)
pid=
finish() {
    trap - EXIT INT TERM
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || :
    rm -rf "$dir"
}
trap finish EXIT
trap 'finish; exit 1' INT TERM

mkdir "$dir/data"
node "$service/server.js" "$dir/data" >"$dir/url" 2>"$dir/log" &
pid=$!
tries=0
while [ ! -s "$dir/url" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 "$pid" 2>/dev/null; then
        cat "$dir/log" >&2
        echo "with-s3: the service does not start" >&2
        exit 1
    fi
    sleep 0.1
done
EASEL_TEST_S3=$(cat "$dir/url") "$@"
