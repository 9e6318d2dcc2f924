package dev.questspark.job.executor;

import dev.questspark.engine.stats.StepStats;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/**
 * Writes every step of an engine to {@code steps/}, on the executor. A file is named in full only
 * when it is complete; a reader never sees half of one.
 */
final class StepTrace implements Consumer<StepStats> {
  private static final MessageType SCHEMA =
      MessageTypeParser.parseMessageType(
          """
          message step {
            required binary run_id (STRING);
            required binary engine_id (STRING);
            required int64 step;
            required double start_ms;
            required double step_ms;
            required int32 reading_tokens;
            required int32 prefill_tokens;
            required int32 question_tokens;
            required int32 decode_tokens;
            required double prefill_attention_ms;
            required double question_attention_ms;
            required double decode_attention_ms;
            required int32 running;
            required int32 waiting;
            required int32 kv_pages_used;
            required int64 kv_bytes_read_all_rows;
          }
          """);
  private static final double NANOS_PER_MS = 1e6;

  private final String folder;
  private final String runId;
  private final String engineId;
  private final Configuration hadoop;
  private final SimpleGroupFactory groups = new SimpleGroupFactory(SCHEMA);
  private ParquetWriter<Group> writer;
  private Path unfinished;
  private int files;
  private IOException failure;

  StepTrace(String folder, String runId, String engineId, Configuration hadoop) {
    this.folder = folder;
    this.runId = runId;
    this.engineId = engineId;
    this.hadoop = hadoop;
  }

  /** Called on the engine's thread: a few microseconds, and a failure is kept for the tasks. */
  @Override
  public synchronized void accept(StepStats step) {
    if (failure != null || folder.isEmpty()) {
      return;
    }
    try {
      if (writer == null) {
        open();
      }
      writer.write(group(step));
    } catch (IOException unwritable) {
      failure = unwritable;
    }
  }

  /**
   * Ends the current file; the next step begins another.
   *
   * @throws UncheckedIOException when any step could not be written
   */
  synchronized void completeFile() {
    try {
      if (failure != null) {
        throw failure;
      }
      if (writer != null) {
        writer.close();
        writer = null;
        Path finished = new Path(folder, "part-" + engineId + "-" + files++ + ".parquet");
        unfinished.getFileSystem(hadoop).rename(unfinished, finished);
      }
    } catch (IOException unwritable) {
      throw new UncheckedIOException("step trace in " + folder, unwritable);
    }
  }

  private void open() throws IOException {
    unfinished = new Path(folder, "." + engineId + "-" + files + ".unfinished");
    writer =
        ExampleParquetWriter.builder(unfinished)
            .withType(SCHEMA)
            .withConf(hadoop)
            .withCompressionCodec(CompressionCodecName.SNAPPY)
            .build();
  }

  private Group group(StepStats step) {
    return groups
        .newGroup()
        .append("run_id", runId)
        .append("engine_id", engineId)
        .append("step", step.step())
        .append("start_ms", step.startNanos() / NANOS_PER_MS)
        .append("step_ms", step.nanos() / NANOS_PER_MS)
        .append("reading_tokens", step.rows().reading())
        .append("prefill_tokens", step.rows().prefill())
        .append("question_tokens", step.rows().question())
        .append("decode_tokens", step.rows().decode())
        .append("prefill_attention_ms", step.attention().prefillNanos() / NANOS_PER_MS)
        .append("question_attention_ms", step.attention().questionNanos() / NANOS_PER_MS)
        .append("decode_attention_ms", step.attention().decodeNanos() / NANOS_PER_MS)
        .append("running", step.load().running())
        .append("waiting", step.load().waiting())
        .append("kv_pages_used", step.load().pagesUsed())
        .append("kv_bytes_read_all_rows", step.bytesRead());
  }
}
