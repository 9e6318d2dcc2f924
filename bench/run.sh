#!/usr/bin/env bash
# Measures the CPU engine beside llama.cpp and transformers, the commands of each comparison in turns, and appends one
# JSON line per comparison to OUT.jsonl. bench/README.md says how to get the peers and the checkpoint.
#
#   LLAMA=DIR_OF_LLAMA_BINARIES PYTHON=PYTHON_WITH_TORCH bench/run.sh HF_FOLDER OUT.jsonl [PART ...]
#
# Needs FOLDER-bf16.gguf beside HF_FOLDER (bench/gguf_from_hf.py), and for `demo` demo-bf16.gguf there too.
# DTYPE is ours and transformers' arithmetic: float32 where the processor has no products of bfloat16 (default bfloat16).
# LLAMA_FLAGS go to both of its programs, for instance "-fa off": what is fastest differs by processor, by several times.
# BEFORE is put in front of every command, for instance "nice -n -19".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=${1:?usage: run.sh HF_FOLDER OUT.jsonl [PART ...]}
out=${2:?usage: run.sh HF_FOLDER OUT.jsonl [PART ...]}
shift 2
python=${PYTHON:-python3}
llama=${LLAMA:-}
before=${BEFORE:-}
pairs=${PAIRS:-5}
threads=${THREADS:-$(nproc)}
dtype=${DTYPE:-bfloat16}
demo=$here/../demo/model
gguf=$model-bf16.gguf
demo_gguf=$(dirname "$model")/demo-bf16.gguf
classpath=$here/target/classes:$(cat "$here/target/classpath")
ours="$before java -Xmx${HEAP:-6g} --add-modules=jdk.incubator.vector -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
-cp $classpath dev.questspark.bench.EngineBenchmark"
common="--dtype $dtype --threads $threads"
# PyTorch takes its temporaries from the system anew each time unless malloc keeps them: that would be slow here.
torch="$before env MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=8589934592 $python $here/transformers_peer.py"
llama_bench="$before $llama/llama-bench -t $threads -r 1 -o jsonl ${LLAMA_FLAGS:-}"

compare() { # NAME OURS PEER [OURS_WHERE]
  "$python" "$here/compare.py" "$1" --pairs "$pairs" --ours "$2" --peer "$3" --ours-where "${4:-}" --append "$out"
}

alone() { # NAME COMMAND: every line that it prints
  $2 | sed "s/^{/{\"name\": \"$1\", /" | tee -a "$out"
}

for part in ${*:-open own linear prefill decode demo}; do
  echo "== $part" >&2
  case $part in
    open)
      for _ in 1 2 3; do alone open "$ours open --model $model $common"; done
      ;;
    own)
      for context in 2048 8192 16384 32768; do
        alone decode "$ours decode --model $model --context $context --budgets full,1024 --warm-up-steps 60 $common"
      done
      alone decode "$ours decode --model $model --context 8192 --batch 8 --budgets full,1024 $common"
      alone decode "$ours decode --model $model --context 16384 --batch 4 --budgets full,1024 $common"
      for invariant in true false; do
        alone "batch_invariant=$invariant" \
          "$ours prefill --model $model --context 2048 --batch-invariant $invariant $common"
        alone "batch_invariant=$invariant" \
          "$ours decode --model $model --context 2048 --batch-invariant $invariant $common"
      done
      ;;
    linear)
      for shape in "9728 896" "896 4864" "1152 896"; do
        read -r n k <<<"$shape"
        compare "linear 512 x $k x $n, PyTorch" "$ours linear --rows 512 --out $n --in $k $common" \
          "$torch linear - --rows 512 --out $n --in $k $common"
      done
      alone "linear, one row" "$ours linear --rows 1 --out 9728 --in 896 $common"
      ;;
    prefill | prefill-long)
      context=2048
      [[ $part == prefill-long ]] && context=8192
      compare "prefill $context, llama.cpp" \
        "$ours prefill --model $model --context $context --rounds 1 $common" \
        "$llama_bench -m $gguf -p $context -n 0"
      compare "prefill $context, transformers" \
        "$ours prefill --model $model --context $context --rounds 1 $common" \
        "$torch prefill $model --context $context --rounds 1 $common"
      ;;
    decode)
      compare "dense decode at 2048, llama.cpp" \
        "$ours decode --model $model --context 2048 --warm-up-steps 60 $common" "$llama_bench -m $gguf -p 0 -n 24 -d 2048"
      compare "dense decode at 2048, transformers" \
        "$ours decode --model $model --context 2048 --warm-up-steps 60 $common" \
        "$torch decode $model --context 2048 $common"
      ;;
    int8)
      for phase in "prefill --context 2048 --rounds 1" "decode --context 2048"; do
        alone "${phase%% *} with weights in 8 bits" "$ours $phase --model $model --weight-dtype int8 $common"
      done
      compare "dense decode at 2048, weights in 8 bits, llama.cpp q8_0" \
        "$ours decode --model $model --context 2048 --weight-dtype int8 --warm-up-steps 60 $common" \
        "$llama_bench -m ${gguf/bf16/q8_0} -p 0 -n 24 -d 2048"
      ;;
    demo)
      compare "demo model, Quest 1024 at 32K, llama.cpp dense" \
        "$ours decode --model $demo --context 32600 --budgets 1024 --warm-up-steps 1500 --steps 100 $common" \
        "$llama_bench -m $demo_gguf -p 0 -n 100 -d 32600"
      ;;
    batch)
      compare "4 sequences of 16K, Quest 1024, llama.cpp dense" \
        "$ours decode --model $model --context 16384 --batch 4 --budgets 1024 $common" \
        "$before $llama/llama-batched-bench -m $gguf -c 66560 -b 2048 -ub 512 -npp 16384 -ntg 16 -npl 4 -pps -t $threads ${LLAMA_FLAGS:-} \
--output-format jsonl"
      ;;
    *)
      echo "unknown part '$part'" >&2
      exit 2
      ;;
  esac
done
