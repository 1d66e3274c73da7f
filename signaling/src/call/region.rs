//! Where the number outside is at home: who calls us, or whom we call. By the plan with which the call
//! began, so that it stays the same while the call goes on.

use super::Call;
use terms::Region;
use terms::event::Direction;

impl Call {
    pub(in crate::call) fn region(&self) -> Option<Region> {
        let outside = match self.direction {
            Direction::Outbound => &self.called,
            Direction::Inbound | Direction::Internal => &self.caller,
        };
        let plan = &self.plan.plan;
        plan.regions.region(&outside.normal, &plan.language)
    }
}
