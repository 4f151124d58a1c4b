# shellcheck shell=bash
# Sourced by every script of dev/: where things lie and how they are reached.
# Everything generated lies under .host/, which git ignores.
set -euo pipefail
shopt -s inherit_errexit
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
HOST=$ROOT/.host
CACHE=${RELANCE_CACHE:-$HOST/cache}
VENV=$HOST/venv
CONF=$HOST/odoo.conf
KEY=$(printf %s "$ROOT" | sha1sum | cut -c1-8)
# a socket's path may have 107 characters at most, so it cannot lie under ROOT
SOCKET=${TMPDIR:-/tmp}/relance-$KEY-$(id -u)
PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)

if [ -n "${ODOO_PATH:-}" ]; then
    PYTHONPATH=$ODOO_PATH
else
    PYTHONPATH=$HOST/odoo/usr/lib/python3/dist-packages
fi
export PYTHONPATH
export PATH=$VENV/bin:$HOST/wkhtmltopdf:$PATH${PG_BIN:+:$PG_BIN}
export PYTHONWARNINGS=ignore
# what the tools leave behind goes where everything generated goes
export PYTHONPYCACHEPREFIX=$HOST/pycache PYLINTHOME=$HOST/pylint HYPOTHESIS_STORAGE_DIRECTORY=$HOST/hypothesis
# the second is what a script of dev/ hands on to the next
if [ -z "${PGHOST:-}" ] || [ "$PGHOST" = "$SOCKET" ]; then
    OWN_CLUSTER=1
    export PGHOST=$SOCKET PGPORT=5432 PGUSER=odoo
else
    OWN_CLUSTER=
fi

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
odoo() { "$VENV/bin/python" -m odoo "$@"; }
has_db() { psql -d postgres -Atc "select 1 from pg_database where datname = '$1'" | grep -q 1; }
databases() { psql -d postgres -Atc "select datname from pg_database where datname ~ '$1'"; }

# The addons of this repository, one a line.
addons() {
    local manifest
    for manifest in "$ROOT"/*/__manifest__.py; do
        basename "$(dirname "$manifest")"
    done
}

# The one that has a database of its own: where it is installed, the job queue sends.
QUEUE_ADDON=relance_douce_queue_job

# Names a database with the addons as they stand in the working tree, for dev/test
# and dev/lint; it is made when anything that it consists of has changed.
#   test_db            with all of them but QUEUE_ADDON
#   test_db --queue    with QUEUE_ADDON and what it joins
TEST_DB=relance_test_$KEY
test_db() {
    local name old kind=${1:---all} prefix=$TEST_DB
    [ "$kind" = --all ] || prefix=relance_queue_$KEY
    name=${prefix}_$({
        cd "$ROOT"
        cat dev/db dev/pregen.py "$VENV/wanted" "$PYTHONPATH/odoo/release.py"
        find $(addons) -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha1sum
    } | sha1sum | cut -c1-10)
    (
        flock 7
        has_db "$name" && exit
        "$ROOT/dev/db" "${prefix}_new" "$kind" >"$HOST/$name.log" 2>&1 7>&- &
        wait $! || { cat "$HOST/$name.log" >&2; die "The addons could not be installed."; }
        sed -i '/^Running as user .root./d' "$HOST/$name.log"
        cat "$HOST/$name.log" >&2
        # compile the bundles that the addons add to
        [ "$kind" = --queue ] ||
            odoo shell -c "$CONF" -d "${prefix}_new" --no-http --log-level=error <"$ROOT/dev/pregen.py" \
                >"$HOST/pregen.log" 2>&1 7>&-
        for old in $(databases "^${prefix}_[0-9a-f]{10}\$"); do
            odoo db -c "$CONF" drop "$old" >/dev/null 2>&1
            rm -f "$HOST/$old.log"
        done
        odoo db -c "$CONF" rename "${prefix}_new" "$name" >/dev/null 2>&1
    ) 7>"$HOST/test_db.lock"
    printf %s "$name"
}
