//! What calls of a tenant can hear: the box's prompts and the tenant's own. A flow is checked against
//! it before it is published, and a prompt that something would miss is not taken away.

use super::super::Api;
use super::super::problem::Problem;
use desk::prompt::PromptName;
use signaling::ivr::prompt::{languages, named};
use std::collections::BTreeSet;
use terms::routing::{NO_LANGUAGE, Plan};

/// Names with their language, such as `zh-CN/welcome`.
#[derive(Clone, Debug, Default)]
pub struct Audible(BTreeSet<String>);

impl Audible {
    /// What flows that are heard in these languages can name.
    pub fn names(&self, languages: &BTreeSet<&str>) -> BTreeSet<String> {
        let names = self.0.iter().filter_map(|full| match full.split_once('/')? {
            (NO_LANGUAGE, _) => Some(full.clone()),
            (language, name) => languages.contains(language).then(|| name.to_owned()),
        });
        names.collect()
    }

    /// Languages that there is something in.
    pub fn languages(&self) -> BTreeSet<String> {
        let languages = self.0.iter().filter_map(|full| Some(full.split_once('/')?.0));
        languages.filter(|&language| language != NO_LANGUAGE).map(str::to_owned).collect()
    }

    /// Who has nothing to play where this is all that is left when the prompt is gone: one line each.
    pub fn lost_without(&self, prompt: &PromptName, plan: &Plan) -> Vec<String> {
        let name = prompt.in_flows();
        let misses = |languages: &BTreeSet<&str>| !self.names(languages).contains(&name);
        let flows = plan.flows.iter().filter(|flow| {
            named(&flow.document).contains(name.as_str())
                && misses(&languages(&flow.document, &plan.language))
        });
        let flows = flows.map(|flow| format!("flow \"{}\"", flow.name));
        let full = prompt.to_string();
        let queues = plan.queues.iter().filter(|queue| {
            // A queue names its music with the folder.
            let plays = queue.music == full || queue.in_queue.playlist.contains(&full);
            let says = queue.in_queue.notices.contains(&name);
            (plays && !self.0.contains(&full))
                || (says && misses(&BTreeSet::from([plan.language.as_str()])))
        });
        let queues = queues.map(|queue| format!("queue \"{}\"", queue.name));
        let rules = plan.recording_rules.iter().filter(|rule| {
            rule.then.announce == name && misses(&BTreeSet::from([plan.language.as_str()]))
        });
        let rules = rules.map(|rule| format!("recording rule \"{}\"", rule.name));
        let emergencies = plan.emergency.iter().filter(|emergency| {
            emergency.announcement.as_ref() == Some(&name)
                && misses(&BTreeSet::from([plan.language.as_str()]))
        });
        let emergencies = emergencies.map(|own| format!("emergency plan \"{}\"", own.name));
        let mailboxes = plan.mailboxes.iter().filter(|mailbox| {
            mailbox.greeting == name && misses(&BTreeSet::from([plan.language.as_str()]))
        });
        let mailboxes = mailboxes.map(|mailbox| format!("mailbox of agent {}", mailbox.agent));
        flows.chain(queues).chain(rules).chain(emergencies).chain(mailboxes).collect()
    }
}

impl Api {
    /// What calls of the plan's tenant can hear, once the switch works by the plan.
    pub(in crate::api) async fn audible(&self, plan: &Plan) -> Result<Audible, Problem> {
        let folders = self.prompts.folders.clone();
        let reading = tokio::task::spawn_blocking(move || crate::prompts::names(&folders)).await;
        let mut names = reading
            .map_err(|panic| Problem::internal(panic.to_string()))?
            .map_err(|error| Problem::internal(error.to_string()))?;
        names.extend(plan.prompts.iter().map(|prompt| prompt.name.clone()));
        Ok(Audible(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use terms::routing::Flow;
    use terms::{FlowId, TenantId};

    fn audible(names: &[&str]) -> Audible {
        Audible(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn a_flow_can_name_what_there_is_in_one_of_its_languages() {
        let all = audible(&["zh-CN/hi", "en/promo", "zh-CN/digits/1", "music/wait", "loose"]);
        let of = |languages: &[&str]| all.names(&languages.iter().copied().collect());
        let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(of(&["zh-CN"]), owned(&["digits/1", "hi", "music/wait"]));
        assert_eq!(of(&["zh-CN", "en"]), owned(&["digits/1", "hi", "music/wait", "promo"]));
        assert_eq!(all.languages(), owned(&["en", "zh-CN"]));
    }

    #[test]
    fn what_is_heard_elsewhere_is_missed_by_nobody() {
        let mut plan = Plan::empty(TenantId(1), "demo");
        let flow = |id, name: &str, document| Flow {
            id: FlowId(id),
            name: name.into(),
            version: 1,
            document,
        };
        let plays = |prompt: &str| json!({"steps": {"a": {"kind": "play", "prompts": [prompt]}}});
        let english = json!({"steps": {"a": {"kind": "language", "language": "en"},
            "b": {"kind": "menu", "prompts": ["say:promo"], "invalid_prompts": ["promo"]}}});
        plan.flows = vec![
            flow(1, "one", plays("promo")),
            flow(2, "two", english),
            flow(3, "x", plays("hi")),
        ];
        let promo = PromptName::new("zh-CN", "promo").unwrap();
        let lost = |names: &[&str]| audible(names).lost_without(&promo, &plan);
        assert_eq!(lost(&["zh-CN/hi"]), ["flow \"one\"", "flow \"two\""]);
        assert_eq!(lost(&["en/promo"]), ["flow \"one\""], "two has an English one");
        assert!(lost(&["zh-CN/promo"]).is_empty(), "the box has one of that name");
        let hi = PromptName::new("zh-CN", "hi").unwrap();
        assert_eq!(audible(&["zh-CN/promo"]).lost_without(&hi, &plan), ["flow \"x\""]);
        let greeting = "promo".to_owned();
        let agent = terms::AgentId(7);
        let mailbox = terms::routing::Mailbox { greeting, ..terms::routing::Mailbox::of(agent) };
        (plan.flows, plan.mailboxes) = (Vec::new(), vec![mailbox]);
        let lost = audible(&["en/promo"]).lost_without(&promo, &plan);
        assert_eq!(lost, ["mailbox of agent 7"]);
    }
}
