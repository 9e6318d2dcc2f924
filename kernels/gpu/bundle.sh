#!/usr/bin/env bash
# Makes kernels/target/gpu/quest-gpu.tar.xz: all that a bare Linux host with an NVIDIA driver needs to test and time the
# kernels, a Java runtime included. At most 60 MiB. On that host: kernels/gpu/run.sh (this folder travels beside it).
#
#   kernels/gpu/bundle.sh [BEFORE]     with a commit: its kernels too, to time the ops of both in turns
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$PWD/kernels/target/gpu
bundle=$work/quest-gpu
limit_mib=60
junit_console=org.junit.platform:junit-platform-console-standalone:1.14.4

./mvnw -B -ntp -q -pl kernels,engine test-compile dependency:build-classpath \
  -Dmdep.outputFile="$PWD/kernels/target/classpath" -Dmdep.includeScope=test
[[ -f kernels/target/classes/quest/kernels.fatbin ]] \
  || { echo "bundle.sh needs nvcc on the PATH: it is the kernels that are to be tested" >&2; exit 2; }

rm -rf "$work"
mkdir -p "$bundle/lib"
cp -r kernels/target/classes "$bundle/kernels"
cp -r engine/target/classes "$bundle/engine"
cp -r engine/target/test-classes "$bundle/tests"
./mvnw -B -ntp -q dependency:copy -Dartifact=$junit_console -DoutputDirectory="$bundle/lib" -Dmdep.useBaseVersion=true

# The CPU's native libraries stay behind: plain Java is the reference there.
for jar in $(tr ':' '\n' <kernels/target/classpath); do
  case $jar in
    *-natives-*-linux-x86_64.jar) (cd "$bundle" && unzip -q -o "$jar" 'lib/libJCudaDriver*' 'lib/libJCudaRuntime*' 'lib/libJCublas2*' -d natives 2>/dev/null || true) ;;
    *-natives-* | */dnnl-*-linux* | */javacpp-*-linux* | */opencl-* | */tokenizers-* | */archunit*) ;;
    */junit-* | */opentest4j* | */apiguardian* | */commons-compress-* | */byte-buddy*) ;;
    *.jar) cp "$jar" "$bundle/lib/" ;;
  esac
done

jlink --add-modules java.base,java.logging,java.management,java.naming,java.xml,jdk.unsupported \
  --strip-debug --no-header-files --no-man-pages --compress=0 --output "$bundle/java"

before=${1:-}
if [[ -n $before ]]; then
  git worktree prune # of a run that was killed
  git worktree add -q --detach "$work/before" "$before"
  trap 'git worktree remove --force "$work/before"' EXIT
  (cd "$work/before" && ./mvnw -B -ntp -q -pl kernels,engine test-compile)
  mkdir "$bundle/before"
  cp -r "$work/before/kernels/target/classes" "$bundle/before/kernels"
  cp -r "$work/before/engine/target/classes" "$bundle/before/engine"
  cp -r "$work/before/engine/target/test-classes" "$bundle/before/tests"
  rm -rf "$bundle/before/tests/hf-models" # its benchmark alone runs
  git -C "$work/before" log -1 --format='%h %s' >"$bundle/before/commit"
fi

tar -C "$work" -c quest-gpu | xz -T0 >"$work/quest-gpu.tar.xz" # a third smaller than gzip makes it
rm -rf "$bundle"
size=$(du -m "$work/quest-gpu.tar.xz" | cut -f 1)
echo "$work/quest-gpu.tar.xz: $size MiB"
((size <= limit_mib)) || { echo "the bundle is larger than $limit_mib MiB" >&2; exit 1; }
