package dev.questspark.engine.reader;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.family.ConfigOverrides;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.policy.cache.tokens.Positions;
import dev.questspark.engine.policy.cache.tokens.ReaderKind;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/** Who reads documents for an engine's cache policies, and what that takes: known at open. */
public final class ReadingPlan {
  private final ModelConfig model;
  private final int maxModelLen;
  private final Set<CachePolicy> policies;
  private final Optional<Path> readerFolder;
  private final Optional<ModelConfig> readerModel;
  private final int places;

  /**
   * @param model whose documents are read
   * @param policies that documents will have
   * @param readerFolder of a second model
   * @param places documents that are read at a time
   * @throws ConfigException when the second model's configuration cannot be read
   */
  public ReadingPlan(
      ModelConfig model,
      int maxModelLen,
      Set<CachePolicy> policies,
      Optional<Path> readerFolder,
      int places) {
    this.model = model;
    this.maxModelLen = maxModelLen;
    this.policies = policies;
    this.readerFolder = readerFolder;
    this.readerModel =
        readerFolder.map(folder -> ModelConfigReader.read(folder, ConfigOverrides.NONE));
    this.places = places;
  }

  /**
   * A policy with every number that follows from the models written out.
   *
   * @throws ConfigException when they have not what it needs
   */
  public CachePolicy resolved(CachePolicy policy) {
    return policy.forModel(model.layers(), readerModel.map(ModelConfig::layers).orElse(0));
  }

  /**
   * What chooses the tokens of a document that are prefilled, if anything does.
   *
   * @throws ConfigException when the policy was not planned, or asks what the model cannot do
   */
  public Optional<TokenSelection> selection(CachePolicy policy) {
    CachePolicy ofModel = resolved(policy);
    if (!policy.equals(CachePolicy.NONE)
        && policies.stream().noneMatch(planned -> resolved(planned).equals(ofModel))) {
      throw new ConfigException(
          "cache_policy is "
              + ofModel.text()
              + ", but the engine was opened with "
              + policies.stream().map(CachePolicy::text).sorted().toList());
    }
    Optional<TokenSelection> selection = ofModel.part(TokenSelection.class);
    OptionalInt shortest =
        model.layerWindows().stream()
            .mapToInt(Integer::intValue)
            .filter(window -> window > 0 && window < maxModelLen)
            .min();
    if (selection.filter(it -> it.positions() == Positions.ORIGINAL).isPresent()
        && shortest.isPresent()) {
      throw new ConfigException(
          "cache_policy "
              + ofModel.text()
              + " keeps original positions, but the model has layers that see only the last "
              + shortest.getAsInt()
              + " tokens, which are counted as they are stored; use positions=compacted, or lower"
              + " max_model_len to "
              + shortest.getAsInt());
    }
    return selection;
  }

  /** What a second model is made of, if there is one. */
  public Optional<ModelConfig> readerModel() {
    return readerModel;
  }

  private Stream<TokenSelection> selections(ReaderKind kind) {
    return policies.stream()
        .flatMap(policy -> resolved(policy).part(TokenSelection.class).stream())
        .filter(selection -> selection.layers() > 0 && selection.reader() == kind);
  }

  private ModelConfig config(ReaderKind kind) {
    return kind == ReaderKind.LAYERS ? model : readerModel.orElseThrow();
  }

  /** Tokens of the longest prompt that is read, with what is drafted; 0 where none is. */
  public int longestPrompt() {
    return Math.max(tokens(ReaderKind.LAYERS), tokens(ReaderKind.MODEL));
  }

  private int tokens(ReaderKind kind) {
    int wanted =
        selections(kind)
            .mapToInt(selection -> selection.mostRead(maxModelLen) + selection.lookahead())
            .max()
            .orElse(0);
    return kind == ReaderKind.LAYERS || wanted == 0
        ? wanted
        : Math.min(wanted, config(kind).contextTokens());
  }

  /** Most layers that a policy reads with; each policy's must be able to score. */
  private int layers(ReaderKind kind) {
    return selections(kind)
        .mapToInt(TokenSelection::layers)
        .peek(layers -> PromptReader.requireScores(config(kind), layers, tokens(kind)))
        .max()
        .orElse(0);
  }

  private KvGeometry geometry(ReaderKind kind, KvGeometry ofModel) {
    return kind == ReaderKind.LAYERS ? ofModel : ReaderModel.geometry(config(kind), ofModel);
  }

  /**
   * Bytes of all readers, the weights of a second model aside.
   *
   * @param geometry of the model's cache
   * @throws ConfigException when no layer of a reader can score
   */
  public long bytes(KvGeometry geometry) {
    long bytes = 0;
    for (ReaderKind kind : ReaderKind.values()) {
      int layers = layers(kind);
      if (layers > 0) {
        bytes +=
            PromptReader.bytes(
                config(kind), geometry(kind, geometry), layers, places, tokens(kind));
      }
    }
    return bytes;
  }

  /** Loads the second model, if there is one. */
  public Optional<ReaderModel> load(Backend backend) {
    return readerModel.map(config -> new ReaderModel(backend, readerFolder.orElseThrow(), config));
  }

  /**
   * Allocates the readers.
   *
   * @param decoder of the model
   * @param geometry of its cache
   * @param second the second model, loaded
   * @param maxRows per step
   */
  public Readers open(
      Backend backend,
      Decoder decoder,
      KvGeometry geometry,
      Optional<ReaderModel> second,
      int maxRows) {
    Map<ReaderKind, PromptReader> readers = new EnumMap<>(ReaderKind.class);
    int own = layers(ReaderKind.LAYERS);
    if (own > 0) {
      readers.put(
          ReaderKind.LAYERS,
          new PromptReader(
              backend, decoder, model, geometry, own, places, tokens(ReaderKind.LAYERS)));
    }
    int others = layers(ReaderKind.MODEL);
    if (others > 0) {
      int tokens = tokens(ReaderKind.MODEL);
      readers.put(
          ReaderKind.MODEL, second.orElseThrow().reader(geometry, others, places, tokens, maxRows));
    }
    return new Readers(readers);
  }

  /**
   * Most tokens of document and question together: with the answer they fit the model and whoever
   * reads; where positions are counted anew the answer follows what is kept, so that only reading
   * is bounded here.
   *
   * @param selection of the document; empty where all is prefilled
   * @param answerTokens most tokens of the answer
   */
  public int longestPrompt(Optional<TokenSelection> selection, int answerTokens) {
    int window = window(selection);
    return compacted(selection) ? window : Math.min(maxModelLen, window) - answerTokens;
  }

  /**
   * Most tokens of a document that is answered whatever is chosen of it.
   *
   * @param selection of the document; empty where all is prefilled
   * @param beside tokens of the prompt that are none of the document's, with the longest question
   * @param answerTokens most tokens of an answer
   * @param questions of the document, different ones
   * @return below 1 where there is room for none
   */
  public int longestDocument(
      Optional<TokenSelection> selection, int beside, int answerTokens, int questions) {
    int read = longestPrompt(selection, answerTokens) - beside;
    if (!compacted(selection)) {
      return read;
    }
    TokenSelection chosen = selection.orElseThrow();
    int room = maxModelLen - beside - answerTokens;
    int fits = 0;
    int exceeds = Math.max(0, read) + 1;
    while (exceeds - fits > 1) {
      int tokens = fits + (exceeds - fits) / 2;
      if (chosen.mostKept(tokens, questions) <= room) {
        fits = tokens;
      } else {
        exceeds = tokens;
      }
    }
    return fits;
  }

  /** What bounds {@link #longestPrompt(Optional, int)}, in words. */
  public String bound(Optional<TokenSelection> selection) {
    int window = window(selection);
    boolean second = selection.filter(it -> it.reader() == ReaderKind.MODEL).isPresent();
    return second && (compacted(selection) || window < maxModelLen)
        ? "the reader model reads at most " + window
        : "max_model_len is " + maxModelLen;
  }

  private static boolean compacted(Optional<TokenSelection> selection) {
    return selection.filter(it -> it.positions() == Positions.COMPACTED).isPresent();
  }

  private int window(Optional<TokenSelection> selection) {
    return selection
        .filter(it -> it.layers() > 0)
        .map(it -> tokens(it.reader()) - it.lookahead())
        .orElse(maxModelLen);
  }

  /** Token ids that the model and whoever reads have an embedding for. */
  public int vocabSize(Optional<TokenSelection> selection) {
    return selection
        .filter(it -> it.layers() > 0)
        .map(it -> Math.min(model.vocabSize(), config(it.reader()).vocabSize()))
        .orElse(model.vocabSize());
  }
}
