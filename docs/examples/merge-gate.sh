#!/bin/sh
# Merge gate: the commit needs a verified certificate, which a git note of the commit holds.
# Usage: merge-gate.sh REPOSITORY COMMIT PUBLIC_KEY CHECK...
# Exit codes: those of `millracer verify`, and 1 without a commit or its certificate.
set -eu

repository=$1 key=$3
# The key is never one of the repository, into which the script changes below.
case $key in
    /*) ;;
    *) key=$PWD/$key ;;
esac
# One commit, whatever the name means to each command: no option, tag object or replace ref.
export GIT_NO_REPLACE_OBJECTS=1
commit=$(git -C "$repository" rev-parse --verify --end-of-options "$2^{commit}") || exit 1
shift 3
certificate=$(mktemp)
trap 'rm -f "$certificate"' EXIT

if git -C "$repository" remote get-url origin > /dev/null 2>&1; then
    git -C "$repository" fetch --quiet origin '+refs/notes/certificates:refs/notes/certificates' || true
else
    echo "no remote 'origin': the notes of this repository are used" >&2
fi
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
