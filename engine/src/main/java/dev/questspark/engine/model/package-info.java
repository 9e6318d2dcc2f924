/**
 * The transformer: its shape and weights as a Hugging Face folder holds them, the forward pass over
 * a backend's ops, and the draw of the next token.
 */
package dev.questspark.engine.model;
