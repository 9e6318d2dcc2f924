package dev.questspark.job.eval;

import dev.questspark.engine.Engine;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.ChatTemplate;
import dev.questspark.engine.tokens.PromptTemplate;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A document of a suite in tokens, its middle cut out where it does not fit, as LongBench does.
 *
 * @param document tokens that all questions share
 * @param questions tokens of each question and what the template puts around it
 * @param droppedTokens document tokens left out
 */
record EvalPrompt(int[] document, List<int[]> questions, int droppedTokens) {

  /**
   * @param newTokens most tokens that a row generates
   */
  static EvalPrompt of(EvalDocument document, JobOptions options, Engine engine, int newTokens) {
    PromptTemplate template = template(document, options, engine);
    int[] prefix = template.prefix(document.text());
    List<int[]> questions = new ArrayList<>();
    int longest = 0;
    for (EvalDocument.EvalQuestion question : document.questions()) {
      int[] suffix = template.suffix(question.text());
      questions.add(suffix);
      longest = Math.max(longest, suffix.length);
    }
    int room = engine.maxModelLen() - longest - newTokens;
    if (prefix.length <= room) {
      return new EvalPrompt(prefix, questions, 0);
    }
    if (room < 2) {
      throw new ConfigException(
          "document "
              + document.docId()
              + ": question of "
              + longest
              + " and answer of "
              + newTokens
              + " tokens leave no room in max_model_len "
              + engine.maxModelLen());
    }
    int[] kept = Arrays.copyOf(prefix, room);
    int last = room / 2;
    System.arraycopy(prefix, prefix.length - last, kept, room - last, last);
    return new EvalPrompt(kept, questions, prefix.length - room);
  }

  private static PromptTemplate template(EvalDocument document, JobOptions options, Engine engine) {
    Tokenizer tokenizer = engine.tokenizer();
    if (!document.chat() || !options.get(JobKeys.APPLY_CHAT_TEMPLATE)) {
      return PromptTemplate.plain(document.template(), tokenizer);
    }
    Path model = engine.modelFolder();
    ChatTemplate chat =
        ChatTemplate.open(model)
            .orElseThrow(
                () ->
                    new ConfigException(
                        "Model folder "
                            + model
                            + " has no chat template; drop --apply-chat-template."));
    return PromptTemplate.chat(
        document.template(),
        chat,
        Optional.ofNullable(options.get(JobKeys.SYSTEM_PROMPT)),
        tokenizer);
  }

  /**
   * Quest's own protocol: only the last characters of the prompt go through the selector, what is
   * before them is part of the dense prefill.
   *
   * @param tailCharacters of document and question together
   * @return the same tokens as a prompt of one question
   */
  EvalPrompt withTail(int question, int tailCharacters, Tokenizer tokenizer) {
    int[] suffix = questions.get(question);
    int[] all = Arrays.copyOf(document, document.length + suffix.length);
    System.arraycopy(suffix, 0, all, document.length, suffix.length);
    int tail = 1;
    while (tail < all.length
        && tokenizer.decode(Arrays.copyOfRange(all, all.length - tail, all.length), false).length()
            < tailCharacters) {
      tail++;
    }
    return new EvalPrompt(
        Arrays.copyOf(all, all.length - tail),
        List.of(Arrays.copyOfRange(all, all.length - tail, all.length)),
        droppedTokens);
  }
}
