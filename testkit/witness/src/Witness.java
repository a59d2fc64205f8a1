package witness;

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import java.util.*;
import java.util.concurrent.*;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hbase.*;
import org.apache.hadoop.hbase.client.*;
import org.apache.hadoop.hbase.io.hfile.HFileDump;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hbase.thirdparty.com.google.gson.*;

/**
 * HBase's own client as a service: one JSON request per line on stdin ({id, op, ...}; "user": act as that user), one JSON answer
 * per line on stdout ({id, value} or {id, error, message}), many at once, in any order. Ends when stdin does.
 */
public final class Witness {
  private static final Configuration CONF = HBaseConfiguration.create();
  private static final Map<String, Connection> CONNECTIONS = new ConcurrentHashMap<>();
  private static PrintStream answers;

  public static void main(String[] a) throws Exception {
    answers = new PrintStream(new FileOutputStream(FileDescriptor.out), false, "UTF-8");
    System.setOut(System.err);
    CONF.set("hbase.client.rpc.codec", "org.apache.hadoop.hbase.codec.KeyValueCodecWithTags"); // else tags are dropped
    ExecutorService pool = Executors.newCachedThreadPool();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      JsonObject o = JsonParser.parseString(line).getAsJsonObject();
      pool.execute(() -> answer(o));
    }
    Runtime.getRuntime().halt(0);
  }

  private static void answer(JsonObject o) {
    JsonObject x = new JsonObject();
    x.add("id", o.get("id"));
    try {
      x.add("value", run(o));
    } catch (Throwable e) {
      Throwable t = e;
      while ((t instanceof ExecutionException || t instanceof java.lang.reflect.UndeclaredThrowableException) && t.getCause() != null) t = t.getCause();
      t.printStackTrace();
      x.addProperty("error", t.getClass().getName());
      x.addProperty("message", String.valueOf(t.getMessage()));
    }
    synchronized (answers) {
      answers.println(x);
      answers.flush();
    }
  }

  private static Connection connection(JsonObject o) throws Exception {
    String user = Cells.has(o, "user") ? o.get("user").getAsString() : "";
    Connection c = CONNECTIONS.get(user);
    if (c != null) return c;
    synchronized (CONNECTIONS) {
      c = CONNECTIONS.get(user);
      if (c == null) {
        c = user.isEmpty() ? ConnectionFactory.createConnection(CONF)
          : UserGroupInformation.createRemoteUser(user).doAs((PrivilegedExceptionAction<Connection>) () -> ConnectionFactory.createConnection(CONF));
        CONNECTIONS.put(user, c);
      }
      return c;
    }
  }

  private static JsonElement run(JsonObject o) throws Exception {
    String op = o.get("op").getAsString();
    if (op.equals("ping")) return new JsonPrimitive("pong");
    if (op.equals("read_hfile")) { // works without a cluster
      try (PrintStream out = new PrintStream(new BufferedOutputStream(new FileOutputStream(o.get("dump").getAsString()), 1 << 16))) {
        Path p = new Path(o.get("file").getAsString());
        HFileDump.dump(CONF, p, p.toString(), Cells.flag(o, "cells"), out);
      }
      return JsonNull.INSTANCE;
    }
    Connection c = connection(o);
    try (Admin ad = c.getAdmin()) { return run(c, ad, op, o); }
  }

  private static JsonElement run(Connection c, Admin ad, String op, JsonObject o) throws Exception {
    switch (op) {
      case "create_table": Tables.create(ad, o); break;
      case "modify_table": ad.modifyTable(Tables.descriptor(o)); break;
      case "put": return Cells.put(c, o);
      case "delete": return Cells.delete(c, o);
      case "load": return Cells.load(c, o);
      case "bulk_load": return Cells.bulkLoad(c, CONF, o);
      case "scan": return Cells.scan(c, o);
      case "flush": ad.flush(Cells.table(o)); break;
      case "compact": Tables.compact(ad, Cells.table(o), false); break;
      case "major_compact": Tables.compact(ad, Cells.table(o), true); break;
      case "split": Tables.split(ad, o); break;
      case "merge": Tables.merge(ad, o); break;
      case "move": Tables.move(ad, o); break;
      case "regions": return Tables.regions(c, Cells.table(o));
      case "descriptor": return new JsonPrimitive(Tables.canonical(ad.getDescriptor(Cells.table(o))));
      case "disable": ad.disableTable(Cells.table(o)); break;
      case "enable": ad.enableTable(Cells.table(o)); break;
      case "drop": Tables.drop(ad, Cells.table(o)); break;
      case "truncate": ad.disableTable(Cells.table(o)); ad.truncateTable(Cells.table(o), Cells.flag(o, "preserve_splits")); break;
      case "table_exists": return new JsonPrimitive(ad.tableExists(Cells.table(o)));
      case "is_enabled": return new JsonPrimitive(ad.isTableEnabled(Cells.table(o)));
      case "list_tables": { JsonArray a = new JsonArray(); for (TableName t : ad.listTableNames()) a.add(t.getNameAsString()); return a; }
      case "snapshot": ad.snapshot(new SnapshotDescription(o.get("snapshot").getAsString(), Cells.table(o), SnapshotType.valueOf(o.get("kind").getAsString()))); break;
      case "list_snapshots": return Tables.snapshots(ad);
      case "delete_snapshot": ad.deleteSnapshot(o.get("snapshot").getAsString()); break;
      case "clone_snapshot": ad.cloneSnapshot(o.get("snapshot").getAsString(), Cells.table(o), Cells.flag(o, "restore_acl")); break;
      case "restore_snapshot": ad.restoreSnapshot(o.get("snapshot").getAsString()); break;
      case "raw_restore_snapshot": return Tables.rawRestore(CONF, ad, o);
      case "procedure": return Tables.procedure(CONF, ad, o);
      case "create_namespace": {
        NamespaceDescriptor.Builder b = NamespaceDescriptor.create(o.get("namespace").getAsString());
        for (Map.Entry<String, JsonElement> e : o.getAsJsonObject("settings").entrySet()) b.addConfiguration(e.getKey(), e.getValue().getAsString());
        ad.createNamespace(b.build()); break; }
      case "drop_namespace": ad.deleteNamespace(o.get("namespace").getAsString()); break;
      case "list_namespaces": {
        JsonObject x = new JsonObject();
        for (NamespaceDescriptor n : ad.listNamespaceDescriptors()) x.add(n.getName(), new Gson().toJsonTree(n.getConfiguration()));
        return x; }
      case "grant": ad.grant(new org.apache.hadoop.hbase.security.access.UserPermission(o.get("grantee").getAsString(), Tables.permission(o)), false); break;
      case "revoke": ad.revoke(new org.apache.hadoop.hbase.security.access.UserPermission(o.get("grantee").getAsString(), Tables.permission(o))); break;
      case "permissions": return Tables.permissions(ad);
      case "set_quota": Tables.setQuota(ad, o); break;
      case "quotas": return Tables.quotas(ad);
      case "add_peer": {
        String key = Tables.peerInName(ad.getConfiguration());
        ad.addReplicationPeer(o.get("peer").getAsString(), org.apache.hadoop.hbase.replication.ReplicationPeerConfig.newBuilder()
          .setClusterKey(key).putConfiguration("made.by", "witness").build(), Cells.flag(o, "enabled")); break; }
      case "remove_peer": ad.removeReplicationPeer(o.get("peer").getAsString()); break;
      case "peers": {
        JsonArray a = new JsonArray();
        for (org.apache.hadoop.hbase.replication.ReplicationPeerDescription p : ad.listReplicationPeers())
          a.add(p.getPeerId() + " " + p.getPeerConfig().getClusterKey() + " " + p.isEnabled() + " " + p.getPeerConfig().getConfiguration());
        return a; }
      case "switch": {
        boolean on = Cells.flag(o, "on"), before;
        switch (o.get("name").getAsString()) {
          case "balancer": before = ad.balancerSwitch(on, true); break;
          case "cleaner": before = ad.cleanerChoreSwitch(on); break;
          case "catalog_janitor": before = ad.catalogJanitorSwitch(on); break;
          case "split": before = ad.splitSwitch(on, true); break;
          case "merge": before = ad.mergeSwitch(on, true); break;
          case "compaction": before = !ad.compactionSwitch(on, new ArrayList<>()).containsValue(false); break;
          default: throw new IllegalArgumentException("switch " + o.get("name"));
        }
        return new JsonPrimitive(before); }
      case "balance": return new JsonPrimitive(ad.balance());
      case "run_cleaner": return new JsonPrimitive(ad.runCleanerChore());
      case "run_catalog_janitor": return new JsonPrimitive(ad.runCatalogJanitor());
      case "roll_logs": for (ServerName s : ad.getRegionServers()) ad.rollWALWriter(s); break;
      case "servers": { JsonArray a = new JsonArray(); for (ServerName s : ad.getRegionServers()) a.add(s.toString()); return a; }
      case "master": return new JsonPrimitive(ad.getMaster().toString());
      case "hbase_version": return new JsonPrimitive(ad.getClusterMetrics().getHBaseVersion());
      case "decommission": ad.decommissionRegionServers(Arrays.asList(ServerName.valueOf(o.get("server").getAsString())), Cells.flag(o, "offload")); break;
      case "recommission": ad.recommissionRegionServer(ServerName.valueOf(o.get("server").getAsString()), new ArrayList<>()); break;
      default: throw new IllegalArgumentException("op " + op);
    }
    return JsonNull.INSTANCE;
  }
}
