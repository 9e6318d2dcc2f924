package dev.questspark.engine.failure;

/** The closed list of {@code error_code} values of an answer row. */
public enum ErrorCode {
  /** The id column is null or blank. */
  MISSING_ID("the document has no id"),
  /** Another document of the corpus has the same id. */
  DUPLICATE_ID("another document of this corpus has the same id"),
  /** The text column is null, or nothing but white space. */
  EMPTY_DOCUMENT("the document has no text"),
  /** The bytes are not UTF-8. */
  INVALID_UTF8("the document is not valid UTF-8"),
  /** The question is null or blank, or the list of questions is empty. */
  EMPTY_QUESTION("the question is missing or blank"),
  /** Document, question and max_tokens together exceed max_model_len. */
  TOO_LONG("document, question and answer do not fit into max_model_len"),
  /** The request needs more KV pages than the whole cache has. */
  EXCEEDS_KV_CACHE("the request needs more KV pages than the cache has"),
  /** The input line or record could not be parsed. */
  MALFORMED_RECORD("the input record cannot be parsed");

  private final String meaning;

  ErrorCode(String meaning) {
    this.meaning = meaning;
  }

  /** One sentence for the documentation. */
  public String meaning() {
    return meaning;
  }
}
