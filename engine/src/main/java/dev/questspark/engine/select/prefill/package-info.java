/** Which key blocks the segments of a document read while it is prefilled. */
package dev.questspark.engine.select.prefill;
