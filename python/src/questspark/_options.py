"""Options by name, from the declarations in the jar; do not edit, see CONTRIBUTING.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class QueryOptions(TypedDict, total=False):
    """Options of the SQL functions, the stage and the session."""

    prompt_template: str | None
    """Template file with {{document}} and {{question}}. Replaces the task's own template."""
    combine_template: str | None
    """Template over the partial answers of map_reduce. Without it prompt_template is used, or the task's own."""
    apply_chat_template: bool | Literal["auto"] | None
    """Wrap the prompt in the chat template of the model folder. auto wraps the task's own prompts where the
    folder has a template; it does not wrap those of a prompt_template, of sweep and of eval."""
    system_prompt: str | None
    """System turn of the chat template."""
    chat_template_kwargs: str | None
    """JSON object of variables for the chat template: {"enable_thinking": false} makes Qwen3, SmolLM3 and
    others answer without thinking first."""
    model: str | None
    model_path: str | None
    model_source: str | None
    model_name: str | None
    """Hugging Face folder (config.json, safetensors, tokenizer.json) or GGUF file: a path that every node
    has, a URI such as hdfs:// or s3a://, a name inside --archives, or org/name[@revision] of Hugging Face's
    hub, which every node takes from its cache or downloads into it."""
    model_cache: str | None
    """Folder where a node keeps its copy of a model given as a URI, for all its executors and later runs.
    Only damaged copies are deleted."""
    reader_model: str | None
    """A second, smaller model that reads documents for cache_policy 'selective(reader=model)', found like
    --model. Its tokenizer must be the model's."""
    reading_documents: int | None
    """Documents that are read at a time where cache_policy chooses tokens by reading. Each takes memory for
    the longest prompt in the layers that read, out of the KV cache's."""
    hf_overrides: str | None
    """JSON object whose fields take the place of those of the model's config.json."""
    rope_scaling: str | None
    """JSON object that takes the place of rope_scaling in config.json, so that a model reads longer documents
    than it says: {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768} for Qwen3
    and Qwen2.5. dynamic and longrope depend on the length: it is taken as max_model_len, not as that of each
    document."""
    generation_config: str | None
    """Source of sampling defaults and end-of-sequence ids. auto reads the model folder's
    generation_config.json as generate of transformers does; none reads nothing; a path reads that file."""
    backend: str | None
    """Device. cuda takes the GPU that Spark assigned to the task, or the first one; cuda:N takes the GPU of
    ordinal N. There is no fallback to another device."""
    dtype: str | None
    """Arithmetic of matrix products and type of the KV cache. auto is bfloat16 on a GPU. On a CPU it is
    bfloat16 if the CPU multiplies it (AVX512_BF16, AMX) and the checkpoint is bfloat16 or float16; otherwise
    float32."""
    weight_dtype: str | None
    """Type of the weights of matrix products on a CPU. auto follows dtype, but keeps the checkpoint's
    bfloat16 under float32 arithmetic. int8 keeps 8-bit weights with one scale per output channel, in half the
    memory of bfloat16; it needs AVX_VNNI, AVX512_VNNI or AMX."""
    max_model_len: int | None
    context_length: int | None
    n_ctx: int | None
    """Most tokens of document, question and answer together; 0 takes the model's limit. A model with dynamic
    RoPE scaling rotates by this length, and not by each text's."""
    page_size: int | None
    block_size: int | None
    """Tokens per KV page."""
    max_num_seqs: int | None
    max_running_requests: int | None
    n_parallel: int | None
    """Most sequences that an engine runs at the same time."""
    max_num_batched_tokens: int | None
    chunked_prefill_size: int | None
    """Most tokens in one engine step. Long documents are prefilled in chunks of this size."""
    kv_cache_memory_bytes: int | str | None
    kv_cache_memory: int | str | None
    """Memory for KV pages and digests; 0 takes gpu_memory_utilization of the free memory."""
    gpu_memory_utilization: float | None
    mem_fraction_static: float | None
    """Share of the device's free memory that an automatic KV cache takes, on a CPU too."""
    threads: int | None
    """CPU worker threads of an engine; 0 takes the executor's cores."""
    batch_invariant: bool | None
    """An answer is the same to the last bit, whatever else is in the batch."""
    overcommit: bool | None
    """Reserve KV pages for the prompt alone, and preempt sequences when pages run out."""
    max_in_flight: int | None
    """Documents that a task submits ahead; 0 takes max_num_seqs + 1."""
    policies: str | int | Sequence[str | int] | None
    policy: str | int | Sequence[str | int] | None
    """What a decode step reads, in full, such as quest(budget=1024, score=meanstd). Given several times, they
    are compared on one prefill. Replaces selectors and the options that go with it."""
    cache_policy: str | None
    """What becomes of a document's keys and values, for all its questions; none keeps them whole. Its parts
    are in the table of parts."""
    prefill: str | None
    """Which keys a document's own rows read while it is prefilled, such as a_shape(recent=960). It becomes a
    part of cache_policy."""
    kv_cache_dtype: str | None
    """How a document's keys and values are stored once it is prefilled, such as int4. It becomes a part of
    cache_policy; auto stores them as they were computed."""
    selectors: str | int | Sequence[str | int] | None
    selector: str | int | Sequence[str | int] | None
    sparse_attention: str | int | Sequence[str | int] | None
    """Policies by name, with their parameters from the options below; all is another name of dense attention.
    Several are compared on one prefill."""
    kv_budgets: str | int | Sequence[str | int] | None
    kv_budget: str | int | Sequence[str | int] | None
    token_budget: str | int | Sequence[str | int] | None
    """Tokens attended per KV head and layer; full means dense."""
    page_score: Literal["minmax", "meanstd"] | None
    """Score of a digest block: Quest's upper bound (minmax), or mean + 3/4 of the standard deviation
    (meanstd)."""
    digest_block_size: int | None
    """Tokens that share one digest, and that quest reads as a whole. It divides page_size. 0 takes 8 where
    digests have 8 bits, else the page."""
    digest_dtype: str | None
    """Type of the page digests. auto is the KV cache's type; int8 rounds to 8 bits, bounds outward, so that
    scoring reads fewer bytes."""
    group_reduction: Literal["max", "sum", "softmax"] | None
    """How the scores of the query heads that share a KV head become one score per digest block."""
    kv_sink_tokens: int | None
    """First tokens that are always read, in whole digest blocks. They count in the budget."""
    kv_recent_tokens: int | None
    """Last tokens that are always read. They count in the budget; the current digest block is always read."""
    sparse_skip_layers: int | None
    """First layers that stay dense."""
    sparse_min_context: int | None
    seq_len_threshold: int | None
    sparse_min_ctx: int | None
    """Contexts shorter than this stay dense."""
    question_attention: Literal["sparse", "dense"] | None
    """What the question's tokens attend to: all of the document (dense), which they read once together, or
    each token to what the policy lists for it (sparse), as in the paper's passkey test. Tokens of the answer
    always attend as the policy says."""
    max_tokens: int | None
    max_new_tokens: int | None
    max_completion_tokens: int | None
    n_predict: int | None
    """Most tokens to generate per answer."""
    temperature: float | None
    """Sampling temperature; 0 always takes the most likely token (greedy)."""
    top_p: float | None
    """Sample from the most likely tokens whose probabilities sum to this."""
    top_k: int | None
    """Sample from this many most likely tokens; 0 keeps all."""
    min_p: float | None
    """Drop tokens whose probability is below this share of the most likely token's."""
    repetition_penalty: float | None
    """Above 1, tokens that the prompt or the answer already has become less likely; 1 is off."""
    seed: int | None
    """Seed of sampling and of generated suites. Each row draws with hash(seed, document id, question number)."""
    stop: str | int | Sequence[str | int] | None
    """Text that ends an answer and is removed from it; may be repeated."""
    stop_token_ids: str | int | Sequence[str | int] | None
    """Token ids that end an answer, besides the model's end-of-sequence tokens."""
    ignore_eos: bool | None
    """Ignore end-of-sequence and always generate max_tokens."""
    on_too_long: Literal["error", "truncate_middle", "map_reduce"] | None
    """What happens to a document over max_model_len: it becomes an error row, loses its middle, or is
    answered section by section (map_reduce; not for sweep and eval). Suite longbench loses the middle by
    default, as the benchmark does."""
    chunk_tokens: int | None
    """Most tokens of a map_reduce chunk, which holds whole sections where they fit; 0 takes the most that
    fits into the context."""
    chunk_overlap_tokens: int | None
    """Most tokens that neighbouring chunks share where a section is too long for one chunk. Must be less than
    chunk_tokens."""


class JobOptions(QueryOptions, total=False):
    """Options of a job: those of a query, and what is read and written."""

    input_table: str | None
    """Documents: a table of a catalog, in place of input."""
    input_format: str | None
    """Format of the input: text (UTF-8), json (lines), csv, parquet, orc, avro, binaryfile (text in any
    encoding, HTML, PDF, DOCX and EPUB, one document per file), or the name of one of Spark's sources, such as
    delta. auto decides by the files' names, and refuses a folder that mixes formats."""
    input_option: str | int | Sequence[str | int] | None
    """Option of the reader as name=value; may be repeated. For csv: sep, quote and escape. For one of Spark's
    sources: whatever it knows."""
    max_text_characters: int | None
    """A document with more text than this becomes an error row before it is tokenised. Executors need about
    ten bytes of heap for each character, for as many documents as they read at once."""
    parse_timeout_s: int | None
    """For binaryfile: a file that takes longer to parse becomes an error row."""
    id_col: str | None
    id_column: str | None
    """Column of the document's id; meta.id is the field id of column meta. A folder of files uses the path
    relative to the input."""
    text_col: str | None
    text_column: str | None
    """Column of the document's text."""
    question_col: str | None
    question_column: str | None
    """Column of the question, or of an array of questions; questions.q is the field q of each element of an
    array."""
    answer_col: str | None
    answer_column: str | None
    """Column of the reference answers, with the shape of the questions. Adds accuracy to the statistics."""
    question: str | int | Sequence[str | int] | None
    """Question asked of every document; may be repeated. Replaces question_col."""
    keep_columns: str | int | Sequence[str | int] | None
    """Columns of the input that every answer row carries in kept_columns, a map from name to text."""
    task: Literal["qa", "summarize"] | None
    """Answer questions, or summarize each document (no question needed)."""
    output_table: str | None
    """Table of a catalog that receives the answers too when the run ends: one row per document, question and
    policy, in place of the row that an earlier run wrote. Delta, Iceberg and Hudi can replace rows; a table
    of another format only takes new ones."""
    mode: Literal["overwrite", "errorifexists", "append", "ignore"] | None
    """What to do if the output folder already has answers (Spark's save modes)."""
    update: bool | None
    """Bring the answers of earlier runs with the same options up to date: answer new and changed documents,
    keep the rest, and mark those that the corpus has no more (vanished_at)."""
    retry_errors: bool | None
    """With resume or update, compute error rows again and replace them. Otherwise they count as finished."""
    answer_batch_rows: int | None
    """Rows after which a task commits a file of answers/; a document is never split. If an executor is lost,
    at most this many rows per task and those in flight are recomputed."""
    max_error_rate: float | None
    """The job ends with exit code 3 if a larger share of rows are error rows."""
    fail_on: str | int | Sequence[str | int] | None
    """What else fails a run: an input without documents (empty, exit code 2), a budget that never read less
    than dense attention (unused_budget, exit code 4)."""
    deadline: str | None
    """Take no new document from then on, finish and commit those under way, and end with exit code 5 if any
    is left. Local time of the driver, unless an offset is given."""
    wait_for_lock: int | None
    """How long to wait while another run has the output folder, before giving up. A run that died on another
    host holds it for 60 s."""
    compact_answers: bool | None
    """At the end of a run, join small files of answers/ into files of about 128 MiB."""
    partitions: int | None
    """Partitions, balanced by estimated tokens; 0 takes two per core, at most one per document."""
    cache_policies: str | int | Sequence[str | int] | None
    """Cache policies to compare, each with every policy of the questions; given several times. Every document
    is prefilled once for each. none comes first, named or not. Without it cache_policy is compared with none."""
    lengths: str | int | Sequence[str | int] | None
    """Prompt lengths of a generated suite, to within a sentence, or document lengths of plan, by default
    max_model_len less what follows. A length that is too short for the question and the hidden facts, or over
    max_model_len, is refused."""
    depths: str | int | Sequence[str | int] | None
    """Where a generated suite hides the facts that it asks for; 0 is the start."""
    samples: int | None
    """Documents of a generated suite per length and depth."""
    prefix_tokens: int | None
    """Tokens of text before each window, prefilled for all policies."""
    window_tokens: int | None
    """Tokens of each window, fed one by one; each predicts the text's next one."""
    windows: int | None
    """Windows to draw in all, equally many from each document, at least one; seed says which."""
    window_offsets: str | int | Sequence[str | int] | None
    """Characters of each document at which a window's prefix begins. Without it windows are drawn."""
    question_tail_characters: int | None
    """Only this many last characters of the prompt attend to the selected pages, as in Quest's own
    evaluation; 0 takes the whole question."""
    page_scores: str | int | Sequence[str | int] | None
    """Page scores to compare. Without it page_score alone is used."""
    skip_layers: str | int | Sequence[str | int] | None
    """Values of sparse_skip_layers to compare. Without it that one alone is used."""
    repetitions: int | None
    """Speed measurements of each policy, interleaved."""
    speed_tokens: int | None
    """Tokens generated per request when measuring speed (end-of-sequence ignored)."""
    selection_study: int | None
    """Documents on which each policy's pages, and the key blocks of each cache policy's prefill, are compared
    with the exact attention weights, per layer and head. Copies all keys to the host, which is slow for large
    models; 0 for none."""
    max_quality_loss: float | None
    """The report recommends the smallest budget whose score is at most this much below dense."""
    max_kl: float | None
    """After suite divergence the report recommends the smallest budget whose mean KL from dense is at most
    this: 0.02 means that text drawn from dense attention has a 2 % higher perplexity under the policy."""
    infer_task_gpus: float | None
    """GPUs of a task that infers; tasks that read then need none. With 0.25, four tasks feed the engine of
    one GPU. 0 takes spark.task.resource.gpu.amount."""
    infer_task_cpus: int | None
    """Cores of a task that infers; 0 takes spark.task.cpus."""
    infer_executor_gpus: int | None
    """With dynamic allocation, GPUs of the executors that infer; 0 takes spark.executor.resource.gpu.amount."""
    infer_executor_cores: int | None
    """With dynamic allocation, cores of the executors that infer; 0 takes spark.executor.cores."""
    infer_executor_memory: int | str | None
    """With dynamic allocation, heap of the executors that infer; 0 takes spark.executor.memory."""
    verbose: bool | None
    """Print stack traces of failures."""


#: Parameters of the stage that are options, and whether each takes a list.
STAGE_PARAMETERS: tuple[tuple[str, bool], ...] = (
    ("prompt_template", False),
    ("combine_template", False),
    ("apply_chat_template", False),
    ("system_prompt", False),
    ("chat_template_kwargs", False),
    ("model", False),
    ("model_cache", False),
    ("reader_model", False),
    ("reading_documents", False),
    ("hf_overrides", False),
    ("rope_scaling", False),
    ("generation_config", False),
    ("backend", False),
    ("dtype", False),
    ("weight_dtype", False),
    ("max_model_len", False),
    ("page_size", False),
    ("max_num_seqs", False),
    ("max_num_batched_tokens", False),
    ("kv_cache_memory_bytes", False),
    ("gpu_memory_utilization", False),
    ("threads", False),
    ("batch_invariant", False),
    ("overcommit", False),
    ("max_in_flight", False),
    ("policies", True),
    ("cache_policy", False),
    ("prefill", False),
    ("kv_cache_dtype", False),
    ("selectors", False),
    ("kv_budgets", False),
    ("page_score", False),
    ("digest_block_size", False),
    ("digest_dtype", False),
    ("group_reduction", False),
    ("kv_sink_tokens", False),
    ("kv_recent_tokens", False),
    ("sparse_skip_layers", False),
    ("sparse_min_context", False),
    ("question_attention", False),
    ("max_tokens", False),
    ("temperature", False),
    ("top_p", False),
    ("top_k", False),
    ("min_p", False),
    ("repetition_penalty", False),
    ("seed", False),
    ("stop", True),
    ("stop_token_ids", False),
    ("ignore_eos", False),
    ("on_too_long", False),
    ("chunk_tokens", False),
    ("chunk_overlap_tokens", False),
)

#: Other names of options.
ALIASES: dict[str, str] = {
    "model_path": "model",
    "model_source": "model",
    "model_name": "model",
    "context_length": "max_model_len",
    "n_ctx": "max_model_len",
    "block_size": "page_size",
    "max_running_requests": "max_num_seqs",
    "n_parallel": "max_num_seqs",
    "chunked_prefill_size": "max_num_batched_tokens",
    "kv_cache_memory": "kv_cache_memory_bytes",
    "mem_fraction_static": "gpu_memory_utilization",
    "policy": "policies",
    "selector": "selectors",
    "sparse_attention": "selectors",
    "kv_budget": "kv_budgets",
    "token_budget": "kv_budgets",
    "seq_len_threshold": "sparse_min_context",
    "sparse_min_ctx": "sparse_min_context",
    "max_new_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "n_predict": "max_tokens",
    "id_column": "id_col",
    "text_column": "text_col",
    "question_column": "question_col",
    "answer_column": "answer_col",
}
