#!/bin/bash
# The main job on a real root directory, without a JVM: back up, back up again, lose everything, restore, verify.
# Uses $SEAWALL (default: target/release/seawall). Prints what an operator would see and ends non-zero if anything is not as it was.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
seawall=${SEAWALL:-$here/target/release/seawall}
fixture=$here/testdata/hbase/hbase-2.6.4.root.tar.zst
work=$(mktemp -d "${TMPDIR:-/tmp}/seawall-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
began=$(date +%s)

say() { printf '\n== %s\n' "$*"; }
# Shows a command as typed and runs it; paths of the demo are shortened for the reader.
run() { printf '$ seawall %s\n' "${*//$work\//}"; "$seawall" "$@" 2>&1 | sed "s#file:/*$work/##g; s#$work/##g"; }
# A sum of a JSON report.
figure() { sed -n "/^  \"totals\": {/,/^  }/s/^    \"$1\": \([0-9]*\),*$/\1/p" "$2"; }
fail() { printf 'DEMO FAILED: %s\n' "$*" >&2; exit 1; }

export SEAWALL_CONFIG=$work/seawall.toml SEAWALL_STATE=$work/state

say "A cluster is lost with its machines in this demo; here are its files, written by HBase 2.6.4"
mkdir "$work/cluster" && tar --zstd -xf "$fixture" -C "$work/cluster"
mv "$work/cluster/root" "$work/hbase" && rm -rf "$work/cluster"

say "1. Make an encrypted repository and its keys"
run init --cluster demo --rootdir "$work/hbase" --repo-url "$work/repository" --write-recovery "$work/recovery.txt"

say "2. Back up every table"
run backup --all

say "3. Back up again: nothing changed, so no store file is read"
"$seawall" backup --all --quiet --json > "$work/second.json"
read_bytes=$(figure read_bytes "$work/second.json")
shared_files=$(figure shared_files "$work/second.json")
backed_up=$(figure files "$work/second.json")
[ "$read_bytes" = 0 ] || fail "the second backup read $read_bytes bytes"
printf 'read %s bytes; %s files are shared with the backup before\n' "$read_bytes" "$shared_files"
run list

say "4. Note what was there, then lose the cluster"
# HBase's own store files: 32 hexadecimal digits (or a MOB name), not links and references.
store_files() { find "$1" -type f -regextype posix-extended -regex '.*/[0-9a-f]{32}([0-9]{8}[0-9a-f]{32}_[0-9a-f]{32})?(_SeqId_[0-9]+_)?' -size +0 "${@:2}"; }
store_files "$work/hbase" -path '*/data/*' -exec sha256sum {} + | sed 's#  .*/#  #' | sort -u > "$work/before"
rm -rf "$work/hbase"
printf '%s store files noted, then rm -rf hbase\n' "$(wc -l < "$work/before")"

say "5. Restore everything into an empty place, from the repository and a key file alone"
mkdir "$work/fresh"
printf '$ seawall restore latest --all --repo-url repository --key-file repo.key --rootdir fresh --yes\n'
env -u SEAWALL_CONFIG "$seawall" restore latest --all --repo-url "$work/repository" --key-file "$work/repo.key" --rootdir "$work/fresh" \
    --yes --quiet --json > "$work/restore.json"
restored=$(grep -c '"outcome": "snapshot_written"' "$work/restore.json")
[ "$restored" -gt 0 ] || fail "no table was restored"
printf '%s tables are back: their files, and one HBase snapshot each that a master clones in seconds\n' "$restored"

say "6. Compare every restored store file with what was there, by checksum"
store_files "$work/fresh" -exec sha256sum {} + | sed 's#  .*/#  #' | sort -u > "$work/after"
files=$(wc -l < "$work/after")
# Files that belonged to no table (old, compacted) are not in a backup; every file that is must be one that was there.
strange=$(comm -13 "$work/before" "$work/after" | wc -l)
[ "$files" = "$backed_up" ] || fail "$files of $backed_up store files came back"
[ "$strange" = 0 ] || fail "$strange restored files are not what was there"
printf '%s store files, %s of them different\n' "$files" "$strange"

say "7. Prove that every stored byte is whole"
run verify --level data

say "Done in $(($(date +%s) - began)) s: backed up, lost, restored, verified"
