import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.*;
import org.apache.hadoop.hbase.*;
import org.apache.hadoop.hbase.client.*;
import org.apache.hadoop.hbase.errorhandling.ForeignExceptionDispatcher;
import org.apache.hadoop.hbase.io.compress.Compression;
import org.apache.hadoop.hbase.io.hfile.*;
import org.apache.hadoop.hbase.regionserver.*;
import org.apache.hadoop.hbase.shaded.protobuf.generated.SnapshotProtos.SnapshotDescription;
import org.apache.hadoop.hbase.snapshot.*;
import org.apache.hadoop.hbase.util.*;

/**
 * A root directory with one table and one completed snapshot of it, written by HBase's own classes without a server.
 * Usage: MakeSnapshot ROOTDIR SNAPSHOT FILES MIB_PER_FILE random|text
 */
public class MakeSnapshot {
  public static void main(String[] a) throws Exception {
    String rootdir = a[0], name = a[1];
    int files = Integer.parseInt(a[2]);
    long bytes = Long.parseLong(a[3]) << 20;
    boolean random = a[4].equals("random");
    Configuration conf = HBaseConfiguration.create();
    conf.set("fs.defaultFS", "file:///");
    conf.set("fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem");
    conf.set("hbase.rootdir", "file://" + rootdir);
    Path root = CommonFSUtils.getRootDir(conf);
    FileSystem fs = root.getFileSystem(conf);
    FSUtils.setVersion(fs, root);
    FSUtils.setClusterId(fs, root, new ClusterId(), 0);
    TableName table = TableName.valueOf("bench");
    byte[] family = Bytes.toBytes("f");
    TableDescriptor schema = TableDescriptorBuilder.newBuilder(table).setColumnFamily(ColumnFamilyDescriptorBuilder.of(family)).build();
    new FSTableDescriptors(conf).createTableDescriptor(schema);
    Path tableDir = CommonFSUtils.getTableDir(root, table);
    SnapshotDescription description = SnapshotDescription.newBuilder().setName(name).setTable(table.getNameAsString())
      .setCreationTime(System.currentTimeMillis()).setType(SnapshotDescription.Type.FLUSH).setVersion(2).build();
    Path working = SnapshotDescriptionUtils.getWorkingSnapshotDir(description, root, conf);
    fs.mkdirs(working);
    SnapshotDescriptionUtils.writeSnapshotInfo(description, working, fs);
    SnapshotManifest manifest = SnapshotManifest.create(conf, fs, working, description, new ForeignExceptionDispatcher("bench"));
    manifest.addTableDescriptor(schema);
    int regions = Math.max(1, files / 4);
    Random source = new Random(1);
    byte[] value = new byte[1024];
    for (int r = 0; r < regions; r++) {
      byte[] start = r == 0 ? HConstants.EMPTY_BYTE_ARRAY : Bytes.toBytes(String.format("%05d", r));
      byte[] end = r == regions - 1 ? HConstants.EMPTY_BYTE_ARRAY : Bytes.toBytes(String.format("%05d", r + 1));
      RegionInfo info = RegionInfoBuilder.newBuilder(table).setStartKey(start).setEndKey(end).setRegionId(1000 + r).build();
      HRegionFileSystem regionFs = HRegionFileSystem.createRegionOnFileSystem(conf, fs, tableDir, info);
      Path familyDir = new Path(regionFs.getRegionDir(), "f");
      fs.mkdirs(familyDir);
      for (int f = r; f < files; f += regions) {
        HFileContext context = new HFileContextBuilder().withBlockSize(65536).withIncludesMvcc(true).withCellComparator(CellComparatorImpl.COMPARATOR)
          .withCompression(Compression.Algorithm.NONE).withColumnFamily(family).withTableName(table.getName()).build();
        StoreFileWriter writer = new StoreFileWriter.Builder(conf, new CacheConfig(conf), fs).withOutputDir(familyDir).withBloomType(BloomType.ROW)
          .withMaxKeyCount(bytes / 1060).withFileContext(context).build();
        for (long written = 0, n = 0; written < bytes; n++, written += 1060) {
          if (random) source.nextBytes(value);
          else java.util.Arrays.fill(value, (byte) ('a' + n % 23));
          writer.append(new KeyValue(Bytes.toBytes(String.format("%05d-%03d-%09d", r, f, n)), family, Bytes.toBytes("q"), 1700000000000L + n, value));
        }
        writer.appendMetadata(10 + f, false);
        writer.close();
      }
      manifest.addRegion(tableDir, info);
    }
    manifest.consolidate();
    Path done = SnapshotDescriptionUtils.getCompletedSnapshotDir(name, root);
    fs.mkdirs(done.getParent());
    if (!fs.rename(working, done)) throw new IllegalStateException("rename " + working);
  }
}
