package dev.questspark.job.sql.call;

import dev.questspark.engine.failure.ConfigException;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** The job's sentences as a query's author reads them, who has options and no flags. */
public final class SqlWords {
  private static final Pattern FLAG = Pattern.compile("--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)");
  private static final String LISTS = " conf/README.md and --help list them all.";

  private SqlWords() {}

  /** {@code --max-tokens} is {@code max_tokens}. */
  public static String of(String sentence) {
    return FLAG.matcher(sentence.replace(LISTS, ""))
        .replaceAll(flag -> flag.group(1).replace('-', '_'));
  }

  /** What the work gives; its refusals in a query's words. */
  public static <T> T in(Supplier<T> work) {
    try {
      return work.get();
    } catch (ConfigException refused) {
      throw new ConfigException(of(refused.getMessage()), refused.getCause());
    }
  }
}
