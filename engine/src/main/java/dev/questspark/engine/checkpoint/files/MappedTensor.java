package dev.questspark.engine.checkpoint.files;

import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Rows that lie in a file as they are read.
 *
 * @param region the tensor's bytes
 * @param rowBytes of one row
 */
public record MappedTensor(MappedRegion region, int rowBytes) implements HostTensor.Rows {
  @Override
  public Optional<ByteBuffer> view(int from, int count) {
    return region.view((long) from * rowBytes, Math.multiplyExact(count, rowBytes));
  }

  @Override
  public void read(int from, int count, ByteBuffer target) {
    region.read((long) from * rowBytes, (long) count * rowBytes, target);
  }

  @Override
  public void giveBack() {
    region.giveBack();
  }

  @Override
  public void giveBack(int from, int count) {
    region.giveBack((long) from * rowBytes, (long) count * rowBytes);
  }
}
