//! What reaches the signaling thread from the network, and the trunks and phones that a plan lets in.

use super::super::clock;
use super::super::dial::Target;
use super::super::net::{Arrived, Datagram, LATE_AFTER, Opening};
use super::Thread;
use crate::sip::servers::Secured;
use terms::event::Entry;
use terms::routing::Plan;

impl Thread {
    /// Phones, trunks and connections are those of this plan from now on.
    pub(super) fn use_plan(&mut self, plan: &Plan) {
        self.user_agent.set_plan(clock::now(), plan);
        let secured = self.user_agent.secured_trunks(plan.tenant).into_iter();
        let target = |Secured { trunk, host, ca, certificate }| {
            let named = self.user_agent.secured_name(trunk);
            (trunk, Target { host, named, ca, certificate })
        };
        let targets = secured.map(target).collect();
        self.net.set_lines(plan.tenant, targets);
        self.net.set_peers(plan.tenant, self.user_agent.trunks_by_certificate(plan.tenant));
        self.net.set_names(plan.tenant, self.user_agent.named_trunks(plan.tenant));
        self.net.inbox().set_trunks(self.user_agent.trunk_networks());
    }

    /// Somebody connects.
    pub(super) fn connect(&mut self, opening: Opening) {
        if self.user_agent.refuses_connection(clock::now(), opening.listener, opening.peer) {
            return;
        }
        let pays = self.net.has_handshake(opening.listener);
        if pays && !self.user_agent.admit_connection(clock::now(), opening.peer) {
            return;
        }
        if !self.net.register(opening) {
            self.user_agent.handle_connection_refused();
        }
    }

    /// A datagram comes out of the inbox.
    pub(super) fn read(&mut self, datagram: &Datagram) {
        let now = clock::now();
        let Datagram { listener, source, bytes, came } = datagram;
        if now.moment.since(*came) > LATE_AFTER {
            self.user_agent.handle_late_datagram(now, *listener, *source, bytes);
        } else {
            self.user_agent.handle_datagram(now, *listener, *source, bytes);
        }
    }

    /// A text came in: whoever passed it on may forget it once we say that we have it.
    pub(super) fn text_came(&mut self, tx: u64, entry: Entry) {
        let is_kept = self.journal.append_now(entry);
        self.user_agent.handle_text_kept(clock::now(), tx, is_kept);
    }

    pub(super) fn arrive(&mut self, arrived: Arrived) {
        let now = clock::now();
        match arrived {
            Arrived::Stream(listener, connection, source, bytes) => {
                self.user_agent.handle_stream(now, listener, connection, source, &bytes);
            }
            Arrived::Message(listener, connection, source, bytes) => {
                self.user_agent.handle_message(now, listener, connection, source, &bytes);
            }
            Arrived::Closed(connection) => {
                self.net.forget(connection);
                self.user_agent.handle_closed(now, connection);
            }
            Arrived::Failed(connection) => {
                self.net.forget(connection);
                self.user_agent.handle_handshake_failed();
            }
            Arrived::Dialled(listener, connection, peer, trunk) => {
                if let Some(waiting) = self.net.on_dialled(connection, peer, trunk) {
                    let user_agent = &mut self.user_agent;
                    user_agent.handle_dialled(now, listener, connection, peer, trunk, &waiting);
                }
            }
            Arrived::Shown(listener, connection, peer, shown) => {
                self.user_agent.handle_certificate(listener, connection, peer, shown);
            }
            Arrived::NotDialled(connection, to @ (trunk, server), problem) => {
                let (fault, detail) = (problem.fault, &problem.detail);
                tracing::warn!(
                    trunk = %trunk.1, ?server, ?fault, %detail, "no connection to the trunk"
                );
                self.user_agent.handle_not_dialled(now, to, problem);
                for transaction in self.net.on_not_dialled(connection, trunk) {
                    self.user_agent.handle_unsent(now, transaction);
                }
            }
            Arrived::Unsent(transaction) => self.user_agent.handle_unsent(now, transaction),
            Arrived::Located(trunk, servers) => {
                self.net.set_servers(trunk, &servers);
                self.user_agent.handle_located(now, trunk, servers);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Sinks, bind, user_agent_config};
    use super::*;
    use crate::edge::alone;
    use crate::edge::doors::Doors;
    use crate::edge::journal::{self, Journal};
    use crate::edge::names::NameServers;
    use crate::edge::net::{ARRIVED_MAX, Inbox, Net};
    use crate::edge::plans::Plans;
    use crate::edge::refusals::Refusals;
    use crate::sip::UserAgent;
    use crate::switch::{Input, Switch};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::path::Path;
    use std::time::Duration;
    use terms::control::{Ask, Request};
    use terms::routing::{BlockedCaller, Change, Delta, PLAN_VERSION};
    use terms::{Moment, TenantId};
    use tokio::sync::mpsc;
    use tokio::task::LocalSet;

    const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5_999);

    /// One whose loop nobody runs; this machine is a trunk.
    fn thread(folder: &Path) -> Thread {
        let config = alone::config(folder);
        let (bound, addresses) = bind(&config).unwrap();
        let name_servers: NameServers = config.name_servers.clone().into();
        let doors = Doors::open(&config.doors, name_servers.clone()).unwrap();
        let (arrived, _) = mpsc::channel(ARRIVED_MAX);
        let (inbox, _) = Inbox::open();
        let most = config.connections_of_address_max;
        let (net, _) = Net::start(bound, doors, most, name_servers, inbox, arrived);
        let user_agent = UserAgent::new(user_agent_config(&config, &addresses), config.seed);
        let mut thread = Thread {
            user_agent,
            switch: Switch::new(config.switch.clone(), config.seed, config.secret.clone()),
            journal: Journal::open(&folder.join("events"), config.journal.clone()).unwrap(),
            plans: Plans::open(folder.join("plans")).unwrap(),
            net,
            sinks: Sinks {
                media: Box::new(|_| ()),
                answers: Box::new(|_| ()),
                http: Box::new(|_| ()),
                sql: Box::new(|_| ()),
                orders: Box::new(|_| ()),
                bots: Box::new(|_| ()),
            },
            live: None,
            offered: None,
            looked_at: None,
            refusals: Refusals::default(),
            data: folder.to_owned(),
        };
        let mut plan = Plan::empty(TenantId(1), "demo");
        plan.trunks.push(alone::trunk("95105688", 10));
        thread.use_plan(&plan);
        thread
    }

    /// A new call that came so long ago.
    fn invite(id: &str, waited: Duration) -> Datagram {
        let text = format!(
            "INVITE sip:95105688@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP {HERE};rport;branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\n\
             From: <sip:13800138000@127.0.0.1>;tag={id}\r\nTo: <sip:95105688@127.0.0.1>\r\n\
             Call-ID: {id}@127.0.0.1\r\nCSeq: 1 INVITE\r\nContact: <sip:c@{HERE}>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let came = Moment(clock::moment().0 - waited.as_nanos() as u64);
        Datagram { listener: 0, source: HERE, bytes: text.into_bytes(), came }
    }

    /// A text.
    fn message(id: &str) -> Datagram {
        let text = format!(
            "MESSAGE sip:95105688@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP {HERE};rport;branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\n\
             From: <sip:13800138000@127.0.0.1>;tag={id}\r\nTo: <sip:95105688@127.0.0.1>\r\n\
             Call-ID: {id}@127.0.0.1\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n\
             Content-Length: 5\r\n\r\nhello"
        );
        Datagram { listener: 0, source: HERE, bytes: text.into_bytes(), came: clock::moment() }
    }

    /// The bytes of the event log in a folder.
    fn logged(folder: &Path) -> Vec<u8> {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.is_file()).flat_map(|file| std::fs::read(file).unwrap()).collect()
    }

    fn counter(thread: &Thread, name: &str) -> u64 {
        let mut counters = thread.user_agent.counters();
        counters.find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
    }

    #[test]
    fn a_plan_that_is_taken_or_changed_is_kept_on_disk_and_one_that_is_refused_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let mut thread = thread(folder.path());
            let plan = || Plan::empty(TenantId(1), "demo");
            let block = |version| {
                let change = Change::Block(BlockedCaller::always("+8613800138000"));
                Ask::Delta(Box::new(Delta { version, tenant: TenantId(1), change }))
            };
            let newer = Plan { format: PLAN_VERSION + 1, version: 9, ..plan() };
            for (ask, version, blocked) in [
                (Ask::Plan(Box::new(plan())), 0, 0),
                (block(1), 1, 1),
                (block(3), 1, 1),
                (Ask::Plan(Box::new(newer)), 1, 1),
                (Ask::Plan(Box::new(Plan { version: 2, ..plan() })), 2, 0),
            ] {
                thread.input(Input::Ask(Request { id: 7, body: ask }));
                let found = Plans::open(folder.path().join("plans")).unwrap().take_found();
                let told: Vec<_> = found.iter().map(|p| (p.version, p.blocked.len())).collect();
                assert_eq!(told, [(version, blocked)]);
            }
        });
    }

    #[test]
    fn a_new_call_that_waited_too_long_is_refused_and_one_that_did_not_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let mut thread = thread(folder.path());
            let told =
                |thread: &Thread| (counter(thread, "refused_late"), counter(thread, "calls_in"));
            thread.read(&invite("late", LATE_AFTER + Duration::from_secs(1)));
            assert_eq!(told(&thread), (1, 0));
            thread.read(&invite("new", Duration::ZERO));
            assert_eq!(told(&thread), (1, 1));
        });
    }

    #[test]
    fn a_text_is_taken_once_the_log_has_it_and_not_where_the_log_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let mut thread = thread(folder.path());
            let told =
                |thread: &Thread| (counter(thread, "texts_in"), counter(thread, "texts_lost"));
            thread.read(&message("one"));
            while let Some(event) = thread.user_agent.poll_event() {
                thread.switch.handle_input(clock::now(), Input::Sip(event));
            }
            thread.outputs();
            assert_eq!(told(&thread), (1, 0));
            let log = logged(&folder.path().join("events"));
            assert!(log.windows(14).any(|bytes| bytes == b"\"text\":\"hello\""), "it is on disk");
            let full =
                journal::Config { backlog_bytes_max: 0, ..alone::config(folder.path()).journal };
            thread.journal = Journal::open(&folder.path().join("full"), full).unwrap();
            thread.read(&message("two"));
            while let Some(event) = thread.user_agent.poll_event() {
                thread.switch.handle_input(clock::now(), Input::Sip(event));
            }
            thread.outputs();
            assert_eq!(told(&thread), (2, 1));
        });
    }
}
