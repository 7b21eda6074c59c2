//! The programs against a second reading of the rows: a tiny interpreter runs the instructions, a naive function
//! walks the rows, and both must say the same.

use proptest::prelude::*;
use seccompiler::sock_filter;

use super::program::*;
use super::rows::*;
use super::*;
use crate::syscalls;

const ENOSYS: u32 = RET_ERRNO | libc::ENOSYS as u32;
const EPERM: u32 = RET_ERRNO | libc::EPERM as u32;
const EAFNOSUPPORT: u32 = RET_ERRNO | libc::EAFNOSUPPORT as u32;

/// What the kernel does with a classic BPF filter over struct seccomp_data (only the codes in use). Programs have
/// no backward jump, so that every step goes on and the loop ends; an endless one panics past the last.
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
            JA => pc += i.k as usize,
            0x54 => a &= i.k,
            JEQ => pc += if a == i.k { i.jt } else { i.jf } as usize,
            JGE => pc += if a >= i.k { i.jt } else { i.jf } as usize,
            0x25 => pc += if a > i.k { i.jt } else { i.jf } as usize,
            code => panic!("code {code:#x}"),
        }
    }
}

/// The kernel's choice among stacked answers: the lowest action word, read as signed
/// (seccomp_run_filters, kernel/seccomp.c).
fn strictest(answers: &[u32]) -> u32 {
    let action = |answer: &u32| (answer & 0xffff_0000) as i32;
    answers.iter().copied().min_by_key(action).unwrap_or(RET_ALLOW)
}

/// What the two programs of a box answer together.
fn both(arguments: &[sock_filter], classes: &[sock_filter], arch: u32, nr: u32, args: [u64; 6]) -> u32 {
    let first = if arguments.is_empty() { RET_ALLOW } else { run(arguments, arch, nr, args) };
    // The last installed is asked first and wins a tie.
    strictest(&[run(classes, arch, nr, args), first])
}

fn two(filters: &Filters, profile: Profile, arch: u32, nr: u32, args: [u64; 6], word: u64) -> u32 {
    let classes = filters.classes(profile).unwrap().with_start_word(word);
    both(&filters.arguments, &classes, arch, nr, args)
}

/// The class programs of all profiles.
fn programs(filters: &Filters) -> Vec<(Profile, BpfProgram)> {
    let program = |profile| (profile, filters.classes(profile).unwrap().with_start_word(WORD));
    Profile::ALL.into_iter().map(program).collect()
}

fn holds(profiles: Option<&[Profile]>, profile: Profile) -> bool {
    profiles.is_none_or(|profiles| profiles.contains(&profile))
}

fn refuses(row: &ArgumentRow, args: [u64; 6], word: u64) -> bool {
    let value = |argument: u8, bits: u8| {
        let value = args[argument as usize];
        if bits == 32 { value & 0xffff_ffff } else { value }
    };
    let here = value(row.argument, row.bits);
    let met = row.one_of.contains(&(here & row.mask.unwrap_or(u64::MAX)))
        || (!row.not_one_of.is_empty() && !row.not_one_of.contains(&here))
        || row.any_bit_of.iter().any(|bit| here & bit == *bit)
        || (row.not_start_word && here != word);
    met && row.when.as_ref().is_none_or(|when| when.one_of.contains(&value(when.argument, 32)))
}

/// Three filters stacked, straight from the rows: kill, errno with the argument rules, and the allow-list, which
/// lets through what the other two judge.
fn three(policy: &Policy, profile: Profile, arch: u32, nr: u32, args: [u64; 6], word: u64) -> u32 {
    if arch != AUDIT_ARCH_X86_64 || nr >= X32_BIT {
        return RET_USER_NOTIF;
    }
    let Some(name) = syscalls::name(i64::from(nr)) else { return ENOSYS };
    let of = |own: bool| {
        policy.call.iter().find(|row| {
            row.profiles.is_some() == own
                && holds(row.profiles.as_deref(), profile)
                && row.names.iter().any(|n| n == name)
        })
    };
    let row = of(true).or_else(|| of(false));
    let (mut kill, mut refuse, mut list) = (RET_ALLOW, RET_ALLOW, ENOSYS);
    if let Some(row) = row.filter(|row| row.action != ActionName::Default) {
        list = RET_ALLOW;
        match row.action {
            ActionName::Kill => kill = RET_USER_NOTIF,
            ActionName::Errno => refuse = RET_ERRNO | errno(row.errno.as_deref().unwrap()).unwrap(),
            ActionName::Allow | ActionName::Default => {}
        }
    }
    for rule in &policy.argument {
        if rule.call == name && holds(rule.profiles.as_deref(), profile) && refuses(rule, args, word) {
            refuse = strictest(&[refuse, RET_ERRNO | errno(&rule.errno).unwrap()]);
        }
    }
    strictest(&[kill, refuse, list])
}

/// Values around everything a rule of `policy` on this call compares with, in both halves.
fn interesting(policy: &Policy, name: Option<&str>) -> Vec<u64> {
    let mut values = vec![0, 1, u64::MAX, 1 << 32];
    for row in policy.argument.iter().filter(|row| Some(row.call.as_str()) == name) {
        let own = row.one_of.iter().chain(&row.not_one_of).chain(&row.any_bit_of);
        let when = row.when.iter().flat_map(|when| &when.one_of);
        for value in own.chain(when) {
            values.extend([*value, value ^ 1, value | 1 << 32, value | 1 << 31, value | 1 << 63]);
        }
    }
    values.sort_unstable();
    values.dedup();
    values
}

const WORD: u64 = 0x1234_5678_9abc_def0;

#[test]
fn two_programs_answer_as_three_stacked_filters_would() {
    let policy = Policy::read(TEXT).unwrap();
    let filters = compile(&policy).unwrap();
    let programs = programs(&filters);
    let numbers = (0..600).chain([5000, X32_BIT - 1, X32_BIT, X32_BIT | 101, 0x8000_0000, u32::MAX]);
    for nr in numbers {
        let values = interesting(&policy, syscalls::name(i64::from(nr)));
        for (profile, classes) in &programs {
            for first in &values {
                for second in &values {
                    for args in [
                        [*first, *second, 0, 0, 0, 0],
                        [*first, 1, *second, 0, 0, WORD],
                        [0, *first, *second, 0, 0, WORD ^ *second],
                    ] {
                        let got = both(&filters.arguments, classes, AUDIT_ARCH_X86_64, nr, args);
                        let want = three(&policy, *profile, AUDIT_ARCH_X86_64, nr, args, WORD);
                        assert_eq!(got, want, "{nr} {args:x?} {}", profile.name());
                    }
                }
            }
        }
    }
}

#[test]
fn every_number_of_the_kernel_is_in_exactly_one_class() {
    let policy = Policy::read(TEXT).unwrap();
    // That no name stands in two rows of a profile, and that every name has a number, compiling refuses.
    compile(&policy).unwrap();
    let general: Vec<&str> = policy
        .call
        .iter()
        .filter(|row| row.profiles.is_none())
        .flat_map(|row| &row.names)
        .map(String::as_str)
        .collect();
    for (name, number) in syscalls::TABLE {
        let rows = general.iter().filter(|listed| *listed == name).count();
        assert_eq!(rows, 1, "{name} ({number}) stands in {rows} rows; `default` needs one too, with its why");
    }
    assert_eq!(listed(&policy).len(), syscalls::TABLE.len());
}

#[test]
fn foreign_architectures_and_x32_are_in_the_kill_class() {
    let filters = filters().unwrap();
    for profile in Profile::ALL {
        assert_eq!(two(&filters, profile, 0x4000_0003, 20, [0; 6], WORD), RET_USER_NOTIF);
        for nr in [X32_BIT, X32_BIT | 101, 0xffff_ffff] {
            assert_eq!(two(&filters, profile, AUDIT_ARCH_X86_64, nr, [0; 6], WORD), RET_USER_NOTIF);
        }
    }
}

fn call(profile: Profile, name: &str, args: [u64; 6]) -> u32 {
    two(&filters().unwrap(), profile, AUDIT_ARCH_X86_64, number(name).unwrap(), args, WORD)
}

#[test]
fn argument_rules_hold_on_the_width_the_kernel_uses() {
    let call = |name, args| call(Profile::Default, name, args);
    assert_eq!(call("socket", [1, 1, 0, 0, 0, 0]), RET_ALLOW);
    assert_eq!(call("socket", [1 | 1 << 32, 1, 0, 0, 0, 0]), RET_ALLOW);
    for family in [0, 2, 10, 16, 38, 40, 2 | 1 << 32] {
        assert_eq!(call("socket", [family, 1, 0, 0, 0, 0]), EAFNOSUPPORT, "{family}");
    }
    assert_eq!(call("ioctl", [0, 0x5412 | 1 << 32, 0, 0, 0, 0]), EPERM);
    assert_eq!(call("ioctl", [0, 0x5401, 0, 0, 0, 0]), RET_ALLOW);
    assert_eq!(call("clone", [0x1000_0000 | 17, 0, 0, 0, 0, 0]), EPERM);
    assert_eq!(call("clone", [0x003d_0f00, 0, 0, 0, 0, 0]), RET_ALLOW);
    assert_eq!(call("personality", [0xffff_ffff, 0, 0, 0, 0, 0]), RET_ALLOW);
    assert_eq!(call("personality", [0x0400_0000, 0, 0, 0, 0, 0]), EPERM);
    assert_eq!(call("prctl", [26, 0, 0, 0, 0, 0]), EPERM);
    assert_eq!(call("read", [0; 6]), RET_ALLOW);
}

#[test]
fn loopback_opens_tcp_and_udp_and_nothing_else() {
    let socket =
        |family, kind, protocol| call(Profile::Loopback, "socket", [family, kind, protocol, 0, 0, 0]);
    for family in [2, 10] {
        for (kind, protocol) in [(1, 0), (1, 6), (2, 0), (2, 17), (1 | 0x80800, 6)] {
            assert_eq!(socket(family, kind, protocol), RET_ALLOW, "{family} {kind} {protocol}");
        }
        // Raw, sequenced, ping, SCTP, MPTCP.
        for (kind, protocol) in [(3, 0), (5, 0), (2, 1), (1, 132), (1, 262), (0, 0)] {
            assert_eq!(socket(family, kind, protocol), EAFNOSUPPORT, "{family} {kind} {protocol}");
        }
    }
    assert_eq!(socket(1, 5, 0), RET_ALLOW);
    for family in [16, 17, 38, 40] {
        assert_eq!(socket(family, 1, 0), EAFNOSUPPORT, "{family}");
    }
}

#[test]
fn strict_starts_one_program_and_no_socket() {
    let strict = |name, args| call(Profile::Strict, name, args);
    assert_eq!(strict("execve", [0, 0, 0, 0, 0, WORD]), RET_ALLOW);
    for word in [0, WORD ^ 1, WORD ^ 1 << 63, WORD & 0xffff_ffff, WORD << 32] {
        assert_eq!(strict("execve", [0, 0, 0, 0, 0, word]), EPERM, "{word:x}");
    }
    assert_eq!(strict("execveat", [0, 0, 0, 0, 0, WORD]), EPERM);
    assert_eq!(strict("socket", [1, 1, 0, 0, 0, 0]), EAFNOSUPPORT);
    assert_eq!(strict("socketpair", [1, 1, 0, 0, 0, 0]), EAFNOSUPPORT);
    assert_eq!(strict("clone", [0x003d_0f00, 0, 0, 0, 0, 0]), RET_ALLOW);
    assert_eq!(call(Profile::Default, "execve", [0; 6]), RET_ALLOW);
}

#[test]
fn only_strict_has_places_for_the_start_word() {
    let filters = filters().unwrap();
    for profile in Profile::ALL {
        let classes = filters.classes(profile).unwrap();
        let places = usize::from(profile == Profile::Strict);
        assert_eq!((classes.high.len(), classes.low.len()), (places, places), "{}", profile.name());
        assert_eq!(classes.has_start_word(), places == 1);
    }
}

const READ: &str = "[[call]]\naction = \"allow\"\nwhy = \"w\"\nnames = [\"read\"]\n";

#[test]
fn a_broken_policy_is_refused_with_the_row() {
    let call = |rest: &str| format!("[[call]]\nwhy = \"w\"\n{rest}\n");
    let rule = |rest: &str| {
        format!("{READ}[[argument]]\ncall = \"read\"\nerrno = \"EPERM\"\nwhy = \"w\"\nargument = 0\n{rest}\n")
    };
    for (text, problem) in [
        (call("action = \"allow\"\nnames = [\"read\", \"read\"]"), "two rows"),
        (format!("{READ}{READ}"), "two rows"),
        (call("action = \"allow\"\nnames = [\"frobnicate\"]"), "no system call"),
        (call("action = \"errno\"\nnames = [\"read\"]"), "missing"),
        (call("action = \"errno\"\nerrno = \"EFOO\"\nnames = [\"read\"]"), "no errno"),
        (call("action = \"kill\"\nerrno = \"EPERM\"\nnames = [\"read\"]"), "goes with"),
        (call("action = \"allow\"\nprofiles = [\"open\"]\nnames = [\"read\"]"), "open"),
        ("[[call]]\naction = \"allow\"\nwhy = \" \"\nnames = [\"read\"]\n".to_owned(), "why"),
        (rule("bits = 16\none_of = [1]"), "32 or 64"),
        (rule("bits = 32\none_of = [0x100000000]"), "32 bits"),
        (rule("bits = 32"), "is needed"),
        (rule("bits = 32\none_of = [1]\nnot_one_of = [2]"), "is needed"),
        (rule("bits = 32\none_of = [3]\nmask = 1"), "outside"),
        (rule("bits = 64\nnot_start_word = true"), "belongs to a profile"),
        (rule("bits = 32\none_of = [1]").replace("call = \"read\"", "call = \"write\""), "that is allowed"),
        (
            rule("bits = 32\none_of = [1]").replace("action = \"allow\"", "action = \"kill\""),
            "that is allowed",
        ),
        (
            rule("bits = 32\none_of = [1]\nprofiles = [\"strict\"]")
                .replace("\"allow\"", "\"errno\"\nerrno = \"EPERM\""),
            "allowed call",
        ),
    ] {
        let said = check(&text).expect_err(&text);
        assert!(said.contains(problem), "{said}\n{text}");
    }
    check(&rule("bits = 32\none_of = [1]")).unwrap();
}

fn profiles() -> impl Strategy<Value = Option<Vec<Profile>>> {
    proptest::option::weighted(0.4, proptest::sample::subsequence(Profile::ALL.to_vec(), 1..=3))
}

fn errno_name() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["EPERM", "ENOSYS", "EAFNOSUPPORT"]).prop_map(str::to_owned)
}

fn call_name() -> impl Strategy<Value = String> {
    // Few names, so that rows meet each other.
    proptest::sample::select(
        syscalls::TABLE.iter().step_by(29).map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>(),
    )
}

fn call_row() -> impl Strategy<Value = CallRow> {
    use ActionName::{Allow, Default, Errno, Kill};
    let action = proptest::sample::select(vec![Kill, Errno, Allow, Allow, Allow, Default]);
    (action, errno_name(), call_name(), profiles()).prop_map(|(action, errno, name, profiles)| CallRow {
        action,
        errno: (action == Errno).then_some(errno),
        why: "w".into(),
        names: vec![name],
        profiles,
    })
}

fn argument_row() -> impl Strategy<Value = ArgumentRow> {
    let value = prop_oneof![0u64..8, any::<u32>().prop_map(u64::from), any::<u64>()];
    let when = proptest::option::of((0u8..7, proptest::collection::vec(0u64..4, 0..3)));
    let bits = prop_oneof![Just(32u8), Just(64u8), Just(8u8)];
    let base = (call_name(), errno_name(), 0u8..7, bits, profiles());
    let rest = (proptest::collection::vec(value, 0..4), 0u8..5, proptest::option::of(any::<u64>()), when);
    (base, rest).prop_map(|((call, errno, argument, bits, profiles), (values, kind, mask, when))| {
        let of = |n: u8| if kind == n { values.clone() } else { Vec::new() };
        ArgumentRow {
            call,
            errno,
            why: "w".into(),
            argument,
            bits,
            one_of: of(0),
            not_one_of: of(1),
            any_bit_of: of(2),
            not_start_word: kind == 3,
            mask: mask.filter(|_| kind == 0).map(|mask| values.iter().fold(mask, |m, v| m | v)),
            when: when.map(|(argument, one_of)| When { argument, one_of }),
            profiles,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_policy_is_refused_or_compiled_to_what_its_rows_say(
        call in proptest::collection::vec(call_row(), 0..24),
        argument in proptest::collection::vec(argument_row(), 0..4),
        seeds in proptest::collection::vec((any::<proptest::sample::Index>(), any::<[u64; 6]>()), 8),
    ) {
        // Of rows that fight over a call the first stays, so that most policies compile.
        let mut policy = Policy { call: Vec::new(), argument: Vec::new() };
        for row in call {
            policy.call.push(row);
            if compile(&policy).is_err() {
                policy.call.pop();
            }
        }
        for row in argument {
            policy.argument.push(row);
            if compile(&policy).is_err() {
                policy.argument.pop();
            }
        }
        let filters = compile(&policy).unwrap();
        let programs = programs(&filters);
        for (number, name) in (0..470).map(|n| (n, syscalls::name(i64::from(n)))) {
            let values = interesting(&policy, name);
            for (index, random) in &seeds {
                let mut args = *random;
                for (i, arg) in args.iter_mut().enumerate() {
                    if (random[5] >> i) & 1 == 0 {
                        *arg = values[(index.index(values.len()) + i) % values.len()];
                    }
                }
                for (profile, classes) in &programs {
                    let got = both(&filters.arguments, classes, AUDIT_ARCH_X86_64, number, args);
                    let want = three(&policy, *profile, AUDIT_ARCH_X86_64, number, args, WORD);
                    prop_assert_eq!(got, want, "{} {:x?} {}", number, args, profile.name());
                }
            }
        }
    }
}
