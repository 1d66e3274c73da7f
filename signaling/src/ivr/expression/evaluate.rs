//! What an expression comes to. A value of a variable is a text; where arithmetic or an order needs
//! a number it is read as one, and what is none is a fault.

use super::super::VALUE_CHARS_MAX;
use super::super::number::Number;
use super::super::template::Variables;
use super::{Expression, Node};

/// Why an expression comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A text where a number is needed.
    NoNumber,
    /// Too large, or divided by zero.
    NoResult,
    /// Neither `true` nor `false` where one is needed.
    NoTruth,
}

/// What a part of an expression comes to.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(Number),
    Text(String),
    Truth(bool),
}

/// Where an expression finds what it names.
pub(crate) trait Names {
    /// The value of a name.
    fn value(&self, name: &str) -> Value;
    /// What the function `skill` says of this name.
    fn skill(&self, name: &str) -> Value;
}

/// Flows know no agents: the function is not read there.
impl Names for Variables {
    fn value(&self, name: &str) -> Value {
        Value::Text(self.get(name).to_owned())
    }

    fn skill(&self, _: &str) -> Value {
        Value::Text(String::new())
    }
}

impl Expression {
    /// The value as a text: a number without zeros at its end, `true` or `false`, or the text.
    ///
    /// # Errors
    /// Why there is none.
    pub fn value(&self, variables: &Variables) -> Result<String, Fault> {
        evaluate(&self.0, variables).map(Value::text)
    }

    /// The value as a number.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn number(&self, names: &impl Names) -> Result<Number, Fault> {
        evaluate(&self.0, names)?.number()
    }
}

impl Value {
    fn text(self) -> String {
        match self {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text,
            Value::Truth(truth) => truth.to_string(),
        }
    }

    fn number(&self) -> Result<Number, Fault> {
        match self {
            Value::Number(number) => Ok(*number),
            Value::Text(text) => Number::parse(text).ok_or(Fault::NoNumber),
            Value::Truth(_) => Err(Fault::NoNumber),
        }
    }

    fn truth(&self) -> Result<bool, Fault> {
        match self {
            Value::Truth(truth) => Ok(*truth),
            Value::Text(text) if text == "true" => Ok(true),
            Value::Text(text) if text == "false" => Ok(false),
            Value::Text(_) | Value::Number(_) => Err(Fault::NoTruth),
        }
    }

    fn count(&self) -> Result<usize, Fault> {
        self.number()?.count().ok_or(Fault::NoNumber)
    }
}

fn evaluate(node: &Node, names: &impl Names) -> Result<Value, Fault> {
    let value = |node: &Node| evaluate(node, names);
    Ok(match node {
        Node::Number(number) => Value::Number(*number),
        Node::Text(text) => Value::Text(text.clone()),
        Node::Truth(truth) => Value::Truth(*truth),
        Node::Variable(name) => names.value(name),
        Node::Not(inner) => Value::Truth(!value(inner)?.truth()?),
        Node::Negated(inner) => Value::Number(value(inner)?.number()?.negated()),
        // The right side counts only where the left one leaves it open.
        Node::Pair("and", both) => {
            Value::Truth(value(&both.0)?.truth()? && value(&both.1)?.truth()?)
        }
        Node::Pair("or", both) => {
            Value::Truth(value(&both.0)?.truth()? || value(&both.1)?.truth()?)
        }
        Node::Pair(sign, both) => pair(sign, value(&both.0)?, &value(&both.1)?)?,
        Node::Call("if", values) => {
            let chosen = if value(&values[0])?.truth()? { &values[1] } else { &values[2] };
            value(chosen)?
        }
        Node::Call("skill", values) => names.skill(&value(&values[0])?.text()),
        Node::Call(name, values) => {
            let values: Vec<Value> = values.iter().map(value).collect::<Result<_, _>>()?;
            call(name, &values)?
        }
    })
}

fn pair(sign: &str, left: Value, right: &Value) -> Result<Value, Fault> {
    Ok(match sign {
        "=" => Value::Truth(same(&left, right)),
        "!=" => Value::Truth(!same(&left, right)),
        "<" => Value::Truth(left.number()? < right.number()?),
        "<=" => Value::Truth(left.number()? <= right.number()?),
        ">" => Value::Truth(left.number()? > right.number()?),
        ">=" => Value::Truth(left.number()? >= right.number()?),
        "&" => {
            let joined = left.text() + &right.clone().text();
            Value::Text(joined.chars().take(VALUE_CHARS_MAX).collect())
        }
        _ => {
            let (left, right) = (left.number()?, right.number()?);
            let result = match sign {
                "+" => left.plus(right),
                "-" => left.minus(right),
                "*" => left.times(right),
                "/" => left.over(right),
                _ => left.rest(right),
            };
            Value::Number(result.ok_or(Fault::NoResult)?)
        }
    })
}

/// Two texts are the same letter by letter, so that `007` stays apart from `7`; where one side is a
/// number, both are numbers.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), other) | (other, Value::Number(_)) => {
            let numbers = (left.number(), right.number());
            !matches!(other, Value::Truth(_)) && numbers.0.is_ok() && numbers.0 == numbers.1
        }
        _ => left.clone().text() == right.clone().text(),
    }
}

fn call(name: &str, values: &[Value]) -> Result<Value, Fault> {
    let text = |at: usize| values[at].clone().text();
    let number = |at: usize| values[at].number();
    let part =
        |from: usize, count: usize| Value::Text(text(0).chars().skip(from).take(count).collect());
    let result = match name {
        "len" => Number::whole(text(0).chars().count()),
        "left" => return Ok(part(0, values[1].count()?)),
        "right" => {
            let (all, count) = (text(0).chars().count(), values[1].count()?);
            return Ok(part(all.saturating_sub(count), count));
        }
        // The first character has the place 1.
        "mid" => return Ok(part(values[1].count()?.saturating_sub(1), values[2].count()?)),
        "contains" => return Ok(Value::Truth(text(0).contains(&text(1)))),
        "starts" => return Ok(Value::Truth(text(0).starts_with(&text(1)))),
        "round" => number(0)?.round(number(1)?),
        "floor" => number(0)?.floor(),
        "abs" => {
            let number = number(0)?;
            Some(number.max(number.negated()))
        }
        "min" => Some(number(0)?.min(number(1)?)),
        _ => Some(number(0)?.max(number(1)?)),
    };
    result.map(Value::Number).ok_or(Fault::NoResult)
}
