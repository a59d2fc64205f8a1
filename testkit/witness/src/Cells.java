package witness;

import java.io.*;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.*;
import org.apache.hadoop.hbase.*;
import org.apache.hadoop.hbase.client.*;
import org.apache.hadoop.hbase.io.hfile.*;
import org.apache.hadoop.hbase.tool.BulkLoadHFiles;
import org.apache.hadoop.hbase.util.Bytes;
import org.apache.hbase.thirdparty.com.google.gson.*;

/** Writing and scanning cells. */
final class Cells {
  private Cells() {}

  static byte[] bytes(JsonObject o, String key) { return Base64.getDecoder().decode(o.get(key).getAsString()); }
  static boolean has(JsonObject o, String key) { return o.has(key) && !o.get(key).isJsonNull(); }
  static boolean flag(JsonObject o, String key) { return has(o, key) && o.get(key).getAsBoolean(); }
  static long number(JsonObject o, String key, long otherwise) { return has(o, key) ? o.get(key).getAsLong() : otherwise; }
  static TableName table(JsonObject o) { return TableName.valueOf(o.get("table").getAsString()); }

  /** cells: [{row, family, qualifier, timestamp?, value, ttl_millis?, tags?: [{type, value}]}], all byte strings base64. */
  static JsonElement put(Connection c, JsonObject o) throws Exception {
    List<Put> puts = new ArrayList<>();
    for (JsonElement e : o.getAsJsonArray("cells")) {
      JsonObject x = e.getAsJsonObject();
      Put p = new Put(bytes(x, "row"));
      if (has(x, "ttl_millis")) p.setTTL(x.get("ttl_millis").getAsLong());
      byte[] family = bytes(x, "family"), qualifier = bytes(x, "qualifier"), value = bytes(x, "value");
      long timestamp = number(x, "timestamp", HConstants.LATEST_TIMESTAMP);
      if (has(x, "tags")) {
        List<Tag> tags = new ArrayList<>();
        for (JsonElement t : x.getAsJsonArray("tags"))
          tags.add(new ArrayBackedTag((byte) t.getAsJsonObject().get("type").getAsInt(), bytes(t.getAsJsonObject(), "value")));
        p.add(new KeyValue(p.getRow(), family, qualifier, timestamp, KeyValue.Type.Put, value, tags));
      } else p.addColumn(family, qualifier, timestamp, value);
      puts.add(p);
    }
    try (Table t = c.getTable(table(o))) { t.put(puts); }
    return new JsonPrimitive(puts.size());
  }

  /** kind: row, family, family_version, columns (all versions), column (one version; without a timestamp the newest). */
  static JsonElement delete(Connection c, JsonObject o) throws Exception {
    Delete d = new Delete(bytes(o, "row"));
    long timestamp = number(o, "timestamp", HConstants.LATEST_TIMESTAMP);
    byte[] family = has(o, "family") ? bytes(o, "family") : null, qualifier = has(o, "qualifier") ? bytes(o, "qualifier") : null;
    switch (o.get("kind").getAsString()) {
      case "row": if (has(o, "timestamp")) d.setTimestamp(timestamp); break;
      case "family": d.addFamily(family, timestamp); break;
      case "family_version": d.addFamilyVersion(family, timestamp); break;
      case "columns": d.addColumns(family, qualifier, timestamp); break;
      case "column": if (has(o, "timestamp")) d.addColumn(family, qualifier, timestamp); else d.addColumn(family, qualifier); break;
      default: throw new IllegalArgumentException("kind " + o.get("kind"));
    }
    try (Table t = c.getTable(table(o))) { t.delete(d); }
    return JsonNull.INSTANCE;
  }

  /** Row keys: eight hex digits spread over the key space and a running number; with binary, raw bytes that hold 0x00 and 0xFF. */
  private static byte[] key(Random r, long i, boolean binary) {
    if (!binary) return Bytes.toBytes(String.format("%08x-%010d", r.nextInt(), i));
    byte[] k = new byte[2 + r.nextInt(20)];
    r.nextBytes(k);
    for (int j = 0; j < k.length; j++) if (r.nextInt(4) == 0) k[j] = (byte) (r.nextBoolean() ? 0 : 0xff);
    return k;
  }

  /** About half compressible: words, and random bytes. */
  private static byte[] value(Random r, int length) {
    byte[] v = new byte[length];
    for (int i = 0; i < length; i++) v[i] = (byte) ("etaoin shrdlu".charAt(Math.min(12, (int) Math.abs(r.nextGaussian() * 5))));
    byte[] noise = new byte[length / 4];
    r.nextBytes(noise);
    System.arraycopy(noise, 0, v, 0, noise.length);
    return v;
  }

  /** The same seed writes the same rows and values; timestamps are the server's unless a first one is given. */
  static JsonElement load(Connection c, JsonObject o) throws Exception {
    TableName tn = table(o);
    Random r = new Random(o.get("seed").getAsLong());
    long rows = o.get("rows").getAsLong(), first = number(o, "timestamp", -1);
    int length = o.get("value_bytes").getAsInt();
    boolean binary = flag(o, "binary_keys");
    Set<byte[]> families;
    try (Table t = c.getTable(tn)) { families = t.getDescriptor().getColumnFamilyNames(); }
    long cells = 0;
    try (BufferedMutator m = c.getBufferedMutator(new BufferedMutatorParams(tn).writeBufferSize(4 << 20))) {
      for (long i = 0; i < rows; i++) {
        byte[] k = key(r, i, binary);
        Put p = first < 0 ? new Put(k) : new Put(k, first + i);
        for (byte[] f : families) {
          p.addColumn(f, Bytes.toBytes("q" + r.nextInt(3)), value(r, length));
          p.addColumn(f, Bytes.toBytes("n"), Bytes.toBytes(r.nextLong()));
          cells += 2;
        }
        m.mutate(p);
      }
    }
    return new JsonPrimitive(cells);
  }

  /** Writes one HFile with rows of a prefix and bulk-loads it. */
  static JsonElement bulkLoad(Connection c, Configuration conf, JsonObject o) throws Exception {
    TableName tn = table(o);
    byte[] family = bytes(o, "family");
    Path dir = new Path(new Path(conf.get("hbase.rootdir")).getParent(), "bulk-" + UUID.randomUUID());
    FileSystem fs = dir.getFileSystem(conf);
    Path file = new Path(new Path(dir, Bytes.toString(family)), UUID.randomUUID().toString().replace("-", ""));
    HFileContext ctx = new HFileContextBuilder().withBlockSize(8192).withIncludesTags(false).build();
    int rows = o.get("rows").getAsInt(), length = o.get("value_bytes").getAsInt();
    Random r = new Random(o.get("seed").getAsLong());
    try (HFile.Writer w = HFile.getWriterFactory(conf, CacheConfig.DISABLED).withPath(fs, file).withFileContext(ctx).create()) {
      for (int i = 0; i < rows; i++)
        w.append(new KeyValue(Bytes.toBytes(o.get("prefix").getAsString() + String.format("%010d", i)), family, Bytes.toBytes("bulk"),
          number(o, "timestamp", 1700000000000L) + i, value(r, length)));
      w.appendFileInfo(HStoreFileKeys.BULKLOAD_TIME, Bytes.toBytes(System.currentTimeMillis()));
    }
    BulkLoadHFiles.create(conf).bulkLoad(tn, dir);
    fs.delete(dir, true);
    return JsonNull.INSTANCE;
  }

  private static final class HStoreFileKeys {
    static final byte[] BULKLOAD_TIME = Bytes.toBytes("BULKLOAD_TIMESTAMP");
  }

  /** SHA-256 over every cell in the order of the scan: each part with its length, so no two different scans look alike. */
  static JsonElement scan(Connection c, JsonObject o) throws Exception {
    boolean raw = flag(o, "raw");
    MessageDigest d = MessageDigest.getInstance("SHA-256");
    long cells = 0, rows = 0;
    ByteBuffer head = ByteBuffer.allocate(8 + 1 + 5 * 4);
    PrintStream out = has(o, "dump") ? new PrintStream(new BufferedOutputStream(new FileOutputStream(o.get("dump").getAsString()), 1 << 16)) : null;
    Scan s = new Scan().setCaching(500);
    if (raw) s.setRaw(true);
    s.readAllVersions();
    if (has(o, "start")) s.withStartRow(bytes(o, "start"));
    if (has(o, "stop")) s.withStopRow(bytes(o, "stop"));
    try (Table t = c.getTable(table(o)); ResultScanner rs = t.getScanner(s)) {
      for (Result x : rs) {
        rows++;
        for (Cell k : x.rawCells()) {
          cells++;
          head.clear();
          head.putLong(k.getTimestamp()).put(k.getType().getCode()).putInt(k.getRowLength()).putInt(k.getFamilyLength())
            .putInt(k.getQualifierLength()).putInt(k.getValueLength()).putInt(k.getTagsLength());
          d.update(head.array());
          d.update(k.getRowArray(), k.getRowOffset(), k.getRowLength());
          d.update(k.getFamilyArray(), k.getFamilyOffset(), k.getFamilyLength());
          d.update(k.getQualifierArray(), k.getQualifierOffset(), k.getQualifierLength());
          d.update(k.getValueArray(), k.getValueOffset(), k.getValueLength());
          d.update(k.getTagsArray(), k.getTagsOffset(), k.getTagsLength());
          if (out != null) out.println(J.cell(k));
        }
      }
    } finally { if (out != null) out.close(); }
    if (out != null && out.checkError()) throw new IOException("cannot write " + o.get("dump"));
    JsonObject answer = new JsonObject();
    answer.addProperty("cells", cells);
    answer.addProperty("rows", rows);
    StringBuilder hex = new StringBuilder();
    for (byte b : d.digest()) hex.append(String.format("%02x", b));
    answer.addProperty("sha256", hex.toString());
    return answer;
  }
}
