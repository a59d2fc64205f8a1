//! The main job over HDFS: two NameNodes behind a nameservice, three RegionServers, the repository on the same HDFS.

use testkit::{HBaseVersion, LabSpec};

use crate::journey::Journey;
use crate::vault::Vault;

#[test]
#[ignore = "live"]
fn hdfs_with_two_name_nodes_and_three_region_servers() {
    let spec = LabSpec::distributed(HBaseVersion::V2_6_4, true, 3).eager_cleaners(1000).with_access_controller();
    let journey = Journey::begin(spec, |site| Vault::on_hdfs(site, "/backups/seawall"));
    let backup = journey.back_up();
    journey.lose_and_restore(&backup);
    journey.live_on();
}
