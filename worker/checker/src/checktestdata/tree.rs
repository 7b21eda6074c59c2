//! What a specification is made of.

use super::Place;
use super::value::Value;

/// What makes a number of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Rest,
    Power,
}

/// What makes a truth of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Different,
}

/// A variable, by number, and its indices.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) number: usize,
    pub(super) indices: Vec<Expression>,
}

/// An expression or a test.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) at: Place,
    pub(super) what: Term,
    /// Operators on its longest way down.
    pub(super) depth: u16,
}

#[derive(Debug)]
pub(super) enum Term {
    Literal(Value),
    Variable(Variable),
    Negated(Box<Expression>),
    Computed(Operator, Box<[Expression; 2]>),
    Compared(Relation, Box<[Expression; 2]>),
    Not(Box<Expression>),
    And(Box<[Expression; 2]>),
    Or(Box<[Expression; 2]>),
    Length(Box<Expression>),
    Match(Box<Expression>),
    AtEnd,
    Unique(Vec<usize>),
    InArray(Box<Expression>, usize),
}

/// How a floating point number has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    Any,
    Fixed,
    Scientific,
}

/// How often a block is repeated.
#[derive(Debug)]
pub(super) enum Times {
    Count(Expression),
    While(Expression),
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) at: Place,
    pub(super) what: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    Space,
    Newline,
    End,
    Int {
        range: [Expression; 2],
        into: Option<Variable>,
    },
    Float {
        range: [Expression; 2],
        decimals: Option<[Expression; 2]>,
        into: Option<Variable>,
        as_is: Notation,
    },
    Text(Expression),
    Regex(Expression, Option<Variable>),
    Assert(Expression),
    Set(Vec<(Variable, Expression)>),
    Unset(Vec<usize>),
    Repeat {
        counter: Option<Variable>,
        times: Times,
        separator: Option<Box<Command>>,
        body: Vec<Command>,
    },
    If {
        test: Expression,
        then: Vec<Command>,
        otherwise: Vec<Command>,
    },
}
