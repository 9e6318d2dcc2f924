"""Small tokenizers and the ids that Hugging Face's tokenizers (0.23) gives, for HfTokenizerTest.

    python generate.py    (writes beside itself)

bpe/    byte-level BPE with Llama-3-like special tokens, begin-of-sequence added by its
        post-processor, and truncation and padding set, which a prompt must not suffer
bytes/  one id per byte: 0 begin, 1 end, 2 pad, byte b is 64 + b; fits the checkpoints of hf-models
"""
import json
import pathlib

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
TEXTS = [
    "", "a", " a", "a ", "Hello, world!", "The harbour lay quiet under the morning fog.",
    "na\u00efve caf\u00e9 \u2014 \u4f60\u597d, \U0001f40b whale", "tabs\tand\nnew\r\nlines\n\n\n",
    "  two  spaces   three", "<|begin_of_text|>x<|eot_id|>", "broken <|eot_id token|>",
    "{{document}} {% raw %}", "e\u0301 combining", "a" * 300,
]
CORPUS = [
    "The harbour lay quiet under the morning fog, and the keeper of the light was asleep.",
    "Hello, world! Whoever reads this text reads it for the tokenizer's sake alone.",
    "Two spaces, three   spaces, a tab\tand a new line\nmake four kinds of blank.",
    "The whale, the ship and the captain; the ship, the sea and the whale again.",
] * 8


def save(name, tokenizer, config):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def cases(tokenizer):
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = []
    for text in TEXTS:
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        rows.append({
            "text": text, "ids": plain,
            "special_ids": tokenizer.encode(text, add_special_tokens=True).ids,
            "decoded": tokenizer.decode(plain, skip_special_tokens=False),
            "decoded_skipping": tokenizer.decode(plain, skip_special_tokens=True)})
    return rows


def bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
             "<|eot_id|>"]
    tokenizer.add_special_tokens([AddedToken(n, special=True, normalized=False) for n in names])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        pair="<|begin_of_text|> $A <|begin_of_text|> $B",
        special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))])
    tokenizer.enable_truncation(max_length=8)
    tokenizer.enable_padding(length=8, pad_id=tokenizer.token_to_id("<|end_of_text|>"),
                             pad_token="<|end_of_text|>")
    save("bpe", tokenizer, {
        "bos_token": "<|begin_of_text|>",
        "eos_token": {"__type": "AddedToken", "content": "<|eot_id|>", "special": True},
        "model_max_length": 8})
    return tokenizer


def bytewise():
    names = ["<s>", "</s>", "<pad>"]
    vocab = {name: i for i, name in enumerate(names)}
    vocab.update({f"<unused{i}>": i for i in range(3, 64)})
    # the printable stand-ins of GPT-2's byte-level alphabet, in byte order
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    fill = iter(range(256, 512))
    for byte in range(256):
        vocab[chr(byte if byte in printable else next(fill))] = 64 + byte
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(n, special=True, normalized=False) for n in names])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)])
    save("bytes", tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"})
    return tokenizer


expected = {}
for name, build in (("bpe", bpe), ("bytes", bytewise)):
    tokenizer = build()
    expected[name] = {"vocab_size": tokenizer.get_vocab_size(with_added_tokens=True),
                      "cases": cases(tokenizer)}
(HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=True) + "\n")
