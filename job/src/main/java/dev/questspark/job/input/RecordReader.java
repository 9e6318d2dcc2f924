package dev.questspark.job.input;

import java.io.IOException;
import java.io.Serializable;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;

/** Finds the records of a file; on an executor, in a task. */
public interface RecordReader extends Serializable {
  /** Whether a file can be read from the middle. */
  boolean splittable();

  /**
   * The records that begin in a part of a file, in order; each is consumed whole, or refused with
   * its place.
   */
  Iterator<FoundRecord> records(InputFile.Part part, Configuration hadoop) throws IOException;
}
