#!/bin/sh
# One probe a night. Given again in the same night, it goes on with the same work.
# cron mails what this prints: nothing when it is done, the answer and the exit code otherwise.
set -u
workspace=$1
answer=$(
  millracer run --workspace "$workspace" --request-id "nightly-$(date +%F)" \
    --route millrace --intake probe --finalizer summary --quiet \
    "Find out why tests fail, if some do, and mend the first cause." 2>&1
)
code=$?
if [ "$code" -ne 0 ]; then
  printf '%s\nmillracer ended with exit code %s\n' "$answer" "$code"
fi
exit "$code"
