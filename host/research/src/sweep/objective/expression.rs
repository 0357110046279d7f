//! Expressions over figures: numbers, names, `+ - * /`, parentheses, and `min`, `max` and `abs`.

use anyhow::{bail, ensure};

/// Most characters of an expression.
const LENGTH_MAX: usize = 1_000;
/// Deepest nesting.
const DEPTH_MAX: u32 = 32;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Name(String),
    Negative(Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>),
    Absolute(Box<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Least,
    Most,
}

impl Expression {
    /// Parses a text.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        ensure!(text.len() <= LENGTH_MAX, "the expression has {} bytes, expected at most {LENGTH_MAX}", text.len());
        let mut parser = Parser { text, at: 0, depth: 0 };
        let parsed = parser.sum()?;
        match parser.peek() {
            None => Ok(parsed),
            Some(found) => bail!("`{found}` at character {}, expected an operator or the end", parser.column()),
        }
    }

    /// Returns the names that it uses.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Name(name) => vec![name],
            Self::Negative(inner) | Self::Absolute(inner) => inner.names(),
            Self::Binary(_, left, right) => [left.names(), right.names()].concat(),
        }
    }

    /// Returns its value; `None` if a figure has none, or the result is not a number.
    #[allow(clippy::float_arithmetic, reason = "a score, not an amount")]
    pub(super) fn value(&self, figure: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
        let value = match self {
            Self::Number(number) => *number,
            Self::Name(name) => figure(name)?,
            Self::Negative(inner) => -inner.value(figure)?,
            Self::Absolute(inner) => inner.value(figure)?.abs(),
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.value(figure)?, right.value(figure)?);
                match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide => left / right,
                    Operator::Least => left.min(right),
                    Operator::Most => left.max(right),
                }
            }
        };
        value.is_finite().then_some(value)
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Returns the next character after spaces.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at = self.at.saturating_add(rest.len().saturating_sub(rest.trim_start().len()));
        self.rest().chars().next()
    }

    /// Takes the next character if it is this one.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at = self.at.saturating_add(wanted.len_utf8());
        }
        found
    }

    fn column(&self) -> usize {
        self.text.get(..self.at).map_or(0, |before| before.chars().count()).saturating_add(1)
    }

    fn expect(&mut self, wanted: char) -> anyhow::Result<()> {
        if self.take(wanted) {
            return Ok(());
        }
        let found = self.peek().map_or_else(|| "the end".to_owned(), |found| format!("`{found}`"));
        bail!("{found} at character {}, expected `{wanted}`", self.column())
    }

    fn sum(&mut self) -> anyhow::Result<Expression> {
        self.depth = self.depth.saturating_add(1);
        ensure!(self.depth <= DEPTH_MAX, "nested deeper than {DEPTH_MAX} levels at character {}", self.column());
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                Some('+') => Operator::Add,
                Some('-') => Operator::Subtract,
                _ => break,
            };
            self.at = self.at.saturating_add(1);
            left = Expression::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(left)
    }

    fn product(&mut self) -> anyhow::Result<Expression> {
        let mut left = self.factor()?;
        loop {
            let operator = match self.peek() {
                Some('*') => Operator::Multiply,
                Some('/') => Operator::Divide,
                _ => return Ok(left),
            };
            self.at = self.at.saturating_add(1);
            left = Expression::Binary(operator, Box::new(left), Box::new(self.factor()?));
        }
    }

    fn factor(&mut self) -> anyhow::Result<Expression> {
        let mut negative = false;
        while self.take('-') {
            negative = !negative;
        }
        let inner = self.operand()?;
        Ok(if negative { Expression::Negative(Box::new(inner)) } else { inner })
    }

    fn operand(&mut self) -> anyhow::Result<Expression> {
        match self.peek() {
            Some('(') => {
                self.expect('(')?;
                let inner = self.sum()?;
                self.expect(')')?;
                Ok(inner)
            }
            Some(digit) if digit.is_ascii_digit() => self.number(),
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => self.name(),
            other => {
                let found = other.map_or_else(|| "the end".to_owned(), |found| format!("`{found}`"));
                bail!("{found} at character {}, expected a number, a figure or `(`", self.column())
            }
        }
    }

    fn word(&mut self, of_word: fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|character| !of_word(character)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(length);
        rest.get(..length).unwrap_or_default()
    }

    fn number(&mut self) -> anyhow::Result<Expression> {
        let column = self.column();
        let word = self.word(|character| character.is_ascii_digit() || character == '.');
        match word.parse() {
            Ok(number) => Ok(Expression::Number(number)),
            Err(_) => bail!("`{word}` at character {column}, expected a number such as 0.5"),
        }
    }

    fn name(&mut self) -> anyhow::Result<Expression> {
        let word = self.word(|character| character.is_ascii_alphanumeric() || character == '_');
        let operator = match word {
            "min" => Some(Operator::Least),
            "max" => Some(Operator::Most),
            "abs" => None,
            _ => return Ok(Expression::Name(word.to_owned())),
        };
        self.expect('(')?;
        let first = Box::new(self.sum()?);
        let call = match operator {
            None => Expression::Absolute(first),
            Some(operator) => {
                self.expect(',')?;
                Expression::Binary(operator, first, Box::new(self.sum()?))
            }
        };
        self.expect(')')?;
        Ok(call)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_arithmetic, reason = "test code may fail loudly")]

    use super::*;

    fn value(text: &str) -> Option<f64> {
        let figure = |name: &str| match name {
            "two" => Some(2.0),
            "none" => None,
            _ => Some(10.0),
        };
        Expression::parse(text).unwrap().value(&figure)
    }

    #[test]
    fn operators_have_their_usual_precedence() {
        for (text, expected) in [
            ("1 + 2 * 3", Some(7.0)),
            ("(1 + 2) * 3", Some(9.0)),
            ("8 - 4 - 2", Some(2.0)),
            ("8 / 4 / 2", Some(1.0)),
            ("-two * -3", Some(6.0)),
            ("min(two, ten) + max(1, abs(-5))", Some(7.0)),
            ("two / (two - 2)", None),
            ("none + 1", None),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        let deep = "(".repeat(40);
        for (text, expected) in [
            ("", "the end at character 1, expected a number, a figure or `(`"),
            ("1 +", "the end at character 4, expected a number, a figure or `(`"),
            ("(1", "the end at character 3, expected `)`"),
            ("1 2", "`2` at character 3, expected an operator or the end"),
            ("1.2.3", "`1.2.3` at character 1, expected a number such as 0.5"),
            ("min(1)", "`)` at character 6, expected `,`"),
            ("ä", "`ä` at character 1, expected a number, a figure or `(`"),
            (deep.as_str(), "nested deeper than 32 levels at character 33"),
        ] {
            assert_eq!(Expression::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        let long = "1+".repeat(600);
        assert_eq!(
            Expression::parse(&long).unwrap_err().to_string(),
            "the expression has 1200 bytes, expected at most 1000"
        );
    }
}
