//! Who may prove themselves by which name: agents by their short number and by those of their codes,
//! trunks by the name that they were given.

use super::core::{Account, UserAgent};
use super::digest::Ha1;
use super::registrar::{AppsAlone, Who};
use super::user_agent::Event;
use std::collections::HashMap;
use terms::routing::{Agent, Plan};
use terms::{AgentId, TenantId};

/// The accounts of a realm by their names.
type Users = HashMap<Box<[u8]>, Holder>;

/// Who is who by realm and user name.
#[derive(Default)]
pub(super) struct Accounts(HashMap<Box<[u8]>, Users>);

/// Whose a name is, and both of their secrets in one text: there may be very many.
struct Holder {
    account: Account,
    /// MD5, then SHA-256.
    secrets: Box<str>,
    md5_bytes: u32,
}

impl Accounts {
    /// Whose this name is, and what they prove it with.
    pub(super) fn find(&self, realm: &[u8], user: &[u8]) -> Option<(Account, Ha1)> {
        let holder = self.0.get(realm)?.get(user)?;
        let (md5, sha256) = holder.secrets.split_at(holder.md5_bytes as usize);
        Some((holder.account, Ha1 { md5: md5.to_owned(), sha256: sha256.to_owned() }))
    }

    fn forget(&mut self, tenant: TenantId) {
        let of = |account: &Account| match account {
            Account::Agent(owner, _) | Account::Trunk((owner, _)) => *owner,
        };
        self.0.retain(|_, users| {
            users.retain(|_, holder| of(&holder.account) != tenant);
            !users.is_empty()
        });
    }
}

impl UserAgent {
    /// Accounts of this plan's tenant are those of the plan from now on.
    pub(super) fn set_accounts(&mut self, plan: &Plan) {
        let tenant = plan.tenant;
        self.accounts.forget(tenant);
        let users = self.accounts.0.entry(plan.realm.as_bytes().into()).or_default();
        for agent in &plan.agents {
            let account = Account::Agent(tenant, agent.id);
            add(users, &agent.sip_user, account, (&agent.ha1_md5, &agent.ha1_sha256));
            for code in &agent.codes {
                add(users, &code.user, account, (&code.ha1_md5, &code.ha1_sha256));
            }
        }
        for trunk in &plan.trunks {
            if let Some(digest) = &trunk.inbound_digest {
                let account = Account::Trunk((tenant, trunk.id));
                add(users, &digest.user, account, (&digest.ha1_md5, &digest.ha1_sha256));
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
}

/// Two tenants with one realm must not share user names: the first one keeps its own.
fn add(users: &mut Users, user: &str, account: Account, (md5, sha256): (&str, &str)) {
    if let Some(Holder { account: holder, .. }) = users.get(user.as_bytes()) {
        tracing::error!(?holder, ?account, "two accounts have one realm and user name");
        return;
    }
    let secrets = [md5, sha256].concat().into();
    let holder = Holder { account, secrets, md5_bytes: md5.len() as u32 };
    users.insert(user.as_bytes().into(), holder);
}

/// The names by which an agent's phones may be registered.
pub(super) fn users(agent: &Agent) -> Vec<&str> {
    let codes = agent.codes.iter().map(|code| code.user.as_str());
    [agent.sip_user.as_str()].into_iter().chain(codes).collect()
}

/// Agents by what is dialled to reach their phones; the SIP user comes before another's number.
pub(super) fn extensions(plan: &Plan) -> HashMap<String, AgentId> {
    let numbers = plan.agents.iter().map(|agent| (&agent.number, agent.id));
    let users = plan.agents.iter().map(|agent| (&agent.sip_user, agent.id));
    // For most agents both are one: there is no room for two of each.
    let mut extensions = HashMap::with_capacity(plan.agents.len());
    for (name, id) in numbers.chain(users) {
        extensions.insert(name.clone(), id);
    }
    extensions.remove("");
    extensions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_own_secrets_however_long_they_are_and_the_first_holder_keeps_it() {
        let mut accounts = Accounts::default();
        let users = accounts.0.entry(Box::from(&b"switchgrid"[..])).or_default();
        let of = |tenant, agent| Account::Agent(TenantId(tenant), AgentId(agent));
        add(users, "1001", of(1, 7), ("md5", "sha256"));
        add(users, "1002", of(1, 8), ("", "sha256 alone"));
        add(users, "1001", of(2, 9), ("another", "one"));
        let found = |accounts: &Accounts, realm: &str, user: &str| {
            let found = accounts.find(realm.as_bytes(), user.as_bytes());
            found.map(|(account, Ha1 { md5, sha256 })| (account, md5, sha256))
        };
        let first = Some((of(1, 7), "md5".to_owned(), "sha256".to_owned()));
        assert_eq!(found(&accounts, "switchgrid", "1001"), first);
        let second = Some((of(1, 8), String::new(), "sha256 alone".to_owned()));
        assert_eq!(found(&accounts, "switchgrid", "1002"), second);
        assert_eq!(found(&accounts, "elsewhere", "1001"), None);
        accounts.forget(TenantId(2));
        assert_eq!(found(&accounts, "switchgrid", "1001"), first, "they had none");
        accounts.forget(TenantId(1));
        assert_eq!(found(&accounts, "switchgrid", "1001"), None);
    }
}
