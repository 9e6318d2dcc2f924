package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.cpu.pages.CpuBlockList;
import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.Arrays;

/**
 * The keys that a tile of rows reads, in the order in which they are folded: runs of consecutive
 * positions, back to back. A key's place is its number in that order. Blocks of equally many places
 * are folded one after another; the first run begins where its first position would stand if every
 * key were read, so that reading all is folded as a list of all. One per worker.
 *
 * <pre>
 * positions   [0 ... 64)    [96 .. 128)         [512 ........ 1024)   listed blocks, own segment
 * places      [0 ... 64)[64 .. 96)[96 ........ 608)
 * </pre>
 */
final class KeyRuns {
  private int[] starts = new int[8];
  private int[] places = new int[8];
  private int count;
  private int end; // place after the last run
  private CpuBlockList list; // of a segment
  private int segment;
  private int kvHead;

  /** Every position from {@code first} to before {@code last}, at places of the same number. */
  void whole(int first, int last) {
    count = 1;
    starts[0] = first;
    places[0] = first;
    end = last;
  }

  /**
   * A segment's list, as far as its first row sees it, and the segment itself.
   *
   * @param fold places that are folded together
   */
  void of(CpuBlockList list, int segment, int kvHead, CpuKvPages pages, int fold) {
    Segments segments = list.segments();
    int block = segments.shape().block();
    int start = segments.starts()[segment];
    int firstVisible = pages.firstVisible(start);
    this.list = list;
    this.segment = segment;
    this.kvHead = kvHead;
    count = 0;
    for (int i = 0; i < list.count(segment, kvHead); i++) {
      int first = list.block(segment, kvHead, i) * block;
      if (first + block > firstVisible) {
        add(first, block, fold);
      }
    }
    add(start, segments.rowsOf(segment), fold);
  }

  private void add(int first, int tokens, int fold) {
    if (count == 0) {
      end = first % fold;
    } else if (starts[count - 1] + end - places[count - 1] == first) {
      end += tokens;
      return;
    }
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, 2 * count);
      places = Arrays.copyOf(places, 2 * count);
    }
    starts[count] = first;
    places[count++] = end;
    end += tokens;
  }

  /** Blocks that a row of the segment reads: the listed ones that it sees, and its own. */
  int blocks(int position, int firstVisible) {
    BlockShape shape = list.segments().shape();
    int start = list.segments().starts()[segment];
    int blocks = shape.visible(position, Math.max(firstVisible, start));
    int first = firstVisible / shape.block();
    if (first == 0) {
      return blocks + list.count(segment, kvHead);
    }
    for (int i = list.count(segment, kvHead) - 1; i >= 0; i--) {
      if (list.block(segment, kvHead, i) < first) {
        break;
      }
      blocks++;
    }
    return blocks;
  }

  /** The first place at which a key of a position, or of a later one, stands. */
  int placeOf(int position) {
    int run = count - 1;
    while (run > 0 && starts[run] > position) {
      run--;
    }
    if (position < starts[run]) {
      return places[run];
    }
    return Math.min(places[run] + position - starts[run], endOf(run));
  }

  /** The position of the key at a place. */
  int positionAt(int place) {
    int run = runAt(place);
    return starts[run] + place - places[run];
  }

  /** How many places from one on are of consecutive positions. */
  int together(int place) {
    return endOf(runAt(place)) - place;
  }

  private int runAt(int place) {
    int run = Arrays.binarySearch(places, 0, count, place);
    return run >= 0 ? run : -run - 2;
  }

  private int endOf(int run) {
    return run + 1 < count ? places[run + 1] : end;
  }
}
