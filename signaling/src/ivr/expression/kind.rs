//! What kind of value an expression comes to, found out before it is used. Whatever cannot be told apart
//! without the values, such as a variable of a flow, is [`Kind::Any`] and counts as right.

use super::{Expression, Node};
use std::collections::BTreeSet;

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Text,
    Truth,
    /// A text that may read as either.
    Any,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Number => "a number",
            Kind::Text => "a text",
            Kind::Truth => "true or false",
            Kind::Any => "a value",
        }
    }

    fn may_be(self, wanted: Kind) -> bool {
        self == wanted || self == Kind::Any || wanted == Kind::Any
    }
}

impl Expression {
    /// Numbers, texts, names, signs and functions in it.
    pub(crate) fn nodes(&self) -> usize {
        nodes(&self.0)
    }

    /// The skills that it asks about, each once.
    pub(crate) fn skills(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        skills(&self.0, &mut names);
        names.into_iter().map(str::to_owned).collect()
    }

    /// The kind of its value, where `of` tells those of its names or what is wrong with one.
    ///
    /// # Errors
    /// What stands where something else is needed, in one sentence.
    pub(crate) fn kind(&self, of: &dyn Fn(&str) -> Result<Kind, String>) -> Result<Kind, String> {
        kind(&self.0, of)
    }
}

fn nodes(node: &Node) -> usize {
    1 + match node {
        Node::Number(_) | Node::Text(_) | Node::Truth(_) | Node::Variable(_) => 0,
        Node::Not(inner) | Node::Negated(inner) => nodes(inner),
        Node::Pair(_, both) => nodes(&both.0) + nodes(&both.1),
        Node::Call(_, values) => values.iter().map(nodes).sum(),
    }
}

fn skills<'a>(node: &'a Node, names: &mut BTreeSet<&'a str>) {
    match node {
        Node::Number(_) | Node::Text(_) | Node::Truth(_) | Node::Variable(_) => {}
        Node::Not(inner) | Node::Negated(inner) => skills(inner, names),
        Node::Pair(_, both) => [&both.0, &both.1].into_iter().for_each(|node| skills(node, names)),
        Node::Call("skill", values) => {
            names.extend(values.iter().filter_map(|value| match value {
                Node::Text(name) => Some(name.as_str()),
                _ => None,
            }));
        }
        Node::Call(_, values) => values.iter().for_each(|value| skills(value, names)),
    }
}

/// The node as it is told of.
fn told(node: &Node) -> String {
    match node {
        Node::Number(number) => number.to_string(),
        Node::Text(text) => format!("'{text:.40}'"),
        Node::Truth(truth) => truth.to_string(),
        Node::Variable(name) => name.clone(),
        Node::Not(_) => "what \"not\" says".to_owned(),
        Node::Negated(_) => "what \"-\" says".to_owned(),
        Node::Pair(sign, _) => format!("what \"{sign}\" says"),
        Node::Call(name, _) => format!("what {name} says"),
    }
}

type Of<'a> = &'a dyn Fn(&str) -> Result<Kind, String>;

fn kind(node: &Node, of: Of) -> Result<Kind, String> {
    match node {
        Node::Number(_) => Ok(Kind::Number),
        Node::Text(_) => Ok(Kind::Text),
        Node::Truth(_) => Ok(Kind::Truth),
        Node::Variable(name) => of(name),
        Node::Not(inner) => need("not", inner, Kind::Truth, of).map(|()| Kind::Truth),
        Node::Negated(inner) => need("-", inner, Kind::Number, of).map(|()| Kind::Number),
        Node::Pair(sign, both) => pair(sign, &both.0, &both.1, of),
        Node::Call(name, values) => call(name, values, of),
    }
}

/// Refuses what is never of the kind that `by` takes.
fn need(by: &str, node: &Node, wanted: Kind, of: Of) -> Result<(), String> {
    fits(by, node, kind(node, of)?, wanted)
}

fn fits(by: &str, node: &Node, kind: Kind, wanted: Kind) -> Result<(), String> {
    if kind.may_be(wanted) {
        return Ok(());
    }
    let (told, is, wanted) = (told(node), kind.word(), wanted.word());
    Err(format!("{told} is {is}, and \"{by}\" takes {wanted}"))
}

fn pair(sign: &str, left: &Node, right: &Node, of: Of) -> Result<Kind, String> {
    // Each side is looked at once: there may be many within each other.
    let (first, second) = (kind(left, of)?, kind(right, of)?);
    let (wanted, result) = match sign {
        "and" | "or" => (Kind::Truth, Kind::Truth),
        "=" | "!=" => (first, Kind::Truth),
        "<" | "<=" | ">" | ">=" => (Kind::Number, Kind::Truth),
        "&" => (Kind::Any, Kind::Text),
        _ => (Kind::Number, Kind::Number),
    };
    fits(sign, left, first, wanted)?;
    fits(sign, right, second, wanted)?;
    Ok(result)
}

fn call(name: &str, values: &[Node], of: Of) -> Result<Kind, String> {
    use Kind::{Any, Number, Text, Truth};
    let (wanted, result) = match name {
        "if" => return choice(values, of),
        "skill" => return skill(values),
        "len" => ([Any; 3], Number),
        "left" | "right" | "mid" => ([Any, Number, Number], Text),
        "contains" | "starts" => ([Any; 3], Truth),
        _ => ([Number; 3], Number),
    };
    for (value, wanted) in values.iter().zip(wanted) {
        need(name, value, wanted, of)?;
    }
    Ok(result)
}

/// Both ways of `if` come to the same kind, or it cannot be told.
fn choice(values: &[Node], of: Of) -> Result<Kind, String> {
    let [condition, one, other] = values else { return Ok(Kind::Any) };
    need("if", condition, Kind::Truth, of)?;
    let (first, second) = (kind(one, of)?, kind(other, of)?);
    match (first, second) {
        _ if first == second => Ok(first),
        (Kind::Any, _) | (_, Kind::Any) => Ok(Kind::Any),
        _ => Err(format!(
            "\"if\" comes to {} or {}: one kind is needed",
            first.word(),
            second.word()
        )),
    }
}

/// The name of a skill stands in the expression, so that no caller chooses it.
fn skill(values: &[Node]) -> Result<Kind, String> {
    match values {
        [Node::Text(_)] => Ok(Kind::Number),
        _ => {
            Err("skill takes the name of a skill between ' and ', such as skill('gas')".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, parse_with};
    use super::*;

    fn of(name: &str) -> Result<Kind, String> {
        match name {
            "n" => Ok(Kind::Number),
            "t" => Ok(Kind::Text),
            "b" => Ok(Kind::Truth),
            "wrong" => Err("there is no wrong".to_owned()),
            _ => Ok(Kind::Any),
        }
    }

    #[test]
    fn an_expression_has_the_kind_of_what_it_comes_to() {
        for (text, expected) in [
            ("1 + n * any", Kind::Number),
            ("t & n", Kind::Text),
            ("n > 1 and not (t = 'x') or b", Kind::Truth),
            ("any = 1", Kind::Truth),
            ("if(b, n, 2)", Kind::Number),
            ("if(any, any, 2)", Kind::Any),
            ("len(t) + min(n, 3) - abs(-n)", Kind::Number),
            ("mid(t, 1, 2)", Kind::Text),
            ("starts(t, '0')", Kind::Truth),
            ("skill('gas')", Kind::Number),
        ] {
            let read = parse_with(text, &[("skill", 1)]).expect(text);
            assert_eq!(read.kind(&of), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_never_of_the_kind_that_is_needed_is_named() {
        for (text, part) in [
            ("1 + t", "t is a text, and \"+\" takes a number"),
            ("'x' * 2", "'x' is a text, and \"*\" takes a number"),
            ("n and b", "n is a number, and \"and\" takes true or false"),
            ("not n", "n is a number, and \"not\" takes true or false"),
            ("-b", "b is true or false, and \"-\" takes a number"),
            ("n = 'x'", "'x' is a text, and \"=\" takes a number"),
            ("(n > 1) + 1", "what \">\" says is true or false, and \"+\" takes a number"),
            ("left(t, t)", "t is a text, and \"left\" takes a number"),
            ("if(n, 1, 2)", "n is a number, and \"if\" takes true or false"),
            ("if(b, 1, 'x')", "\"if\" comes to a number or a text"),
            ("skill(any)", "skill takes the name of a skill"),
            ("n + wrong", "there is no wrong"),
        ] {
            let read = parse_with(text, &[("skill", 1)]).expect(text);
            let problem = read.kind(&of).expect_err(text);
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    #[test]
    fn every_number_name_sign_and_function_is_a_node() {
        for (text, nodes) in [("1", 1), ("1 + n", 3), ("not (n > 1)", 4), ("min(n, -2) & 'x'", 6)] {
            assert_eq!(parse(text).expect(text).nodes(), nodes, "{text}");
        }
    }

    #[test]
    fn flows_have_no_function_for_skills() {
        assert!(parse("skill('gas')").expect_err("no such function").contains("function skill"));
    }
}
