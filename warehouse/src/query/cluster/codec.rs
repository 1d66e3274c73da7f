//! How operators are written into a plan that a cluster runs: walls are ours, the rest Ballista's.

use crate::query::scoped::ScopedExec;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use std::sync::Arc;

/// Reads and writes them. Session, scheduler and executors have the same.
#[derive(Debug, Default)]
pub struct Codec {
    others: BallistaPhysicalExtensionCodec,
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ScopedExec::is_sent(bytes) {
            return self.others.try_decode(bytes, inputs, context, converter);
        }
        match inputs {
            [input] => Ok(Arc::new(ScopedExec::from_bytes(bytes, Arc::clone(input))?)),
            _ => Err(DataFusionError::Internal("a wall has one input".to_owned())),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(wall) = node.downcast_ref::<ScopedExec>() else {
            return self.others.try_encode(node, bytes, converter);
        };
        bytes.extend(wall.to_bytes()?);
        Ok(())
    }
}
