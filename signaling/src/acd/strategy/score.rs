//! What a queue's expression says of one free agent for one contact. It is read and checked when the
//! plan is made; then it is computed over values that are there, within [`NODES_MAX`].

use super::{Candidate, Contact, millis};
use crate::ivr::expression::{Expression, Fault, Kind, Names, Value, parse_with};
use crate::ivr::number::Number;
use terms::routing::Skill;

/// Numbers, texts, names, signs and functions of one expression.
pub(super) const NODES_MAX: usize = 50;

/// What it knows of the contact as numbers.
const OF_CONTACT: [&str; 2] = ["waited_ms", "priority"];
/// What it knows of the agent, numbers all of them.
const OF_AGENT: [&str; 5] =
    ["agent_idle_ms", "agent_calls", "agent_talk_ms", "agent_busy_permille", "agent_weight"];
/// What it always knows of the contact as texts; every other name is a variable of the flow.
const TEXTS: [&str; 6] =
    ["caller", "called", "caller_province", "caller_city", "caller_class", "language"];

/// An expression that was checked.
#[derive(Clone, Debug)]
pub(super) struct Score(Expression);

impl Score {
    /// Reads and checks an expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expression = parse_with(text, &[("skill", 1)])?;
        let nodes = expression.nodes();
        if nodes > NODES_MAX {
            return Err(format!("it has {nodes} parts, and one has at most {NODES_MAX}"));
        }
        match expression.kind(&kind_of)? {
            Kind::Number | Kind::Any => Ok(Score(expression)),
            Kind::Text => Err("it comes to a text, and a score is a number".to_owned()),
            Kind::Truth => {
                let problem = "it comes to true or false, and a score is a number: if(…, 1, 0)";
                Err(problem.to_owned())
            }
        }
    }

    /// The score of one agent.
    pub fn of(&self, agent: &Scored, contact: &Contact) -> Result<Number, Fault> {
        self.0.number(&Both { agent, contact })
    }
}

/// Refuses an expression that a queue's agents cannot be scored by.
///
/// # Errors
/// Where it is wrong and what would be right, in one sentence.
pub fn check_score(text: &str) -> Result<(), String> {
    Score::parse(text).map(drop)
}

fn kind_of(name: &str) -> Result<Kind, String> {
    if OF_CONTACT.contains(&name) || OF_AGENT.contains(&name) {
        return Ok(Kind::Number);
    }
    if name.starts_with("agent_") {
        return Err(format!("there is no {name}; there are {}", OF_AGENT.join(", ")));
    }
    Ok(if TEXTS.contains(&name) { Kind::Text } else { Kind::Any })
}

/// The agent, as far as an expression may know them.
pub(super) struct Scored<'a> {
    pub candidate: &'a Candidate,
    pub skills: &'a [Skill],
    pub weight: u32,
}

struct Both<'a> {
    agent: &'a Scored<'a>,
    contact: &'a Contact<'a>,
}

impl Names for Both<'_> {
    fn value(&self, name: &str) -> Value {
        let (contact, tally) = (self.contact, &self.agent.candidate.tally);
        let number = match name {
            "waited_ms" => millis(contact.waited),
            "priority" => contact.priority.into(),
            "agent_idle_ms" => millis(contact.now - self.agent.candidate.idle_since),
            "agent_calls" => tally.calls.into(),
            "agent_talk_ms" => millis(tally.talked),
            "agent_busy_permille" => tally.busy_permille(contact.now),
            "agent_weight" => self.agent.weight.into(),
            _ => return Value::Text(contact.facts.get(name).to_owned()),
        };
        whole(number)
    }

    fn skill(&self, name: &str) -> Value {
        let skill = self.agent.skills.iter().find(|skill| skill.name == name);
        whole(skill.map_or(0, |skill| skill.level.into()))
    }
}

/// What does not fit is no number, and a fault where one is needed.
fn whole(number: i64) -> Value {
    Number::integer(number).map_or_else(|| Value::Text(String::new()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_cannot_score_is_refused_with_a_sentence() {
        for (text, part) in [
            ("", "ends where a value is needed"),
            ("agent_idle_ms +", "ends where a value is needed"),
            ("agent_idel_ms", "there is no agent_idel_ms; there are agent_idle_ms"),
            ("caller * 2", "caller is a text, and \"*\" takes a number"),
            ("caller & 'x'", "it comes to a text"),
            ("priority > 2", "it comes to true or false"),
            ("skill(vip)", "skill takes the name of a skill"),
            ("skills('gas')", "there is no function skills"),
        ] {
            let problem = check_score(text).expect_err(text);
            assert!(problem.contains(part), "{text}: {problem}");
        }
        let long = format!("1{}", "+1".repeat(NODES_MAX / 2));
        assert!(check_score(&long).expect_err("too many parts").contains("51 parts"));
        for text in [
            "skill('粤语') * 10 - agent_calls",
            "if(vip = 'yes', agent_weight, 0) + balance",
            "if(caller_province = '广东', skill('粤语'), 0)",
            "vip",
        ] {
            assert_eq!(check_score(text), Ok(()), "{text}");
        }
    }
}
