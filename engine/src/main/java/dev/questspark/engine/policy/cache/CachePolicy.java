package dev.questspark.engine.policy.cache;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.heads.Reconstruction;
import java.io.Serializable;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What becomes of a document's keys and values, for all its questions alike. Without parts the
 * document is prefilled densely and kept whole.
 *
 * @param parts in the order of their slots
 */
public record CachePolicy(List<CachePart> parts) implements Serializable {
  /** Nothing is selected, dropped or stored otherwise. */
  public static final CachePolicy NONE = new CachePolicy(List.of());

  private static final Set<CachePart.Slot> COMPRESSING =
      EnumSet.of(CachePart.Slot.KEPT_SLOTS, CachePart.Slot.CHANNELS, CachePart.Slot.FORMAT);

  /** What {@link #parseFormat} reads as a format that is no part. */
  public static final String AUTO = "auto";

  /** What {@link #parsePrefill} reads as a prefill that is no part. */
  public static final String DENSE = Dense.NAME;

  /**
   * Sorts the parts, and leaves out those that change nothing.
   *
   * @throws ConfigException when two parts decide the same
   */
  public CachePolicy {
    parts =
        parts.stream()
            .filter(CachePart::changesAnything)
            .sorted(Comparator.comparing(CachePart::slot))
            .toList();
    for (int i = 1; i < parts.size(); i++) {
      if (parts.get(i - 1).slot() == parts.get(i).slot()) {
        throw new ConfigException(
            "cache_policy has two parts that decide the "
                + parts.get(i).slot()
                + ", "
                + parts.get(i - 1)
                + " and "
                + parts.get(i)
                + "; keep one");
      }
    }
  }

  /** How the document is prefilled; empty if densely. */
  public Optional<PrefillPart> prefill() {
    Optional<PrefillPart> asked = part(PrefillPart.class);
    return part(KeptPart.class)
        .filter(KeptPart::prefillsLess)
        .<PrefillPart>map(
            kept -> new KeptPart.HeadwisePrefill(asked.orElseGet(DensePrefill::new), kept))
        .or(() -> asked);
  }

  /**
   * This policy with the prefill of another one.
   *
   * @param asked a policy of {@link #parsePrefill}
   * @throws ConfigException when this policy has a prefill of its own
   */
  public CachePolicy withPrefill(CachePolicy asked) {
    return with(CachePart.Slot.PREFILL, "prefill", asked, DENSE);
  }

  /**
   * Reads the text of one prefill part, such as {@code a_shape(recent=960)}, or {@code dense}.
   *
   * @throws ConfigException when it is unknown, or decides anything but the prefill
   */
  public static CachePolicy parsePrefill(String text) {
    return parseOne(CachePart.Slot.PREFILL, "prefill", text);
  }

  /**
   * This policy with the number format of another one.
   *
   * @param asked a policy of {@link #parseFormat}
   * @throws ConfigException when this policy has a format of its own
   */
  public CachePolicy withFormat(CachePolicy asked) {
    return with(CachePart.Slot.FORMAT, "kv_cache_dtype", asked, AUTO);
  }

  /**
   * Reads the text of one part that decides the number format, such as {@code int4}, or {@code
   * auto}: the numbers of the live cache.
   *
   * @throws ConfigException when it is unknown, or decides anything else
   */
  public static CachePolicy parseFormat(String text) {
    return text.strip().equals(AUTO)
        ? NONE
        : parseOne(CachePart.Slot.FORMAT, "kv_cache_dtype", text);
  }

  /** An option's part beside this policy's, which may not differ. */
  private CachePolicy with(CachePart.Slot slot, String option, CachePolicy asked, String absent) {
    Optional<CachePart> own = part(slot);
    Optional<CachePart> other = asked.part(slot);
    if (own.isPresent() && !own.equals(other)) {
      throw new ConfigException(
          option
              + " is "
              + other.map(CacheParts.KNOWN::text).orElse(absent)
              + ", but cache_policy is "
              + text()
              + "; give one of them");
    }
    return own.isPresent()
        ? this
        : new CachePolicy(Stream.concat(asked.parts.stream(), parts.stream()).toList());
  }

  private static CachePolicy parseOne(CachePart.Slot slot, String option, String text) {
    CachePart part = CacheParts.KNOWN.parse(text);
    if (part.slot() != slot) {
      throw new ConfigException(
          option
              + " is "
              + CacheParts.KNOWN.text(part)
              + ", which decides the "
              + part.slot()
              + "; give it to cache_policy");
    }
    return new CachePolicy(List.of(part));
  }

  private Optional<CachePart> part(CachePart.Slot slot) {
    return parts.stream().filter(part -> part.slot() == slot).findFirst();
  }

  /**
   * Requires a policy of questions that can read what this one leaves of a document.
   *
   * @param digestBlockSize tokens of the live cache that share a digest
   * @throws ConfigException naming both
   */
  public void requireReadBy(ReadPolicy policy, int digestBlockSize) {
    PageShape shape = new PageShape(PrefixGeometry.SLOTS, PrefixGeometry.tileOf(digestBlockSize));
    if (compresses() && policy.selector(shape).ofPrefix().isEmpty()) {
      throw new ConfigException(
          "policy "
              + policy.text()
              + " chooses among keys as they were computed, but cache_policy "
              + text()
              + " compresses them; take another policy, or leave that part out");
    }
  }

  /**
   * Requires an engine that the policy can run in.
   *
   * @param maxNumSeqs sequences in flight
   * @param maxNumBatchedTokens rows per step
   * @throws ConfigException naming what does not fit and what to set
   */
  public void requireRuns(int maxNumSeqs, int maxNumBatchedTokens) {
    prefill().ifPresent(part -> part.requireRuns(maxNumSeqs, maxNumBatchedTokens));
  }

  /** Whether a document is compressed once it is prefilled. */
  public boolean compresses() {
    return parts.stream().anyMatch(part -> COMPRESSING.contains(part.slot()));
  }

  /** How the elements of a compressed document are stored. */
  public PageFormat format() {
    return part(FormatPart.class).map(FormatPart::format).orElse(PageFormat.WHOLE);
  }

  /** Last tokens of a compressed document, at least, that stay as they are. */
  public int whole() {
    return part(FormatPart.class).map(FormatPart::whole).orElse(0);
  }

  /** How tokens of a compressed document are scored, if any are. */
  public Optional<Reconstruction> reconstruction() {
    return part(KeptPart.class).flatMap(KeptPart::reconstruction);
  }

  /**
   * What each head keeps of a compressed document's first tokens.
   *
   * @param prefixTokens those that are compressed; the others are all kept
   * @param documentTokens of the whole document
   */
  public KeptSlots kept(int prefixTokens, int documentTokens, int layers, int kvHeads) {
    return part(KeptPart.class)
        .map(part -> part.kept(prefixTokens, documentTokens, layers, kvHeads))
        .orElseGet(
            () -> KeptSlots.same(layers * kvHeads, IntStream.range(0, prefixTokens).toArray()));
  }

  /** The part of a kind, if the policy has one. */
  public <P extends CachePart> Optional<P> part(Class<P> kind) {
    return parts.stream().filter(kind::isInstance).map(kind::cast).findFirst();
  }

  /**
   * The same with every number that follows from the model written out.
   *
   * @param layers of the model
   * @throws ConfigException if the model has not what a part needs
   */
  public CachePolicy forModel(int layers) {
    return forModel(layers, 0);
  }

  /**
   * The same beside a second model that reads.
   *
   * @param readerLayers of it; 0 where there is none
   */
  public CachePolicy forModel(int layers, int readerLayers) {
    return new CachePolicy(
        parts.stream().map(part -> part.forModel(layers, readerLayers)).toList());
  }

  /** The same for questions that know nothing of each other, though one request asks them. */
  public CachePolicy apart() {
    return new CachePolicy(parts.stream().map(CachePart::apart).toList());
  }

  /** The same without the part of a kind. */
  public CachePolicy without(Class<? extends CachePart> kind) {
    return new CachePolicy(parts.stream().filter(part -> !kind.isInstance(part)).toList());
  }

  /** The canonical text: the parts joined by {@code +}, or {@code none}. */
  public String text() {
    return CacheParts.text(CacheParts.KNOWN, this);
  }

  /** The policy in a few words: its text without parameters that have their default. */
  public String label() {
    return CacheParts.label(CacheParts.KNOWN, this);
  }

  /**
   * Reads a text; the parts may come in any order.
   *
   * @throws ConfigException when a part is unknown, or two decide the same
   */
  public static CachePolicy parse(String text) {
    return CacheParts.parse(CacheParts.KNOWN, text);
  }
}
