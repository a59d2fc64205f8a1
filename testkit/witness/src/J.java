package witness;

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.*;
import org.apache.hadoop.hbase.Cell;

/** Tiny JSON writer plus the one cell encoding that every dump shares. */
public final class J {
  private final StringBuilder b = new StringBuilder("{");

  public static J o() { return new J(); }
  private J key(String k) { if (b.length() > 1) b.append(','); b.append(q(k)).append(':'); return this; }
  public J s(String k, String v) { key(k); b.append(v == null ? "null" : q(v)); return this; }
  public J n(String k, long v) { key(k); b.append(v); return this; }
  public J z(String k, boolean v) { key(k); b.append(v); return this; }
  public J raw(String k, String json) { key(k); b.append(json); return this; }
  public J b64(String k, byte[] v) { return s(k, v == null ? null : b64(v)); }
  @Override public String toString() { return b + "}"; }

  public static String arr(Collection<String> items) { return "[" + String.join(",", items) + "]"; }
  public static String b64(byte[] v) { return Base64.getEncoder().encodeToString(v); }

  public static String q(String s) {
    StringBuilder o = new StringBuilder("\"");
    for (char c : s.toCharArray()) {
      switch (c) {
        case '"': o.append("\\\""); break;
        case '\\': o.append("\\\\"); break;
        case '\n': o.append("\\n"); break;
        default: if (c < 0x20 || c > 0x7e) o.append(String.format("\\u%04x", (int) c)); else o.append(c);
      }
    }
    return o.append('"').toString();
  }

  public static String sha(byte[] a, int off, int len) {
    try {
      MessageDigest d = MessageDigest.getInstance("SHA-256");
      d.update(a, off, len);
      StringBuilder o = new StringBuilder();
      for (byte x : d.digest()) o.append(String.format("%02x", x));
      return o.toString();
    } catch (Exception e) { throw new RuntimeException(e); }
  }

  private static byte[] cut(byte[] a, int o, int l) { return Arrays.copyOfRange(a, o, o + l); }

  /** row/qual/tags base64, fam text, value as length + SHA-256. */
  public static J cell(Cell c) {
    J j = o();
    j.b64("row", cut(c.getRowArray(), c.getRowOffset(), c.getRowLength()));
    j.s("fam", new String(c.getFamilyArray(), c.getFamilyOffset(), c.getFamilyLength(), StandardCharsets.ISO_8859_1));
    j.b64("qual", cut(c.getQualifierArray(), c.getQualifierOffset(), c.getQualifierLength()));
    j.n("ts", c.getTimestamp()).s("type", c.getType().name());
    j.n("vlen", c.getValueLength()).s("vsha", sha(c.getValueArray(), c.getValueOffset(), c.getValueLength()));
    if (c.getTagsLength() > 0) j.b64("tags", cut(c.getTagsArray(), c.getTagsOffset(), c.getTagsLength()));
    return j;
  }

  /** All no-argument getters with plain results, sorted by name: used for trailers. */
  public static J getters(Object x) {
    TreeMap<String, Object> m = new TreeMap<>();
    for (java.lang.reflect.Method f : x.getClass().getDeclaredMethods()) {
      if (!f.getName().matches("(get|is)[A-Z].*") || f.getParameterCount() != 0) continue;
      if (java.lang.reflect.Modifier.isStatic(f.getModifiers())) continue;
      Class<?> t = f.getReturnType();
      if (!(t.isPrimitive() || t == String.class || t.isEnum() || t == byte[].class)) continue;
      try { f.setAccessible(true); m.put(f.getName(), f.invoke(x)); } catch (Exception e) { /* not set in this file */ }
    }
    J j = o();
    for (Map.Entry<String, Object> e : m.entrySet()) {
      Object v = e.getValue();
      if (v == null) j.s(e.getKey(), null);
      else if (v instanceof Number) j.n(e.getKey(), ((Number) v).longValue());
      else if (v instanceof Boolean) j.z(e.getKey(), (Boolean) v);
      else if (v instanceof byte[]) j.b64(e.getKey(), (byte[]) v);
      else j.s(e.getKey(), v.toString());
    }
    return j;
  }

  /** Calls the first public method of that name whose parameters accept the arguments. */
  public static Object call(Class<?> k, Object self, String name, Object... args) throws Exception {
    outer:
    for (java.lang.reflect.Method m : k.getMethods()) {
      if (!m.getName().equals(name) || m.getParameterCount() != args.length) continue;
      Class<?>[] p = m.getParameterTypes();
      for (int i = 0; i < p.length; i++) {
        if (p[i] == boolean.class ? !(args[i] instanceof Boolean) : args[i] != null && !p[i].isInstance(args[i])) continue outer;
      }
      m.setAccessible(true);
      try { return m.invoke(self, args); }
      catch (java.lang.reflect.InvocationTargetException e) {
        if (e.getCause() instanceof Exception) throw (Exception) e.getCause();
        throw e;
      }
    }
    throw new NoSuchMethodException(name);
  }

  public static PrintStream out() { return new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16)); }
}
