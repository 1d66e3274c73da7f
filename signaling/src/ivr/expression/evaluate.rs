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
    /// One for each row, numbers all of them: most are, and so they are computed in a fraction of the
    /// time.
    Numbers(Vec<Number>),
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
            Column::Numbers(numbers) => numbers.into_iter().map(Ok).collect(),
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
            Column::Numbers(mut numbers) => Ok(Value::Number(numbers.swap_remove(0))),
        }
    }

    fn at(&self, row: usize) -> Cow<'_, Cell> {
        match self {
            Column::Same(cell) => Cow::Borrowed(cell),
            Column::Each(cells) => Cow::Borrowed(&cells[row]),
            Column::Numbers(numbers) => Cow::Owned(Ok(Value::Number(numbers[row]))),
        }
    }

    /// How many rows differ; none where all are the same.
    fn rows(&self) -> Option<usize> {
        match self {
            Column::Same(_) => None,
            Column::Each(cells) => Some(cells.len()),
            Column::Numbers(numbers) => Some(numbers.len()),
        }
    }

    /// The number that it is for every row.
    fn number(&self) -> Option<Number> {
        match self {
            Column::Same(cell) => cell.as_ref().ok()?.number().ok(),
            Column::Each(_) | Column::Numbers(_) => None,
        }
    }

    /// Cells as numbers, where all of them are.
    fn packed(cells: Vec<Cell>) -> Column {
        let number = |cell: &Cell| match cell {
            Ok(Value::Number(number)) => Some(*number),
            Ok(Value::Text(_) | Value::Truth(_)) | Err(_) => None,
        };
        let mut numbers = Vec::with_capacity(cells.len());
        numbers.extend(cells.iter().map_while(number));
        if numbers.len() == cells.len() { Column::Numbers(numbers) } else { Column::Each(cells) }
    }

    /// Of each value another one.
    fn map(self, of: impl Fn(&Value) -> Cell) -> Column {
        let of = |cell: Cell| of(&cell?);
        match self {
            Column::Same(cell) => Column::Same(of(cell)),
            Column::Each(cells) => Column::Each(cells.into_iter().map(of).collect()),
            Column::Numbers(numbers) => {
                let cells = numbers.into_iter().map(|number| of(Ok(Value::Number(number))));
                Column::Each(cells.collect())
            }
        }
    }

    /// Of each number another one.
    fn compute(self, of: impl Fn(Number) -> Option<Number>) -> Column {
        match self {
            Column::Numbers(numbers) => computed(numbers, |_, number| of(number)),
            other => other.map(|value| result(of(value.number()?))),
        }
    }

    /// One value of every two; a fault on the left comes first.
    fn with(self, right: &Column, of: impl Fn(&Value, &Value) -> Cell) -> Column {
        let fault = |fault: &Fault| *fault;
        let of = |left: &Cell, right: &Cell| {
            of(left.as_ref().map_err(fault)?, right.as_ref().map_err(fault)?)
        };
        match (self, right.rows()) {
            (Column::Same(left), None) => Column::Same(of(&left, &right.at(0))),
            (Column::Same(left), Some(rows)) => {
                Column::Each((0..rows).map(|row| of(&left, &right.at(row))).collect())
            }
            (Column::Each(mut left), _) => {
                for (row, cell) in left.iter_mut().enumerate() {
                    *cell = of(cell, &right.at(row));
                }
                Column::Each(left)
            }
            (Column::Numbers(left), _) => {
                let left = left.into_iter().map(|number| Ok(Value::Number(number))).enumerate();
                Column::Each(left.map(|(row, left)| of(&left, &right.at(row))).collect())
            }
        }
    }

    /// One number of every two; a fault on the left comes first.
    fn compute_with(self, right: &Column, of: impl Fn(Number, Number) -> Option<Number>) -> Column {
        let same = (self.number(), right.number());
        match (self, right, same) {
            (Column::Numbers(left), Column::Numbers(right), _) => {
                computed(left, |row, left| of(left, right[row]))
            }
            (Column::Numbers(left), _, (_, Some(right))) => {
                computed(left, |_, left| of(left, right))
            }
            (_, Column::Numbers(right), (Some(left), _)) => {
                computed(right.clone(), |_, right| of(left, right))
            }
            (left, right, _) => {
                left.with(right, |left, right| result(of(left.number()?, right.number()?)))
            }
        }
    }
}

/// What `of` makes of each number, by its row. Where it makes nothing of one, cells can hold it.
fn computed(mut numbers: Vec<Number>, of: impl Fn(usize, Number) -> Option<Number>) -> Column {
    let failed = numbers.iter_mut().enumerate().find_map(|(row, number)| {
        let Some(computed) = of(row, *number) else { return Some(row) };
        *number = computed;
        None
    });
    let Some(failed) = failed else { return Column::Numbers(numbers) };
    let cells = numbers.into_iter().enumerate().map(|(row, number)| {
        // Those before it are computed already.
        if row < failed { Ok(Value::Number(number)) } else { result(of(row, number)) }
    });
    Column::Each(cells.collect())
}

fn evaluate(node: &Node, names: &impl Names) -> Column {
    let value = |node: &Node| evaluate(node, names);
    match node {
        Node::Number(number) => Value::Number(*number).into(),
        Node::Text(text) => Value::Text(text.clone()).into(),
        Node::Truth(truth) => Value::Truth(*truth).into(),
        Node::Variable(name) => names.value(name),
        Node::Not(inner) => value(inner).map(|value| Ok(Value::Truth(!value.truth()?))),
        Node::Negated(inner) => value(inner).compute(|number| Some(number.negated())),
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
    let Some(rows) = whether.rows() else {
        return match is(&whether.at(0)) {
            Ok(true) => yes(),
            Ok(false) => no(),
            Err(fault) => Column::Same(Err(fault)),
        };
    };
    let (yes, no) = (yes(), no());
    let chosen = (0..rows).map(|row| match is(&whether.at(row))? {
        true => yes.at(row).into_owned(),
        false => no.at(row).into_owned(),
    });
    Column::packed(chosen.collect())
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
        "+" => left.compute_with(right, Number::plus),
        "-" => left.compute_with(right, Number::minus),
        "*" => left.compute_with(right, Number::times),
        "/" => left.compute_with(right, Number::over),
        _ => left.compute_with(right, Number::rest),
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
        "floor" => values.compute(Number::floor),
        _ => values.compute(|number| Some(number.max(number.negated()))),
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
        "round" => first.compute_with(second, Number::round),
        "min" => first.compute_with(second, |left, right| Some(left.min(right))),
        _ => first.compute_with(second, |left, right| Some(left.max(right))),
    }
}

/// `mid`: the first character has the place 1.
fn part(text: &Column, from: &Column, count: &Column) -> Column {
    let of = |row: usize| {
        let value = |column: &Column| column.at(row).into_owned();
        let (text, from, count) = (value(text)?, value(from)?, value(count)?);
        characters(&text, from.count()?.saturating_sub(1), count.count()?)
    };
    let rows = [text, from, count].into_iter().find_map(Column::rows);
    rows.map_or_else(|| Column::Same(of(0)), |rows| Column::Each((0..rows).map(of).collect()))
}
