#!/usr/bin/env bash
# The Python package against real PySpark: types, tests in a classic session and over Spark Connect, the wheel in an empty
# environment. Needs the jar (./mvnw package -DskipTests), python3 with venv, and PyPI. Reports go where CI counts them.
set -euo pipefail
cd "$(dirname "$0")"
work=$PWD/target
reports=$work/surefire-reports/python
mkdir -p "$reports"
export QUESTSPARK_JAR=${QUESTSPARK_JAR:-$PWD/../job/target/questspark-job.jar}
[[ -f $QUESTSPARK_JAR ]] || { echo "there is no $QUESTSPARK_JAR; ./mvnw package -DskipTests builds it" >&2; exit 2; }

if [[ ! -x $work/venv/bin/pytest ]]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check "pyspark[connect]==4.1.*" pandas pyarrow pytest mypy hatchling
fi
export PYTHONPATH=$PWD/src PYTHONDONTWRITEBYTECODE=1
status=0
running=()

# Both kinds of session at once, each with a JVM of its own.
for mode in classic connect; do
  QUESTSPARK_TEST_MODE=$mode "$work/venv/bin/python" -m pytest -q -p no:cacheprovider \
    -o junit_suite_name="$mode" --junitxml="$reports/TEST-python-$mode.xml" tests >"$work/$mode.log" 2>&1 &
  running[${#running[@]}]=$!
done
for one in "${running[@]}"; do
  wait "$one" || status=1
done
cat "$work/classic.log" "$work/connect.log"

# What pip installs, in an environment that has PySpark and nothing of this checkout.
rm -rf "$work/wheel" "$work/empty"
"$work/venv/bin/pip" wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w "$work/wheel" .
python3 -m venv "$work/empty"
"$work/empty/bin/pip" install --quiet --disable-pip-version-check --no-deps "$work"/wheel/*.whl
echo "$work/venv/lib"/python3.*/site-packages >"$(echo "$work/empty/lib"/python3.*/site-packages)/spark.pth"
docs=$(mktemp -d)
for i in 1 2 3; do
  echo "The gate code of the silver otter is 4000$i. " >"$docs/$i.txt"
done
(
  cd "$docs"
  unset PYTHONPATH
  "$work/empty/bin/questspark" run "--input=$docs" "--output=$work/wheel/answers" \
    --question="What is the gate code of the silver otter?" "--model=$OLDPWD/../demo/model" \
    "--prompt-template=$OLDPWD/../conf/prompts/demo.txt" --max-model-len=1024 --kv-cache-memory-bytes=64m --max-tokens=8
  "$work/empty/bin/python" -c "
import questspark
answers = sorted(questspark.read('$work/wheel/answers').answers()['output_text'])
assert answers == [' 40001', ' 40002', ' 40003'], answers
print('the wheel answered three files:', answers)"
) || status=1
rm -rf "$docs"
exit "$status"
