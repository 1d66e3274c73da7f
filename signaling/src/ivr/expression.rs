//! Expressions of `expression` steps: exact decimals, texts and comparisons over the variables of a
//! call. A small language of our own, so that what a manager writes into a flow can do nothing but
//! compute: no loops, no names besides the call's variables and the functions of [`FUNCTIONS`].
//!
//! ```text
//! or      = and { "or" and }
//! and     = not { "and" not }
//! not     = "not" not | compare
//! compare = sum [ ("=" | "!=" | "<" | "<=" | ">" | ">=") sum ]
//! sum     = product { ("+" | "-" | "&") product }        & joins texts
//! product = unary { ("*" | "/" | "%") unary }
//! unary   = "-" unary | primary
//! primary = number | 'text' | "text" | variable | function "(" or { "," or } ")" | "(" or ")"
//! ```

mod evaluate;
mod kind;
mod token;

pub use evaluate::Fault;
pub(crate) use evaluate::{Column, Names, Value};
pub(crate) use kind::Kind;

use super::number::Number;
use token::{Token, tokens};

/// Longest expression in characters.
pub const EXPRESSION_CHARS_MAX: usize = 500;
/// Parentheses, functions and signs within each other.
const DEPTH_MAX: usize = 24;

/// What can be called, and with how many values.
pub const FUNCTIONS: &[(&str, usize)] = &[
    ("len", 1),
    ("left", 2),
    ("right", 2),
    ("mid", 3),
    ("contains", 2),
    ("starts", 2),
    ("round", 2),
    ("floor", 1),
    ("abs", 1),
    ("min", 2),
    ("max", 2),
    ("if", 3),
];
/// Words that no variable can be read by.
const WORDS: &[&str] = &["and", "or", "not", "true", "false"];

/// An expression that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(Number),
    Text(String),
    Truth(bool),
    Variable(String),
    Not(Box<Node>),
    Negated(Box<Node>),
    Pair(&'static str, Box<(Node, Node)>),
    Call(&'static str, Vec<Node>),
}

/// Reads an expression.
///
/// # Errors
/// What is wrong with it and what would be right, in one sentence.
pub fn parse(text: &str) -> Result<Expression, String> {
    parse_with(text, &[])
}

/// Reads an expression that may also call the functions `more`, whose values [`Names`] has.
///
/// # Errors
/// What is wrong with it and what would be right, in one sentence.
pub(crate) fn parse_with(text: &str, more: More) -> Result<Expression, String> {
    if text.chars().count() > EXPRESSION_CHARS_MAX {
        return Err(format!("it has more than {EXPRESSION_CHARS_MAX} characters"));
    }
    let mut reader = Reader { tokens: tokens(text)?, at: 0, depth: 0, more };
    let node = reader.any()?;
    match reader.peek() {
        None => Ok(Expression(node)),
        Some(token) => Err(format!("{token} stands where it should end")),
    }
}

/// Functions of one use alone.
type More = &'static [(&'static str, usize)];

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    more: More,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// The next token, when it is one of `words`.
    fn take(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let token = self.peek()?;
        let word = words.iter().copied().find(|word| token.is(word))?;
        self.at += 1;
        Some(word)
    }

    fn need(&mut self, word: &'static str) -> Result<(), String> {
        self.take(&[word]).map(drop).ok_or_else(|| match self.peek() {
            Some(token) => format!("\"{word}\" is needed where {token} stands"),
            None => format!("\"{word}\" is missing at the end"),
        })
    }

    /// Goes one level deeper, so that no text makes us run out of stack.
    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} levels stand within each other"));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Operands of `next` with operators of `words` between them, from the left.
    fn chain(
        &mut self,
        words: &[&'static str],
        next: fn(&mut Self) -> Result<Node, String>,
    ) -> Result<Node, String> {
        let mut left = next(self)?;
        while let Some(word) = self.take(words) {
            left = Node::Pair(word, Box::new((left, next(self)?)));
        }
        Ok(left)
    }

    fn any(&mut self) -> Result<Node, String> {
        self.deeper(|reader| reader.chain(&["or"], Self::all))
    }

    fn all(&mut self) -> Result<Node, String> {
        self.chain(&["and"], Self::negation)
    }

    fn negation(&mut self) -> Result<Node, String> {
        match self.take(&["not"]) {
            Some(_) => self.deeper(|reader| Ok(Node::Not(Box::new(reader.negation()?)))),
            None => self.compare(),
        }
    }

    fn compare(&mut self) -> Result<Node, String> {
        let left = self.sum()?;
        match self.take(&["=", "!=", "<=", ">=", "<", ">"]) {
            Some(word) => Ok(Node::Pair(word, Box::new((left, self.sum()?)))),
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Node, String> {
        self.chain(&["+", "-", "&"], Self::product)
    }

    fn product(&mut self) -> Result<Node, String> {
        self.chain(&["*", "/", "%"], Self::unary)
    }

    fn unary(&mut self) -> Result<Node, String> {
        match self.take(&["-"]) {
            Some(_) => self.deeper(|reader| Ok(Node::Negated(Box::new(reader.unary()?)))),
            None => self.primary(),
        }
    }

    fn primary(&mut self) -> Result<Node, String> {
        if self.take(&["("]).is_some() {
            let inner = self.any()?;
            return self.need(")").map(|()| inner);
        }
        if let Some(word) = self.take(&["true", "false"]) {
            return Ok(Node::Truth(word == "true"));
        }
        let token = self.peek().cloned();
        let token = token.ok_or_else(|| "it ends where a value is needed".to_owned())?;
        let node = match token {
            Token::Number(number) => Node::Number(number),
            Token::Text(text) => Node::Text(text),
            Token::Name(name) if !WORDS.contains(&name.as_str()) => {
                self.at += 1;
                return match self.take(&["("]) {
                    Some(_) => self.call(&name),
                    None => Ok(Node::Variable(name)),
                };
            }
            Token::Name(_) | Token::Sign(_) => {
                return Err(format!("{token} stands where a value is needed"));
            }
        };
        self.at += 1;
        Ok(node)
    }

    /// What stands in the parentheses of a function.
    fn call(&mut self, name: &str) -> Result<Node, String> {
        let all = || FUNCTIONS.iter().chain(self.more);
        let Some(&(name, wanted)) = all().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = all().map(|(name, _)| *name).collect();
            return Err(format!("there is no function {name}; there are {}", known.join(", ")));
        };
        let mut values = vec![self.any()?];
        while self.take(&[","]).is_some() {
            values.push(self.any()?);
        }
        self.need(")")?;
        if values.len() == wanted {
            Ok(Node::Call(name, values))
        } else {
            Err(format!("{name} takes {wanted} values, not {}", values.len()))
        }
    }
}

#[cfg(test)]
mod tests;
