//! Tokens to commands.
//!
//! Recursion follows the nesting of the text, which is bounded; so is the depth of what is made, and whoever walks
//! it needs no bound of its own.

use std::collections::{HashMap, HashSet};

use super::lexer::{Token, wrong};
use super::tree::{Action, Command, Expression, Notation, Operator, Relation, Term, Times, Variable};
use super::value::Value;
use super::{Malformed, Place, Specification};

/// Deepest nesting of parentheses, brackets and blocks together.
const NESTING_MAX: usize = 64;

/// Deepest expression; a chain of operators is as deep as it is long.
const DEPTH_MAX: u16 = 256;

/// Makes a specification of the tokens, which end with [`Token::End`].
pub(super) fn parse(tokens: Vec<(Token, Place)>) -> Result<Specification, Malformed> {
    let mut parser = Parser {
        tokens,
        at: 0,
        nesting: 0,
        numbers: HashMap::new(),
        names: Vec::new(),
        given: HashSet::new(),
        first_use: Vec::new(),
    };
    let commands = parser.commands()?;
    if *parser.peek() != Token::End {
        return Err(parser.unexpected("a command"));
    }
    let never = (0..parser.names.len()).filter(|number| !parser.given.contains(number));
    if let Some((at, name)) = never.map(|n| (parser.first_use[n], &parser.names[n])).min() {
        return Err(wrong(at, format!("`{name}` is used here and given a value nowhere")));
    }
    Ok(Specification { commands, names: parser.names })
}

struct Parser {
    tokens: Vec<(Token, Place)>,
    at: usize,
    nesting: usize,
    numbers: HashMap<String, usize>,
    names: Vec<String>,
    /// Variables that some command gives a value.
    given: HashSet<usize>,
    first_use: Vec<Place>,
}

type Parsed<T> = Result<T, Malformed>;

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)].0
    }

    fn place(&self) -> Place {
        self.tokens[self.at.min(self.tokens.len() - 1)].1
    }

    fn unexpected(&self, wanted: &str) -> Malformed {
        wrong(self.place(), format!("{wanted} is needed here, not {}", self.peek().told()))
    }

    /// Takes the sign when it is next.
    fn sign(&mut self, sign: &str) -> bool {
        let next = matches!(self.peek(), Token::Sign(s) if *s == sign);
        self.at += usize::from(next);
        next
    }

    fn need(&mut self, sign: &str) -> Parsed<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn word(&mut self, word: &str) -> bool {
        let next = matches!(self.peek(), Token::Word(w) if w == word);
        self.at += usize::from(next);
        next
    }

    /// One level deeper for as long as `inside` takes.
    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == NESTING_MAX {
            let message = format!("this is nested deeper than {NESTING_MAX} levels");
            return Err(wrong(self.place(), message));
        }
        self.nesting += 1;
        let done = inside(self);
        self.nesting -= 1;
        done
    }

    /// Up to a token that begins no command, which the caller looks at.
    fn commands(&mut self) -> Parsed<Vec<Command>> {
        let mut all = Vec::new();
        loop {
            match self.peek() {
                Token::Word(word) if word != "END" && word != "ELSE" => all.push(self.command()?),
                _ => return Ok(all),
            }
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let at = self.place();
        let Token::Word(word) = self.peek().clone() else { return Err(self.unexpected("a command")) };
        self.at += 1;
        let what = match word.as_str() {
            "SPACE" => Action::Space,
            "NEWLINE" => Action::Newline,
            "EOF" => Action::End,
            "REP" | "REPI" | "WHILE" | "WHILEI" => self.deeper(|it| it.repeat(&word))?,
            "IF" => self.deeper(Self::branch)?,
            _ => {
                let known =
                    ["INT", "FLOAT", "FLOATP", "STRING", "REGEX", "ASSERT", "SET", "UNSET"].contains(&&*word);
                if !known {
                    self.at -= 1;
                    return Err(self.unexpected("a command"));
                }
                self.need("(")?;
                let what = self.deeper(|it| it.simple(&word))?;
                self.need(")")?;
                what
            }
        };
        Ok(Command { at, what })
    }

    /// What stands in the parentheses of a command without a block.
    fn simple(&mut self, word: &str) -> Parsed<Action> {
        Ok(match word {
            "INT" => {
                let range = self.range()?;
                Action::Int { range, into: self.into()? }
            }
            "FLOAT" | "FLOATP" => {
                let range = self.range()?;
                let decimals = if word == "FLOATP" {
                    self.need(",")?;
                    Some(self.range()?)
                } else {
                    None
                };
                let into = self.into()?;
                let as_is = if into.is_some() && self.sign(",") { self.notation()? } else { Notation::Any };
                Action::Float { range, decimals, into, as_is }
            }
            "STRING" => Action::Text(self.expression()?),
            "REGEX" => {
                let expression = self.expression()?;
                Action::Regex(expression, self.into()?)
            }
            "ASSERT" => Action::Assert(self.expression()?),
            "SET" => {
                let mut all = Vec::new();
                loop {
                    let variable = self.given()?;
                    self.need("=")?;
                    all.push((variable, self.expression()?));
                    if !self.sign(",") {
                        break Action::Set(all);
                    }
                }
            }
            _ => Action::Unset(self.names()?),
        })
    }

    fn range(&mut self) -> Parsed<[Expression; 2]> {
        let least = self.expression()?;
        self.need(",")?;
        Ok([least, self.expression()?])
    }

    /// The variable into which something is read, after a comma.
    fn into(&mut self) -> Parsed<Option<Variable>> {
        if self.sign(",") { self.given().map(Some) } else { Ok(None) }
    }

    fn notation(&mut self) -> Parsed<Notation> {
        if self.word("FIXED") {
            Ok(Notation::Fixed)
        } else if self.word("SCIENTIFIC") {
            Ok(Notation::Scientific)
        } else {
            Err(self.unexpected("FIXED or SCIENTIFIC"))
        }
    }

    fn repeat(&mut self, word: &str) -> Parsed<Action> {
        self.need("(")?;
        let counter = if word.ends_with('I') {
            let counter = self.given()?;
            self.need(",")?;
            Some(counter)
        } else {
            None
        };
        let bound = self.expression()?;
        let times = if word.starts_with("REP") { Times::Count(bound) } else { Times::While(bound) };
        let separator = if self.sign(",") { Some(Box::new(self.command()?)) } else { None };
        self.need(")")?;
        let body = self.commands()?;
        self.end()?;
        Ok(Action::Repeat { counter, times, separator, body })
    }

    fn branch(&mut self) -> Parsed<Action> {
        self.need("(")?;
        let test = self.expression()?;
        self.need(")")?;
        let then = self.commands()?;
        let otherwise = if self.word("ELSE") { self.commands()? } else { Vec::new() };
        self.end()?;
        Ok(Action::If { test, then, otherwise })
    }

    fn end(&mut self) -> Parsed<()> {
        if self.word("END") { Ok(()) } else { Err(self.unexpected("a command or END")) }
    }

    fn name(&mut self) -> Parsed<usize> {
        let at = self.place();
        let Token::Name(name) = self.peek().clone() else { return Err(self.unexpected("a variable")) };
        self.at += 1;
        let next = self.names.len();
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.names.push(name);
            self.first_use.push(at);
        }
        Ok(number)
    }

    fn names(&mut self) -> Parsed<Vec<usize>> {
        let mut all = vec![self.name()?];
        while self.sign(",") {
            all.push(self.name()?);
        }
        Ok(all)
    }

    fn variable(&mut self) -> Parsed<Variable> {
        let number = self.name()?;
        let mut indices = Vec::new();
        if self.sign("[") {
            self.deeper(|it| {
                loop {
                    indices.push(it.expression()?);
                    if !it.sign(",") {
                        return it.need("]");
                    }
                }
            })?;
        }
        Ok(Variable { number, indices })
    }

    /// A variable that gets a value.
    fn given(&mut self) -> Parsed<Variable> {
        let variable = self.variable()?;
        self.given.insert(variable.number);
        Ok(variable)
    }

    fn expression(&mut self) -> Parsed<Expression> {
        let mut left = self.conjunction()?;
        while matches!(self.peek(), Token::Sign("||")) {
            left = self.two(left, Self::conjunction, Term::Or)?;
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Parsed<Expression> {
        let mut left = self.denial()?;
        while matches!(self.peek(), Token::Sign("&&")) {
            left = self.two(left, Self::denial, Term::And)?;
        }
        Ok(left)
    }

    fn denial(&mut self) -> Parsed<Expression> {
        let at = self.place();
        if self.sign("!") {
            let inner = self.deeper(Self::denial)?;
            return node(at, inner.depth, Term::Not(Box::new(inner)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed<Expression> {
        let left = self.sum()?;
        let Token::Sign(sign) = self.peek() else { return Ok(left) };
        let relation = match *sign {
            "<" => Relation::Less,
            "<=" => Relation::LessOrEqual,
            ">" => Relation::Greater,
            ">=" => Relation::GreaterOrEqual,
            "==" => Relation::Equal,
            "!=" => Relation::Different,
            _ => return Ok(left),
        };
        self.two(left, Self::sum, |both| Term::Compared(relation, both))
    }

    fn sum(&mut self) -> Parsed<Expression> {
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                Token::Sign("+") => Operator::Plus,
                Token::Sign("-") => Operator::Minus,
                _ => return Ok(left),
            };
            left = self.two(left, Self::product, |both| Term::Computed(operator, both))?;
        }
    }

    fn product(&mut self) -> Parsed<Expression> {
        let mut left = self.negation()?;
        loop {
            let operator = match self.peek() {
                Token::Sign("*") => Operator::Times,
                Token::Sign("/") => Operator::Over,
                Token::Sign("%") => Operator::Rest,
                _ => return Ok(left),
            };
            left = self.two(left, Self::negation, |both| Term::Computed(operator, both))?;
        }
    }

    fn negation(&mut self) -> Parsed<Expression> {
        let at = self.place();
        if self.sign("-") {
            let inner = self.deeper(Self::negation)?;
            return node(at, inner.depth, Term::Negated(Box::new(inner)));
        }
        let mut left = self.atom()?;
        while matches!(self.peek(), Token::Sign("^")) {
            left = self.two(left, Self::exponent, |both| Term::Computed(Operator::Power, both))?;
        }
        Ok(left)
    }

    /// A sign there is of the exponent alone.
    fn exponent(&mut self) -> Parsed<Expression> {
        if matches!(self.peek(), Token::Sign("-")) { self.negation() } else { self.atom() }
    }

    /// Over the operator, and what stands right of it.
    fn two(
        &mut self,
        left: Expression,
        right: impl FnOnce(&mut Self) -> Parsed<Expression>,
        term: impl FnOnce(Box<[Expression; 2]>) -> Term,
    ) -> Parsed<Expression> {
        let at = self.place();
        self.at += 1;
        let right = right(self)?;
        let depth = left.depth.max(right.depth);
        node(at, depth, term(Box::new([left, right])))
    }

    fn atom(&mut self) -> Parsed<Expression> {
        let at = self.place();
        let literal = match self.peek() {
            Token::Int(n) => Value::Int(n.clone()),
            Token::Float(n) => Value::Float(n.clone()),
            Token::Text(text) => Value::Text(text.clone()),
            Token::Name(_) => {
                let variable = self.variable()?;
                let depth = variable.indices.iter().map(|i| i.depth).max().unwrap_or_default();
                return node(at, depth, Term::Variable(variable));
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.deeper(Self::expression)?;
                self.need(")")?;
                return Ok(inner);
            }
            Token::Word(_) => return self.function(),
            _ => return Err(self.unexpected("a value")),
        };
        self.at += 1;
        node(at, 0, Term::Literal(literal))
    }

    fn function(&mut self) -> Parsed<Expression> {
        let at = self.place();
        if self.word("ISEOF") {
            return node(at, 0, Term::AtEnd);
        }
        let word = ["STRLEN", "MATCH", "UNIQUE", "INARRAY"].into_iter().find(|word| self.word(word));
        let Some(word) = word else { return Err(self.unexpected("a value or a test")) };
        self.need("(")?;
        if word == "UNIQUE" {
            let names = self.names()?;
            self.need(")")?;
            return node(at, 0, Term::Unique(names));
        }
        let inner = self.deeper(Self::expression)?;
        let depth = inner.depth;
        let inner = Box::new(inner);
        let term = match word {
            "STRLEN" => Term::Length(inner),
            "MATCH" => Term::Match(inner),
            _ => {
                self.need(",")?;
                Term::InArray(inner, self.name()?)
            }
        };
        self.need(")")?;
        node(at, depth, term)
    }
}

fn node(at: Place, below: u16, what: Term) -> Parsed<Expression> {
    if below >= DEPTH_MAX {
        return Err(wrong(at, format!("this expression is deeper than {DEPTH_MAX} operators")));
    }
    Ok(Expression { at, what, depth: below + 1 })
}
