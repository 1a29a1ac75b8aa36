#!/bin/sh
payload=$(cat)
echo "$1 $2 $JOB_ID $JOB_ACTION attempt $JOB_ATTEMPT resumed $JOB_RESUMED target $JOB_TARGET payload $payload"
[ "$payload" = "$(cat "$JOB_PAYLOAD_FILE")" ] || exit 9
echo "to stderr" >&2
case $payload in
  *stop*) exec sleep 600 ;;
  *fail*) exit 7 ;;
esac
