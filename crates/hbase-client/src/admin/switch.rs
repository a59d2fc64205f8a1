//! The master's switches. Each setter gives the state before, so that it can be put back.

use hbase_proto as proto;

use crate::connection::Connection;
use crate::core::Repeat;
use crate::error::Result;

impl Connection {
    /// Switches the cleaner chores (HFiles, WALs).
    pub async fn set_cleaner(&self, on: bool) -> Result<bool> {
        let request = proto::SetCleanerChoreRunningRequest { on };
        let answer: proto::SetCleanerChoreRunningResponse =
            self.core.master_call("SetCleanerChoreRunning", &request, Repeat::Harmless).await?;
        Ok(answer.prev_value.unwrap_or(false))
    }

    /// Whether the cleaner chores are on.
    pub async fn is_cleaner_enabled(&self) -> Result<bool> {
        let request = proto::IsCleanerChoreEnabledRequest {};
        let answer: proto::IsCleanerChoreEnabledResponse =
            self.core.master_call("IsCleanerChoreEnabled", &request, Repeat::Harmless).await?;
        Ok(answer.value)
    }

    /// Runs the cleaner chores now; false when they could not run or left something that they should remove.
    pub async fn run_cleaner(&self) -> Result<bool> {
        let request = proto::RunCleanerChoreRequest {};
        let answer: proto::RunCleanerChoreResponse = self.core.master_call("RunCleanerChore", &request, Repeat::Harmless).await?;
        Ok(answer.cleaner_chore_ran)
    }

    /// Switches the balancer, waiting for a run in progress.
    pub async fn set_balancer(&self, on: bool) -> Result<bool> {
        let request = proto::SetBalancerRunningRequest { on, synchronous: Some(true) };
        let answer: proto::SetBalancerRunningResponse = self.core.master_call("SetBalancerRunning", &request, Repeat::Harmless).await?;
        Ok(answer.prev_balance_value.unwrap_or(false))
    }

    /// Whether the balancer is on.
    pub async fn is_balancer_enabled(&self) -> Result<bool> {
        let request = proto::IsBalancerEnabledRequest {};
        let answer: proto::IsBalancerEnabledResponse = self.core.master_call("IsBalancerEnabled", &request, Repeat::Harmless).await?;
        Ok(answer.enabled)
    }

    /// Switches the normalizer.
    pub async fn set_normalizer(&self, on: bool) -> Result<bool> {
        let request = proto::SetNormalizerRunningRequest { on };
        let answer: proto::SetNormalizerRunningResponse = self.core.master_call("SetNormalizerRunning", &request, Repeat::Harmless).await?;
        Ok(answer.prev_normalizer_value.unwrap_or(false))
    }

    /// Switches region splits.
    pub async fn set_splits(&self, on: bool) -> Result<bool> {
        self.set_split_or_merge(on, proto::MasterSwitchType::Split).await
    }

    /// Switches region merges.
    pub async fn set_merges(&self, on: bool) -> Result<bool> {
        self.set_split_or_merge(on, proto::MasterSwitchType::Merge).await
    }

    async fn set_split_or_merge(&self, enabled: bool, switch: proto::MasterSwitchType) -> Result<bool> {
        let request = proto::SetSplitOrMergeEnabledRequest { enabled, synchronous: Some(true), switch_types: vec![switch as i32] };
        let answer: proto::SetSplitOrMergeEnabledResponse =
            self.core.master_call("SetSplitOrMergeEnabled", &request, Repeat::Harmless).await?;
        Ok(answer.prev_value.first().copied().unwrap_or(false))
    }

    /// Switches the chore that removes snapshots whose TTL is over.
    pub async fn set_snapshot_cleanup(&self, on: bool) -> Result<bool> {
        let request = proto::SetSnapshotCleanupRequest { enabled: on, synchronous: Some(true) };
        let answer: proto::SetSnapshotCleanupResponse = self.core.master_call("SwitchSnapshotCleanup", &request, Repeat::Harmless).await?;
        Ok(answer.prev_snapshot_cleanup)
    }
}
