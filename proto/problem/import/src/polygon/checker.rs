//! What decides in a Polygon problem: a checker, and an interactor before it.

use roxmltree::Node;

use super::{FILE, Source, programs};
use crate::draft::{Draft, How};
use crate::write::Content;
use crate::{Log, xml};

/// What a checker of the standard set becomes.
#[derive(Debug, Clone, Copy)]
struct Standard {
    name: &'static str,
    /// What the answers must look like for the two to mean the same.
    answers: Answers,
    becomes: Becomes,
}

#[derive(Debug, Clone, Copy)]
enum Becomes {
    /// The default validator with these flags.
    Flags(&'static [&'static str]),
    /// The judge's checker of this name.
    Named(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    Any,
    /// Whole numbers as a program prints them.
    Whole,
    /// One of those.
    OneWhole,
    /// `YES` and `NO` in any case.
    YesNo,
    /// One of those.
    OneYesNo,
    /// Numbers.
    Numbers,
    /// One of those.
    OneNumber,
}

/// The standard set, as far as the judge's own checkers say the same of outputs with the same blanks. The
/// others (`fcmp`, `lcmp`, `case…`, `points…`) are kept as programs.
const STANDARD: [Standard; 13] = [
    Standard { name: "wcmp", answers: Answers::Any, becomes: Becomes::Flags(&["case_sensitive"]) },
    Standard { name: "ncmp", answers: Answers::Whole, becomes: Becomes::Flags(&["case_sensitive"]) },
    Standard { name: "icmp", answers: Answers::OneWhole, becomes: Becomes::Flags(&["case_sensitive"]) },
    Standard { name: "hcmp", answers: Answers::OneWhole, becomes: Becomes::Flags(&["case_sensitive"]) },
    Standard { name: "yesno", answers: Answers::OneYesNo, becomes: Becomes::Flags(&[]) },
    Standard { name: "nyesno", answers: Answers::YesNo, becomes: Becomes::Flags(&[]) },
    Standard { name: "uncmp", answers: Answers::Whole, becomes: Becomes::Named("unordered") },
    Standard {
        name: "rcmp4",
        answers: Answers::Numbers,
        becomes: Becomes::Flags(&["float_tolerance", "1e-4"]),
    },
    Standard {
        name: "rcmp6",
        answers: Answers::Numbers,
        becomes: Becomes::Flags(&["float_tolerance", "1e-6"]),
    },
    Standard {
        name: "rcmp9",
        answers: Answers::Numbers,
        becomes: Becomes::Flags(&["float_tolerance", "1e-9"]),
    },
    Standard {
        name: "dcmp",
        answers: Answers::OneNumber,
        becomes: Becomes::Flags(&["float_tolerance", "1e-6"]),
    },
    Standard {
        name: "rcmp",
        answers: Answers::OneNumber,
        becomes: Becomes::Flags(&["float_absolute_tolerance", "1.5e-6"]),
    },
    Standard {
        name: "acmp",
        answers: Answers::OneNumber,
        becomes: Becomes::Flags(&["float_absolute_tolerance", "1e-6"]),
    },
];

/// Answers looked at; longer ones are no sign of anything.
const LOOKED_AT: usize = 16 << 20;

pub(super) fn read(source: Source<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let assets = xml::child(source.problem, "assets");
    let checker = assets.and_then(|a| xml::child(a, "checker"));
    if let Some(interactor) = assets.and_then(|a| xml::child(a, "interactor")) {
        return interactive(source, interactor, checker, draft, log);
    }
    let Some(checker) = checker else {
        draft.validator_args = vec!["case_sensitive".to_owned()];
        log.change(FILE, None, "there is no checker; tokens are compared, case and all");
        return;
    };
    let name = xml::attribute(checker, "name").unwrap_or_default();
    let short = name.strip_prefix("std::").map(|n| n.trim_end_matches(".cpp"));
    let standard = short.and_then(|short| STANDARD.iter().find(|row| row.name == short));
    if let Some(standard) = standard
        && draft
            .cases
            .iter()
            .all(|case| case.answer.bytes().is_ok_and(|bytes| fits(standard.answers, &bytes)))
    {
        standard_checker(name, *standard, checker, draft, log);
        return;
    }
    own_checker(source, checker, draft, log);
}

fn standard_checker(name: &str, standard: Standard, checker: Node<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let line = Some(xml::line(checker));
    let what = match standard.becomes {
        Becomes::Flags(flags) => {
            draft.validator_args = flags.iter().map(|flag| (*flag).to_owned()).collect();
            format!("the default output validator with `{}`", flags.join(" "))
        }
        Becomes::Named(name) => {
            draft.checker = Some(name);
            format!("the judge's checker `{name}`")
        }
    };
    log.change(FILE, line, format!("checker `{name}` becomes {what}"));
    if matches!(standard.answers, Answers::Numbers | Answers::OneNumber) {
        log.change(FILE, line, "numbers are read by the package format's grammar: `0x1p3`, `inf` and `nan` are none, and the 1e-15 that testlib adds to a tolerance is not added");
    }
}

fn fits(answers: Answers, bytes: &[u8]) -> bool {
    if answers == Answers::Any {
        return true;
    }
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LOOKED_AT) else {
        return false;
    };
    let one = matches!(answers, Answers::OneWhole | Answers::OneYesNo | Answers::OneNumber);
    let mut tokens = text.split_ascii_whitespace();
    let all = tokens.by_ref().all(|token| match answers {
        Answers::Any => true,
        Answers::Whole | Answers::OneWhole => is_whole(token),
        Answers::YesNo | Answers::OneYesNo => {
            ["YES", "NO"].iter().any(|word| token.eq_ignore_ascii_case(word))
        }
        Answers::Numbers | Answers::OneNumber => problem::decimal::Decimal::parse(token.as_bytes()).is_some(),
    });
    all && (!one || text.split_ascii_whitespace().count() == 1)
}

/// As testlib reads one: no sign but `-`, no zero in front, no minus zero.
fn is_whole(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain && (digits == "0" && !token.starts_with('-') || !digits.starts_with('0'))
}

/// The checker's source as the package's output validator, called in testlib's way.
fn own_checker(source: Source<'_, '_>, checker: Node<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let Some(program) = programs::source_of(source, checker, "checker", log) else { return };
    draft.testlib = true;
    programs::copy(&program, "output_validator", program.file_name(), draft);
    programs::headers(source, "output_validator", &[&program], draft, log);
    gives_parts(&program, draft, log);
}

/// Tells what a part of the points means where a group is all or nothing.
fn gives_parts(program: &programs::Source, draft: &Draft, log: &mut Log) {
    let text = String::from_utf8_lossy(&program.bytes);
    let parts = ["quitp", "_pc(", "_points", "quitpi"].iter().any(|word| text.contains(word));
    if !parts {
        return;
    }
    match &draft.parts {
        None => log.change(
            &program.path,
            None,
            "the checker can give a part of the points; in a pass-fail problem a part is a wrong answer",
        ),
        Some(parts) if parts.iter().any(|part| part.how == How::All) => {
            log.change(&program.path, None, "the checker can give a part of the points; in a group that is all or nothing a part is a wrong answer, and points in numbers are a judge error");
        }
        Some(_) => {}
    }
}

/// Interactor and checker behind one output validator. Where both are in C++ a small program of ours starts them, so
/// that other tools judge the problem, too; else `tribunal.yaml` names the interactor, and the judge runs each in an
/// image of its own language.
fn interactive(
    source: Source<'_, '_>,
    interactor: Node<'_, '_>,
    checker: Option<Node<'_, '_>>,
    draft: &mut Draft,
    log: &mut Log,
) {
    draft.interactive = true;
    let talks = programs::source_of(source, interactor, "interactor", log);
    let checks = checker.and_then(|checker| programs::source_of(source, checker, "checker", log));
    let Some(talks) = talks else { return };
    if checks.is_none() {
        log.change(
            FILE,
            Some(xml::line(interactor)),
            "there is no checker after the interactor; its word is the last",
        );
    }
    let both: Vec<&programs::Source> = [Some(&talks), checks.as_ref()].into_iter().flatten().collect();
    if !both.iter().all(|program| program.is_cpp()) {
        return side_by_side(source, interactor, &talks, checks.as_ref(), draft, log);
    }
    draft.told_points = true;
    let mut build = programs::build(&[("interactor", "interactor.cpp", talks.standard)]);
    programs::copy(&talks, "output_validator", "interactor.cpp", draft);
    if let Some(checks) = &checks {
        build += &programs::compile("checker", "checker.cpp", checks.standard);
        programs::copy(checks, "output_validator", "checker.cpp", draft);
    }
    build += &programs::compile("run", "shim.cc", 17);
    let files = [
        ("output_validator/build", Content::Script(build.into_bytes())),
        ("output_validator/shim.cc", Content::Bytes(include_bytes!("../shims/interactor.cc").to_vec())),
    ];
    draft.files.extend(files.map(|(path, content)| (path.to_owned(), content)));
    programs::headers(source, "output_validator", &both, draft, log);
    log.change(FILE, Some(xml::line(interactor)), "interactor and checker become one output validator: `shim.cc`, written by the importer, starts the interactor and then the checker, and turns their exit statuses into the format's");
}

/// The two as they are, called in testlib's way one after the other.
fn side_by_side(
    source: Source<'_, '_>,
    interactor: Node<'_, '_>,
    talks: &programs::Source,
    checks: Option<&programs::Source>,
    draft: &mut Draft,
    log: &mut Log,
) {
    const FOLDER: &str = "output_validator";
    let name = |stem: &str, program: &programs::Source| {
        format!("{stem}.{}", if program.is_cpp() { "cpp" } else { program.extension() })
    };
    let named = name("interactor", talks);
    programs::copy(talks, FOLDER, &named, draft);
    if let Some(checks) = checks {
        programs::copy(checks, FOLDER, &name("checker", checks), draft);
        gives_parts(checks, draft, log);
    }
    let both: Vec<&programs::Source> = [Some(talks), checks].into_iter().flatten().collect();
    programs::headers(source, FOLDER, &both, draft, log);
    draft.testlib = true;
    let message = format!(
        "interactor and checker are not both in C++, so tribunal.yaml names `{named}` as the interactor, and this judge \
         runs the two one after the other; other tools do not know that key"
    );
    log.change(FILE, Some(xml::line(interactor)), message);
    draft.interactor = Some(named);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_checker_is_replaced_only_where_it_means_the_same() {
        for (answers, text, same) in [
            (Answers::Whole, "1 -2\n30\n", true),
            (Answers::Whole, "01", false),
            (Answers::Whole, "-0", false),
            (Answers::Whole, "+1", false),
            (Answers::OneWhole, "1 2", false),
            (Answers::OneWhole, "", false),
            (Answers::YesNo, "Yes no YES", true),
            (Answers::YesNo, "yes maybe", false),
            (Answers::OneYesNo, "yes", true),
            (Answers::Numbers, "1 2.5 1e9", true),
            (Answers::Numbers, "inf", false),
            (Answers::OneNumber, "2.5 3", false),
        ] {
            assert_eq!(fits(answers, text.as_bytes()), same, "{answers:?} {text:?}");
        }
        assert!(!fits(Answers::Whole, b"\xff") && fits(Answers::Any, b"\xff"));
    }
}
