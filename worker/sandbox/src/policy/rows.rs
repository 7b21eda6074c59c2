//! The rows of `policy/seccomp.toml` and what is wrong with them: text in, checked rules of each profile out.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::PolicyError;
use crate::spec::Profile;
use crate::syscalls;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    #[serde(default)]
    pub(super) call: Vec<CallRow>,
    #[serde(default)]
    pub(super) argument: Vec<ArgumentRow>,
}

/// Calls of one class.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallRow {
    pub(super) action: ActionName,
    /// With `errno` only.
    #[serde(default)]
    pub(super) errno: Option<String>,
    pub(super) why: String,
    pub(super) names: Vec<String>,
    /// Where it holds; without it, in every profile that has no row of its own for the call.
    #[serde(default)]
    pub(super) profiles: Option<Vec<Profile>>,
}

/// The class of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActionName {
    Kill,
    Errno,
    Allow,
    /// ENOSYS, as for numbers that nobody knows yet, but on purpose.
    Default,
}

/// A refusal of an allowed call for some arguments. Exactly one of the conditions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArgumentRow {
    pub(super) call: String,
    pub(super) errno: String,
    pub(super) why: String,
    /// Which, from 0.
    pub(super) argument: u8,
    /// 32 where the kernel ignores the upper half, else 64.
    pub(super) bits: u8,
    #[serde(default)]
    pub(super) one_of: Vec<u64>,
    #[serde(default)]
    pub(super) not_one_of: Vec<u64>,
    #[serde(default)]
    pub(super) any_bit_of: Vec<u64>,
    /// Only the start of the program, which carries the word made for this box, passes.
    #[serde(default)]
    pub(super) not_start_word: bool,
    /// Looked at before `one_of` compares.
    #[serde(default)]
    pub(super) mask: Option<u64>,
    /// A further condition that must hold.
    #[serde(default)]
    pub(super) when: Option<When>,
    /// Where it holds; without it, everywhere.
    #[serde(default)]
    pub(super) profiles: Option<Vec<Profile>>,
}

/// A further condition: this argument, as 32 bits, is one of these.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    pub(super) argument: u8,
    pub(super) one_of: Vec<u64>,
}

/// What a class does, with its errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Kill,
    Errno(u32),
    Allow,
}

/// Number to class, in one profile. A number that is absent gets ENOSYS.
pub(super) type Classes = BTreeMap<u32, Class>;

/// The checked rules.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// For every profile: its classes, and the argument rows only it has.
    pub(super) profiles: Vec<(Profile, Classes, Vec<&'a ArgumentRow>)>,
    /// The argument rows of all profiles.
    pub(super) shared: Vec<&'a ArgumentRow>,
}

impl Policy {
    pub(super) fn read(text: &str) -> Result<Self, PolicyError> {
        Ok(toml::from_str(text)?)
    }

    /// Checks every row and sorts them by profile.
    pub(super) fn rules(&self) -> Result<Rules<'_>, PolicyError> {
        for row in &self.argument {
            row.check()?;
        }
        let mut profiles = Vec::new();
        for profile in Profile::ALL {
            let classes = self.classes(profile)?;
            let own: Vec<_> =
                self.argument.iter().filter(|row| named(row.profiles.as_deref(), profile)).collect();
            let here: Vec<_> =
                self.argument.iter().filter(|row| holds(row.profiles.as_deref(), profile)).collect();
            one_errno_each(&here)?;
            for row in &own {
                let number = number(&row.call)?;
                if classes.get(&number) != Some(&Class::Allow) {
                    return Err(row.wrong("an argument rule is for an allowed call"));
                }
            }
            profiles.push((profile, classes, own));
        }
        let shared: Vec<_> = self.argument.iter().filter(|row| row.profiles.is_none()).collect();
        for row in &shared {
            let number = number(&row.call)?;
            // ERRNO outranks USER_NOTIF: a rule on a call of the kill class would hide the kill.
            // Of two errnos the program installed last would win, so they have to agree.
            let own = errno(&row.errno)?;
            let fits = |classes: &Classes| match classes.get(&number) {
                Some(Class::Allow) => true,
                Some(Class::Errno(errno)) => *errno == own,
                Some(Class::Kill) | None => false,
            };
            if !profiles.iter().all(|(_, classes, _)| fits(classes)) {
                return Err(
                    row.wrong("an argument rule is for a call that is allowed, or refused with its errno")
                );
            }
            if row.not_start_word {
                return Err(row.wrong("the start word belongs to a profile"));
            }
        }
        Ok(Rules { profiles, shared })
    }

    fn classes(&self, profile: Profile) -> Result<Classes, PolicyError> {
        let (mut general, mut own) = (BTreeMap::new(), BTreeMap::new());
        for row in &self.call {
            let class = row.class()?;
            let into = match &row.profiles {
                None => &mut general,
                Some(profiles) if profiles.contains(&profile) => &mut own,
                // Checked all the same: a name without number is wrong wherever it stands.
                Some(_) => &mut BTreeMap::new(),
            };
            for name in &row.names {
                if into.insert(number(name)?, class).is_some() {
                    return Err(PolicyError::Twice(name.clone()));
                }
            }
        }
        general.extend(own);
        Ok(general.into_iter().filter_map(|(number, class)| Some((number, class?))).collect())
    }
}

impl CallRow {
    /// `None` is the default class.
    fn class(&self) -> Result<Option<Class>, PolicyError> {
        let named = self.names.first().cloned().unwrap_or_default();
        if self.why.trim().is_empty() {
            return Err(PolicyError::Rule(named, "a row says why".into()));
        }
        match (self.action, &self.errno) {
            (ActionName::Errno, Some(name)) => Ok(Some(Class::Errno(errno(name)?))),
            (ActionName::Errno, None) => Err(PolicyError::Rule(named, "`errno` is missing".into())),
            (ActionName::Kill | ActionName::Allow | ActionName::Default, Some(_)) => {
                Err(PolicyError::Rule(named, "`errno` goes with the action of that name".into()))
            }
            (ActionName::Kill, None) => Ok(Some(Class::Kill)),
            (ActionName::Allow, None) => Ok(Some(Class::Allow)),
            (ActionName::Default, None) => Ok(None),
        }
    }
}

impl ArgumentRow {
    fn wrong(&self, problem: impl Into<String>) -> PolicyError {
        PolicyError::Rule(self.call.clone(), problem.into())
    }

    fn check(&self) -> Result<(), PolicyError> {
        number(&self.call)?;
        errno(&self.errno)?;
        if self.why.trim().is_empty() {
            return Err(self.wrong("a row says why"));
        }
        if self.bits != 32 && self.bits != 64 {
            return Err(self.wrong(format!("bits = {}; 32 or 64 is needed", self.bits)));
        }
        if self.argument > 5 || self.when.as_ref().is_some_and(|when| when.argument > 5) {
            return Err(self.wrong("arguments are numbered from 0 to 5"));
        }
        let kinds = [
            !self.one_of.is_empty(),
            !self.not_one_of.is_empty(),
            !self.any_bit_of.is_empty(),
            self.not_start_word,
        ];
        if kinds.iter().filter(|given| **given).count() != 1 {
            return Err(self.wrong("one of one_of, not_one_of, any_bit_of and not_start_word is needed"));
        }
        if self.mask.is_some() && self.one_of.is_empty() {
            return Err(self.wrong("`mask` goes with `one_of`"));
        }
        if self.mask.is_some_and(|mask| self.one_of.iter().any(|value| value & !mask != 0)) {
            return Err(self.wrong("a value lies outside the mask"));
        }
        if self.not_start_word && self.bits != 64 {
            return Err(self.wrong("the start word has 64 bits"));
        }
        if self.when.as_ref().is_some_and(|when| when.one_of.is_empty()) {
            return Err(self.wrong("`when` names at least one value"));
        }
        let values = [&self.one_of, &self.not_one_of, &self.any_bit_of];
        let mut values = values.into_iter().flatten().chain(&self.mask);
        if self.bits == 32 && values.any(|value| u32::try_from(*value).is_err()) {
            return Err(self.wrong("a value has more than 32 bits"));
        }
        let mut when = self.when.iter().flat_map(|when| &when.one_of);
        if when.any(|value| u32::try_from(*value).is_err()) {
            return Err(self.wrong("a value of `when` has more than 32 bits"));
        }
        if self.any_bit_of.contains(&0) {
            return Err(self.wrong("0 is no bit"));
        }
        Ok(())
    }
}

fn named(profiles: Option<&[Profile]>, profile: Profile) -> bool {
    profiles.is_some_and(|profiles| profiles.contains(&profile))
}

fn holds(profiles: Option<&[Profile]>, profile: Profile) -> bool {
    profiles.is_none() || named(profiles, profile)
}

/// Each call's chain of conditions ends in its own return, so that a second errno would never be reached.
fn one_errno_each(rows: &[&ArgumentRow]) -> Result<(), PolicyError> {
    let mut errnos = BTreeMap::new();
    for row in rows {
        if errnos.insert(&row.call, &row.errno).is_some_and(|other| *other != row.errno) {
            return Err(row.wrong("all rules on one call have one errno"));
        }
    }
    Ok(())
}

/// Every name that stands in a row.
#[cfg(test)]
pub(super) fn listed(policy: &Policy) -> std::collections::BTreeSet<&str> {
    policy.call.iter().flat_map(|row| &row.names).map(String::as_str).collect()
}

pub(super) fn number(name: &str) -> Result<u32, PolicyError> {
    let number = syscalls::number(name).ok_or_else(|| PolicyError::UnknownCall(name.to_owned()))?;
    u32::try_from(number).map_err(|_| PolicyError::UnknownCall(name.to_owned()))
}

pub(super) fn errno(name: &str) -> Result<u32, PolicyError> {
    Ok(match name {
        "EPERM" => libc::EPERM,
        "ENOSYS" => libc::ENOSYS,
        "EAFNOSUPPORT" => libc::EAFNOSUPPORT,
        _ => return Err(PolicyError::UnknownErrno(name.to_owned())),
    } as u32)
}
