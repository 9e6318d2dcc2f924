/** GGUF files, of llama.cpp and Ollama: weights, configuration and tokenizer in one file. */
package dev.questspark.engine.checkpoint.gguf;
