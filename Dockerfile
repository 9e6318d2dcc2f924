# The demo, or any job, without a build: the release archive and the Spark that the build took from Maven Central.
#   ./mvnw -P release package -DskipTests
#   docker build -t questspark .
#   docker run --rm questspark                               # the demo
#   docker run --rm -v "$PWD:/data" questspark cpu-quest --model /data/model --input /data/corpus.jsonl --output /data/out
FROM eclipse-temurin:17-jre

ADD submit/target/questspark-*-spark-4.1.tar.gz /opt/
COPY submit/target/spark /opt/spark
RUN ln -s /opt/questspark-* /opt/questspark \
 && useradd --create-home quest
ENV SPARK_HOME=/opt/spark

USER quest
WORKDIR /home/quest
ENTRYPOINT ["/opt/questspark/submit/run.sh"]
CMD ["demo"]
