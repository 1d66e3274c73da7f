//! Sentences about skill sets.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("a skill set names skills, queues, or both", "技能集需要包含技能或队列，或两者都有"),
    ("this skill set is not given to the agent", "此技能集未分配给该座席"),
];
