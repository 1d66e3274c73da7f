//! Who may prove themselves by which name: agents by their short number and by those of their codes,
//! trunks by the name that they were given.

use super::core::{Account, UserAgent};
use super::digest::Ha1;
use super::registrar::{AppsAlone, Who};
use super::user_agent::Event;
use terms::routing::{Agent, Plan};

impl UserAgent {
    /// Accounts of this plan's tenant are those of the plan from now on.
    pub(super) fn set_accounts(&mut self, plan: &Plan) {
        let tenant = plan.tenant;
        let of = |account: &Account| match account {
            Account::Agent(owner, _) | Account::Trunk((owner, _)) => *owner,
        };
        self.accounts.retain(|_, (account, _)| of(account) != tenant);
        let realm = plan.realm.as_bytes();
        for agent in &plan.agents {
            let account = Account::Agent(tenant, agent.id);
            let ha1 = Ha1 { md5: agent.ha1_md5.clone(), sha256: agent.ha1_sha256.clone() };
            self.add_account(realm, &agent.sip_user, account, ha1);
            for code in &agent.codes {
                let ha1 = Ha1 { md5: code.ha1_md5.clone(), sha256: code.ha1_sha256.clone() };
                self.add_account(realm, &code.user, account, ha1);
            }
        }
        for trunk in &plan.trunks {
            if let Some(digest) = &trunk.inbound_digest {
                let ha1 = Ha1 { md5: digest.ha1_md5.clone(), sha256: digest.ha1_sha256.clone() };
                self.add_account(realm, &digest.user, Account::Trunk((tenant, trunk.id)), ha1);
            }
        }
    }

    /// Whose phones are those of codes alone, before anybody is offered a call there.
    pub(super) fn tell_apps_alone(&mut self) {
        let tenants = &self.tenants;
        let number = |(tenant, agent): Who| {
            tenants.get(&tenant)?.agents.get(&agent).map(|(number, _)| number.as_str())
        };
        for ((tenant, agent), alone) in self.registrar.apps_alone_changes(number) {
            let AppsAlone { phones, browsers } = alone;
            self.emit(Event::AppsAlone { tenant, agent, phones, browsers });
        }
    }

    fn add_account(&mut self, realm: &[u8], user: &str, account: Account, ha1: Ha1) {
        let key = (realm.to_vec(), user.as_bytes().to_vec());
        // Two tenants with one realm must not share user names: the first one keeps its own.
        if let Some((holder, _)) = self.accounts.get(&key) {
            tracing::error!(?holder, ?account, "two accounts have one realm and user name");
            return;
        }
        self.accounts.insert(key, (account, ha1));
    }
}

/// The names by which an agent's phones may be registered.
pub(super) fn users(agent: &Agent) -> Vec<&str> {
    let codes = agent.codes.iter().map(|code| code.user.as_str());
    [agent.sip_user.as_str()].into_iter().chain(codes).collect()
}
