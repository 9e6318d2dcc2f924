package dev.questspark.engine.ops.cuda.prefix;

import dev.questspark.engine.ops.cuda.step.CudaBatch;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.ops.prefix.PrefixTable;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * The tables of the documents that a step asks about, on the device: one behind the other, each
 * brought there once and left until the room is needed, and for each row of the batch where its
 * document's begins. {@code prefix_pages.cuh} says how a table lies.
 */
final class DeviceTables implements AutoCloseable {
  private final DeviceInts tables;
  private final DeviceInts rowTables;
  private final Map<PrefixTable, Integer> places = new IdentityHashMap<>();
  private final Map<PrefixRows, Boolean> staged = new IdentityHashMap<>();
  private CudaBatch batch;
  private int[] placeOfRow = {};
  private int[] written = {}; // of the device; a step that repeats the last one writes nothing
  private int used;

  DeviceTables(DeviceInts tables, DeviceInts rowTables) {
    this.tables = tables;
    this.rowTables = rowTables;
  }

  /** Address of all tables. */
  long tables() {
    return tables.address();
  }

  /** Address of the places of the rows' tables, by row of the batch. */
  long rowTables() {
    return rowTables.address();
  }

  /** Sees to it that the rows' tables are on the device, for as long as the batch is loaded. */
  void stage(PrefixRows rows, CudaBatch of) {
    if (batch != of) {
      batch = of;
      staged.clear();
      placeOfRow = new int[of.rows()];
      if (of.rows() > written.length) {
        rowTables.reserve(of.rows());
        written = new int[of.rows()];
        Arrays.fill(written, -1);
      }
    }
    if (staged.put(rows, true) != null) {
      return;
    }
    if (!bring(rows)) {
      makeRoom();
      staged.keySet().forEach(this::bring);
      rowTables.write(0, placeOfRow, placeOfRow.length);
      System.arraycopy(placeOfRow, 0, written, 0, placeOfRow.length);
      return;
    }
    int from = rows.rows().from();
    int to = rows.rows().to();
    if (!Arrays.equals(placeOfRow, from, to, written, from, to)) {
      rowTables.write(from, Arrays.copyOfRange(placeOfRow, from, to), to - from);
      System.arraycopy(placeOfRow, from, written, from, to - from);
    }
  }

  /** Brings the rows' tables that are not there, or finds that there is no room. */
  private boolean bring(PrefixRows rows) {
    for (int i = 0; i < rows.tables().size(); i++) {
      PrefixTable table = rows.tables().get(i);
      Integer place = places.get(table);
      if (place == null) {
        int[] ints = ints(table);
        if (used + (long) ints.length > tables.capacity()) {
          return false;
        }
        place = used;
        tables.write(place, ints, ints.length);
        places.put(table, place);
        used += ints.length;
      }
      placeOfRow[rows.rows().from() + i] = place;
    }
    return true;
  }

  /** Forgets all tables; there is room for twice what this batch needs then. */
  private void makeRoom() {
    Map<PrefixTable, Boolean> needed = new IdentityHashMap<>();
    staged.keySet().forEach(rows -> rows.tables().forEach(table -> needed.put(table, true)));
    long ints = needed.keySet().stream().mapToLong(DeviceTables::length).sum();
    tables.reserve(2 * ints);
    places.clear();
    used = 0;
  }

  private static long length(PrefixTable table) {
    return 2L + 2L * table.slots().length + table.pages().length;
  }

  private static int[] ints(PrefixTable table) {
    int lists = table.slots().length;
    int[] ints = new int[Math.toIntExact(length(table))];
    ints[0] = table.tokens();
    System.arraycopy(table.firstPage(), 0, ints, 1, lists + 1);
    System.arraycopy(table.slots(), 0, ints, lists + 2, lists);
    System.arraycopy(table.pages(), 0, ints, 2 * lists + 2, table.pages().length);
    return ints;
  }

  @Override
  public void close() {
    tables.close();
    rowTables.close();
  }
}
