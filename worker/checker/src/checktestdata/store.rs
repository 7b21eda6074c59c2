//! Variables and their values. An array is a variable with a value for each list of indices.

use std::collections::HashMap;

use super::number::Int;
use super::value::Value;

/// Bytes that an entry takes beside its value and further indices, about.
const ENTRY: usize = 112;

/// Indices of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    Plain,
    One(Int),
    Many(Vec<Int>),
}

impl Key {
    pub(super) fn of(mut indices: Vec<Int>) -> Self {
        match indices.len() {
            0 => Self::Plain,
            1 => indices.pop().map_or(Self::Plain, Self::One),
            _ => Self::Many(indices),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Plain => 0,
            Self::One(n) => n.words() as usize * 8,
            Self::Many(all) => all.iter().map(|n| 32 + n.words() as usize * 8).sum(),
        }
    }

    /// `[1,2]`; nothing for a plain variable.
    pub(super) fn told(&self) -> String {
        let told = |n: &Int| Value::Int(n.clone()).told();
        match self {
            Self::Plain => String::new(),
            Self::One(n) => format!("[{}]", told(n)),
            Self::Many(all) => format!("[{}]", all.iter().map(told).collect::<Vec<_>>().join(",")),
        }
    }
}

/// All variables, by number.
pub(super) struct Store {
    variables: Vec<HashMap<Key, Value>>,
    bytes: usize,
    most: usize,
}

impl Store {
    /// Room for `count` variables whose values take `most` bytes.
    pub(super) fn new(count: usize, most: usize) -> Self {
        Self { variables: vec![HashMap::new(); count], bytes: 0, most }
    }

    pub(super) fn get(&self, variable: usize, key: &Key) -> Option<&Value> {
        self.variables[variable].get(key)
    }

    /// How many values a variable has.
    pub(super) fn len(&self, variable: usize) -> usize {
        self.variables[variable].len()
    }

    pub(super) fn values(&self, variable: usize) -> impl Iterator<Item = &Value> {
        self.variables[variable].values()
    }

    /// # Errors
    /// There is no room.
    pub(super) fn set(&mut self, variable: usize, key: Key, value: Value) -> Result<(), String> {
        let (beside, new) = (ENTRY + key.bytes(), value.bytes());
        let old = self.variables[variable].get(&key).map(|old| beside + old.bytes()).unwrap_or_default();
        let bytes = self.bytes - old + beside + new;
        if bytes > self.most {
            return Err(format!("its variables take more than {} MiB", self.most >> 20));
        }
        self.bytes = bytes;
        self.variables[variable].insert(key, value);
        Ok(())
    }

    pub(super) fn unset(&mut self, variable: usize) {
        let gone = std::mem::take(&mut self.variables[variable]);
        self.bytes -= gone.iter().map(|(key, value)| ENTRY + key.bytes() + value.bytes()).sum::<usize>();
    }

    /// Whether the tuples of the variables' values at equal indices differ, all of them.
    ///
    /// # Errors
    /// Why not: two that are equal, or an index that not all have.
    pub(super) fn unique(&self, variables: &[usize], names: &[String]) -> Result<(), String> {
        let Some((first, others)) = variables.split_first() else { return Ok(()) };
        let mut tuples = Vec::with_capacity(self.len(*first));
        for (key, value) in &self.variables[*first] {
            let mut tuple = vec![value];
            for other in others {
                let found = self.variables[*other].get(key);
                tuple.push(found.ok_or_else(|| {
                    format!(
                        "`{}` has a value at {} and `{}` has none",
                        names[*first],
                        key.told(),
                        names[*other]
                    )
                })?);
            }
            tuples.push((tuple, key));
        }
        if let Some(other) = others.iter().find(|other| self.len(**other) != self.len(*first)) {
            let (a, b) = (self.len(*first), self.len(*other));
            return Err(format!("`{}` has {a} values and `{}` has {b}", names[*first], names[*other]));
        }
        tuples.sort_unstable_by(|(a, at), (b, bt)| order(a, b).then_with(|| at.cmp(bt)));
        match tuples.windows(2).find(|two| order(&two[0].0, &two[1].0).is_eq()) {
            None => Ok(()),
            Some(two) => {
                let told: Vec<String> = two[0].0.iter().map(|value| value.told()).collect();
                Err(format!(
                    "({}) is there twice: {} and {}",
                    told.join(", "),
                    two[0].1.told(),
                    two[1].1.told()
                ))
            }
        }
    }
}

/// Orders tuples of any values: what cannot be compared is ordered by its kind.
fn order(a: &[&Value], b: &[&Value]) -> std::cmp::Ordering {
    let rank = |value: &Value| match value {
        Value::Int(_) | Value::Float(_) => 0,
        Value::Text(_) => 1,
        Value::Truth(_) => 2,
    };
    let one = |(a, b): (&&Value, &&Value)| a.compare(b).unwrap_or_else(|_| rank(a).cmp(&rank(b)));
    a.iter().zip(b).map(one).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}
