#!/bin/sh
# Starts Easel with the demo's data and prints a tour with real values.
#
#   tools/run.sh [DATA [HOST:PORT]]
#
# Ctrl-C ends the server. The data stays: a second start prints the same tour.
# Needs curl and sed besides the binary.
set -eu

binary=${EASEL_BINARY:-build/easel}
data=${1:-easel-data}
listen=${2:-127.0.0.1:8080}
umask 077
mkdir -p "$data"
password_file=$data/admin-password
if [ ! -s "$password_file" ]; then
    head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$password_file"
fi

said=$(mktemp)
server=
finish() {
    trap - EXIT INT TERM
    if [ -n "$server" ] && kill -TERM "$server" 2>/dev/null; then
        wait "$server" || status=$?
    fi
    rm -f "$said"
    exit "${status:-0}"
}
trap finish EXIT INT TERM

"$binary" serve --data "$data" --listen "$listen" --seed share/demo-seed.json \
    --admin-password-file "$password_file" >"$said" &
server=$!

# The address as the server tells it, so that another program on the port is
# never taken for it.
url=
tries=0
while [ -z "$url" ]; do
    url=$(sed -n 's/^easel: listening on //p' "$said")
    if ! kill -0 "$server" 2>/dev/null; then
        wait "$server" || status=$?
        server=
        cat "$said" >&2
        finish
    fi
    tries=$((tries + 1))
    if [ $tries -gt 300 ]; then
        echo "run: the server did not start within 30 seconds" >&2
        status=1
        finish
    fi
    sleep 0.1
done
cat "$said"
curl -fsS --retry 20 --retry-delay 1 --retry-connrefused -o /dev/null "$url/easel/v1/ready"

# The first value of a name in a JSON document on one line.
field() {
    sed -n "s/.*\"$1\" *: *\"\\([^\"]*\\)\".*/\\1/p" | head -n 1 | sed 's|\\/|/|g'
}
# The value of a name in the object (or first of a list) under another name.
field_in() {
    sed -n "s/.*\"$1\" *: *\\[\\{0,1\\} *{[^}]*\"$2\" *: *\"\\([^\"]*\\)\".*/\\1/p" | head -n 1
}
get() {
    curl -fsS -H 'Accept: application/json' -H "X-Tableau-Auth: $token" "$url/api/$api/$1" | tr -d '\n'
}

api=$(curl -fsS -H 'Accept: application/json' "$url/api/2.4/serverinfo" | tr -d '\n' |
    sed -n 's/.*"restApiVersion" *: *"\([^"]*\)".*/\1/p')
signed_in=$(printf '{"credentials":{"name":"admin","password":"%s","site":{"contentUrl":""}}}' \
    "$(cat "$password_file")" |
    curl -fsS -H 'Content-Type: application/json' -H 'Accept: application/json' \
        --data @- "$url/api/$api/auth/signin" | tr -d '\n')
token=$(echo "$signed_in" | field token)
site=$(echo "$signed_in" | field_in site id)

client_id=
secret_id=
for id in $(get "sites/$site/connected-apps/direct-trust" |
    grep -o '"clientId" *: *"[^"]*"' | sed 's/.*"\([^"]*\)"$/\1/'); do
    app=$(get "sites/$site/connected-apps/direct-trust/$id")
    case $app in
    *'"Demo app"'*)
        client_id=$id
        secret_id=$(echo "$app" | field_in secret id)
        ;;
    esac
done
if [ -z "$client_id" ] || [ -z "$secret_id" ]; then
    echo "run: no connected app 'Demo app' with a secret in $data; the server runs without a tour"
    wait "$server" || status=$?
    server=
    finish
fi
secret_value=$(get "sites/$site/connected-apps/direct-trust/$client_id/secrets/$secret_id" | field value)
curl -fsS -X POST -H "X-Tableau-Auth: $token" -o /dev/null "$url/api/$api/auth/signout"

cat <<TOUR

Easel serves $url from $data. The administrator is 'admin', the password is in
$password_file. Ctrl-C ends it. A tour, to paste into another terminal here:

  # A JWT of the connected app "Demo app" for the user "viewer", with one scope
  jwt() {
    $binary jwt --client-id $client_id \\
      --secret-id $secret_id --secret-value '$secret_value' \\
      --user viewer --scope tableau:content:read
  }

  # Sign in with it
  TOKEN=\$(curl -s $url/api/$api/auth/signin -H 'Content-Type: application/xml' \\
    -d "<tsRequest><credentials jwt='\$(jwt)'><site contentUrl=''/></credentials></tsRequest>" |
    sed -n "s/.*token=[\\"']\\([^\\"']*\\).*/\\1/p")

  # In scope: the projects
  curl -s -H "X-Tableau-Auth: \$TOKEN" $url/api/$api/sites/$site/projects; echo

  # Not in scope: the users
  curl -s -H "X-Tableau-Auth: \$TOKEN" $url/api/$api/sites/$site/users; echo

  # Why?
  $binary events --data $data
  jwt | $binary explain --data $data --method 'GET sites/{site-id}/users' -

TOUR
wait "$server" || status=$?
server=
finish
