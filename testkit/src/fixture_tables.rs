//! Tables that use what HBase can do to a store file, made on a live lab in namespace `lab`.
//!
//! Codecs and encodings of the version, blooms, MOB, a bulk-loaded file, reference files of a split with compactions off, links of
//! a cloned table, empty regions, binary keys, many families, deletes of every kind, tags, kept deletes, encryption.

use crate::witness::{Witness, WitnessError};
use crate::witness_types::{Cell, FamilySpec, TableSpec};
use crate::{HBaseVersion, Lab};

/// How much data.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Rows per table.
    pub rows: u64,
    /// Bytes per value; each row has two cells in each family, one of this size.
    pub value_bytes: usize,
    /// Families of the table with many.
    pub families: u32,
    /// A table with `ENCRYPTION=AES`; the lab must have been started `with_encryption`.
    pub encryption: bool,
}

impl Profile {
    /// About a megabyte in all, a few seconds to write.
    pub fn small() -> Self {
        Self { rows: 200, value_bytes: 100, families: 20, encryption: false }
    }
}

/// What was made.
#[derive(Clone, Debug)]
pub struct FixtureTables {
    /// All tables, the clone included.
    pub tables: Vec<String>,
}

const FIRST_MILLIS: i64 = 1_700_000_000_000;

/// Makes the tables. Everything is flushed but one batch of `lab:deletes`, which stays in the memstore.
pub fn build_fixture_tables(lab: &Lab, witness: &Witness, profile: Profile) -> Result<FixtureTables, WitnessError> {
    witness.create_namespace("lab", &[("seawall.purpose", "fixture")])?;
    let mut builder = Builder { witness, profile, tables: Vec::new() };
    builder.codecs(lab.version())?;
    builder.deletes()?;
    builder.mob()?;
    builder.bulk()?;
    builder.references()?;
    builder.links()?;
    builder.binary()?;
    builder.tags()?;
    let empty = TableSpec::new("lab:empty").family(FamilySpec::new("f")).regions(4);
    builder.create(&empty)?;
    let mut many = TableSpec::new("lab:many").regions(2);
    for number in 0..profile.families {
        many = many.family(FamilySpec::new(&format!("f{number:03}")));
    }
    builder.create(&many)?;
    builder.load("lab:many", 7)?;
    if profile.encryption {
        builder.create(&TableSpec::new("lab:encrypted").family(FamilySpec::new("e").set("ENCRYPTION", "AES")))?;
        builder.load("lab:encrypted", 8)?;
    }
    Ok(FixtureTables { tables: builder.tables })
}

struct Builder<'a> {
    witness: &'a Witness,
    profile: Profile,
    tables: Vec<String>,
}

impl Builder<'_> {
    fn create(&mut self, spec: &TableSpec) -> Result<(), WitnessError> {
        self.witness.create_table(spec)?;
        self.tables.push(spec.table.clone());
        Ok(())
    }

    fn load(&self, table: &str, seed: u64) -> Result<(), WitnessError> {
        self.witness.load(table, self.profile.rows, self.profile.value_bytes, seed)?;
        self.witness.flush(table)
    }

    /// One family per codec and encoding, two files per store.
    fn codecs(&mut self, version: HBaseVersion) -> Result<(), WitnessError> {
        let encodings = ["NONE", "PREFIX", "DIFF", "FAST_DIFF", "ROW_INDEX_V1"];
        let blooms = ["ROW", "ROWCOL", "NONE"];
        let mut spec = TableSpec::new("lab:codecs").regions(3);
        for (number, (codec, encoding)) in version.codecs().iter().zip(encodings.into_iter().cycle()).enumerate() {
            let family = FamilySpec::new(&codec.to_lowercase())
                .set("COMPRESSION", codec)
                .set("DATA_BLOCK_ENCODING", encoding)
                .set("BLOOMFILTER", blooms[number % blooms.len()])
                .set("BLOCKSIZE", 4096);
            spec = spec.family(family);
        }
        // One encoding is left over where a version has four codecs.
        spec = spec.family(FamilySpec::new("last").set("DATA_BLOCK_ENCODING", "ROW_INDEX_V1").set("COMPRESSION", "GZ"));
        self.create(&spec)?;
        self.load("lab:codecs", 1)?;
        self.load("lab:codecs", 2)
    }

    /// Several versions, and deletes of every kind before and after flushes.
    fn deletes(&mut self) -> Result<(), WitnessError> {
        let table = "lab:deletes";
        let family = |name: &str| FamilySpec::new(name).set("VERSIONS", 3);
        self.create(&TableSpec::new(table).family(family("a")).family(family("b").set("KEEP_DELETED_CELLS", "TRUE")).split_at(["row-05"]))?;
        let rows = || (0..10).map(|number| format!("row-{number:02}"));
        for round in 0..4_i64 {
            let mut cells = Vec::new();
            for row in rows() {
                for family in ["a", "b"] {
                    for qualifier in ["", "q", "r"] {
                        let value = format!("{row} {round}");
                        cells.push(Cell::new(&row, family, qualifier, value).at(FIRST_MILLIS + round * 1000));
                    }
                }
            }
            self.witness.put(table, &cells)?;
            let at = Some(FIRST_MILLIS + round * 1000 + 500);
            self.witness.delete(table, b"row-01", "row", None, None, at)?;
            self.witness.delete(table, b"row-02", "family", Some("a"), None, at)?;
            self.witness.delete(table, b"row-06", "family_version", Some("b"), None, Some(FIRST_MILLIS + round * 1000))?;
            self.witness.delete(table, b"row-07", "columns", Some("a"), Some(b"q"), at)?;
            self.witness.delete(table, b"row-08", "column", Some("b"), Some(b"r"), Some(FIRST_MILLIS + round * 1000))?;
            if round < 3 {
                self.witness.flush(table)?;
            }
        }
        Ok(())
    }

    /// Cells on both sides of the threshold.
    fn mob(&mut self) -> Result<(), WitnessError> {
        let table = "lab:mob";
        self.create(&TableSpec::new(table).family(FamilySpec::new("m").set("IS_MOB", true).set("MOB_THRESHOLD", 1000)).regions(2))?;
        for round in 0..2 {
            let cells: Vec<_> = (0..40_usize)
                .map(|number| {
                    let row = format!("{:08x}-{round}", (number as u32) << 26);
                    Cell::new(row, "m", "v", vec![number as u8; 990 + number]).at(FIRST_MILLIS + round)
                })
                .collect();
            self.witness.put(table, &cells)?;
            self.witness.flush(table)?;
        }
        Ok(())
    }

    fn bulk(&mut self) -> Result<(), WitnessError> {
        self.create(&TableSpec::new("lab:bulk").family(FamilySpec::new("f")).regions(2))?;
        self.load("lab:bulk", 3)?;
        self.witness.bulk_load("lab:bulk", "f", "bulk-", self.profile.rows as u32, self.profile.value_bytes)
    }

    /// The daughters of a split keep their references, as the table's compactions are off.
    fn references(&mut self) -> Result<(), WitnessError> {
        let table = "lab:split";
        self.create(&TableSpec::new(table).family(FamilySpec::new("f")).set("COMPACTION_ENABLED", false))?;
        self.load(table, 4)?;
        self.load(table, 5)?;
        self.witness.split(table, b"80000000")
    }

    /// A table whose files all lie elsewhere.
    fn links(&mut self) -> Result<(), WitnessError> {
        self.witness.snapshot("fixture-links", "lab:bulk")?;
        self.witness.clone_snapshot("fixture-links", "lab:linked", false)?;
        self.witness.delete_snapshot("fixture-links")?;
        self.tables.push("lab:linked".to_owned());
        Ok(())
    }

    /// Keys of 0x00 and 0xFF, region boundaries too; a table of the default namespace.
    fn binary(&mut self) -> Result<(), WitnessError> {
        let table = "binary";
        let splits: [&[u8]; 4] = [b"\x00\x00", b"\x00\xff", b"\x80", b"\xff\xff\x00"];
        self.create(&TableSpec::new(table).family(FamilySpec::new("f").set("VERSIONS", 2)).split_at(splits))?;
        self.witness.load_binary(table, self.profile.rows, self.profile.value_bytes, 6, FIRST_MILLIS)?;
        let odd: [&[u8]; 5] = [b"\x00", b"\xff", &[0; 300], &[0xff; 300], b"\x00\xff\x00"];
        let cells: Vec<_> = odd.iter().map(|row| Cell::new(row, "f", "", "").at(FIRST_MILLIS)).collect();
        self.witness.put(table, &cells)?;
        self.witness.flush(table)
    }

    fn tags(&mut self) -> Result<(), WitnessError> {
        let table = "lab:tags";
        let spec = TableSpec::new(table)
            .family(FamilySpec::new("t").set("DATA_BLOCK_ENCODING", "FAST_DIFF").set("COMPRESS_TAGS", true))
            .family(FamilySpec::new("u"))
            .family(FamilySpec::new("n").set("NEW_VERSION_BEHAVIOR", true).set("VERSIONS", 2))
            // Ten years: scans of the same cells agree for as long as any test runs.
            .family(FamilySpec::new("l").set("TTL", 315_360_000).set("MIN_VERSIONS", 1));
        self.create(&spec)?;
        let mut cells = Vec::new();
        for number in 0..50_i64 {
            for family in ["t", "u", "n", "l"] {
                let cell = Cell::new(format!("row-{number:03}"), family, "q", number.to_string()).at(FIRST_MILLIS + number);
                let cell = if number % 2 == 0 { cell.tag(65, b"tag of ours") } else { cell };
                cells.push(if number % 3 == 0 { Cell { ttl_millis: Some(315_360_000_000), tags: Vec::new(), ..cell } } else { cell });
            }
        }
        self.witness.put(table, &cells)?;
        self.witness.flush(table)
    }
}
