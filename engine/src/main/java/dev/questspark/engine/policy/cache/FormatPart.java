package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;

/**
 * How the elements of a document's keys and values are stored once it is prefilled. Integers are
 * KIVI's (arXiv 2402.02750): keys in groups of 32 tokens of a channel, values in groups of 32
 * channels of a token, each with a scale and a zero.
 */
public interface FormatPart extends CachePart {
  /** Last tokens that stay whole where a text names none: KIVI's residual. */
  String WHOLE = "32";

  /** The elements. */
  PageFormat format();

  /** Last tokens of the document, at least, that stay as they are. */
  int whole();

  @Override
  default Slot slot() {
    return Slot.FORMAT;
  }

  /** For a format's constructor. */
  static void requireWhole(Class<? extends FormatPart> part, int whole) {
    CacheParts.KNOWN.atLeast(0, part, "whole", whole);
  }

  /** Everything as it is: the comparator. */
  @Description(
      "Stores the document by layer and KV head, all of it and as it is: what the other ways to"
          + " store it are compared with. Questions of a document share what they read.")
  record KeepAll() implements FormatPart {
    @Override
    public PageFormat format() {
      return PageFormat.WHOLE;
    }

    @Override
    public int whole() {
      return 0;
    }
  }

  /** 8 bits. */
  @Description(
      "Stores the document's keys and values in 8 bits: 1.8 times as many documents in the same"
          + " memory of 16-bit numbers (KIVI's groups, arXiv 2402.02750).")
  record Int8(
      @Parameter(defaultValue = WHOLE, description = "Last tokens that stay as they are.")
          int whole)
      implements FormatPart {
    public Int8 {
      requireWhole(Int8.class, whole);
    }

    @Override
    public PageFormat format() {
      return PageFormat.INT8;
    }
  }

  /** 4 bits. */
  @Description(
      "Stores the document's keys and values in 4 bits: 3.2 times as many documents in the same"
          + " memory of 16-bit numbers (KIVI, arXiv 2402.02750).")
  record Int4(
      @Parameter(defaultValue = WHOLE, description = "Last tokens that stay as they are.")
          int whole)
      implements FormatPart {
    public Int4 {
      requireWhole(Int4.class, whole);
    }

    @Override
    public PageFormat format() {
      return PageFormat.INT4;
    }
  }

  /** 2 bits. */
  @Description(
      "Stores the document's keys and values in 2 bits (KIVI, arXiv 2402.02750): 5.3 times as many"
          + " documents in the same memory of 16-bit numbers. Small models do not bear it.")
  record Int2(
      @Parameter(defaultValue = WHOLE, description = "Last tokens that stay as they are.")
          int whole)
      implements FormatPart {
    public Int2 {
      requireWhole(Int2.class, whole);
    }

    @Override
    public PageFormat format() {
      return PageFormat.INT2;
    }
  }

  /** Keys in 4 bits, values in 2. */
  @Description(
      "Stores the document's keys in 4 bits and its values in 2: keys bear fewer bits worse (KIVI's"
          + " groups, arXiv 2402.02750).")
  record Int4KeysInt2Values(
      @Parameter(defaultValue = WHOLE, description = "Last tokens that stay as they are.")
          int whole)
      implements FormatPart {
    public Int4KeysInt2Values {
      requireWhole(Int4KeysInt2Values.class, whole);
    }

    @Override
    public PageFormat format() {
      return PageFormat.K4V2;
    }
  }
}
