#!/bin/sh
# The payload, JSON, is on standard input; JOB_ID, JOB_ATTEMPT, JOB_TARGET and JOB_PAYLOAD_FILE are in the environment.
echo "for $JOB_ID"
df -h /
