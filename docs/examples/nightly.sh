#!/bin/sh
# One probe per night. A second start in the same night continues the same work.
# cron mails the output: nothing on success, otherwise the answer and the exit code.
set -u
workspace=$1
answer=$(
  millracer run --workspace "$workspace" --request-id "nightly-$(date +%F)" \
    --route millrace --intake probe --finalizer summary --quiet \
    "Find out why tests fail, if some do, and fix the first cause." 2>&1
)
code=$?
if [ "$code" -ne 0 ]; then
  printf '%s\nmillracer ended with exit code %s\n' "$answer" "$code"
fi
exit "$code"
