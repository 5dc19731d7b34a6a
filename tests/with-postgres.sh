#!/bin/sh
# Runs a command beside a private PostgreSQL that is gone afterwards.
#
#   tests/with-postgres.sh COMMAND [ARGUMENT...]
#
# The command finds the server in EASEL_TEST_POSTGRES (postgresql://...), whose
# user may create databases. It listens on a socket in a directory of its own
# and on no port. PostgreSQL refuses to run as root: then as user postgres.
set -eu

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$bin" ]; then
    echo "with-postgres: no PostgreSQL under /usr/lib/postgresql" >&2
    exit 1
fi
dir=$(mktemp -d /tmp/easel-pg-XXXXXX)
user=$(id -un)
as=
if [ "$(id -u)" = 0 ]; then
    user=postgres
    as="runuser -u postgres --"
    chown postgres "$dir"
fi
chmod 755 "$dir"
finish() {
    trap - EXIT INT TERM
    (cd "$dir" && $as "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1) || :
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

if ! (cd "$dir" &&
    $as "$bin/initdb" -D data -U "$user" -A trust -E UTF8 --locale=C.UTF-8 --no-sync &&
    $as "$bin/pg_ctl" -D data -l "$dir/log" -w -t 60 -o "-k $dir -c listen_addresses= \
        -c fsync=off -c full_page_writes=off -c max_connections=200" start) >"$dir/setup" 2>&1; then
    cat "$dir/setup" "$dir/log" >&2 || :
    exit 1
fi
chmod 755 "$dir"
EASEL_TEST_POSTGRES="postgresql://$user@/postgres?host=$(echo "$dir" | sed 's|/|%2F|g')"
export EASEL_TEST_POSTGRES
"$@"
