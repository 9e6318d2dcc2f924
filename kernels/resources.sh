#!/bin/sh
# Writes RESOURCES.md: registers, static shared memory and spills of every kernel on every architecture, as ptxas
# reports them. Needs nvcc. The build itself refuses spills in hot kernels (build/BuildKernels.java).
set -eu
cd "$(dirname "$0")"
work=target/kernels
java build/BuildKernels.java . target/classes/quest "$work"
if ! ls "$work"/sm_*.resources >/dev/null 2>&1; then
  echo "resources.sh needs nvcc: put it on the PATH or set CUDA_HOME" >&2
  exit 1
fi
{
  echo '# Registers, shared memory and spills'
  echo
  echo 'Written by `kernels/resources.sh` from `ptxas -v`; do not edit. Each cell: registers per thread, and spilled bytes'
  echo 'where there are any. Static shared memory is in bytes, of the architecture with most; dynamic shared memory is'
  echo 'stated at the head of each `.cu` file.'
  echo
  awk '
    FNR == 1 { arch = FILENAME; sub(/.*sm_/, "sm_", arch); sub(/\.resources/, "", arch); archs[++n] = arch }
    match($0, /entry function .[a-z0-9_]+/) { name = substr($0, RSTART + 16, RLENGTH - 16); names[name] = 1 }
    /bytes spill stores/ { spill = 0; for (i = 1; i < NF; i++) if ($(i + 2) == "spill") spill += $i; spills[name, arch] = spill }
    /Used [0-9]+ registers/ {
      for (i = 1; i < NF; i++) {
        if ($i == "Used") registers[name, arch] = $(i + 1)
        if ($(i + 1) == "bytes" && $(i + 2) ~ /^smem/ && $i + 0 > shared[name]) shared[name] = $i + 0
      }
    }
    END {
      line = "| kernel | shared |"; rule = "|---|---|"
      for (i = 1; i <= n; i++) { line = line " " archs[i] " |"; rule = rule "---|" }
      print line; print rule
      for (name in names) {
        line = "| `" name "` | " (shared[name] + 0) " |"
        for (i = 1; i <= n; i++) {
          line = line " " registers[name, archs[i]] (spills[name, archs[i]] ? " (spills " spills[name, archs[i]] ")" : "") " |"
        }
        print line | "sort"
      }
    }' "$work"/sm_80.resources "$work"/sm_86.resources "$work"/sm_89.resources "$work"/sm_90a.resources \
    "$work"/sm_100.resources "$work"/sm_120.resources
} >RESOURCES.md
