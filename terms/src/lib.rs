//! The shared nouns of the house. This page is the glossary; the field's own word, one meaning each.
//!
//! | word | 中文 | meaning |
//! |---|---|---|
//! | tenant | 租户 | One organisation on the box. Every list, export and file belongs to exactly one. |
//! | contact | 联络 | All that happens about one matter of one customer: spans transfers and callbacks. |
//! | call | 通话 | One telephone call of a contact, from the first INVITE to the last BYE. |
//! | leg | 通话段 | One party of a call: the customer, an agent, a field worker. One SIP dialog, one RTP stream each way. |
//! | dialog, transaction | 对话、事务 | RFC 3261 §12 and §17. |
//! | trunk | 中继 | A SIP peer that carries calls of the public network. |
//! | number | 号码 | A dialled number and what answers it. Kept as received, as normalised and as shown. |
//! | flow, step | 流程、步骤 | A versioned IVR graph and one node of it. |
//! | queue, visit | 队列、排队 | Where contacts wait for an agent; one stay of one contact in one queue. |
//! | offer | 振铃派发 | The distributor rings one agent for one waiting contact; it ends as answered, declined, unanswered, picked up by a colleague or withdrawn. |
//! | strategy, seat | 分配策略、席位 | Which of a queue's free agents is next; what is particular to one agent of a queue. |
//! | skill, need, ring | 技能、技能要求、圈 | What an agent can do; what a queue asks of its agents; those of them whom a contact reaches after the same wait. |
//! | pickup | 代接 | A colleague takes what rings at an agent's phone: one of those who serve a queue together. |
//! | team | 班组 | Agents who are led together; teams form a tree, so that departments have teams. |
//! | forwarding, do not disturb | 呼叫转移、免打扰 | Where an agent wants the calls to their extension to go; that nobody rings there. |
//! | agent | 座席 | A person who answers. Presence is what they chose (ready, break); activity is what we observe (idle, ringing, talking, wrap-up); standing is what they are to those who wait (idle, busy, wrap-up, break). |
//! | wrap-up | 话后处理 | From release until the agent is ready again. |
//! | disposition | 通话小结 | What the agent says the call was about. |
//! | hangup cause | 挂机原因 | What the network says ended the leg (Q.850). |
//! | recording, track | 录音、音轨 | Both sides of one conversation; one track per leg in the segment log. |
//! | ledger | 录音台账 | The row every answered call gets: recorded, refused, or which frames are missing. |
//! | plan | 路由方案 | What a tenant's business data says about calls, compiled for the call path. |
//! | skill set | 技能集 | A part of their skills and queues that an agent chooses when they sign in. |
//! | conference, meeting | 会议室、会议 | A room of the plan with a number and PINs; what goes on in it from who comes first to who leaves last. |
//! | chairperson, guest | 主持人、来宾 | Who entered with the chairperson's PIN, or was called in as one; everybody else in a conference. |
//! | right, bar | 外呼权限、外呼禁止 | The dearest class of numbers outside that an agent may call; the end of calling out for an extension that called out like a thief. |
//! | area, worker, hunt | 片区、网格员、逐级寻呼 | A part of the ground that a tenant serves; who works there and is called at their own phone; calling them, their substitutes, the team and the queue one after the other. |
//! | lease | 号码租约 | For a time a number of the tenant stands for somebody whose own number nobody is told. |
//! | category | 主叫类别 | What kind of line a call comes from, as the network says: ordinary, payphone, operator. |
//! | trace-back | 总机溯源 | Who calls back the number that an agent's call showed reaches that agent first. |
//! | person | 个人 | Somebody who is looked for in rows, and may ask to be forgotten: by a number, a mail address, or both. |
//! | region | 归属地 | The province and city where a number is at home. |
//! | text | 短信 | A message in words that comes or goes over a trunk: an SMS, where a gateway passes them on. |
//! | order | 工单 | A piece of work with a deadline, from a call or from elsewhere. |
//! | item, channel | 任务、渠道 | A piece of work that is no call, handed to an agent by a queue; how it came: a mail, a short message, a website. |
//! | capacity | 渠道容量 | How many items of a channel an agent has at a time, offered or taken. |
//!
//! Three times, three types: [`time::Moment`] is when something reached us, [`media::RtpTime`] is
//! where it is in the audio, [`time::Timestamp`] is what the wall clock says.

pub mod address;
pub mod category;
pub mod control;
pub mod event;
pub mod failpoint;
pub mod id;
pub mod item;
pub mod mail;
pub mod media;
pub mod number;
pub mod numeral;
pub mod person;
pub mod record;
pub mod region;
pub mod routing;
pub mod subscriber;
pub mod time;

pub use category::Category;
pub use id::*;
pub use mail::MailAddress;
pub use number::PhoneNumber;
pub use person::Person;
pub use region::Region;
pub use subscriber::Subscriber;
pub use time::{Moment, Timestamp};
