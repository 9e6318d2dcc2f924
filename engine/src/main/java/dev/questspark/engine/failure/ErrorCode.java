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
  /**
   * The tokenizer has more ids than the model's embedding has rows, and the text has one of them.
   */
  UNKNOWN_TOKEN("a token of the prompt is beyond the model's embedding"),
  /** The model computes NaN for this text, and not for others. */
  NOT_A_NUMBER("the model computes NaN for this prompt"),
  /** The request needs more KV pages than the whole cache has. */
  EXCEEDS_KV_CACHE("the request needs more KV pages than the cache has"),
  /** The input line or record could not be parsed. */
  MALFORMED_RECORD("the input record cannot be parsed"),
  /** The file is of a kind that is not read. */
  UNSUPPORTED_FILE("the file is none of text, HTML, PDF, DOCX and EPUB"),
  /** The file's parser gave up on it. */
  BROKEN_FILE("the file is damaged, or not what it says it is"),
  /** The file opens with a password only. */
  ENCRYPTED_FILE("the file is protected by a password"),
  /** The file unpacks to a multiple of its size that no document has, or nests without end. */
  DECOMPRESSION_BOMB("the file unpacks to far more than a document of its size holds"),
  /** The text is longer than max_text_characters. */
  TOO_MUCH_TEXT("the document has more text than max_text_characters"),
  /** The file was not read within parse_timeout_s. */
  PARSE_TIMEOUT("the file was not read within parse_timeout_s"),
  /** Two executors ended by themselves with it in flight, the second with it alone. */
  POISON_DOCUMENT("two executors' processes ended while they computed the document");

  private final String meaning;

  ErrorCode(String meaning) {
    this.meaning = meaning;
  }

  /** One sentence for the documentation. */
  public String meaning() {
    return meaning;
  }
}
