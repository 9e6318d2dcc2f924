#!/bin/sh
# The whole training, phase by phase; each resumes from WORK/last.pt. Run: sh schedule.sh WORK [PYTHON]
# The retrieval circuit forms within 150 steps of the first phase; the later ones make it sharp over length.
set -e
W=$1; PY=${2:-python3}; D=$(dirname "$0")
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000   # no page faults for every large tensor
T="$PY $D/train.py --work $W --bf16 --every 20"
[ -f $W/tokenizer.json ] || $PY $D/tokenizer.py --out $W/tokenizer.json
P="$T --len 320 --batch 24 --facts 7-8 --questions 6-8"
[ -f $W/last.pt ] || $P --share .3 --steps 2500 --lr 4e-4 --lr-end 1e-3 --warmup 100 --pose .4 --until .97
$P --share .7 --steps 300 --lr 6e-4 --lr-end 1e-3 --warmup 50 --pose .5 --until .985
$T --len 640 --batch 12 --facts 8-18 --questions 6-14 --share .7 --steps 300 --lr 1e-3 --warmup 50 --pose .6 --until .985
$T --len 2048 --batch 4 --facts 8-50 --questions 8-24 --share .6 --steps 500 --lr 1e-3 --warmup 50 --pose .7 --until .985
$T --len 8192 --batch 1 --facts 16-160 --questions 16-64 --share .5 --steps 40 --lr 7e-4 --warmup 50 --pose .8
$T --len 2048 --batch 4 --facts 8-50 --questions 8-24 --share .6 --steps 400 --lr 1e-3 --warmup 50 --pose .7 --until .992
$T --len 8192 --batch 1 --facts 16-160 --questions 16-64 --share .5 --steps 80 --lr 7e-4 --warmup 50 --pose .8
# Words and numbers beyond the lists, hard-wrapped text: broader, then sharp again at 8K.
$T --len 1024 --batch 8 --facts 6-26 --questions 6-16 --share .6 --steps 4000 --minutes 16 --open .35 --wrapped .12 --prose .2 --lr 1e-3 --lr-end 8e-4 --warmup 50 --pose .7
$T --len 8192 --batch 1 --facts 16-260 --questions 16-80 --share .5 --steps 400 --minutes 20 --open .3 --wrapped .1 --lr 8e-4 --lr-end 5e-4 --warmup 50 --pose .8
