//! From checked rules to the instructions the kernel runs.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use super::rows::{self, ArgumentRow, Class, Classes};
use super::{ClassFilter, PolicyError};

// linux/seccomp.h
pub(super) const RET_ALLOW: u32 = 0x7fff_0000;
pub(super) const RET_ERRNO: u32 = 0x0005_0000;
pub(super) const RET_USER_NOTIF: u32 = 0x7fc0_0000;
const RET_KILL_PROCESS: u32 = 0x8000_0000;

// linux/bpf_common.h and linux/filter.h
pub(super) const LD_ABS_W: u16 = 0x20;
pub(super) const JA: u16 = 0x05;
pub(super) const JEQ: u16 = 0x15;
pub(super) const JGE: u16 = 0x35;
pub(super) const RET: u16 = 0x06;

/// Offset of `nr` in struct seccomp_data.
pub(super) const NR: u32 = 0;
/// Offset of `arch` in struct seccomp_data.
pub(super) const ARCH: u32 = 4;
/// linux/audit.h
pub(super) const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
/// Numbers from here on are the x32 table (asm/unistd.h, __X32_SYSCALL_BIT).
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// Most instructions of a program (BPF_MAXINSNS, linux/bpf_common.h).
const INSTRUCTIONS_MAX: usize = 4096;

/// Stands for a box's start word until one is made. Its halves occur nowhere else; the tests look.
const WORD_HIGH: u32 = 0x5472_6962;
const WORD_LOW: u32 = 0x756e_616c;

/// A jump to the argument rules that is not aimed yet.
const UNAIMED: u32 = u32::MAX;

/// What a range of numbers leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaf {
    Return(u32),
    /// The argument rules of the profile, behind the search.
    Arguments,
}

pub(super) fn answer(class: Class) -> u32 {
    match class {
        Class::Kill => RET_USER_NOTIF,
        Class::Errno(errno) => RET_ERRNO | errno,
        Class::Allow => RET_ALLOW,
    }
}

/// The class program of one profile: architecture, the search, then the argument rules only it has, as
/// seccompiler made them, which the search jumps to for their calls.
pub(super) fn classes(classes: &Classes, own: &[&ArgumentRow]) -> Result<ClassFilter, PolicyError> {
    let mut leaves: BTreeMap<u32, Leaf> =
        classes.iter().map(|(number, class)| (*number, Leaf::Return(answer(*class)))).collect();
    for row in own {
        leaves.insert(rows::number(&row.call)?, Leaf::Arguments);
    }
    let mut program = vec![
        instruction(LD_ABS_W, 0, 0, ARCH),
        instruction(JEQ, 1, 0, AUDIT_ARCH_X86_64),
        instruction(RET, 0, 0, RET_USER_NOTIF),
        instruction(LD_ABS_W, 0, 0, NR),
    ];
    program.extend(search(&ranges(&leaves)));
    let tail = program.len();
    for (at, i) in program.iter_mut().enumerate() {
        if i.code == JA && i.k == UNAIMED {
            i.k = (tail - at - 1) as u32;
        }
    }
    let rules = arguments(own)?;
    program.extend(rules);
    let half = |k| {
        let found = program.iter().enumerate().skip(tail).filter(move |(_, i)| i.code == JEQ && i.k == k);
        found.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let (high, low) = (half(WORD_HIGH), half(WORD_LOW));
    bounded(program).map(|program| ClassFilter { program, high, low })
}

/// The argument rules of `rows` as one program; empty without rows.
pub(super) fn arguments(rows: &[&ArgumentRow]) -> Result<BpfProgram, PolicyError> {
    // One filter has one answer for a match, so rows are grouped by errno and the groups joined: each
    // group's "no match" falls through to the next instead of returning.
    let mut by_errno: BTreeMap<u32, BTreeMap<i64, Vec<SeccompRule>>> = BTreeMap::new();
    for row in rows {
        let number = i64::from(rows::number(&row.call)?);
        let rules = by_errno.entry(rows::errno(&row.errno)?).or_default().entry(number).or_default();
        rules.extend(row_rules(row)?);
    }
    let mut out: BpfProgram = Vec::new();
    for (errno, rules) in by_errno {
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), TargetArch::x86_64)?;
        let part = native_only(filter.try_into()?);
        out = if out.is_empty() { part } else { join(out, &part) };
    }
    bounded(out)
}

fn bounded(program: BpfProgram) -> Result<BpfProgram, PolicyError> {
    if program.len() > INSTRUCTIONS_MAX { Err(PolicyError::TooLong(program.len())) } else { Ok(program) }
}

fn row_rules(row: &ArgumentRow) -> Result<Vec<SeccompRule>, PolicyError> {
    let length = || if row.bits == 32 { SeccompCmpArgLen::Dword } else { SeccompCmpArgLen::Qword };
    let condition = |op, value| SeccompCondition::new(row.argument, length(), op, value);
    let equal = row.mask.map_or(SeccompCmpOp::Eq, SeccompCmpOp::MaskedEq);
    // Rules are OR-ed, conditions of one rule AND-ed.
    let mut rules = Vec::new();
    for value in &row.one_of {
        rules.push(vec![condition(equal.clone(), *value)?]);
    }
    for bit in &row.any_bit_of {
        rules.push(vec![condition(SeccompCmpOp::MaskedEq(*bit), *bit)?]);
    }
    if !row.not_one_of.is_empty() {
        let all = row.not_one_of.iter().map(|v| condition(SeccompCmpOp::Ne, *v));
        rules.push(all.collect::<Result<Vec<_>, _>>()?);
    }
    if row.not_start_word {
        let word = u64::from(WORD_HIGH) << 32 | u64::from(WORD_LOW);
        rules.push(vec![condition(SeccompCmpOp::Ne, word)?]);
    }
    let mut out = Vec::new();
    for rule in rules {
        match &row.when {
            None => out.push(SeccompRule::new(rule)?),
            Some(when) => {
                for value in &when.one_of {
                    let mut all = rule.clone();
                    let also = SeccompCmpArgLen::Dword;
                    all.push(SeccompCondition::new(when.argument, also, SeccompCmpOp::Eq, *value)?);
                    out.push(SeccompRule::new(all)?);
                }
            }
        }
    }
    Ok(out)
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
/// (`rows.rs` checks it), so only the final return of `first` has to go on.
fn join(mut first: BpfProgram, second: &BpfProgram) -> BpfProgram {
    let last = first.pop();
    debug_assert!(matches!(last, Some(i) if i.code == RET && i.k == RET_ALLOW));
    first.extend(second.iter().cloned());
    first
}

/// Number ranges with one leaf each: (first number, leaf), ascending, the first from 0.
fn ranges(leaves: &BTreeMap<u32, Leaf>) -> Vec<(u32, Leaf)> {
    let default = Leaf::Return(RET_ERRNO | libc::ENOSYS as u32);
    let last = leaves.keys().next_back().copied().unwrap_or(0);
    let mut out: Vec<(u32, Leaf)> = Vec::new();
    for number in 0..=last + 1 {
        let leaf = leaves.get(&number).copied().unwrap_or(default);
        if out.last().is_none_or(|(_, l)| *l != leaf) {
            out.push((number, leaf));
        }
    }
    // The x32 table is in the kill class: same architecture word, other numbers.
    out.push((X32_BIT, Leaf::Return(RET_USER_NOTIF)));
    out
}

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Lays `ranges` out as a binary search; every leaf returns or jumps on.
fn search(ranges: &[(u32, Leaf)]) -> BpfProgram {
    match ranges {
        [(_, Leaf::Return(answer))] => return vec![instruction(RET, 0, 0, *answer)],
        [(_, Leaf::Arguments)] => return vec![instruction(JA, 0, 0, UNAIMED)],
        _ => {}
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
        out.push(instruction(JA, 0, 0, low_code.len() as u32));
    }
    out.extend(low_code);
    out.extend(high_code);
    out
}
