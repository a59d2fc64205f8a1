package witness;

import java.util.*;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.*;
import org.apache.hadoop.hbase.client.*;
import org.apache.hadoop.hbase.ipc.*;
import org.apache.hadoop.hbase.quotas.*;
import org.apache.hadoop.hbase.security.User;
import org.apache.hadoop.hbase.security.access.*;
import org.apache.hadoop.hbase.shaded.protobuf.generated.*;
import org.apache.hadoop.hbase.util.Bytes;
import org.apache.hbase.thirdparty.com.google.gson.*;

/** Tables, regions, snapshots, permissions. */
final class Tables {
  private Tables() {}

  /** families: [{name, attributes: {KEY: text}}]; attributes of families and of the table are set as HBase stores them. */
  static TableDescriptor descriptor(JsonObject o) {
    TableDescriptorBuilder b = TableDescriptorBuilder.newBuilder(Cells.table(o));
    for (JsonElement e : o.getAsJsonArray("families")) {
      JsonObject f = e.getAsJsonObject();
      ColumnFamilyDescriptorBuilder fb = ColumnFamilyDescriptorBuilder.newBuilder(Bytes.toBytes(f.get("name").getAsString()));
      for (Map.Entry<String, JsonElement> a : f.getAsJsonObject("attributes").entrySet())
        fb.setValue(Bytes.toBytes(a.getKey()), Bytes.toBytes(a.getValue().getAsString()));
      b.setColumnFamily(fb.build());
    }
    for (Map.Entry<String, JsonElement> a : o.getAsJsonObject("attributes").entrySet()) b.setValue(a.getKey(), a.getValue().getAsString());
    return b.build();
  }

  static void create(Admin ad, JsonObject o) throws Exception {
    JsonArray a = o.getAsJsonArray("splits");
    byte[][] splits = new byte[a.size()][];
    for (int i = 0; i < splits.length; i++) splits[i] = Base64.getDecoder().decode(a.get(i).getAsString());
    if (splits.length > 0) ad.createTable(descriptor(o), splits); else ad.createTable(descriptor(o));
  }

  static void drop(Admin ad, TableName t) throws Exception {
    if (ad.isTableEnabled(t)) ad.disableTable(t);
    ad.deleteTable(t);
  }

  /** Every attribute of the table and its families, sorted, one per line; the table's name is left out. */
  static String canonical(TableDescriptor t) {
    StringBuilder s = new StringBuilder();
    lines(s, "table", t.getValues());
    for (ColumnFamilyDescriptor f : t.getColumnFamilies()) {
      lines(s, "family " + Bytes.toStringBinary(f.getName()), f.getValues());
      for (Map.Entry<String, String> e : new TreeMap<>(f.getConfiguration()).entrySet())
        s.append("family ").append(Bytes.toStringBinary(f.getName())).append(" configuration ").append(e.getKey()).append(" = ").append(e.getValue()).append('\n');
    }
    return s.toString();
  }

  private static void lines(StringBuilder s, String prefix, Map<Bytes, Bytes> values) {
    TreeMap<String, String> m = new TreeMap<>();
    for (Map.Entry<Bytes, Bytes> e : values.entrySet()) m.put(Bytes.toStringBinary(e.getKey().copyBytes()), Bytes.toStringBinary(e.getValue().copyBytes()));
    for (Map.Entry<String, String> e : m.entrySet()) s.append(prefix).append(' ').append(e.getKey()).append(" = ").append(e.getValue()).append('\n');
  }

  static JsonArray regions(Connection c, TableName t) throws Exception {
    JsonArray a = new JsonArray();
    try (RegionLocator l = c.getRegionLocator(t)) {
      l.clearRegionLocationCache();
      for (HRegionLocation x : l.getAllRegionLocations()) {
        if (x == null || x.getRegion().getReplicaId() != 0) continue;
        JsonObject r = new JsonObject();
        r.addProperty("start", J.b64(x.getRegion().getStartKey()));
        r.addProperty("end", J.b64(x.getRegion().getEndKey()));
        r.addProperty("encoded_name", x.getRegion().getEncodedName());
        r.addProperty("region_id", x.getRegion().getRegionId());
        r.addProperty("server", x.getServerName() == null ? null : x.getServerName().toString());
        a.add(r);
      }
    }
    return a;
  }

  static void split(Admin ad, JsonObject o) throws Exception {
    TableName t = Cells.table(o);
    byte[] point = Cells.bytes(o, "point");
    for (RegionInfo r : ad.getRegions(t))
      if (r.containsRow(point)) { ad.splitRegionAsync(r.getRegionName(), point).get(120, TimeUnit.SECONDS); return; }
    throw new IllegalArgumentException("no region holds the split point");
  }

  static void merge(Admin ad, JsonObject o) throws Exception {
    JsonArray a = o.getAsJsonArray("regions");
    byte[][] names = new byte[a.size()][];
    for (int i = 0; i < names.length; i++) names[i] = Bytes.toBytes(a.get(i).getAsString());
    ad.mergeRegionsAsync(names, false).get(120, TimeUnit.SECONDS);
  }

  static void move(Admin ad, JsonObject o) throws Exception {
    byte[] region = Bytes.toBytes(o.get("region").getAsString());
    if (Cells.has(o, "server")) ad.move(region, ServerName.valueOf(o.get("server").getAsString())); else ad.move(region);
  }

  /** A compaction is asked for and then done by others: it may begin late, or be over before we look. */
  static void compact(Admin ad, TableName t, boolean major) throws Exception {
    if (major) ad.majorCompact(t); else ad.compact(t);
    long began = System.currentTimeMillis();
    while (ad.getCompactionState(t) == CompactionState.NONE && System.currentTimeMillis() - began < 1500) Thread.sleep(20);
    while (ad.getCompactionState(t) != CompactionState.NONE) Thread.sleep(100);
  }

  static JsonArray snapshots(Admin ad) throws Exception {
    JsonArray a = new JsonArray();
    for (SnapshotDescription s : ad.listSnapshots()) {
      JsonObject x = new JsonObject();
      x.addProperty("name", s.getName());
      x.addProperty("table", s.getTableNameAsString());
      x.addProperty("kind", s.getType().name());
      x.addProperty("creation_time_millis", s.getCreationTime());
      a.add(x);
    }
    return a;
  }

  static Permission permission(JsonObject o) {
    List<Permission.Action> l = new ArrayList<>();
    for (char c : o.get("actions").getAsString().toCharArray()) {
      int before = l.size();
      for (Permission.Action x : Permission.Action.values()) if (x.code() == c) l.add(x);
      if (l.size() == before) throw new IllegalArgumentException("action " + c);
    }
    Permission.Action[] actions = l.toArray(new Permission.Action[0]);
    if (Cells.has(o, "namespace")) return Permission.newBuilder(o.get("namespace").getAsString()).withActions(actions).build();
    if (!Cells.has(o, "table")) return Permission.newBuilder().withActions(actions).build();
    Permission.Builder b = Permission.newBuilder(Cells.table(o));
    if (Cells.has(o, "family")) b.withFamily(Bytes.toBytes(o.get("family").getAsString()));
    if (Cells.has(o, "qualifier")) b.withQualifier(Bytes.toBytes(o.get("qualifier").getAsString()));
    return b.withActions(actions).build();
  }

  /** Global and namespace grants too come from the acl table: asked for by scope. */
  static JsonArray permissions(Admin ad) throws Exception {
    List<UserPermission> all = new ArrayList<>(ad.getUserPermissions(GetUserPermissionsRequest.newBuilder().build()));
    for (NamespaceDescriptor n : ad.listNamespaceDescriptors()) all.addAll(ad.getUserPermissions(GetUserPermissionsRequest.newBuilder(n.getName()).build()));
    for (TableName t : ad.listTableNames()) all.addAll(ad.getUserPermissions(GetUserPermissionsRequest.newBuilder(t).build()));
    TreeSet<String> lines = new TreeSet<>();
    for (UserPermission u : all) {
      JsonObject x = new JsonObject();
      x.addProperty("user", u.getUser());
      Permission p = u.getPermission();
      StringBuilder actions = new StringBuilder();
      for (Permission.Action y : Permission.Action.values()) if (p.implies(y)) actions.append((char) y.code());
      x.addProperty("actions", actions.toString());
      if (p instanceof NamespacePermission) x.addProperty("namespace", ((NamespacePermission) p).getNamespace());
      if (p instanceof TablePermission) {
        TablePermission tp = (TablePermission) p;
        x.addProperty("table", tp.getTableName().getNameAsString());
        if (tp.hasFamily()) x.addProperty("family", Bytes.toString(tp.getFamily()));
        if (tp.hasQualifier()) x.addProperty("qualifier", Bytes.toString(tp.getQualifier()));
      }
      lines.add(x.toString());
    }
    JsonArray a = new JsonArray();
    for (String l : lines) a.add(JsonParser.parseString(l));
    return a;
  }

  /** Requests per second for a table, a namespace or a user; 0 removes the quota. */
  static void setQuota(Admin ad, JsonObject o) throws Exception {
    long limit = o.get("requests_per_second").getAsLong();
    ThrottleType k = ThrottleType.REQUEST_NUMBER;
    QuotaSettings q;
    if (Cells.has(o, "table")) q = limit == 0 ? QuotaSettingsFactory.unthrottleTable(Cells.table(o)) : QuotaSettingsFactory.throttleTable(Cells.table(o), k, limit, TimeUnit.SECONDS);
    else if (Cells.has(o, "namespace")) { String n = o.get("namespace").getAsString(); q = limit == 0 ? QuotaSettingsFactory.unthrottleNamespace(n) : QuotaSettingsFactory.throttleNamespace(n, k, limit, TimeUnit.SECONDS); }
    else { String u = o.get("subject").getAsString(); q = limit == 0 ? QuotaSettingsFactory.unthrottleUser(u) : QuotaSettingsFactory.throttleUser(u, k, limit, TimeUnit.SECONDS); }
    ad.setQuota(q);
  }

  static JsonArray quotas(Admin ad) throws Exception {
    TreeSet<String> lines = new TreeSet<>();
    for (QuotaSettings q : ad.getQuota(new QuotaFilter())) lines.add("user " + q.getUserName() + ", table " + q.getTableName() + ", namespace " + q.getNamespace() + ": " + q); // its own text leaves the subject out
    JsonArray a = new JsonArray();
    for (String l : lines) a.add(l);
    return a;
  }

  private static MasterProtos.MasterService.BlockingInterface stub(Configuration conf, Admin ad, RpcClient rpc) throws Exception {
    return MasterProtos.MasterService.newBlockingStub(rpc.createBlockingRpcChannel(ad.getMaster(), User.getCurrent(), 60000));
  }

  /** The bare RestoreSnapshot call, past the checks of HBase's own client. Gives the procedure's id. */
  static JsonElement rawRestore(Configuration conf, Admin ad, JsonObject o) throws Exception {
    TableName t = Cells.table(o);
    SnapshotProtos.SnapshotDescription s = SnapshotProtos.SnapshotDescription.newBuilder()
      .setName(o.get("snapshot").getAsString()).setTable(t.getNameAsString()).build();
    MasterProtos.RestoreSnapshotRequest q = MasterProtos.RestoreSnapshotRequest.newBuilder().setSnapshot(s)
      .setNonceGroup(o.get("nonce_group").getAsLong()).setNonce(o.get("nonce").getAsLong()).setRestoreACL(Cells.flag(o, "restore_acl")).build();
    try (RpcClient rpc = RpcClientFactory.createClient(conf, ad.getClusterMetrics().getClusterId())) {
      return new JsonPrimitive(stub(conf, ad, rpc).restoreSnapshot(null, q).getProcId());
    }
  }

  static JsonElement procedure(Configuration conf, Admin ad, JsonObject o) throws Exception {
    try (RpcClient rpc = RpcClientFactory.createClient(conf, ad.getClusterMetrics().getClusterId())) {
      MasterProtos.GetProcedureResultResponse r = stub(conf, ad, rpc)
        .getProcedureResult(null, MasterProtos.GetProcedureResultRequest.newBuilder().setProcId(o.get("procedure").getAsLong()).build());
      JsonObject x = new JsonObject();
      x.addProperty("state", r.getState().name());
      if (r.hasException()) x.addProperty("exception", r.getException().getGenericException().getClassName() + ": " + r.getException().getGenericException().getMessage());
      return x;
    }
  }

  /** A peer is accepted when ZooKeeper has an id for it that is not our own: a cluster in name only, beside this one. Gives its key. */
  static String peerInName(Configuration c) throws Exception {
    String quorum = c.get("hbase.zookeeper.quorum", "localhost"), port = c.get("hbase.zookeeper.property.clientPort", "2181");
    try (org.apache.zookeeper.ZooKeeper z = new org.apache.zookeeper.ZooKeeper(quorum.split(",")[0].split(":")[0] + ":" + port, 10000, e -> { })) {
      byte[] id = z.getData("/hbase/hbaseid", false, null);
      id[id.length - 1] = (byte) (id[id.length - 1] == '0' ? '1' : '0');
      if (z.exists("/elsewhere", false) == null) {
        z.create("/elsewhere", new byte[0], org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE, org.apache.zookeeper.CreateMode.PERSISTENT);
        z.create("/elsewhere/hbaseid", id, org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE, org.apache.zookeeper.CreateMode.PERSISTENT);
      }
    }
    return quorum.split(":")[0] + ":" + port + ":/elsewhere";
  }
}
