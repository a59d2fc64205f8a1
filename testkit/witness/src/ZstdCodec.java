package witness;

import com.github.luben.zstd.Zstd;
import java.io.*;
import org.apache.hadoop.conf.*;
import org.apache.hadoop.io.compress.*;

/**
 * ZSTD for the HBase whose own codec artifact cannot be had (3.0.0-alpha-4): the same bytes as hbase-compression-zstd, which are
 * Hadoop's block stream (raw length, then length and zstd frame of each chunk).
 */
public class ZstdCodec extends Configured implements CompressionCodec {
  private static final int BUFFER = 256 * 1024;

  public ZstdCodec() { super(new Configuration(false)); }

  @Override public Compressor createCompressor() { return new Packer(); }
  @Override public Decompressor createDecompressor() { return new Unpacker(); }
  @Override public Class<? extends Compressor> getCompressorType() { return Packer.class; }
  @Override public Class<? extends Decompressor> getDecompressorType() { return Unpacker.class; }
  @Override public String getDefaultExtension() { return ".zst"; }
  @Override public CompressionInputStream createInputStream(InputStream in) throws IOException { return createInputStream(in, createDecompressor()); }
  @Override public CompressionInputStream createInputStream(InputStream in, Decompressor d) throws IOException { return new BlockDecompressorStream(in, d, BUFFER); }
  @Override public CompressionOutputStream createOutputStream(OutputStream out) throws IOException { return createOutputStream(out, createCompressor()); }
  @Override public CompressionOutputStream createOutputStream(OutputStream out, Compressor c) throws IOException {
    return new BlockCompressorStream(out, c, BUFFER, BUFFER / 6 + 32);
  }

  /** Keeps what it is given, and gives it back as one frame after finish(). */
  static final class Packer implements Compressor {
    private final ByteArrayOutputStream input = new ByteArrayOutputStream();
    private boolean finish, finished;
    private long written;

    @Override public void setInput(byte[] b, int off, int len) { input.write(b, off, len); }
    @Override public boolean needsInput() { return true; }
    @Override public void setDictionary(byte[] b, int off, int len) { throw new UnsupportedOperationException(); }
    @Override public long getBytesRead() { return input.size(); }
    @Override public long getBytesWritten() { return written; }
    @Override public void finish() { finish = true; }
    @Override public boolean finished() { return finished; }
    @Override public int compress(byte[] b, int off, int len) throws IOException {
      if (!finish || finished) return 0;
      byte[] frame = Zstd.compress(input.toByteArray(), 3);
      if (frame.length > len) throw new IOException("a frame of " + frame.length + " bytes does not fit into " + len);
      System.arraycopy(frame, 0, b, off, frame.length);
      written += frame.length;
      finished = true;
      return frame.length;
    }
    @Override public void reset() { input.reset(); finish = finished = false; written = 0; }
    @Override public void end() {}
    @Override public void reinit(Configuration conf) { reset(); }
  }

  /** Takes one frame at a time. */
  static final class Unpacker implements Decompressor {
    private byte[] output = new byte[0];
    private int at;

    @Override public void setInput(byte[] b, int off, int len) {
      byte[] frame = java.util.Arrays.copyOfRange(b, off, off + len);
      long size = Zstd.decompressedSize(frame);
      if (size < 0 || size > 1 << 30) throw new IllegalArgumentException("a frame that says it holds " + size + " bytes");
      output = Zstd.decompress(frame, (int) size);
      at = 0;
    }
    @Override public boolean needsInput() { return at == output.length; }
    @Override public void setDictionary(byte[] b, int off, int len) { throw new UnsupportedOperationException(); }
    @Override public boolean needsDictionary() { return false; }
    @Override public boolean finished() { return at == output.length; }
    @Override public int decompress(byte[] b, int off, int len) {
      int n = Math.min(len, output.length - at);
      System.arraycopy(output, at, b, off, n);
      at += n;
      return n;
    }
    @Override public int getRemaining() { return 0; }
    @Override public void reset() { output = new byte[0]; at = 0; }
    @Override public void end() {}
  }
}
