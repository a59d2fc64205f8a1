#!/bin/bash
# The main job against a real HBase started on this machine: make a table, back it up while it runs, drop it, restore it, count it
# with HBase's own client. Uses $SEAWALL and $XTASK (default: the release builds).
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
seawall=${SEAWALL:-$here/target/release/seawall}
xtask=${XTASK:-$here/target/release/xtask}
version=${HBASE:-2.6.4}
work=$(mktemp -d "${TMPDIR:-/tmp}/seawall-demo-live.XXXXXX")
# Stop means stop, also when a step fails.
trap '"$xtask" lab down --kill --dir "$work/lab" > /dev/null 2>&1 || true; rm -rf "$work"' EXIT

say() { printf '\n== %s\n' "$*"; }
run() { printf '$ seawall %s\n' "$*"; "$seawall" "$@"; }
fail() { printf 'DEMO FAILED: %s\n' "$*" >&2; exit 1; }
export SEAWALL_CONFIG=$work/seawall.toml SEAWALL_STATE=$work/state

say "1. Start HBase $version"
"$xtask" lab up --hbase "$version" --dir "$work/lab"
conf=$("$xtask" lab status --dir "$work/lab" | awk '$1 == "conf_dir" { print $2 }')

say "2. HBase's own client makes a table with 10 000 rows"
before=$("$xtask" lab table --dir "$work/lab" make orders)
printf 'orders: %s\n' "$before"

say "3. Back it up while it runs"
run init --cluster demo --conf-dir "$conf" --repo-url "$work/repository" --write-recovery "$work/recovery.txt"
run look
run backup --all
run backup --all

say "4. Drop the table"
"$xtask" lab table --dir "$work/lab" drop orders

say "5. Restore it"
run restore latest --table orders --yes

say "6. HBase's own client counts it"
after=$("$xtask" lab table --dir "$work/lab" count orders)
printf 'before: %s\nafter:  %s\n' "$before" "$after"
[ "$before" = "$after" ] || fail "the table is not what it was"
run verify --level data
say "The restored table is what was dropped"
