package org.apache.hadoop.hbase.io.hfile; // this package: the block reader is package-private

import java.io.*;
import java.util.*;
import witness.J;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.*;
import org.apache.hadoop.hbase.*;
import org.apache.hadoop.hbase.regionserver.BloomType;
import org.apache.hadoop.hbase.util.*;

/**
 * HFileDump [--no-cells] FILE... : JSON Lines on standard output, made by HBase's HFile.Reader.
 * Exit status 1 when some file could not be read to its end (a line {"k":"error"} says why).
 */
public class HFileDump {
  public static void main(String[] a) throws Exception {
    Configuration conf = HBaseConfiguration.create();
    conf.setFloat("hfile.block.cache.size", 0f);
    PrintStream out = J.out();
    boolean cells = true, bad = false;
    for (String f : a) {
      if (f.equals("--no-cells")) { cells = false; continue; }
      try { dump(conf, new Path(new File(f).toURI()), f, cells, out); }
      catch (Throwable e) { bad = true; out.println(J.o().s("k", "error").s("file", f).s("error", e.toString())); }
    }
    out.flush();
    System.exit(bad ? 1 : 0);
  }

  public static void dump(Configuration conf, Path p, String name, boolean cells, PrintStream out) throws Exception {
    FileSystem fs = p.getFileSystem(conf);
    try (HFile.Reader r = HFile.createReader(fs, p, CacheConfig.DISABLED, true, conf)) {
      FixedFileTrailer t = r.getTrailer();
      out.println(J.o().s("k", "file").s("file", name).n("size", fs.getFileStatus(p).getLen()));
      J tr = J.getters(t);
      tr.s("text", t.toString());
      out.println(J.o().s("k", "trailer").raw("trailer", tr.toString()));
      for (Map.Entry<byte[], byte[]> e : r.getHFileInfo().entrySet())
        out.println(J.o().s("k", "info").s("name", Bytes.toStringBinary(e.getKey())).b64("value", e.getValue()));
      // Every block from offset 0 up to the trailer, in file order.
      HFileBlock.BlockIterator it = r.getUncachedBlockReader().blockRange(0, fs.getFileStatus(p).getLen() - t.getTrailerSize());
      try {
        for (HFileBlock b; (b = it.nextBlock()) != null; )
          out.println(J.o().s("k", "block").n("off", b.getOffset()).s("type", b.getBlockType().name())
            .n("disk", b.getOnDiskSizeWithHeader()).n("raw", b.getUncompressedSizeWithoutHeader()));
      } catch (Exception e) { out.println(J.o().s("k", "note").s("block_walk_stopped", e.toString())); }
      byte[] bt = r.getHFileInfo().get(Bytes.toBytes("BLOOM_FILTER_TYPE"));
      byte[] bp = r.getHFileInfo().get(Bytes.toBytes("BLOOM_FILTER_PARAM"));
      DataInput bm = r.getGeneralBloomFilterMetadata();
      BloomFilter bf = bm == null ? null : (BloomFilter) J.call(BloomFilterFactory.class, null, "createFromMeta", bm, r);
      long n = 0, miss = 0;
      HFileScanner s;
      try { s = (HFileScanner) J.call(HFile.Reader.class, r, "getScanner", conf, false, false); }
      catch (NoSuchMethodException e) { s = (HFileScanner) J.call(HFile.Reader.class, r, "getScanner", false, false); }
      if (s.seekTo()) do {
        Cell c = s.getCell();
        n++;
        if (cells) out.println(J.cell(c).n("seq", c.getSequenceId()).s("k", "cell"));
        if (bf != null) {
          byte[] row = CellUtil.cloneRow(c);
          BloomType ty = BloomType.valueOf(Bytes.toString(bt));
          boolean in;
          if (ty == BloomType.ROWCOL) in = (Boolean) J.call(BloomFilter.class, bf, "contains", PrivateCellUtil.createFirstOnRowCol(c), null, ty);
          else if (ty == BloomType.ROW) in = bf.contains(row, 0, row.length, null);
          else { int l = Bytes.toInt(bp); in = row.length < l || bf.contains(row, 0, l, null); }
          // Family deletes are kept out of a ROWCOL bloom.
          if (!in && !CellUtil.isDelete(c)) miss++;
        }
      } while (s.next());
      J end = J.o().s("k", "end").n("cells", n).n("trailer_entries", t.getEntryCount());
      if (bf != null) end.s("bloom", bf.toString()).s("bloom_type", Bytes.toString(bt)).n("bloom_keys", bf.getMaxKeys()).n("bloom_bytes", bf.getByteSize()).n("bloom_misses", miss);
      DataInput dm = r.getDeleteBloomFilterMetadata();
      if (dm != null) end.s("delete_bloom", J.call(BloomFilterFactory.class, null, "createFromMeta", dm, r).toString());
      out.println(end);
    }
  }
}
