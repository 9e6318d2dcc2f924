#!/bin/sh
# The whole training, phase by phase; each resumes from WORK/last.pt. Run: sh schedule.sh WORK [PYTHON]
# The retrieval circuit forms within 150 steps of the first phase; the later ones make it sharp over length.
set -e
W=$1; PY=${2:-python3}; D=$(dirname "$0")
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000   # no page faults for every large tensor
T="$PY $D/train.py --work $W --bf16 --every 20"
[ -f $W/tokenizer.json ] || $PY $D/tokenizer.py --out $W/tokenizer.json
[ -f $W/last.pt ] || $T --len 320 --batch 24 --facts 7-8 --questions 6-8 --share .3 --steps 2500 --lr 4e-4 --lr-end 1e-3 --warmup 100 --pose .4 --until .97
