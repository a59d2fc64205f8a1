//! The main job on one cluster, from the first backup to restores under every kind of name.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::{FamilySpec, LabSpec, Permission, Profile, TableSpec, build_fixture_tables};

use crate::site::{Site, TableState};
use crate::vault::{Vault, number};

/// The table that changes between backups.
const GROWING: &str = "lab:growing";

/// A cluster with the fixture tables, grants and quotas.
pub(crate) struct Journey {
    pub(crate) site: Site,
    pub(crate) vault: Vault,
    pub(crate) tables: Vec<String>,
    before: BTreeMap<String, TableState>,
    permissions: Vec<Permission>,
    quotas: Vec<String>,
    peers: Vec<String>,
}

impl Journey {
    /// Starts the servers and fills them.
    pub(crate) fn begin(spec: LabSpec, vault: impl FnOnce(&Site) -> Vault) -> Self {
        let has_grants = spec.access_controller;
        let encryption = spec.encryption;
        // A compaction that HBase starts by itself changes what a raw scan sees, and why a backup grew.
        let site = Site::start(spec.set("hbase.hstore.compaction.min", 50));
        let mut tables = build_fixture_tables(&site.lab, &site.witness, Profile { encryption, ..Profile::small() }).unwrap().tables;
        site.witness.create_table(&TableSpec::new(GROWING).regions(2).family(FamilySpec::new("f"))).unwrap();
        site.witness.load(GROWING, 50, 100, 76).unwrap();
        tables.push(GROWING.to_owned());
        site.witness.disable("lab:empty").unwrap();
        let permissions = if has_grants { grant(&site) } else { Vec::new() };
        let quotas = if has_grants { limit(&site) } else { Vec::new() };
        let peers = if has_grants { replicate(&site) } else { Vec::new() };
        for table in tables.iter().filter(|table| *table != "lab:empty") {
            // The snapshot flushes, and a flush drops cells that a raw scan would still show.
            site.witness.flush(table).unwrap();
        }
        let before = site.states(&tables);
        let vault = vault(&site);
        Self { site, vault, tables, before, permissions, quotas, peers }
    }

    /// Backup, and again, and after changes: what was read and why is in the reports. Gives the id of the first.
    pub(crate) fn back_up(&self) -> String {
        let first = self.vault.backup(&["--all", "--tag", "kind=first"]);
        assert_eq!(number(&first, "/totals/tables") as usize, self.tables.len(), "{first}");
        assert!(number(&first, "/totals/read_bytes") > 0);
        let second = self.vault.backup(&["--all"]);
        assert_eq!((number(&second, "/totals/read_files"), number(&second, "/totals/read_bytes")), (0, 0), "nothing changed: {second}");
        assert_eq!(number(&second, "/totals/shared_files"), number(&second, "/totals/files"));
        self.grows("flush", |site| {
            site.witness.load(GROWING, 50, 100, 77).unwrap();
            site.witness.flush(GROWING).unwrap();
        });
        self.grows("bulk_load", |site| site.witness.bulk_load(GROWING, "f", "again-", 50, 100).unwrap());
        self.grows("major_compaction", |site| site.witness.major_compact(GROWING).unwrap());
        assert_eq!(self.site.left_snapshots(), Vec::<String>::new());
        let listed = self.vault.json(&["list"]);
        assert_eq!(listed["backups"].as_array().unwrap().len(), 5, "{listed}");
        first["id"].as_str().unwrap().to_owned()
    }

    /// After `change` only that table's new files are read, for this cause.
    fn grows(&self, cause: &str, change: impl FnOnce(&Site)) {
        change(&self.site);
        let report = self.vault.backup(&["--all"]);
        for one in report["tables"].as_array().unwrap() {
            let read = number(one, "/read_files");
            let causes: Vec<&str> = one["growth"].as_array().unwrap().iter().filter_map(|reason| reason["cause"].as_str()).collect();
            if one["table"] == GROWING {
                assert!(read > 0 && read <= number(one, "/files"), "{one}");
                assert_eq!(causes, [cause], "{one}");
            } else {
                assert_eq!((read, causes.len()), (0, 0), "{GROWING} changed, but: {one}");
            }
        }
    }

    /// Everything is dropped and comes back under its own name; then under other names; a table is replaced.
    pub(crate) fn lose_and_restore(&self, backup: &str) {
        let newest = self.site.state(GROWING);
        for table in &self.tables {
            self.site.witness.drop_table(table).unwrap();
        }
        self.site.witness.drop_namespace("lab").unwrap();
        for peer in &self.peers {
            self.site.witness.remove_peer(peer.split(' ').next().unwrap()).unwrap();
        }
        self.site.witness.run_cleaner().unwrap();
        let with: &[&str] =
            if self.permissions.is_empty() { &["--with", "namespaces"] } else { &["--with", "namespaces,acls,quotas,peers"] };
        let report = self.vault.restore(&[&[backup, "--all"], with].concat());
        self.assert_outcomes(&report, "restored");
        for (table, before) in &self.before {
            self.site.assert_state(table, before, "dropped and restored");
        }
        assert_eq!(self.site.witness.namespaces().unwrap()["lab"]["seawall.purpose"], "fixture");
        if !self.permissions.is_empty() {
            assert_eq!(self.site.witness.permissions().unwrap(), self.permissions);
            assert_eq!(self.site.witness.quotas().unwrap(), self.quotas);
            assert_eq!(self.site.witness.peers().unwrap(), self.peers);
        }

        self.vault.restore(&[backup, "--table", "lab:mob", "--as", "mob_again"]);
        self.site.assert_state("mob_again", &self.before["lab:mob"], "lab:mob");
        self.vault.restore(&[backup, "--namespace", "lab", "--as-namespace", "other", "--with", "namespaces"]);
        for (table, before) in self.before.iter().filter_map(|(table, before)| Some((table.strip_prefix("lab:")?, before))) {
            self.site.assert_state(&format!("other:{table}"), before, "restored into another namespace");
        }
        assert_eq!(self.vault.fingerprint("one", "lab:codecs"), self.vault.fingerprint("one", "other:codecs"));

        // The newest state in place of the older one; the older one stays as a snapshot.
        let replaced = self.vault.restore(&["latest", "--table", GROWING, "--mode", "replace"]);
        self.site.assert_state(GROWING, &newest, "replaced");
        let safety = replaced["tables"][0]["safety_snapshot"].as_str().unwrap();
        self.site.witness.clone_snapshot(safety, "was_there", false).unwrap();
        self.site.assert_same_cells("other:growing", "was_there");
        self.site.witness.delete_snapshot(safety).unwrap();

        // What a restore refuses, it leaves alone.
        self.vault.run(&["restore", backup, "--table", GROWING, "--yes"]).fails(13, &[GROWING, "exists"]);
        self.site.assert_state(GROWING, &newest, "refused");
        let kept: Vec<String> = self.site.left_snapshots().into_iter().filter(|name| !name.starts_with("seawall-mob-")).collect();
        assert_eq!(kept, Vec::<String>::new());
    }

    /// A restored table lives on without its repository and without the tables it was made beside.
    pub(crate) fn live_on(&self) {
        for table in self.tables.iter().filter(|table| table.starts_with("lab:") && *table != "lab:empty") {
            self.site.witness.drop_table(table).unwrap();
        }
        self.site.witness.run_catalog_janitor().unwrap();
        self.site.witness.run_cleaner().unwrap();
        for table in ["codecs", "deletes", "split", "linked", "mob"] {
            let name = format!("other:{table}");
            let before = &self.before[&format!("lab:{table}")];
            self.site.assert_state(&name, before, "left alone");
            self.site.witness.load(&name, 20, 2000, 5).unwrap();
            self.site.witness.flush(&name).unwrap();
            let view = self.site.state(&name).view;
            self.site.witness.major_compact(&name).unwrap();
            self.site.witness.run_cleaner().unwrap();
            assert_eq!(self.site.state(&name).view.rows, view.rows, "{name} after a major compaction");
        }
        self.vault.run(&["verify", "--level", "data"]).ok();
    }

    fn assert_outcomes(&self, report: &Value, outcome: &str) {
        let tables = report["tables"].as_array().unwrap();
        assert_eq!(tables.len(), self.tables.len(), "{report}");
        for table in tables {
            assert_eq!(table["outcome"], outcome, "{table}");
        }
    }
}

/// Grants of every scope.
fn grant(site: &Site) -> Vec<Permission> {
    let base = |user: &str, actions: &str| Permission { user: user.into(), actions: actions.into(), ..Permission::default() };
    let text = |text: &str| Some(text.to_owned());
    let all = [
        base("root-like", "RWXCA"),
        Permission { namespace: text("lab"), ..base("alice", "RX") },
        Permission { table: text("lab:bulk"), ..base("bob", "RW") },
        Permission { table: text("lab:mob"), family: text("m"), ..base("carol", "R") },
        Permission { table: text("lab:mob"), family: text("m"), qualifier: text("v"), ..base("dave", "W") },
        Permission { table: text("binary"), ..base("@operators", "RWXCA") },
    ];
    for permission in &all {
        site.witness.grant(permission).unwrap();
    }
    let found = site.witness.permissions().unwrap();
    assert!(found.len() >= all.len(), "{found:?}");
    found
}

/// To nowhere, and disabled.
fn replicate(site: &Site) -> Vec<String> {
    site.witness.add_peer("7", false).unwrap();
    site.witness.peers().unwrap()
}

fn limit(site: &Site) -> Vec<String> {
    site.witness.set_table_quota("lab:bulk", 100_000).unwrap();
    site.witness.set_namespace_quota("lab", 200_000).unwrap();
    site.witness.set_user_quota("alice", 300_000).unwrap();
    site.witness.quotas().unwrap()
}
