#!/usr/bin/env bash
# The fault and poisoned-corpus tests at full size; an hour and more. Prints seeds and figures, keeps the log. Among the faults
# are documents that end executors, among random kills.
#   submit/soak.sh [SEEDS] [DOCUMENTS] [LONG_DOCUMENTS] [KILLS]
set -euo pipefail

unset CDPATH
home=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
seeds=${1:-20}
documents=${2:-10000}
long_documents=${3:-50}
kills=${4:-20}
log=$home/job/target/soak.log
mkdir -p "$home/job/target"

echo "$seeds seeds per fault, $documents documents and $long_documents long ones, $kills kills among poison; log: $log"
started=$SECONDS
status=0
: >"$log"
run() {
  (cd "$home" && ./mvnw -B -ntp -pl kernels,engine,job test "$@" \
    -Dquestspark.fault.seeds="$seeds" \
    -Dquestspark.soak.documents="$documents" \
    -Dquestspark.soak.poisoned.documents="$((documents + long_documents))" \
    -Dquestspark.soak.kills="$kills" \
    -Dquestspark.soak.long.documents="$long_documents") >>"$log" 2>&1 || status=$?
}
run -Dlane=cluster -Dtest='*FaultTest'
run -Dtest='ResumeTest,AnswerFilesTest,RunLockTest,Poisoned*Test'

grep -E '^seed |Tests run:|soak|FAIL' "$log" || true
echo "$((SECONDS - started)) s, $([[ $status -eq 0 ]] && echo passed || echo "FAILED, see $log")"
exit "$status"
