/**
 * The kinds of failure, and no more: {@link dev.questspark.engine.failure.ConfigException} before
 * any work, {@link dev.questspark.engine.failure.DocumentException} for one document or question
 * (it becomes an error row), and a device failure that ends the executor. Everything else is a bug
 * and surfaces as itself.
 */
package dev.questspark.engine.failure;
