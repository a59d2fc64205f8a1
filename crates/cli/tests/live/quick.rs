//! One live HBase: what `make test` runs.

use testkit::{HBaseVersion, LabSpec};

use crate::journey::Journey;
use crate::vault::Vault;

#[test]
#[ignore = "live"]
fn quick_backup_loss_and_restore() {
    let spec = LabSpec::standalone(HBaseVersion::V2_6_4).eager_cleaners(1000).with_encryption();
    let journey = Journey::begin(spec, |site| Vault::new(&[site]));
    let backup = journey.back_up();
    journey.lose_and_restore(&backup);
    journey.live_on();
    bare_machine(&journey);
}

/// With nothing but the repository's address, a key file and a cluster, everything comes back.
fn bare_machine(journey: &Journey) {
    for table in journey.site.witness.tables().unwrap() {
        journey.site.witness.drop_table(&table).unwrap();
    }
    let (url, key) = (format!("file://{}", journey.vault.text("repository")), journey.vault.text("repo.key"));
    let conf = journey.site.lab.conf_dir().display().to_string();
    let mut command = journey.vault.command(&["restore", "--all", "--with", "namespaces", "--yes", "--repo-url", &url, "--key-file", &key]);
    command.args(["--conf-dir", &conf]).env_remove("SEAWALL_CONFIG").env("SEAWALL_STATE", journey.vault.path("elsewhere"));
    crate::vault::Ran::of(command.output().unwrap()).ok();
    let mut tables = journey.site.witness.tables().unwrap();
    tables.sort();
    let mut expected = journey.tables.clone();
    expected.sort();
    assert_eq!(tables, expected);
}
