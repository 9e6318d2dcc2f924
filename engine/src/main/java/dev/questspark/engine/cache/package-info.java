/** The KV memory behind the page ids of {@code engine.pages}. */
package dev.questspark.engine.cache;
