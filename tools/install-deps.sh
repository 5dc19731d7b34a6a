#!/bin/sh
# Installs the Debian packages that a group of work needs and that are missing.
#
#   tools/install-deps.sh [--check] GROUP...     GROUP: build, run, test, bench
#
# Silent where nothing is missing. --check installs nothing: it names what is
# missing and fails. Needs nothing but a shell, dpkg and apt-get.
set -eu

BUILD="gcc libc6-dev meson ninja-build pkg-config libmicrohttpd-dev libgnutls28-dev libxml2-dev
 libjansson-dev libssl-dev libsqlite3-dev libpq-dev libargon2-dev libutf8proc-dev
 libcurl4-openssl-dev libzip-dev liblz4-dev"
RUN="curl"
TEST="clang libclang-rt-14-dev clang-format clang-tidy cppcheck libcmocka-dev postgresql
 python3 python3-pytest python3-requests python3-jwt python3-lxml python3-psycopg2
 python3-cryptography glewlwyd nodejs npm
 libxml2-utils openssl sqlite3 valgrind man-db git"
BENCH="nginx-light wrk glewlwyd nodejs npm python3 python3-requests python3-jwt
 python3-cryptography openssl libxml2-utils"

check=no
wanted=
for word in "$@"; do
    case $word in
    --check) check=yes ;;
    build) wanted="$wanted $BUILD" ;;
    run) wanted="$wanted $RUN" ;;
    test) wanted="$wanted $TEST" ;;
    bench) wanted="$wanted $BENCH" ;;
    *)
        echo "install-deps: no group '$word' (build, run, test, bench)" >&2
        exit 2
        ;;
    esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # Another system: what is missing shows in the build.
    exit 0
fi

# A package counts as present where it, or another that provides it, is installed.
present=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' |
    sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr -d ',')
missing=
for package in $wanted; do
    case " $(echo $present) " in
    *" $package "*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ $check = yes ]; then
    echo "Missing packages:$missing" >&2
    echo "Install them with: tools/install-deps.sh $*" | sed 's/ --check//' >&2
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    echo "Missing packages, and neither root nor sudo to install them:$missing" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $missing </dev/null >"$log" 2>&1
}
echo "Installing:$missing"
# The lists of a fresh machine are empty or old; asking for them is slow, so
# only where the first try fails.
if ! install; then
    $as_root apt-get update -q </dev/null >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    install || { cat "$log" >&2; exit 1; }
fi
