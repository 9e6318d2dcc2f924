/** The safetensors format: a JSON header, then the tensors' bytes. */
package dev.questspark.engine.checkpoint.safetensors;
