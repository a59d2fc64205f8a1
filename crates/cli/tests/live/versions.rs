//! The main job on the other releases, with an AccessController and cleaners that delete after a second.

use testkit::{HBaseVersion, LabSpec};

use crate::journey::Journey;
use crate::vault::Vault;

fn journey(version: HBaseVersion) {
    let spec = LabSpec::standalone(version).eager_cleaners(1000).with_access_controller();
    let journey = Journey::begin(spec, |site| Vault::new(&[site]));
    let backup = journey.back_up();
    journey.lose_and_restore(&backup);
    journey.live_on();
}

#[test]
#[ignore = "live"]
fn versions_2_4() {
    journey(HBaseVersion::V2_4_18);
}

#[test]
#[ignore = "live"]
fn versions_2_5() {
    journey(HBaseVersion::V2_5_13);
}

#[test]
#[ignore = "live"]
fn versions_2_6() {
    journey(HBaseVersion::V2_6_4);
}

#[test]
#[ignore = "live"]
fn versions_3_0() {
    journey(HBaseVersion::V3_0_0Alpha4);
}
