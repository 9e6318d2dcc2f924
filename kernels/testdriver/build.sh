#!/bin/sh
# Builds the test-only libcuda.so.1 from our .cu files with a host compiler, a stub of cuBLAS, and beside them the
# marker that stands for a fatbin. Does nothing if no source changed.
#   build.sh OUTPUT_DIR [KERNEL_DIR]      KERNEL_DIR holds include/ and src/; default: the folder above this one
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
kernels=${2:-$here/..}
cxx=${CXX:-g++}
inputs=$(cat "$here"/*.* "$here"/cublas/* "$kernels"/include/* "$kernels"/src/* | cksum)
if [ -f "$out/libcuda.so.1" ] && [ "$inputs" = "$(cat "$out/inputs" 2>/dev/null)" ]; then
  exit 0
fi
if ! command -v "$cxx" >/dev/null 2>&1; then
  echo "The CUDA tests need g++ 12 or newer to build their test driver, and '$cxx' is not there: install it, or leave" \
    "these tests out with -P no-cuda-tests." >&2
  exit 1
fi
mkdir -p "$out/work" "$out/resources/quest"
flags="-std=c++17 -O2 -fPIC -fno-strict-aliasing -fvisibility=hidden -march=native -ffp-contract=off"
kernel_flags="$flags -Wno-unknown-pragmas -fsanitize=thread,alignment -fsanitize-undefined-trap-on-error
  -DQUEST_PORTABLE -include $here/portable_cuda.h -I $here -I $kernels/include"

# One line per kernel: its launch bound, name, and parameters, from preprocessed text in which the two CUDA words stay.
signatures() {
  "$cxx" -std=c++17 -E -P -x c++ -DQUEST_PORTABLE -DQUEST_LIST_KERNELS -include "$here/portable_cuda.h" \
    -I "$kernels/include" "$1" | tr '\n' ' ' |
    grep -oE 'extern "C" __global__ void __launch_bounds__\([^)]*\) *[a-z0-9_]+ *\([^)]*\)' |
    sed -E 's/extern "C" __global__ void __launch_bounds__\(([^)]*)\) *([a-z0-9_]+) *\(/\1|\2|/; s/\)$//; s/ +/ /g'
}

build_kernel() {
  name=$(basename "$1" .cu)
  signatures "$1" >"$out/work/$name.signatures"
  {
    echo "#include \"$1\""
    echo '#include "kernel_table.h"'
    awk -F'|' '{ sub(/,.*/, "", $1); print "QUEST_KERNEL(" $2 ", " $1 ")" }' "$out/work/$name.signatures"
  } >"$out/work/$name.cpp"
  # shellcheck disable=SC2086
  "$cxx" $kernel_flags -c -o "$out/work/$name.o" "$out/work/$name.cpp"
}

rm -f "$out"/work/*
pids=
for file in "$kernels"/src/*.cu "$here"/*.cu; do
  build_kernel "$file" &
  pids="$pids $!"
done
for file in "$here"/*.cpp; do
  # shellcheck disable=SC2086
  "$cxx" $flags -Wall -Wextra -c -o "$out/work/driver_$(basename "$file" .cpp).o" "$file" &
  pids="$pids $!"
done
for pid in $pids; do
  wait "$pid"
done
"$cxx" -shared -Wl,-soname,libcuda.so.1 -Wl,-z,defs -o "$out/libcuda.so.1" "$out"/work/*.o
# shellcheck disable=SC2086
"$cxx" $flags -Wall -Wextra -shared -Wl,-soname,libcublas.so.12 -Wl,--version-script="$here/cublas/exports.map" \
  -o "$out/libcublas.so.12" "$here/cublas/cublas.cpp" "$out/libcuda.so.1"
printf 'quest-testdriver: kernels are compiled into libcuda.so.1' >"$out/resources/quest/kernels.fatbin"
echo "$inputs" >"$out/inputs"
