/** What every kind of checkpoint is read with: JSON, mapped files, tensors by their names. */
package dev.questspark.engine.checkpoint.files;
