/** A step's batch and its KV pages: how they are written, digested, scored and selected. */
package dev.questspark.engine.ops.cpu.pages;
