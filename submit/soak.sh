#!/usr/bin/env bash
# The fault and poisoned-corpus tests at full size; an hour and more. Prints seeds and figures, keeps the log.
#   submit/soak.sh [SEEDS] [DOCUMENTS] [LONG_DOCUMENTS]
set -euo pipefail

home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
seeds=${1:-20}
documents=${2:-10000}
long_documents=${3:-50}
log=$home/job/target/soak.log
mkdir -p "$home/job/target"

echo "$seeds seeds per fault, $documents documents and $long_documents long ones; log: $log"
started=$SECONDS
status=0
: >"$log"
run() {
  (cd "$home" && ./mvnw -B -ntp -pl kernels,engine,job test "$@" \
    -Dquestspark.fault.seeds="$seeds" \
    -Dquestspark.soak.documents="$documents" \
    -Dquestspark.soak.long.documents="$long_documents") >>"$log" 2>&1 || status=$?
}
run -Dlane=cluster -Dtest='*FaultTest'
run -Dtest='ResumeTest,AnswerFilesTest,RunLockTest,Poisoned*Test'

grep -E '^seed |Tests run:|soak|FAIL' "$log" || true
echo "$((SECONDS - started)) s, $([[ $status -eq 0 ]] && echo passed || echo "FAILED, see $log")"
exit "$status"
