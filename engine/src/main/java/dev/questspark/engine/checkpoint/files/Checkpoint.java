package dev.questspark.engine.checkpoint.files;

import dev.questspark.engine.ops.HostTensor;
import java.util.Set;

/**
 * The weights of a model under the names that Hugging Face gives them, whatever file they are in.
 * Shapes are known at open; a tensor's bytes are read when its rows are. Tensors already handed out
 * stay readable after the checkpoint is closed.
 */
public interface Checkpoint extends AutoCloseable {
  /** Names of all tensors. */
  Set<String> names();

  /** Names of the tensors that nobody has asked for yet. */
  Set<String> unread();

  /**
   * The vector (length), as one row.
   *
   * @throws dev.questspark.engine.failure.ConfigException if it is missing, of another shape or of
   *     a type that is not read
   */
  HostTensor vector(String name, int length);

  /** The matrix (rows, cols); fails as {@link #vector}. */
  HostTensor matrix(String name, int rows, int cols);

  /**
   * How the weights are stored where reading them takes more than copying, and what that loses; for
   * the line at start. Empty where nothing is to be said.
   */
  String format();

  @Override
  void close();
}
