//! What a queue's expression says of free agents for one contact. It is read and checked when the
//! plan is made; then it is computed over values that are there, within [`NODES_MAX`].

use super::{Candidate, Contact, millis};
use crate::ivr::expression::{Column, Expression, Fault, Kind, Names, Value, parse_with};
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
pub(super) struct Score {
    expression: Expression,
    /// Those of which it asks the level.
    skills: Vec<String>,
}

impl Score {
    /// Reads and checks an expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expression = parse_with(text, &[("skill", 1)])?;
        let nodes = expression.nodes();
        if nodes > NODES_MAX {
            return Err(format!("it has {nodes} parts, and one has at most {NODES_MAX}"));
        }
        match expression.kind(&kind_of)? {
            Kind::Number | Kind::Any => Ok(Score { skills: expression.skills(), expression }),
            Kind::Text => Err("it comes to a text, and a score is a number".to_owned()),
            Kind::Truth => {
                let problem = "it comes to true or false, and a score is a number: if(…, 1, 0)";
                Err(problem.to_owned())
            }
        }
    }

    /// The levels that the expression asks for of an agent with these skills, found once for all scores.
    pub fn levels(&self, known: &[Skill]) -> Vec<u32> {
        let level = |name: &String| {
            let skill = known.iter().find(|skill| skill.name == *name);
            skill.map_or(0, |skill| skill.level)
        };
        self.skills.iter().map(level).collect()
    }

    /// How many skills it asks the level of.
    pub fn skills(&self) -> usize {
        self.skills.len()
    }

    /// The score of each of these agents.
    pub fn of(&self, agents: &[Scored], contact: &Contact) -> Vec<Result<Number, Fault>> {
        let names = Both { skills: &self.skills, agents, contact };
        self.expression.numbers(&names, agents.len())
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

/// An agent, as far as an expression may know them.
#[derive(Clone, Copy)]
pub(super) struct Scored<'a> {
    pub candidate: &'a Candidate,
    /// As [`Score::levels`] has them.
    pub levels: &'a [u32],
    pub weight: u32,
}

struct Both<'a> {
    skills: &'a [String],
    agents: &'a [Scored<'a>],
    contact: &'a Contact<'a>,
}

impl Both<'_> {
    fn each(&self, of: impl Fn(&Scored) -> i64) -> Column {
        let mut numbers = Vec::with_capacity(self.agents.len());
        numbers.extend(self.agents.iter().map_while(|agent| Number::integer(of(agent))));
        if numbers.len() == self.agents.len() {
            return Column::Numbers(numbers);
        }
        Column::Each(self.agents.iter().map(|agent| Ok(whole(of(agent)))).collect())
    }
}

impl Names for Both<'_> {
    fn value(&self, name: &str) -> Column {
        let contact = self.contact;
        let now = contact.now;
        match name {
            "waited_ms" => whole(millis(contact.waited)).into(),
            "priority" => whole(contact.priority.into()).into(),
            "agent_idle_ms" => self.each(|agent| millis(now - agent.candidate.idle_since)),
            "agent_calls" => self.each(|agent| agent.candidate.tally.calls.into()),
            "agent_talk_ms" => self.each(|agent| millis(agent.candidate.tally.talked)),
            "agent_busy_permille" => self.each(|agent| agent.candidate.tally.busy_permille(now)),
            "agent_weight" => self.each(|agent| agent.weight.into()),
            _ => Value::Text(contact.facts.get(name).to_owned()).into(),
        }
    }

    fn skill(&self, name: &str) -> Column {
        let at = self.skills.iter().position(|skill| skill == name);
        self.each(|agent| at.and_then(|at| agent.levels.get(at)).map_or(0, |&level| level.into()))
    }
}

/// What does not fit is no number, and a fault where one is needed.
fn whole(number: i64) -> Value {
    Number::integer(number).map_or_else(|| Value::Text(String::new()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;
    use crate::ivr::template::Variables;
    use std::time::Duration;
    use terms::Moment;

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

    /// Agents 1 to 3 with 1 to 3 calls, agents 2 and 3 with levels of gas.
    fn scores(text: &str, of: &[usize]) -> Vec<Result<Number, Fault>> {
        let known = Variables::default();
        let (now, waited) = (Moment::from_secs(40), Duration::from_secs(9));
        let contact = Contact { now, waited, priority: 2, facts: &known };
        let candidates = [1, 2, 3].map(|agent| {
            let mut candidate = candidate(agent, 30 - agent);
            candidate.tally.calls = agent as u32;
            candidate
        });
        let skills = [
            vec![],
            vec![Skill { name: "gas".into(), level: 4 }],
            vec![Skill { name: "gas".into(), level: 7 }],
        ];
        let score = Score::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        let levels = skills.map(|skills| score.levels(&skills));
        let scored =
            |&at: &usize| Scored { candidate: &candidates[at], levels: &levels[at], weight: 5 };
        score.of(&of.iter().map(scored).collect::<Vec<_>>(), &contact)
    }

    /// The scores of all three, as they are read.
    fn told(text: &str) -> Vec<Result<String, Fault>> {
        let told = |score: &Result<Number, Fault>| score.map(|score| score.to_string());
        scores(text, &[0, 1, 2]).iter().map(told).collect()
    }

    fn good(text: &str) -> Result<String, Fault> {
        Ok(text.to_owned())
    }

    fn bad(fault: Fault) -> Result<String, Fault> {
        Err(fault)
    }

    #[test]
    fn agents_who_are_scored_together_have_the_scores_that_each_has_alone() {
        for text in [
            "agent_calls * 2 - skill('gas') / 3 + waited_ms % 7",
            "6 / (agent_calls - 2)",
            "if(agent_calls = 2, 1 / 0, agent_calls)",
            "if(agent_calls > 1 and skill('gas') >= 4 or agent_calls = 3, 1, 0)",
            "if(false or agent_calls < 3, skill('gas'), -agent_calls)",
            "if(true and not (agent_calls != 1), 8, 9)",
            "len(left('abc', agent_calls)) + len(right(agent_calls & 'bc', 2))",
            "len(mid('123', agent_calls, 2)) + len(mid(agent_calls & '55', 2, agent_calls))",
            "if(contains('13', agent_calls & '') and starts('31', agent_calls & ''), 1, 0)",
            "round(agent_calls / 3, agent_calls) + floor(agent_calls / 2) + abs(-agent_calls)",
            "min(agent_calls, 2) + max(2, agent_calls) + agent_weight",
        ] {
            let alone = (0..3).flat_map(|at| scores(text, &[at]));
            assert_eq!(scores(text, &[0, 1, 2]), alone.collect::<Vec<_>>(), "{text}");
        }
        assert_eq!(told("6 / (agent_calls - 2)"), [good("-6"), Err(Fault::NoResult), good("6")]);
        assert_eq!(told("skill('gas') / 2"), [good("0"), good("2"), good("3.5")]);
        assert_eq!(
            told("if(agent_calls = 2, 1 / 0, agent_calls)"),
            [good("1"), Err(Fault::NoResult), good("3")]
        );
    }

    #[test]
    fn who_has_no_score_leaves_those_of_the_others_as_they_are() {
        let no_result = || bad(Fault::NoResult);
        let no_number = || bad(Fault::NoNumber);
        for (text, expected) in [
            ("6 / (agent_calls - 2) + agent_calls", [good("-5"), no_result(), good("9")]),
            ("agent_calls - 6 / (agent_calls - 2)", [good("7"), no_result(), good("-3")]),
            (
                "499999999999 * agent_calls + 1",
                [good("500000000000"), good("999999999999"), no_result()],
            ),
            ("if(agent_calls = 2, 9, agent_calls) * 2", [good("2"), good("18"), good("6")]),
            ("10 - agent_calls / -4", [good("10.25"), good("10.5"), good("10.75")]),
            ("agent_calls * nothing", [no_number(), no_number(), no_number()]),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
