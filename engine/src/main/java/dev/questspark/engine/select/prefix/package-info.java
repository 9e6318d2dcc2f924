/** What rows read of a prefix. */
package dev.questspark.engine.select.prefix;
