#!/usr/bin/env bash
# On a host with an NVIDIA GPU and its driver, nothing else: contract tests, seven checkpoints, compute-sanitizer where it
# is installed, benchmarks beside PyTorch's ceilings where that is. Writes everything to a folder, and the table to
# BENCHMARKS.md there.
#
#   kernels/gpu/run.sh OUT_DIR [tests|sanitizer|ops|model ...]     without parts: all, in this order
# QUEST_GPU_SHAPE, QUEST_GPU_POLICIES and QUEST_GPU_CACHE_POLICIES change what the part "model" measures.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: run.sh OUT_DIR [tests|sanitizer|ops|model ...]}
shift
parts=${*:-tests sanitizer ops model}
archive=$here/../target/gpu/quest-gpu.tar.xz
work=${QUEST_GPU_WORK:-/tmp/quest-gpu-work}
sizes=${QUEST_GPU_SIZES:-} # "tiny" tries the scripts on the test driver
mkdir -p "$out" "$work"
# A bare host may have no xz; Python reads it by itself.
tar -C "$work" -xf "$archive" 2>/dev/null || python3 -m tarfile -e "$archive" "$work" \
  || { echo "run.sh needs xz or python3 to unpack $archive" >&2; exit 2; }
quest=$work/quest-gpu
classpath="$quest/tests:$quest/engine:$quest/kernels:$quest/natives:$quest/lib/*"
java=("$quest/java/bin/java" -Xmx24g -Dquestspark.gpu=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn)
[[ -n ${QUEST_TEST_DRIVER:-} ]] && java+=("-Dquestspark.testdriver=$QUEST_TEST_DRIVER")
failed=0

junit() { # LOG, then what runs java, then -c CLASS ...
  local log=$1
  shift
  "$@" >"$out/$log" 2>&1
  local code=$?
  tail -n 14 "$out/$log"
  ((code == 0)) || { failed=1; echo "FAILED ($code): see $log"; }
}

ops=dev.questspark.engine.ops
# Most of a test's time goes into opening its backend, on one core: each class gets a process of its own.
contracts=("$ops.cuda.CudaTensorOpsTest" "$ops.CudaHalfPrecisionTest" "$ops.CudaPrefillFormsTest"
  "$ops.CudaInt8DigestTest" "$ops.CudaDigestBlocksTest" "$ops.CudaListedUnitsTest" "$ops.CudaBlockListTest"
  "$ops.CudaBlockFormsTest" "$ops.CudaSamplingTest" "$ops.CudaPrefixAttentionTest" "$ops.CudaPrefixFormatsTest"
  "$ops.CudaPrefixFormsTest" dev.questspark.engine.model.CudaFixtureModelsTest
  dev.questspark.engine.model.CudaFamilyModelsTest)
console=(org.junit.platform.console.ConsoleLauncher execute --disable-banner --details=summary)

(command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv) \
  | tee "$out/device.txt"

for part in $parts; do
  echo "== $part"
  case $part in
    tests)
      running=()
      for class in "${contracts[@]}"; do
        "${java[@]}" -cp "$classpath" "${console[@]}" -c "$class" >"$out/${class##*.}.log" 2>&1 &
        running+=($!)
      done
      for i in "${!contracts[@]}"; do
        wait "${running[i]}" || { failed=1; echo "FAILED: ${contracts[i]##*.}"; }
        grep -E "tests (successful|failed|skipped|aborted)" "$out/${contracts[i]##*.}.log" | sed "s/^/${contracts[i]##*.}: /"
      done
      ;;
    sanitizer)
      sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -n 1)
      if [[ -z $sanitizer ]]; then
        echo "compute-sanitizer is not installed here: NOT RUN" | tee "$out/sanitizer.log"
        continue
      fi
      for tool in memcheck racecheck; do
        # racecheck slows a kernel down a hundred times and more
        classes=(-c "$ops.CudaPrefillFormsTest")
        [[ $tool == memcheck ]] && classes+=(-c "$ops.CudaHalfPrecisionTest")
        junit "$tool.log" timeout 280 "$sanitizer" --tool "$tool" --error-exitcode 9 --target-processes all \
          "${java[@]}" -cp "$classpath" "${console[@]}" "${classes[@]}"
      done
      ;;
    ops)
      command -v python3 >/dev/null && python3 "$here/ceilings.py" "$out/ceilings.jsonl" $sizes
      # "in turns" where bundle.sh was given a commit: before, now, before, now
      benchmark=dev.questspark.engine.ops.cuda.OpBenchmark
      old=$quest/before
      rounds=1
      [[ -d $old ]] && rounds=2 && cp "$old/commit" "$out/before.txt"
      old_benchmark=$benchmark # earlier commits have it under another name
      [[ -f $old/tests/${benchmark//.//}.class ]] || old_benchmark=${benchmark/OpBenchmark/VerbBenchmark}
      for ((round = 1; round <= rounds; round++)); do
        if [[ -d $old ]]; then
          "${java[@]}" -cp "$old/tests:$old/engine:$old/kernels:$quest/natives:$quest/lib/*" $old_benchmark \
            "$out/before-$round.jsonl" $sizes || { failed=1; echo "FAILED: ops before"; }
        fi
        "${java[@]}" -cp "$classpath" $benchmark "$out/ops-$round.jsonl" $sizes || { failed=1; echo "FAILED: ops"; }
      done
      cp "$out/ops-$rounds.jsonl" "$out/ops.jsonl"
      ;;
    model)
      if ! command -v python3 >/dev/null; then
        echo "no python3 to make a random checkpoint with: NOT RUN"
        continue
      fi
      python3 "$here/random_model.py" "$work/model" $sizes || { failed=1; continue; }
      # batch, context, rows of a step as the preset gpu-quest has them, then policies and cache policies
      shape=(${QUEST_GPU_SHAPE:-8 32768 6400})
      policies=${QUEST_GPU_POLICIES:-dense;quest(budget=2048);skip_layers(layers=2, quest(budget=2048))}
      cache_policies=${QUEST_GPU_CACHE_POLICIES:-none;keep_all;int4;sampled(last=dense)}
      [[ -n $sizes ]] && shape=(2 128 600) policies='dense;quest(budget=64)' cache_policies='none;keep_all'
      "${java[@]}" -XX:MaxDirectMemorySize=24g -cp "$classpath" dev.questspark.engine.ModelBenchmark "$out/model.jsonl" \
        "$work/model" cuda "${shape[@]}" "$policies" "$cache_policies" || { failed=1; echo "FAILED: model"; }
      ;;
    *) echo "unknown part $part"; failed=1 ;;
  esac
done
command -v python3 >/dev/null && python3 "$here/table.py" "$out" >"$out/BENCHMARKS.md" && cat "$out/BENCHMARKS.md"
exit $failed
