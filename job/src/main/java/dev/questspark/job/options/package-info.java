/**
 * Every option of the job, declared once ({@link dev.questspark.job.options.JobKeys}); where its
 * value comes from ({@link dev.questspark.job.options.OptionResolver}): flag, Spark conf, preset,
 * model folder, default, the first that speaks. The same stem everywhere: {@code --kebab-case} as a
 * flag, {@code snake_case} in a preset, {@code spark.questspark.snake_case} in Spark's conf.
 */
package dev.questspark.job.options;
