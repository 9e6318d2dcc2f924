#!/usr/bin/env bash
# Submits the job; in a source tree it builds first what is missing. Usage: submit/run.sh --help
set -euo pipefail

unset CDPATH # with it, cd may go elsewhere, and prints where
script=${BASH_SOURCE[0]}
while [[ -L $script ]]; do # behind links
  link=$(readlink -- "$script")
  [[ $link == /* ]] || link=$(dirname -- "$script")/$link
  script=$link
done
home=$(cd -- "$(dirname -- "$script")/.." && pwd -P)
spark_scala=2.13
sources=
[[ -f $home/pom.xml ]] && sources=yes
export QUESTSPARK_HOME=$home

presets() { (cd "$home/conf" && ls ./*.conf | sed 's|^\./||; s|\.conf$||' | grep -v '^base$'); }

usage() {
  cat <<TEXT
Usage: submit/run.sh [sweep|eval|calibrate|report|plan] [preset] [options]

  submit/run.sh demo                        the bundled model on the bundled corpus
  submit/run.sh demo --output DIR           any option can follow a preset
  submit/run.sh sweep demo --output DIR --kv-budgets 256,512,1024,2048 --selectors quest,sink_recent
                                            quality, speed and memory of every budget; ends in DIR/report.html
  submit/run.sh eval demo --output DIR --suite passkey_facts --lengths 1024,4096
  submit/run.sh calibrate --model DIR --input TEXTS --output HEADS --prefix-tokens 2048 --windows 4
                                            which KV heads of a model need a whole document, for duoattention
  submit/run.sh report DIR                  writes DIR/report.html again
  submit/run.sh plan --model DIR --lengths 8192,32768 --kv-cache-memory-bytes 16g
                                            what documents would take of the memory; runs nothing
  submit/run.sh sweep --help                options of sweep; likewise for the others
  submit/run.sh cpu-quest --model DIR --input FILE --output DIR --question "..."

Presets: $(presets | tr '\n' ' ')
A preset is the name of a file in conf/, or the path of your own .conf file.

Options of the job: submit/run.sh --job-help, or conf/README.md.
Options of spark-submit pass through: --master, --deploy-mode, --name, --conf, --properties-file,
  --driver-memory, --driver-cores, --driver-java-options, --driver-class-path, --driver-library-path,
  --executor-memory, --executor-cores, --num-executors, --total-executor-cores, --files, --archives,
  --jars, --packages, --repositories, --exclude-packages, --queue, --principal, --keytab, --proxy-user.
  Without them: --master local[*] --driver-memory 4g.

Spark: \$SPARK_HOME/bin/spark-submit if SPARK_HOME is set. Without it, a source tree takes Spark from
Maven Central, and a release takes the spark-submit on the PATH or the pyspark package of python3.
  --spark 4.1|4.2|3.5  which Spark; also QUESTSPARK_SPARK. Default: SPARK_HOME's own version, else 4.1.

Java: 17 or 21 for Spark 4, 17 for Spark 3.5. JAVA_HOME names it, else the java on the PATH is taken.
A source tree needs a JDK, since it builds; a release needs only a Java runtime.
Exit codes: 0 done, 1 failed, 2 refused before any work, 3 too many error rows, 4 a budget was never used (sweep),
  5 stopped at --deadline.
TEXT
}

usage_sweep() {
  cat <<TEXT
Usage: submit/run.sh sweep [preset] --output DIR [options]

Compares page selection policies on the documents and questions of --input. Each document is prefilled once. For each policy
the sweep measures throughput at full batch (interleaved), then accuracy on every question. Dense attention is always included.
The result is DIR/report.html. After an interruption, run the same command again: it continues.

  submit/run.sh sweep demo --output DIR --kv-budgets 256,512,1024,2048 --selectors quest,sink_recent

  --kv-budgets, --selectors, --page-scores, --skip-layers
                       lists of values; every combination is measured
  --answer-col         column of reference answers; without it there is no accuracy, only agreement with dense
  --repetitions        speed measurements of each policy; intervals need 3
  --speed-tokens       tokens generated per request in a speed measurement
  --max-num-seqs       requests per batch
  --on-too-long        error (an error row), or truncate_middle
  --selection-study    documents on which each policy's pages are compared with the exact attention weights
  --max-quality-loss   accuracy that the recommended budget may lose against dense attention

TEXT
  more_options
}

usage_eval() {
  cat <<TEXT
Usage: submit/run.sh eval [preset] --output DIR --suite NAME [options]

Compares the accuracy of page selection policies on a suite of questions. Dense attention is always included. The result is
DIR/report.html. After an interruption, run the same command again: it continues. For speed, use sweep.

  submit/run.sh eval demo --output DIR --suite passkey_facts --lengths 1024,4096 --kv-budgets 128,512

Suites:
  passkey, passkey_facts                   generated from --lengths, --depths, --samples and --seed
  needle, multikey, multikey_facts, variable_tracking
                                           generated likewise, hidden in the texts of --input
  corpus                                   the questions of --input, scored with --answer-col
  longbench, kvpress                       --input is a folder as published
  perplexity                               the texts of --input, cut at each of --lengths
  divergence                               windows of the texts of --input, against dense attention row by row; no questions
  calibration                              submit/run.sh calibrate --help

  --kv-budgets, --selectors, --page-scores, --skip-layers
                       lists of values; every combination is evaluated
  --on-too-long        error (an error row), or truncate_middle; default: error, for longbench truncate_middle
  --question-tail-characters
                       characters at the end of the prompt that read through the policy; default: the whole question
  --max-quality-loss   accuracy that the recommended budget may lose against dense attention

TEXT
  more_options
}

usage_calibrate() {
  cat <<TEXT
Usage: submit/run.sh calibrate [preset] --model DIR --input TEXTS --output HEADS [options]

Scores every KV head of a model by what happens to the text after a document when that head alone keeps the document's first 64
and last 256 tokens: the KL of the next-token distributions from dense attention's, on windows of the texts. Writes
HEADS/full_attention_heads.tsv and HEADS/config.json, which --cache-policy 'duoattention(streaming=0.25, heads=HEADS)' reads, for the
same model and for no other. Takes one prefill for each head and window, and says how many tokens before it begins. After an
interruption, run the same command again: it continues. It is eval with --suite calibration.

  --prefix-tokens      tokens of a document; more than 320, best as long as the documents that are meant
  --windows            documents, spread over the texts
  --window-tokens      tokens after each

TEXT
  more_options
}

usage_report() {
  cat <<TEXT
Usage: submit/run.sh report DIR [options]

Writes DIR/stats/ and DIR/report.html again from the results of a sweep or an eval in DIR. Measures nothing.

  --max-quality-loss   accuracy that the recommended budget may lose against dense attention
  --verbose            show stack traces of failures
TEXT
}

usage_plan() {
  cat <<TEXT
Usage: submit/run.sh plan [preset] --model DIR [options]

Says how an engine would divide its memory, and for each policy and document length: tokens that are prefilled, bytes that a
document holds while it is asked, how many documents memory holds at once, operations of the prefill, bytes read per token of an
answer. Reads the model's configuration; loads no weights and runs nothing.

  submit/run.sh plan --model DIR --lengths 8192,32768 --kv-cache-memory-bytes 16g --cache-policies int4 --policies dense

  --lengths            tokens of a document; default: what max_model_len leaves
  --cache-policies     cache policies beside none; may be repeated
  --policies, --kv-budgets, --selectors
                       what an answer's tokens read
  --kv-cache-memory-bytes
                       memory; on a CPU by default half of what this JVM has free
  --max-model-len, --max-num-seqs, --max-tokens, --dtype, --backend cuda

TEXT
  more_options
}

more_options() {
  echo "All options: submit/run.sh --job-help, or conf/README.md. Presets, spark-submit: submit/run.sh --help."
}

asks_help() {
  local word
  for word in "$@"; do
    [[ $word == --help || $word == -h ]] && return 0
  done
  return 1
}

# What Spark's own default of spark.redaction.regex hides in its logs and pages.
secret='secret|password|token|access[.]?key'

# NAME=VALUE without the value, where name or value tells a secret; the job's own options are none.
redacted() {
  local shown=$1
  if [[ $shown == *=* && $shown != spark.questspark.* && ${shown,,} =~ $secret ]]; then
    shown="${shown%%=*}=*********(redacted)"
  fi
  printf '%s' "$shown"
}

# The same for every -DNAME=VALUE among a JVM's options.
redacted_options() {
  local option options shown=()
  read -ra options <<<"$1"
  for option in "${options[@]}"; do
    if [[ $option == -D* ]]; then
      option=-D$(redacted "${option#-D}")
    fi
    shown+=("$option")
  done
  printf '%s' "${shown[*]}"
}

# The command line as one could type it, secrets aside.
show() {
  local word before=
  for word in "$@"; do
    case $before in
      --conf) if [[ $word == spark.*JavaOptions=* ]]; then
        word="${word%%=*}=$(redacted_options "${word#*=}")"
      else
        word=$(redacted "$word")
      fi ;;
      --driver-java-options) word=$(redacted_options "$word") ;;
    esac
    before=$word
    if [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]]; then
      printf '%s ' "$word"
    else
      printf "'%s' " "${word//\'/\'\\\'\'}"
    fi
  done >&2
  printf '\n\n' >&2
}

fail() { echo "Error: $*" >&2; exit 2; }

# A path inside a URI: Spark's launcher would cut the option at a blank, and a URI has none.
uri_path() {
  local LC_ALL=C text=$1 code i
  for ((i = 0; i < ${#text}; i++)); do
    if [[ ${text:i:1} == [A-Za-z0-9/._~-] ]]; then
      printf '%s' "${text:i:1}"
    else
      printf -v code '%d' "'${text:i:1}"
      printf '%%%02X' $((code & 255))
    fi
  done
}

# JAVA_HOME's java, else the one on the PATH.
find_java() {
  if [[ -n ${JAVA_HOME:-} ]]; then
    [[ -x $JAVA_HOME/bin/java ]] || fail "JAVA_HOME is $JAVA_HOME, which has no bin/java; set it to a Java $javas"
    java=$JAVA_HOME/bin/java
  else
    java=$(command -v java) || fail "no java was found; install Java $javas, or set JAVA_HOME to one"
  fi
}

# Spark $spark runs on Java $javas; any other ends in a stack trace long after the start.
check_java() {
  local environment=${SPARK_CONF_DIR:-${SPARK_HOME:-}/conf}/spark-env.sh
  [[ -n ${SPARK_HOME:-} && -f $environment ]] && grep -q '^[^#]*JAVA_HOME=' "$environment" && return
  find_java
  local version
  version=$("$java" -version 2>&1 | sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1)
  [[ " ${javas//or/} " == *" $version "* ]] || fail "Spark $spark needs Java $javas, but $java is Java ${version:-of an unknown version};" \
    "set JAVA_HOME to a Java $javas, for example: export JAVA_HOME=/usr/lib/jvm/java-17-openjdk-amd64"
}

# A release's Spark where SPARK_HOME is not set: the one on the PATH, else python3's pyspark.
find_spark() {
  local submit
  if submit=$(command -v spark-submit); then
    SPARK_HOME=$(dirname "$(dirname "$(readlink -f "$submit")")")
  fi
  if [[ ! -d ${SPARK_HOME:-}/jars ]]; then
    SPARK_HOME=$(python3 -c 'import pyspark; print(pyspark.__path__[0])' 2>/dev/null) \
      || fail "no Spark was found; set SPARK_HOME to Spark ${spark:-4.1} with Scala $spark_scala, or: pip install pyspark==4.1.*"
  fi
  export SPARK_HOME
}

# The build for --spark, else for the Spark of SPARK_HOME, else for 4.1.
build_args=()
java_options=
choose_build() {
  local core='' found='' scala=''
  [[ -n ${SPARK_HOME:-} || -n $sources ]] || find_spark
  if [[ -n ${SPARK_HOME:-} ]]; then
    core=/$(cd -- "$SPARK_HOME/jars" 2>/dev/null && compgen -G 'spark-core_*.jar' | head -n 1) || true
    [[ $core =~ /spark-core_([0-9.]+)-([0-9]+\.[0-9]+)[^/]*$ ]] \
      || fail "SPARK_HOME is $SPARK_HOME, which has no jars/spark-core_*.jar; set it to an unpacked Spark"
    scala=${BASH_REMATCH[1]} found=${BASH_REMATCH[2]}
    [[ $scala == "$spark_scala" ]] \
      || fail "SPARK_HOME is $SPARK_HOME, a Spark with Scala $scala; use one with Scala $spark_scala"
    [[ ${spark:-$found} == "$found" ]] \
      || fail "Spark $spark is asked for, but SPARK_HOME is $SPARK_HOME, Spark $found; unset SPARK_HOME or drop --spark"
  fi
  spark=${spark:-${found:-4.1}}
  case $spark in
    4.1)
      javas="17 or 21"
      build_folder=target
      jar=questspark-job.jar
      ;;
    4.2)
      javas="17 or 21"
      build_folder=target/spark-4.2
      jar=questspark-job-spark-4.2.jar
      build_args=(-P spark-4.2)
      ;;
    3.5)
      javas=17
      build_folder=target/spark-3.5
      jar=questspark-job-spark-3.5.jar
      build_args=(-P spark-3.5)
      # The Vector API's module, which Spark 4 adds by itself.
      java_options=--add-modules=jdk.incubator.vector
      spark_args=(--conf "spark.executor.defaultJavaOptions=$java_options" "${spark_args[@]}")
      ;;
    *) fail "no build for Spark $spark; there are 3.5, 4.1 and 4.2" ;;
  esac
  if [[ -z $sources ]]; then
    jar=$home/lib/$jar
    [[ -f $jar ]] || fail "this release has no jar for Spark $spark, which would be $jar; use the release for Spark $spark"
    own_spark=
    return
  fi
  jar=$home/job/$build_folder/$jar
  own_spark=$home/submit/$build_folder/spark
}

# The jar is missing, its build was cut short, or a source is newer.
stale() {
  [[ ! -f $jar || -f $jar.unfinished ]] || [[ -n $(find "$home"/{pom.xml,engine,job,kernels,conf/prompts} \
    \( -name target -prune \) -o -type f -newer "$jar" -print -quit) ]]
}

build() {
  local modules=()
  [[ -n $sources ]] || return 0
  stale && modules+=(job)
  [[ -z ${SPARK_HOME:-} && ! -d $own_spark/jars ]] && modules+=(submit)
  [[ ${#modules[@]} -eq 0 ]] && return
  [[ -n ${java:-} ]] || find_java
  [[ -x $(dirname "$(readlink -f "$java")")/javac ]] \
    || fail "building needs a JDK, but $java has no javac beside it; set JAVA_HOME to a JDK $javas"
  echo "Building ${modules[*]} (the first time downloads Spark: some minutes) ..." >&2
  local log=$home/job/$build_folder/build.log
  mkdir -p "${log%/*}"
  touch "$jar.unfinished"
  (cd "$home" && ./mvnw -B -ntp -pl "$(IFS=,; echo "${modules[*]}")" -am package "${build_args[@]}" \
    -Dmaven.test.skip=true -Dspotless.check.skip=true) 2>&1 \
    | tee "$log" | grep --line-buffered -E '^\[INFO\] (Building |BUILD)|^\[ERROR\]' >&2 \
    || true
  [[ -f $jar ]] && tail -n 40 "$log" | grep -q 'BUILD SUCCESS' || fail "the build failed; see $log"
  rm "$jar.unfinished"
}

[[ ${1:-} == --help || ${1:-} == -h ]] && { usage; exit 0; }

job_args=()
case ${1:-} in
  sweep | eval | calibrate | report | plan) asks_help "${@:2}" && { "usage_$1"; exit 0; } ;;
esac
case ${1:-} in
  sweep | eval | plan)
    job_args+=(--command "$1")
    shift
    ;;
  calibrate)
    job_args+=(--command eval --suite calibration)
    shift
    ;;
  report)
    [[ $# -ge 2 && $2 != -* ]] || fail "report needs the output folder of a sweep or an eval: submit/run.sh report DIR"
    job_args+=(--command report --output "$2")
    shift 2
    ;;
esac
if [[ $# -gt 0 && $1 != -* ]]; then
  if [[ -f $home/conf/$1.conf ]]; then
    job_args+=(--preset "$home/conf/$1.conf")
  elif [[ -f $1 ]]; then
    job_args+=(--preset "$1")
  else
    fail "unknown preset '$1'; known: $(presets | tr '\n' ' ')(or the path of a .conf file)"
  fi
  shift
elif [[ $# -eq 0 && ${#job_args[@]} -eq 0 ]]; then
  usage
  exit 2
fi

spark_args=()
spark=${QUESTSPARK_SPARK:-}
driver_options=
given=" "
while [[ $# -gt 0 ]]; do
  case $1 in
    --master | --deploy-mode | --name | --conf | --properties-file | --driver-memory | \
      --driver-cores | --driver-class-path | --driver-library-path | --executor-memory | \
      --executor-cores | --num-executors | --total-executor-cores | --files | --archives | \
      --jars | --packages | --repositories | --exclude-packages | --queue | --principal | \
      --keytab | --proxy-user)
      [[ $# -ge 2 ]] || fail "$1 needs a value"
      spark_args+=("$1" "$2")
      given+="$1 "
      shift 2
      ;;
    --driver-java-options)
      [[ $# -ge 2 ]] || fail "$1 needs a value"
      driver_options="$driver_options $2"
      shift 2
      ;;
    --spark)
      [[ $# -ge 2 ]] || fail "--spark needs a value"
      spark=$2
      shift 2
      ;;
    --job-help)
      job_args+=(--help)
      shift
      ;;
    *)
      job_args+=("$1")
      shift
      ;;
  esac
done
[[ $given == *" --master "* || $given == *" --properties-file "* ]] || spark_args+=(--master 'local[*]')
[[ $given == *" --driver-memory "* || $given == *" --properties-file "* ]] || spark_args+=(--driver-memory 4g)

[[ $home != *:* ]] || fail "this script lies in $home, and Java takes the colon for the end of a path; move the folder"
choose_build
check_java
build

command=(--class dev.questspark.job.LongDocJob "${spark_args[@]}"
  --driver-java-options "-Dlog4j2.configurationFile=file:$(uri_path "$home/conf/log4j2.properties")${java_options:+ $java_options}$driver_options"
  "$jar" "${job_args[@]}")

export SPARK_HOME=${SPARK_HOME:-$own_spark}
if [[ -x $SPARK_HOME/bin/spark-submit ]]; then
  submit=("$SPARK_HOME/bin/spark-submit")
else
  # A folder with Spark's jars alone. What bin/spark-submit does: Spark's launcher turns the arguments
  # into a java command line, module options and memory included, its parts separated by NUL.
  export SPARK_SCALA_VERSION=$spark_scala
  [[ -n ${java:-} ]] || find_java
  export JAVA_HOME=${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$java")")")}
  submit=(spark-submit)
fi

show "${submit[@]}" "${command[@]}"

if [[ ${submit[0]} != spark-submit ]]; then
  exec "${submit[@]}" "${command[@]}"
fi
mapfile -d '' -t launched < <("$java" -Xmx128m -cp "$SPARK_HOME/jars/*" \
  org.apache.spark.launcher.Main org.apache.spark.deploy.SparkSubmit "${command[@]}")
[[ ${#launched[@]} -gt 1 ]] || fail "Spark's launcher refused the command line"
# First comes an empty part with a line break after it, so that warnings cannot be mistaken for parts.
launched=("${launched[@]:1}")
launched[0]=${launched[0]#$'\n'}
exec "${launched[@]}"
