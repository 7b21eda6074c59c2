//! From `policy/seccomp.toml` to the two filters of a box.
//!
//! *Classes*: one program that maps a call number to kill, errno or allow. The plain rows are laid out by us
//! as a binary search over ranges of numbers, because installing costs time in proportion to the path the
//! kernel emulates for each number (performance.md 3). Its kill class answers USER_NOTIF, so that the
//! supervisor learns the number (corrections 4); calls of another architecture and of the x32 table belong
//! to the same class.
//! *Arguments*: compiled by seccompiler from the rows with conditions.
//!
//! Both are compiled once in the box server, before anything untrusted exists.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};
use serde::Deserialize;

use crate::syscalls;

pub(crate) const TEXT: &str = include_str!("../policy/seccomp.toml");

// linux/seccomp.h
const RET_ALLOW: u32 = 0x7fff_0000;
const RET_ERRNO: u32 = 0x0005_0000;
const RET_USER_NOTIF: u32 = 0x7fc0_0000;
const RET_KILL_PROCESS: u32 = 0x8000_0000;

// linux/bpf_common.h and linux/filter.h
const LD_ABS_W: u16 = 0x20;
const JEQ: u16 = 0x15;
const JGE: u16 = 0x35;
const RET: u16 = 0x06;

/// Offset of `nr` in struct seccomp_data.
const NR: u32 = 0;
/// Offset of `arch` in struct seccomp_data.
const ARCH: u32 = 4;
/// linux/audit.h
const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
/// Numbers from here on are the x32 table (asm/unistd.h, __X32_SYSCALL_BIT).
const X32_BIT: u32 = 0x4000_0000;

/// The filters of one profile, ready to install: `arguments` in the box server, `classes` with the listener
/// in each program process.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    pub(crate) arguments: BpfProgram,
    pub(crate) classes: BpfProgram,
}

/// What is wrong with the policy file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("policy/seccomp.toml: {0}")]
    Toml(#[from] toml::de::Error),
    #[error("policy/seccomp.toml: `{0}` is no system call of this architecture")]
    UnknownCall(String),
    #[error("policy/seccomp.toml: `{0}` is in two rows")]
    Twice(String),
    #[error("policy/seccomp.toml: `{0}` is no errno this policy uses")]
    UnknownErrno(String),
    #[error("policy/seccomp.toml: rule on `{0}`: {1}")]
    Rule(String, String),
    #[error("seccompiler: {0}")]
    Compiler(#[from] seccompiler::BackendError),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    call: Vec<CallRow>,
    argument: Vec<ArgumentRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallRow {
    action: ActionName,
    #[serde(default)]
    errno: Option<String>,
    #[allow(dead_code)]
    why: String,
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActionName {
    Kill,
    Errno,
    Allow,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArgumentRow {
    call: String,
    errno: String,
    #[allow(dead_code)]
    why: String,
    argument: u8,
    bits: u8,
    #[serde(default)]
    one_of: Vec<u64>,
    #[serde(default)]
    not_one_of: Vec<u64>,
    #[serde(default)]
    any_bit_of: Vec<u64>,
}

/// Compiles the policy that is part of this executable.
pub(crate) fn filters() -> Result<Filters, PolicyError> {
    compile(TEXT)
}

pub(crate) fn compile(text: &str) -> Result<Filters, PolicyError> {
    let policy: Policy = toml::from_str(text)?;
    let mut returns = BTreeMap::new();
    for row in &policy.call {
        let answer = match row.action {
            ActionName::Kill => RET_USER_NOTIF,
            ActionName::Allow => RET_ALLOW,
            ActionName::Errno => RET_ERRNO | errno(row.errno.as_deref().unwrap_or_default())?,
        };
        for name in &row.names {
            let number = syscalls::number(name).ok_or_else(|| PolicyError::UnknownCall(name.clone()))?;
            if returns.insert(number as u32, answer).is_some() {
                return Err(PolicyError::Twice(name.clone()));
            }
        }
    }
    Ok(Filters { arguments: arguments(&policy.argument)?, classes: classes(&returns) })
}

fn errno(name: &str) -> Result<u32, PolicyError> {
    Ok(match name {
        "EPERM" => libc::EPERM,
        "ENOSYS" => libc::ENOSYS,
        "EAFNOSUPPORT" => libc::EAFNOSUPPORT,
        _ => return Err(PolicyError::UnknownErrno(name.to_owned())),
    } as u32)
}

/// Number ranges with one answer each: (first number, answer), ascending, the first from 0.
fn ranges(returns: &BTreeMap<u32, u32>) -> Vec<(u32, u32)> {
    let default = RET_ERRNO | libc::ENOSYS as u32;
    let last = returns.keys().next_back().copied().unwrap_or(0);
    let mut out: Vec<(u32, u32)> = Vec::new();
    for number in 0..=last + 1 {
        let answer = returns.get(&number).copied().unwrap_or(default);
        if out.last().is_none_or(|(_, a)| *a != answer) {
            out.push((number, answer));
        }
    }
    // The x32 table is in the kill class: same architecture word, other numbers.
    out.push((X32_BIT, RET_USER_NOTIF));
    out
}

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Lays `ranges` out as a binary search; every leaf returns.
fn search(ranges: &[(u32, u32)]) -> BpfProgram {
    if let [(_, answer)] = ranges {
        return vec![instruction(RET, 0, 0, *answer)];
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let (low_code, high_code) = (search(low), search(high));
    // `low` stands right behind the comparison, `high` behind `low`. A conditional jump reaches 255
    // instructions; a longer one goes through an unconditional jump.
    let mut out = Vec::with_capacity(low_code.len() + high_code.len() + 2);
    if let Ok(distance) = u8::try_from(low_code.len()) {
        out.push(instruction(JGE, distance, 0, high[0].0));
    } else {
        out.push(instruction(JGE, 0, 1, high[0].0));
        out.push(instruction(0x05, 0, 0, low_code.len() as u32));
    }
    out.extend(low_code);
    out.extend(high_code);
    out
}

fn classes(returns: &BTreeMap<u32, u32>) -> BpfProgram {
    let mut out = vec![
        instruction(LD_ABS_W, 0, 0, ARCH),
        instruction(JEQ, 1, 0, AUDIT_ARCH_X86_64),
        instruction(RET, 0, 0, RET_USER_NOTIF),
        instruction(LD_ABS_W, 0, 0, NR),
    ];
    out.extend(search(&ranges(returns)));
    out
}

fn arguments(rows: &[ArgumentRow]) -> Result<BpfProgram, PolicyError> {
    // One filter has one answer for a match, so rows are grouped by errno and the groups joined: each
    // group's "no match" falls through to the next instead of returning.
    let mut by_errno: BTreeMap<u32, BTreeMap<i64, Vec<SeccompRule>>> = BTreeMap::new();
    for row in rows {
        let number = syscalls::number(&row.call).ok_or_else(|| PolicyError::UnknownCall(row.call.clone()))?;
        let rules = by_errno.entry(errno(&row.errno)?).or_default().entry(number).or_default();
        rules.extend(row_rules(row)?);
    }
    let mut out: BpfProgram = Vec::new();
    for (errno, rules) in by_errno {
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), TargetArch::x86_64)?;
        let part = native_only(filter.try_into()?);
        out = if out.is_empty() { part } else { join(out, &part) };
    }
    Ok(out)
}

fn row_rules(row: &ArgumentRow) -> Result<Vec<SeccompRule>, PolicyError> {
    let length = match row.bits {
        32 => SeccompCmpArgLen::Dword,
        64 => SeccompCmpArgLen::Qword,
        other => {
            return Err(PolicyError::Rule(row.call.clone(), format!("bits = {other}; 32 or 64 is needed")));
        }
    };
    let condition =
        |op, value| SeccompCondition::new(row.argument, length.clone(), op, value).map_err(PolicyError::from);
    let mut rules = Vec::new();
    for value in &row.one_of {
        rules.push(SeccompRule::new(vec![condition(SeccompCmpOp::Eq, *value)?])?);
    }
    for bit in &row.any_bit_of {
        rules.push(SeccompRule::new(vec![condition(SeccompCmpOp::MaskedEq(*bit), *bit)?])?);
    }
    if !row.not_one_of.is_empty() {
        let all =
            row.not_one_of.iter().map(|v| condition(SeccompCmpOp::Ne, *v)).collect::<Result<Vec<_>, _>>()?;
        rules.push(SeccompRule::new(all)?);
    }
    if rules.is_empty() {
        return Err(PolicyError::Rule(row.call.clone(), "no condition".into()));
    }
    Ok(rules)
}

/// seccompiler opens each program with "foreign architecture: KILL_PROCESS". The classes filter judges those
/// calls (and can say so), so here they pass.
fn native_only(mut program: BpfProgram) -> BpfProgram {
    for i in program.iter_mut().take(4) {
        if i.code == RET && i.k == RET_KILL_PROCESS {
            i.k = RET_ALLOW;
        }
    }
    program
}

/// Runs `second` where `first` would end in ALLOW by its last instruction.
///
/// seccompiler ends each call's chain in its own "mismatch" return; a call stands in one errno group only
/// (checked by the tests), so only the final return of `first` has to go on.
fn join(mut first: BpfProgram, second: &BpfProgram) -> BpfProgram {
    let last = first.pop();
    debug_assert!(matches!(last, Some(i) if i.code == RET && i.k == RET_ALLOW));
    first.extend(second.iter().cloned());
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel does with a classic BPF filter over struct seccomp_data (only the codes in use).
    fn run(program: &[sock_filter], arch: u32, nr: u32, args: [u64; 6]) -> u32 {
        let word = |offset: u32| match offset {
            NR => nr,
            ARCH => arch,
            o => {
                let arg = args[(o as usize - 16) / 8];
                if o % 8 == 0 { arg as u32 } else { (arg >> 32) as u32 }
            }
        };
        let (mut pc, mut a) = (0usize, 0u32);
        loop {
            let i = &program[pc];
            pc += 1;
            match i.code {
                LD_ABS_W => a = word(i.k),
                RET => return i.k,
                0x05 => pc += i.k as usize,
                0x54 => a &= i.k,
                JEQ => pc += if a == i.k { i.jt } else { i.jf } as usize,
                JGE => pc += if a >= i.k { i.jt } else { i.jf } as usize,
                0x25 => pc += if a > i.k { i.jt } else { i.jf } as usize,
                code => panic!("code {code:#x}"),
            }
        }
    }

    fn class(name: &str) -> u32 {
        run(&filters().unwrap().classes, AUDIT_ARCH_X86_64, syscalls::number(name).unwrap() as u32, [0; 6])
    }

    fn argument(name: &str, args: [u64; 6]) -> u32 {
        run(&filters().unwrap().arguments, AUDIT_ARCH_X86_64, syscalls::number(name).unwrap() as u32, args)
    }

    #[test]
    fn every_row_gets_its_answer_and_the_rest_enosys() {
        let policy: Policy = toml::from_str(TEXT).unwrap();
        let filters = filters().unwrap();
        let mut listed = std::collections::BTreeSet::new();
        for row in &policy.call {
            for name in &row.names {
                listed.insert(name.clone());
                let want = match row.action {
                    ActionName::Kill => RET_USER_NOTIF,
                    ActionName::Allow => RET_ALLOW,
                    ActionName::Errno => RET_ERRNO | errno(row.errno.as_deref().unwrap()).unwrap(),
                };
                assert_eq!(class(name), want, "{name}");
            }
        }
        for (name, number) in syscalls::TABLE {
            if !listed.contains(*name) {
                let got = run(&filters.classes, AUDIT_ARCH_X86_64, *number as u32, [0; 6]);
                assert_eq!(got, RET_ERRNO | libc::ENOSYS as u32, "{name}");
            }
        }
        assert_eq!(run(&filters.classes, AUDIT_ARCH_X86_64, 5000, [0; 6]), RET_ERRNO | libc::ENOSYS as u32);
    }

    #[test]
    fn foreign_architectures_and_x32_are_in_the_kill_class() {
        let filters = filters().unwrap();
        assert_eq!(run(&filters.classes, 0x4000_0003, 20, [0; 6]), RET_USER_NOTIF);
        for nr in [X32_BIT, X32_BIT | 101, 0xffff_ffff] {
            assert_eq!(run(&filters.classes, AUDIT_ARCH_X86_64, nr, [0; 6]), RET_USER_NOTIF);
        }
    }

    #[test]
    fn argument_rules_hold_on_the_width_the_kernel_uses() {
        let eperm = RET_ERRNO | libc::EPERM as u32;
        let eaf = RET_ERRNO | libc::EAFNOSUPPORT as u32;
        assert_eq!(argument("socket", [1, 1, 0, 0, 0, 0]), RET_ALLOW);
        assert_eq!(argument("socket", [1 | 1 << 32, 1, 0, 0, 0, 0]), RET_ALLOW);
        for family in [0, 2, 10, 16, 38, 40, 2 | 1 << 32] {
            assert_eq!(argument("socket", [family, 1, 0, 0, 0, 0]), eaf, "{family}");
        }
        assert_eq!(argument("ioctl", [0, 0x5412 | 1 << 32, 0, 0, 0, 0]), eperm);
        assert_eq!(argument("ioctl", [0, 0x5401, 0, 0, 0, 0]), RET_ALLOW);
        assert_eq!(argument("clone", [0x1000_0000 | 17, 0, 0, 0, 0, 0]), eperm);
        assert_eq!(argument("clone", [0x003d_0f00, 0, 0, 0, 0, 0]), RET_ALLOW);
        assert_eq!(argument("personality", [0xffff_ffff, 0, 0, 0, 0, 0]), RET_ALLOW);
        assert_eq!(argument("personality", [0x0400_0000, 0, 0, 0, 0, 0]), eperm);
        assert_eq!(argument("prctl", [26, 0, 0, 0, 0, 0]), eperm);
        assert_eq!(argument("read", [0; 6]), RET_ALLOW);
    }

    #[test]
    fn a_broken_policy_is_refused_with_the_row() {
        let twice = "argument = []\n[[call]]\naction = \"allow\"\nwhy = \"\"\nnames = [\"read\", \"read\"]";
        assert!(matches!(compile(twice), Err(PolicyError::Twice(_))));
        let unknown = "argument = []\n[[call]]\naction = \"allow\"\nwhy = \"\"\nnames = [\"frobnicate\"]";
        assert!(matches!(compile(unknown), Err(PolicyError::UnknownCall(_))));
    }
}
