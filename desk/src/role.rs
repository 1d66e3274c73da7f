//! Who may do what. One table; what does not stand in it is forbidden.

use crate::text::text_enum;

text_enum! {
    /// What a person is, each one above the one before.
    Role, "role" {
        /// 座席: answers calls, writes orders, sees their own calls.
        Agent = "agent",
        /// 班长: sees and steers the people of the floor.
        Supervisor = "supervisor",
        /// 经理: reads everything of the tenant, changes how calls are answered.
        Manager = "manager",
        /// 管理员: people, roles, trunks, and the box.
        Administrator = "administrator",
    }
}

text_enum! {
    /// One thing that can be allowed.
    Permission, "permission" {
        /// See one's own calls and their recordings.
        CallsOwn = "calls.own",
        /// See every call.
        CallsRead = "calls.read",
        /// Act on calls of which one is a party.
        CallsControlOwn = "calls.control_own",
        /// Act on any live call.
        CallsControl = "calls.control",
        /// Hear and fetch every recording.
        RecordingsRead = "recordings.read",
        /// Fetch a set of recordings as one file, and evidence packs of calls.
        RecordingsExport = "recordings.export",
        /// Set and lift legal holds, see how long recordings are kept.
        RecordingsHold = "recordings.hold",
        /// Delete a recording, change how long recordings are kept.
        RecordingsDelete = "recordings.delete",
        /// Have everything forgotten that tells of one person.
        PersonsErase = "persons.erase",
        /// Change what agents may call outside, and let those call out again who were barred.
        CallingWrite = "calling.write",
        /// See and change which conversations are recorded, and what is never recorded.
        RecordingRules = "recordings.rules",
        /// Make and change conference rooms, and see their PINs.
        ConferencesWrite = "conferences.write",
        /// Run reports.
        ReportsRead = "reports.read",
        /// Save and schedule reports, fetch what schedules made, and say by which numbers reports count.
        ReportsSchedule = "reports.schedule",
        /// See and set what an hour of an agent and a minute of a trunk cost.
        RatesWrite = "rates.write",
        /// Change which files say who fetched them.
        WatermarkWrite = "watermark.write",
        /// Ask in SQL.
        SqlRun = "sql.run",
        /// Seal the warehouse.
        WarehouseSeal = "warehouse.seal",
        /// Plan and withdraw shifts of agents.
        ShiftsWrite = "shifts.write",
        /// See queues, agents, teams, hours, planned shifts and what agents do now.
        FloorRead = "floor.read",
        /// Sign in, ready, break: one's own state.
        AgentStateOwn = "agents.state_own",
        /// The state of any agent.
        AgentState = "agents.state",
        /// Make and change queues, hours and memberships.
        QueuesWrite = "queues.write",
        /// Make and change agents, their phones and their teams.
        AgentsWrite = "agents.write",
        /// See leases of numbers, and whose own numbers they hide.
        LeasesRead = "leases.read",
        /// Lease numbers, change when leases end, and end them.
        LeasesWrite = "leases.write",
        /// See flows, prompts, numbers and the list of blocked callers.
        RoutingRead = "routing.read",
        /// Draft and publish flows, upload prompts, change numbers, block callers.
        RoutingWrite = "routing.write",
        /// Approve or reject a draft of a flow that somebody else wrote.
        RoutingApprove = "routing.approve",
        /// Change field workers: their phones, their leave and who stands in for them.
        WorkersWrite = "workers.write",
        /// Bring emergency plans into force, and out of it.
        EmergencySwitch = "emergency.switch",
        /// See, make and change connectors to business databases.
        ConnectorsWrite = "connectors.write",
        /// See trunks.
        TrunksRead = "trunks.read",
        /// Make and change trunks.
        TrunksWrite = "trunks.write",
        /// See customers.
        CustomersRead = "customers.read",
        /// Make and change customers.
        CustomersWrite = "customers.write",
        /// See orders.
        OrdersRead = "orders.read",
        /// Make orders and report progress.
        OrdersWrite = "orders.write",
        /// Assign orders, reopen them, move deadlines, change the rule table.
        OrdersAssign = "orders.assign",
        /// Live events.
        EventsRead = "events.read",
        /// Make and change programs that are told of events over HTTP.
        HooksWrite = "hooks.write",
        /// See users.
        UsersRead = "users.read",
        /// Make and change users, their roles and passwords.
        UsersWrite = "users.write",
        /// One's own password and tokens.
        SelfService = "self",
        /// The tokens of others.
        TokensWrite = "tokens.write",
        /// See which addresses SIP does not listen to, and listen to one again.
        BansWrite = "bans.write",
        /// The audit table.
        AuditRead = "audit.read",
        /// Counters of the box from another machine.
        MetricsRead = "metrics.read",
    }
}

/// The table.
const GRANTS: &[(Permission, &[Role])] = {
    use Permission as P;
    use Role::{Administrator, Agent, Manager, Supervisor};
    const EVERYBODY: &[Role] = &[Agent, Supervisor, Manager, Administrator];
    const LEADERS: &[Role] = &[Supervisor, Manager, Administrator];
    const MANAGERS: &[Role] = &[Manager, Administrator];
    const ADMINISTRATORS: &[Role] = &[Administrator];
    &[
        (P::CallsOwn, EVERYBODY),
        (P::CallsRead, LEADERS),
        (P::CallsControlOwn, EVERYBODY),
        (P::CallsControl, LEADERS),
        (P::RecordingsRead, LEADERS),
        (P::RecordingsExport, MANAGERS),
        (P::RecordingsHold, MANAGERS),
        (P::RecordingsDelete, ADMINISTRATORS),
        (P::PersonsErase, ADMINISTRATORS),
        (P::CallingWrite, ADMINISTRATORS),
        (P::RecordingRules, ADMINISTRATORS),
        (P::ConferencesWrite, ADMINISTRATORS),
        (P::ReportsRead, LEADERS),
        (P::ReportsSchedule, MANAGERS),
        (P::RatesWrite, MANAGERS),
        (P::WatermarkWrite, ADMINISTRATORS),
        (P::SqlRun, MANAGERS),
        (P::WarehouseSeal, ADMINISTRATORS),
        (P::ShiftsWrite, LEADERS),
        (P::FloorRead, EVERYBODY),
        (P::AgentStateOwn, EVERYBODY),
        (P::AgentState, LEADERS),
        (P::QueuesWrite, MANAGERS),
        (P::AgentsWrite, MANAGERS),
        (P::LeasesRead, LEADERS),
        (P::LeasesWrite, MANAGERS),
        (P::RoutingRead, LEADERS),
        (P::RoutingWrite, MANAGERS),
        (P::RoutingApprove, MANAGERS),
        (P::WorkersWrite, LEADERS),
        (P::EmergencySwitch, LEADERS),
        (P::ConnectorsWrite, ADMINISTRATORS),
        (P::TrunksRead, ADMINISTRATORS),
        (P::TrunksWrite, ADMINISTRATORS),
        (P::CustomersRead, EVERYBODY),
        (P::CustomersWrite, EVERYBODY),
        (P::OrdersRead, EVERYBODY),
        (P::OrdersWrite, EVERYBODY),
        (P::OrdersAssign, LEADERS),
        (P::EventsRead, LEADERS),
        (P::HooksWrite, ADMINISTRATORS),
        (P::UsersRead, MANAGERS),
        (P::UsersWrite, ADMINISTRATORS),
        (P::SelfService, EVERYBODY),
        (P::TokensWrite, ADMINISTRATORS),
        (P::BansWrite, ADMINISTRATORS),
        (P::AuditRead, ADMINISTRATORS),
        (P::MetricsRead, ADMINISTRATORS),
    ]
};

impl Role {
    /// True when the table says so.
    pub fn allows(self, permission: Permission) -> bool {
        GRANTS.iter().any(|(granted, roles)| *granted == permission && roles.contains(&self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_granted_to_administrators_and_stands_once() {
        for permission in Permission::ALL {
            assert!(Role::Administrator.allows(*permission), "{permission:?}");
            assert_eq!(GRANTS.iter().filter(|(p, _)| p == permission).count(), 1);
        }
    }

    #[test]
    fn an_agent_has_the_desk_and_nothing_of_the_office() {
        let may: Vec<_> = Permission::ALL
            .iter()
            .filter(|p| Role::Agent.allows(**p))
            .map(|p| p.as_str())
            .collect();
        assert_eq!(
            may,
            [
                "calls.own",
                "calls.control_own",
                "floor.read",
                "agents.state_own",
                "customers.read",
                "customers.write",
                "orders.read",
                "orders.write",
                "self"
            ]
        );
    }

    #[test]
    fn a_higher_role_may_all_that_a_lower_one_may() {
        for pair in Role::ALL.windows(2) {
            for permission in Permission::ALL {
                assert!(!pair[0].allows(*permission) || pair[1].allows(*permission));
            }
        }
    }
}
