#!/bin/sh
# Brings the test driver up to date: what Maven calls before the lanes that need it. The Makefile does the work.
#   build.sh OUTPUT_DIR [KERNEL_DIR]      KERNEL_DIR holds include/ and src/; default: the folder above this one
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for tool in make "${CXX:-g++}"; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "The CUDA tests need make and g++ 12 or newer to build their test driver, and '$tool' is not there: install it," \
      "or run ./mvnw test, which needs neither." >&2
    exit 1
  fi
done
mkdir -p "$1"
exec make --no-print-directory -s -j "$(nproc)" -C "$here" OUT="$(cd "$1" && pwd)" ${2:+KERNELS="$(cd "$2" && pwd)"}
