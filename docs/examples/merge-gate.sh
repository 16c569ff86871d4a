#!/bin/sh
# Merge gate: the commit needs a verified certificate, which a git note of the commit holds.
# Usage: merge-gate.sh REPOSITORY COMMIT PUBLIC_KEY CHECK...
# Exit codes: those of `millracer verify`, and 1 if the commit has no certificate.
set -eu

repository=$1 commit=$2 key=$3
shift 3
certificate=$(mktemp)
trap 'rm -f "$certificate"' EXIT

git -C "$repository" fetch --quiet origin '+refs/notes/certificates:refs/notes/certificates' || true
if ! git -C "$repository" notes --ref certificates show "$commit" > "$certificate"; then
    echo "$commit has no certificate" >&2
    exit 1
fi

# Each check that the gate requires, whatever the certificate demanded.
count=$#
while [ "$count" -gt 0 ]; do
    set -- "$@" --require-check "$1"
    shift
    count=$((count - 1))
done
cd "$repository"
millracer verify "$certificate" --key "$key" --commit "$commit" "$@"
