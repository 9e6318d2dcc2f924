package dev.questspark.job.sql;

import dev.questspark.job.plugin.SparkVersion;
import dev.questspark.job.sql.call.EngineFunction;
import dev.questspark.job.sql.call.ReleaseEngines;
import dev.questspark.job.sql.call.SessionSettings;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import scala.Tuple3;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * What {@code spark.sql.extensions=dev.questspark.job.sql.QuestSparkExtensions} adds to a session:
 * the functions of {@link EngineFunction}, for SQL, the DataFrame API and PySpark alike.
 */
public final class QuestSparkExtensions
    extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
    SparkVersion.check();
    for (EngineFunction function : EngineFunction.values()) {
      extensions.injectFunction(
          new Tuple3<>(
              new FunctionIdentifier(function.sqlName()), function.info(), function::call));
    }
    extensions.injectFunction(
        new Tuple3<>(
            new FunctionIdentifier(ReleaseEngines.NAME),
            ReleaseEngines.info(),
            ReleaseEngines::of));
    SessionSettings.register();
    extensions.injectPostHocResolutionRule(session -> new RefuseMisplacedCalls());
    extensions.injectOptimizerRule(session -> new ExtractCalls());
    extensions.injectOptimizerRule(session -> new PushDownBelowEngineCalls());
    extensions.injectPlannerStrategy(session -> new EngineCallsStrategy());
    return BoxedUnit.UNIT;
  }
}
