/**
 * Every option of the job, declared once, with its scope, beside the others of its subject; the
 * same class binds them to the record that readers take. One stem in three spellings: {@code
 * --kebab-case} as a flag, {@code snake_case} in a preset, {@code spark.questspark.snake_case} in
 * Spark's conf.
 */
package dev.questspark.job.options.keys;
