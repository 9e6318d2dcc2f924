#!/usr/bin/env bash
# The Python package against real PySpark: types, tests in a classic session and over Spark Connect (by pyspark-client, which
# has no Java), the notebook, and the wheel in an empty environment. Needs the jar (./mvnw package -DskipTests), python3 with
# venv, and PyPI. Reports go where CI counts them. With QUESTSPARK_TEST_SPARK=4.2, the two sessions alone, on that PySpark and the
# jar of run.sh --spark 4.2.
set -euo pipefail
cd "$(dirname "$0")"
default=4.1
spark=${QUESTSPARK_TEST_SPARK:-$default}
work=$PWD/target
jar=questspark-job.jar
if [[ $spark != "$default" ]]; then
  work=$PWD/target/spark-$spark
  jar=spark-$spark/questspark-job-spark-$spark.jar
fi
reports=$PWD/target/surefire-reports/python
mkdir -p "$reports"
export QUESTSPARK_JAR=${QUESTSPARK_JAR:-$PWD/../job/target/$jar}
[[ -f $QUESTSPARK_JAR ]] || { echo "there is no $QUESTSPARK_JAR; ./mvnw package -DskipTests builds it" >&2; exit 2; }

# One environment of tools, and beside it one for each PySpark, which sees the tools.
install() { "$work/tools/bin/pip" --quiet --disable-pip-version-check --python "$work/$1/bin/python" install --no-compile "${@:2}"; }
environment() {
  python3 -m venv --without-pip "$work/$1"
  echo "$work/tools/lib"/python3.*/site-packages >"$(echo "$work/$1/lib"/python3.*/site-packages)/tools.pth"
  install "$1" --no-deps "${@:2}"
}
if [[ ! -f $work/installed ]]; then
  rm -rf "$work"/{tools,spark,client}
  python3 -m venv "$work/tools"
  install tools pandas pyarrow "grpcio>=1.76" "grpcio-status>=1.76" "googleapis-common-protos>=1.71" "zstandard>=0.25" \
    pytest mypy hatchling nbclient ipykernel matplotlib
  environment spark "pyspark==$spark.*" "py4j<0.10.10"
  environment client "pyspark-client==$spark.*"
  touch "$work/installed"
fi
export PYTHONPATH=$PWD/src PYTHONDONTWRITEBYTECODE=1
export SPARK_HOME
SPARK_HOME=$(echo "$work/spark/lib"/python3.*/site-packages/pyspark)

# tests MODE ENVIRONMENT
tests() {
  QUESTSPARK_TEST_MODE=$1 "$work/$2/bin/python" -m pytest -q -p no:cacheprovider --durations=5 \
    -o junit_suite_name="$1" --junitxml="$reports/TEST-python-$spark-$1.xml" tests >"$work/$1.log" 2>&1
}

# What pip installs, in an environment that has PySpark and nothing of this checkout.
wheel() {
  rm -rf "$work/wheel" "$work/empty" "$work/repository"
  "$work/tools/bin/pip" wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w "$work/wheel" .
  environment empty "$work"/wheel/*.whl
  echo "$work/spark/lib"/python3.*/site-packages >"$(echo "$work/empty/lib"/python3.*/site-packages)/spark.pth"
  (cd .. && ./mvnw -B -q -pl job deploy:deploy-file@publish "-Durl=file://$work/repository")
  PYTHONPATH='' QUESTSPARK_TEST_REPOSITORY=file://$work/repository/ tests wheel empty
}

# Two at a time, each with a JVM of its own. Another Spark has no notebook and no wheel of its own.
rm -f "$work"/{classic,wheel,connect,notebook}.log
status=0
{ tests connect client && { [[ $spark != "$default" ]] || tests notebook spark; }; } &
beside=$!
{ tests classic spark && { [[ $spark != "$default" ]] || wheel; }; } || status=1
wait "$beside" || status=1
cat "$work"/*.log
exit "$status"
