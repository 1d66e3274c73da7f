//! What an expression comes to, once or for each of several rows: who is to be scored differs in some
//! of the names, and what is the same for all of them is computed once. A value of a variable is a
//! text; where arithmetic or an order needs a number it is read as one, and what is none is a fault.

use super::super::VALUE_CHARS_MAX;
use super::super::number::Number;
use super::super::template::Variables;
use super::{Expression, Node};
use std::borrow::Cow;

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

type Cell = Result<Value, Fault>;

/// What a part of an expression comes to for all rows.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    /// The same for every row.
    Same(Cell),
    /// One for each row.
    Each(Vec<Cell>),
}

/// Where an expression finds what it names, with as many rows in each column that has several.
pub(crate) trait Names {
    /// The values of a name.
    fn value(&self, name: &str) -> Column;
    /// What the function `skill` says of this name.
    fn skill(&self, name: &str) -> Column;
}

/// Flows know no agents: the function is not read there.
impl Names for Variables {
    fn value(&self, name: &str) -> Column {
        Column::from(Value::Text(self.get(name).to_owned()))
    }

    fn skill(&self, _: &str) -> Column {
        Column::from(Value::Text(String::new()))
    }
}

impl Expression {
    /// The value as a text: a number without zeros at its end, `true` or `false`, or the text.
    ///
    /// # Errors
    /// Why there is none.
    pub fn value(&self, variables: &Variables) -> Result<String, Fault> {
        evaluate(&self.0, variables).first().map(Value::text)
    }

    /// The value of each of so many rows as a number, or why there is none.
    pub(crate) fn numbers(&self, names: &impl Names, rows: usize) -> Vec<Result<Number, Fault>> {
        let number = |cell: &Cell| cell.as_ref().map_err(|fault| *fault)?.number();
        match evaluate(&self.0, names) {
            Column::Same(cell) => vec![number(&cell); rows],
            Column::Each(cells) => cells.iter().map(number).collect(),
        }
    }
}

impl Value {
    fn text(self) -> String {
        match self {
            Value::Text(text) => text,
            other => other.told().into_owned(),
        }
    }

    fn told(&self) -> Cow<'_, str> {
        match self {
            Value::Number(number) => Cow::Owned(number.to_string()),
            Value::Text(text) => Cow::Borrowed(text),
            Value::Truth(true) => Cow::Borrowed("true"),
            Value::Truth(false) => Cow::Borrowed("false"),
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

impl From<Value> for Column {
    fn from(value: Value) -> Self {
        Column::Same(Ok(value))
    }
}

impl Column {
    fn first(self) -> Cell {
        match self {
            Column::Same(cell) => cell,
            Column::Each(mut cells) => cells.swap_remove(0),
        }
    }

    fn at(&self, row: usize) -> &Cell {
        match self {
            Column::Same(cell) => cell,
            Column::Each(cells) => &cells[row],
        }
    }

    /// Of each value another one.
    fn map(self, of: impl Fn(&Value) -> Cell) -> Column {
        let of = |cell: Cell| of(&cell?);
        match self {
            Column::Same(cell) => Column::Same(of(cell)),
            Column::Each(cells) => Column::Each(cells.into_iter().map(of).collect()),
        }
    }

    /// One value of every two; a fault on the left comes first.
    fn with(self, right: &Column, of: impl Fn(&Value, &Value) -> Cell) -> Column {
        let fault = |fault: &Fault| *fault;
        let of = |left: &Cell, right: &Cell| {
            of(left.as_ref().map_err(fault)?, right.as_ref().map_err(fault)?)
        };
        match (self, right) {
            (Column::Same(left), Column::Same(right)) => Column::Same(of(&left, right)),
            (Column::Same(left), Column::Each(right)) => {
                Column::Each(right.iter().map(|right| of(&left, right)).collect())
            }
            (Column::Each(mut left), right) => {
                for (row, cell) in left.iter_mut().enumerate() {
                    *cell = of(cell, right.at(row));
                }
                Column::Each(left)
            }
        }
    }
}

fn evaluate(node: &Node, names: &impl Names) -> Column {
    let value = |node: &Node| evaluate(node, names);
    match node {
        Node::Number(number) => Value::Number(*number).into(),
        Node::Text(text) => Value::Text(text.clone()).into(),
        Node::Truth(truth) => Value::Truth(*truth).into(),
        Node::Variable(name) => names.value(name),
        Node::Not(inner) => value(inner).map(|value| Ok(Value::Truth(!value.truth()?))),
        Node::Negated(inner) => {
            value(inner).map(|value| Ok(Value::Number(value.number()?.negated())))
        }
        // The right side counts only where the left one leaves it open.
        Node::Pair("and", both) => {
            choose(&value(&both.0), || truth(value(&both.1)), || Value::Truth(false).into())
        }
        Node::Pair("or", both) => {
            choose(&value(&both.0), || Value::Truth(true).into(), || truth(value(&both.1)))
        }
        Node::Pair(sign, both) => pair(sign, value(&both.0), &value(&both.1)),
        Node::Call("if", values) => {
            choose(&value(&values[0]), || value(&values[1]), || value(&values[2]))
        }
        // Whoever reads an expression for agents has seen to it that a name stands there.
        Node::Call("skill", values) => match values.as_slice() {
            [Node::Text(name)] => names.skill(name),
            _ => Column::Same(Err(Fault::NoNumber)),
        },
        Node::Call(name, values) => match values.as_slice() {
            [only] => one(name, value(only)),
            [first, second] => two(name, value(first), &value(second)),
            [text, from, count, ..] => part(&value(text), &value(from), &value(count)),
            [] => Column::Same(Err(Fault::NoResult)),
        },
    }
}

/// A truth of every value.
fn truth(column: Column) -> Column {
    column.map(|value| Ok(Value::Truth(value.truth()?)))
}

/// The one where `whether` is true and the other where it is not. What no row needs is not computed.
fn choose(whether: &Column, yes: impl FnOnce() -> Column, no: impl FnOnce() -> Column) -> Column {
    let is = |cell: &Cell| cell.as_ref().map_err(|fault| *fault)?.truth();
    let cells = match whether {
        Column::Same(cell) => {
            return match is(cell) {
                Ok(true) => yes(),
                Ok(false) => no(),
                Err(fault) => Column::Same(Err(fault)),
            };
        }
        Column::Each(cells) => cells,
    };
    let (yes, no) = (yes(), no());
    let chosen = cells.iter().enumerate().map(|(row, cell)| match is(cell)? {
        true => yes.at(row).clone(),
        false => no.at(row).clone(),
    });
    Column::Each(chosen.collect())
}

/// What stands between two values. Each sign has a loop of its own.
fn pair(sign: &str, left: Column, right: &Column) -> Column {
    match sign {
        "=" => left.with(right, |left, right| Ok(Value::Truth(same(left, right)))),
        "!=" => left.with(right, |left, right| Ok(Value::Truth(!same(left, right)))),
        "<" => left.with(right, |left, right| Ok(Value::Truth(left.number()? < right.number()?))),
        "<=" => left.with(right, |left, right| Ok(Value::Truth(left.number()? <= right.number()?))),
        ">" => left.with(right, |left, right| Ok(Value::Truth(left.number()? > right.number()?))),
        ">=" => left.with(right, |left, right| Ok(Value::Truth(left.number()? >= right.number()?))),
        "&" => left.with(right, |left, right| {
            let (left, right) = (left.told(), right.told());
            let joined = left.chars().chain(right.chars());
            Ok(Value::Text(joined.take(VALUE_CHARS_MAX).collect()))
        }),
        "+" => left.with(right, |left, right| result(left.number()?.plus(right.number()?))),
        "-" => left.with(right, |left, right| result(left.number()?.minus(right.number()?))),
        "*" => left.with(right, |left, right| result(left.number()?.times(right.number()?))),
        "/" => left.with(right, |left, right| result(left.number()?.over(right.number()?))),
        _ => left.with(right, |left, right| result(left.number()?.rest(right.number()?))),
    }
}

/// Two texts are the same letter by letter, so that `007` stays apart from `7`; where one side is a
/// number, both are numbers.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), other) | (other, Value::Number(_)) => {
            let numbers = (left.number(), right.number());
            !matches!(other, Value::Truth(_)) && numbers.0.is_ok() && numbers.0 == numbers.1
        }
        _ => left.told() == right.told(),
    }
}

fn result(number: Option<Number>) -> Cell {
    number.map(Value::Number).ok_or(Fault::NoResult)
}

fn characters(value: &Value, from: usize, count: usize) -> Cell {
    Ok(Value::Text(value.told().chars().skip(from).take(count).collect()))
}

/// A function of one value.
fn one(name: &str, values: Column) -> Column {
    match name {
        "len" => values.map(|value| result(Number::whole(value.told().chars().count()))),
        "floor" => values.map(|value| result(value.number()?.floor())),
        _ => values.map(|value| {
            let number = value.number()?;
            Ok(Value::Number(number.max(number.negated())))
        }),
    }
}

/// A function of two values.
fn two(name: &str, first: Column, second: &Column) -> Column {
    match name {
        "left" => first.with(second, |text, count| characters(text, 0, count.count()?)),
        "right" => first.with(second, |text, count| {
            let (all, count) = (text.told().chars().count(), count.count()?);
            characters(text, all.saturating_sub(count), count)
        }),
        "contains" => first.with(second, |text, part| {
            Ok(Value::Truth(text.told().contains(part.told().as_ref())))
        }),
        "starts" => first.with(second, |text, part| {
            Ok(Value::Truth(text.told().starts_with(part.told().as_ref())))
        }),
        "round" => {
            first.with(second, |number, places| result(number.number()?.round(places.number()?)))
        }
        "min" => {
            first.with(second, |left, right| Ok(Value::Number(left.number()?.min(right.number()?))))
        }
        _ => {
            first.with(second, |left, right| Ok(Value::Number(left.number()?.max(right.number()?))))
        }
    }
}

/// `mid`: the first character has the place 1.
fn part(text: &Column, from: &Column, count: &Column) -> Column {
    let of = |row: usize| {
        let value = |column: &Column| column.at(row).clone();
        let (text, from, count) = (value(text)?, value(from)?, value(count)?);
        characters(&text, from.count()?.saturating_sub(1), count.count()?)
    };
    let rows = [text, from, count].into_iter().find_map(|column| match column {
        Column::Each(cells) => Some(cells.len()),
        Column::Same(_) => None,
    });
    rows.map_or_else(|| Column::Same(of(0)), |rows| Column::Each((0..rows).map(of).collect()))
}
