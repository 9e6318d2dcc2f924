package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.FailOn;
import dev.questspark.job.options.Choices.Mode;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.time.format.DateTimeParseException;
import java.util.List;

/**
 * What {@link dev.questspark.job.options.keys.OutputKeys} say.
 *
 * @param folder receives the results
 * @param table of a catalog, which receives the answers too; null without one
 * @param maxErrorRate 0 to 1, largest share of error rows of a run that counts as done
 * @param failOn what else a run does not count as done with
 * @param compact whether small files of answers become few large ones at the end
 */
public record OutputOptions(
    String folder,
    String table,
    Existing existing,
    Schedule schedule,
    int answerBatchRows,
    double maxErrorRate,
    List<FailOn> failOn,
    boolean compact) {

  /**
   * What becomes of answers that are there.
   *
   * @param resume go on with earlier runs over the same documents
   * @param update the same over a corpus that has changed since
   */
  public record Existing(Mode mode, boolean resume, boolean update, boolean retryErrors) {
    /** Whether earlier answers count. */
    public boolean goesOn() {
      return resume || update;
    }
  }

  /**
   * When a run may work.
   *
   * @param deadline null without one
   * @param waitForLockSeconds how long to wait for another run in the same output folder
   */
  public record Schedule(Deadline deadline, int waitForLockSeconds) {}

  /**
   * A time of day or a moment.
   *
   * @param text as the user wrote it
   */
  public record Deadline(String text) {
    /**
     * @throws IllegalArgumentException when it is neither
     */
    public Deadline {
      moment(text, ZonedDateTime.now());
    }

    /**
     * The first such moment after {@code now}, in its zone unless the text names one.
     *
     * @throws ConfigException when it has passed
     */
    public Instant after(ZonedDateTime now) {
      Instant moment = moment(text, now);
      if (!moment.isAfter(now.toInstant())) {
        throw new ConfigException(
            "deadline is '"
                + text
                + "', which has passed; give a later moment, or a time of day such as 06:00.");
      }
      return moment;
    }

    private static Instant moment(String text, ZonedDateTime now) {
      try {
        ZonedDateTime today = now.with(LocalTime.parse(text));
        return (today.isAfter(now) ? today : now.plusDays(1).with(LocalTime.parse(text)))
            .toInstant();
      } catch (DateTimeParseException noTimeOfDay) {
        return moment(text, noTimeOfDay, now);
      }
    }

    private static Instant moment(
        String text, DateTimeParseException noTimeOfDay, ZonedDateTime now) {
      try {
        return OffsetDateTime.parse(text).toInstant();
      } catch (DateTimeParseException noOffset) {
        try {
          return LocalDateTime.parse(text).atZone(now.getZone()).toInstant();
        } catch (DateTimeParseException none) {
          throw new IllegalArgumentException(noTimeOfDay);
        }
      }
    }
  }
}
