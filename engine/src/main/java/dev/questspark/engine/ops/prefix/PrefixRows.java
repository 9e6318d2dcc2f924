package dev.questspark.engine.ops.prefix;

import dev.questspark.engine.ops.RowRange;
import java.util.List;

/**
 * Rows of a step whose documents are in a prefix store. Positions of such rows count what follows
 * the prefix.
 *
 * @param pages of the store
 * @param rows of the batch
 * @param tables one per row
 */
public record PrefixRows(PrefixPages pages, RowRange rows, List<PrefixTable> tables) {

  public PrefixRows {
    tables = List.copyOf(tables);
    if (tables.size() != rows.count()) {
      throw new IllegalArgumentException(tables.size() + " prefix tables for " + rows);
    }
  }

  /** The prefix of a row of the batch. */
  public PrefixTable table(int row) {
    return tables.get(row - rows.from());
  }
}
