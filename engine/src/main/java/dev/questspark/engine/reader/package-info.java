/** Token-selective prefill: who reads a document before its tokens are chosen, and what is kept. */
package dev.questspark.engine.reader;
