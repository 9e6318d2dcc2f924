package dev.questspark.job.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import java.util.List;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;

/** run.sh's tests hold a real jar of one Spark against another Spark. */
class SparkVersionTest {
  private static final SparkVersion BUILT = new SparkVersion("4.1.3", "2.13");

  @Test
  void theBuildKnowsTheSparkThatItTests() {
    assertThat(SparkVersion.built().spark()).isEqualTo(SparkVersion.running().spark());
    assertThatCode(SparkVersion::check).doesNotThrowAnyException();
  }

  @Test
  void patchVersionsFit() {
    assertThatCode(() -> BUILT.mustFit(new SparkVersion("4.1.0-preview1", "2.13")))
        .doesNotThrowAnyException();
  }

  @Test
  void anotherSparkIsOneSentence() {
    refused("3.5.6", "2.13")
        .hasMessage(
            "This jar was built for Spark 4.1, this is Spark 3.5.6; questspark-spark-3.5_2.13 fits"
                + " (./mvnw package -P spark-3.5), or pip install \"pyspark==4.1.*\".");
    refused("4.2.1", "2.13")
        .hasMessageContaining("questspark-spark-4.2_2.13 fits (./mvnw package -P spark-4.2), or");
    for (String without : List.of("4.0.1", "4.3.0")) {
      refused(without, "2.13")
          .hasMessageEndingWith(
              "there are builds for Spark 3.5, 4.1 and 4.2, or pip install \"pyspark==4.1.*\".");
    }
    assertThatThrownBy(
            () -> new SparkVersion("3.5.9", "2.13").mustFit(new SparkVersion("4.1.3", "2.13")))
        .as("PyPI has no PySpark 3.5 of Scala 2.13")
        .hasMessageEndingWith("questspark-spark-4.1_2.13 fits (./mvnw package).");
    refused("3.5.6-amzn-1", "2.12")
        .hasMessage(
            "This jar was built for Scala 2.13, this is Spark 3.5.6-amzn-1 with Scala 2.12; use a"
                + " Spark built with Scala 2.13.");
  }

  private static AbstractThrowableAssert<?, ?> refused(String spark, String scala) {
    return assertThatThrownBy(() -> BUILT.mustFit(new SparkVersion(spark, scala)))
        .isInstanceOf(ConfigException.class);
  }
}
