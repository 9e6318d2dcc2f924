package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.cache.PrefixStore;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixRows;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How documents are stored: bytes, errors and digests of each number format. */
abstract class PrefixFormatsContract extends PrefixCase {
  /** KIVI's bytes: N d (b / 4 + 8 / G) for keys and values of b bits in groups of G = 32. */
  @ParameterizedTest
  @CsvSource({"INT8, 8, 8", "INT4, 4, 4", "INT2, 2, 2", "K4V2, 4, 2"})
  void aPageHasTheBytesOfItsFormat(PageFormat format, int keyBits, int valueBits) {
    PrefixGeometry geometry = new PrefixGeometry(DIM, 8, DType.BF16, DType.I8, format);
    double formula = 32 * DIM * ((keyBits + valueBits) / 8.0 + 8.0 / 32);
    assertThat((double) geometry.pageBytes()).isEqualTo(formula);
    assertThat((double) geometry.attendBytes(32 * 7)).isEqualTo(7 * formula);
    PrefixGeometry whole = new PrefixGeometry(DIM, 8, DType.BF16, DType.I8, PageFormat.WHOLE);
    assertThat(whole.pageBytes()).isEqualTo(2 * 2 * 32 * DIM);
    try (PrefixStore store = new PrefixStore(backend, geometry, 99, Set.of())) {
      assertThat((double) store.bytes()).isEqualTo(100 * formula);
    }
  }

  /**
   * Values read back by attention that sees one token: within half a scale of what was stored.
   * Fewer bits are farther off.
   */
  @Test
  void elementsAreWithinHalfAScale() {
    Document document = Document.of(1, 0);
    double before = 0;
    for (PageFormat format : List.of(PageFormat.INT8, PageFormat.INT4, PageFormat.INT2)) {
      double worst = 0;
      int levels = (1 << format.valueBits()) - 1;
      try (Stored stored = Stored.of(document, format)) {
        // A query along one token's key, so far that no other token has any weight.
        int p = document.list(0)[40];
        float[] key = document.kv().key(document.pages()[p / PAGE], 0, p % PAGE);
        float[] value = document.kv().value(document.pages()[p / PAGE], 0, p % PAGE);
        float[][] query = new float[1][HEADS * GROUP * DIM];
        for (int c = 0; c < DIM; c++) {
          query[0][c] = 60 * key[c];
        }
        float[] read = attend(query, List.of(stored.table()), stored, null, 0).out()[0];
        for (int group = 0; group < DIM; group += 32) {
          float[] of = Arrays.copyOfRange(value, group, group + 32);
          float[] sorted = of.clone();
          Arrays.sort(sorted);
          double scale = (sorted[31] - sorted[0]) / levels;
          for (int c = 0; c < 32; c++) {
            double off = Math.abs(read[group + c] - of[c]);
            // bf16 widens a group by at most a hundredth on either side
            assertThat(off).isLessThanOrEqualTo(0.5 * scale * 1.03 + 1e-4);
            worst = Math.max(worst, off);
          }
        }
      }
      assertThat(worst).isGreaterThan(before);
      before = worst;
    }
  }

  /**
   * Keys with channels far from zero: groups along tokens keep logits, groups along channels not.
   */
  @Test
  void keysAreGroupedByChannel() {
    for (float offset : new float[] {8, 32}) {
      Document document = Document.of(1, offset);
      double byChannel = keyError(document, false);
      double byToken = keyError(document, true);
      assertThat(byToken).isGreaterThan((offset == 8 ? 1.5 : 4) * byChannel);
    }
  }

  /** Mean square error of keys in 4 bits, grouped as stored or the other way. */
  private static double keyError(Document document, boolean swapped) {
    double sum = 0;
    for (int first = 0; first + 32 <= 640; first += 32) {
      float[][] keys = new float[32][];
      for (int s = 0; s < 32; s++) {
        keys[s] = document.kv().key(document.pages()[(first + s) / PAGE], 0, (first + s) % PAGE);
      }
      for (int c0 = 0; c0 < DIM; c0 += 32) {
        for (int line = 0; line < 32; line++) {
          double low = Double.MAX_VALUE;
          double high = -Double.MAX_VALUE;
          for (int i = 0; i < 32; i++) {
            float x = swapped ? keys[line][c0 + i] : keys[i][c0 + line];
            low = Math.min(low, x);
            high = Math.max(high, x);
          }
          double scale = (high - low) / 15;
          for (int i = 0; i < 32; i++) {
            float x = swapped ? keys[line][c0 + i] : keys[i][c0 + line];
            double off = Math.round((x - low) / scale) * scale + low - x;
            sum += off * off;
          }
        }
      }
    }
    return sum;
  }

  /** Digests are of what is stored: the bound of min and max holds for keys in 2 bits. */
  @Test
  void digestsDescribeWhatIsStored() {
    Document document = Document.of(1, 16);
    float[][] queries = queries(8, 1);
    int higher = 0;
    try (Stored stored = Stored.of(document, PageFormat.INT2)) {
      PageScore bound = PageScores.MINMAX;
      Tensor scores = backend.allocate(HEADS, TOKENS / 8 + 1);
      RowRange row = new RowRange(0, 1);
      PrefixRows prefixes = new PrefixRows(stored.store().memory(), row, List.of(stored.table()));
      backend
          .prefixOps()
          .scorePrefix(
              scores,
              backend.upload(GuardedTensor.host("q", queries)),
              prefixes,
              LAYER,
              batch(0),
              row,
              Scoring.of(bound, GroupReduction.MAX),
              BUDGET);
      float[] ofHead = new float[TOKENS / 8 + 1];
      backend.read(scores, 0, ofHead);
      PageList one = backend.allocatePageList(1, HEADS, TOKENS / 8 + 1);
      for (int tile = 0; tile < 60; tile++) {
        PageBudget first = new PageBudget(8, tile + 2, 8 * (tile + 1), 0, 0);
        backend.prefixOps().keepPrefix(one, prefixes, LAYER, batch(0), row, first);
        // log-sum-exp over the tiles up to this one is at most the largest bound + log of tokens
        Attended attended = attend(queries, List.of(stored.table()), stored, one, 0);
        double limit = 0;
        for (int t = 0; t <= tile; t++) {
          limit = Math.max(limit, SCALE * ofHead[t]);
        }
        for (int g = 0; g < GROUP; g++) {
          assertThat((double) attended.logSumExp()[0][g])
              .isLessThanOrEqualTo(Math.max(2, limit) + Math.log(8 * (tile + 1) + 1) + 1e-4);
        }
        higher += keyBound(document, queries[0], tile) > ofHead[tile] + 1e-3 ? 1 : 0;
      }
    }
    assertThat(higher).as("keys before they are encoded are not bounded").isPositive();
  }

  /** The largest q.k of a tile's keys as they were computed. */
  private static double keyBound(Document document, float[] query, int tile) {
    float[] keys = new float[DIM * 8];
    for (int s = 0; s < 8; s++) {
      int p = document.list(0)[tile * 8 + s];
      for (int c = 0; c < DIM; c++) {
        keys[c * 8 + s] = document.kv().key(document.pages()[p / PAGE], 0, p % PAGE)[c];
      }
    }
    float[] pair = new float[2 * DIM];
    PageScores.MINMAX.digest(pair, keys, DIM, 8, 8);
    double most = Double.NEGATIVE_INFINITY;
    for (int g = 0; g < GROUP; g++) {
      float[] probe = new float[2 * DIM];
      PageScores.MINMAX.fold(probe, 0, query, g * DIM, DIM);
      double score = 0;
      for (int i = 0; i < 2 * DIM; i++) {
        score += (double) probe[i] * pair[i];
      }
      most = Math.max(most, score);
    }
    return most;
  }
}
