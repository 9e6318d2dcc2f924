#!/bin/sh
# Tells Spark which GPUs this host (or this container) has: spark.worker.resource.gpu.discoveryScript,
# spark.executor.resource.gpu.discoveryScript. Prints {"name": "gpu", "addresses": ["0", "1"]}.
set -eu
if command -v nvidia-smi >/dev/null 2>&1; then
  found=$(nvidia-smi --query-gpu=index --format=csv,noheader)
elif [ -d /proc/driver/nvidia/gpus ]; then # a driver without its tools
  count=$(ls /proc/driver/nvidia/gpus | wc -l)
  found=$(seq 0 $((count - 1)))
else
  echo "no NVIDIA driver on this host: neither nvidia-smi nor /proc/driver/nvidia/gpus is there" >&2
  exit 1
fi
addresses=$(echo "$found" | awk 'NF { printf "%s\"%s\"", separator, $1; separator = ", " }')
echo "{\"name\": \"gpu\", \"addresses\": [$addresses]}"
