//! A verification as JUnit XML, the form build servers read: a suite for the package, with a case for each of
//! its errors, and a suite with a case for each submission.

use std::io;

use problem::Severity;
use proto::verdict::Verdict;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::verify::Verification;
use crate::verify_one::Verified;

type Xml = Writer<Vec<u8>>;

/// One case of a suite, and why it failed: the failure's kind and its text.
struct Case<'a> {
    name: &'a str,
    seconds: f64,
    failed: Option<(&'static str, String)>,
}

/// The document, UTF-8, without a final line feed.
pub(crate) fn document(v: &Verification) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let suites = [("package", package(v)), ("submissions", v.submissions.iter().map(submission).collect())];
    let all = || suites.iter().flat_map(|(_, cases)| cases);
    let mut root = BytesStart::new("testsuites");
    root.push_attribute(("name", v.package.as_str()));
    counts(&mut root, &all().collect::<Vec<_>>());
    xml.write_event(Event::Start(root))?;
    for (name, cases) in &suites {
        suite(&mut xml, &format!("{}.{name}", v.package), cases)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    String::from_utf8(xml.into_inner()).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

fn package(v: &Verification) -> Vec<Case<'_>> {
    let errors = v.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let mut cases: Vec<Case<'_>> = errors
        .map(|d| Case { name: &d.path, seconds: 0.0, failed: Some(("failure", d.to_string())) })
        .collect();
    if cases.is_empty() {
        cases.push(Case { name: "package", seconds: 0.0, failed: None });
    }
    cases
}

fn submission(s: &Verified) -> Case<'_> {
    let ours = s.verdict == Some(Verdict::SE);
    let why = s.reason.clone().unwrap_or_default();
    Case {
        name: &s.path,
        seconds: total(s.tests.iter().filter_map(|t| t.cpu_time_ms)) / 1e3,
        failed: (!s.ok).then_some((if ours { "error" } else { "failure" }, why)),
    }
}

fn counts(element: &mut BytesStart<'_>, cases: &[&Case<'_>]) {
    let of = |kind: &str| cases.iter().filter(|c| c.failed.as_ref().is_some_and(|f| f.0 == kind)).count();
    let seconds = total(cases.iter().map(|c| c.seconds));
    element.push_attribute(("tests", cases.len().to_string().as_str()));
    element.push_attribute(("failures", of("failure").to_string().as_str()));
    element.push_attribute(("errors", of("error").to_string().as_str()));
    element.push_attribute(("time", format!("{seconds:.3}").as_str()));
}

fn suite(xml: &mut Xml, name: &str, cases: &[Case<'_>]) -> io::Result<()> {
    let mut start = BytesStart::new("testsuite");
    start.push_attribute(("name", name));
    counts(&mut start, &cases.iter().collect::<Vec<_>>());
    xml.write_event(Event::Start(start))?;
    for case in cases {
        let mut start = BytesStart::new("testcase");
        start.push_attribute(("classname", name));
        start.push_attribute(("name", text(case.name).as_str()));
        start.push_attribute(("time", format!("{:.3}", case.seconds).as_str()));
        let Some((kind, why)) = &case.failed else {
            xml.write_event(Event::Empty(start))?;
            continue;
        };
        xml.write_event(Event::Start(start))?;
        let mut failure = BytesStart::new(*kind);
        let why = text(why);
        failure.push_attribute(("message", why.lines().next().unwrap_or_default()));
        xml.write_event(Event::Start(failure))?;
        xml.write_event(Event::Text(BytesText::new(&why)))?;
        xml.write_event(Event::End(BytesEnd::new(*kind)))?;
        xml.write_event(Event::End(BytesEnd::new("testcase")))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))
}

/// The sum, and zero of nothing: the one of floating-point numbers begins with minus zero.
fn total(times: impl Iterator<Item = f64>) -> f64 {
    times.fold(0.0, |all, one| all + one)
}

/// What XML 1.0 can hold: programs say other things, too, and no escape makes them legal.
fn text(said: &str) -> String {
    let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    said.chars().map(|c| if legal(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use Verdict::{AC, WA};
    use quick_xml::Reader;

    use super::*;
    use crate::verify_study::{Study, tests::judged};

    #[test]
    fn a_package_without_submissions_takes_no_time_and_not_less() {
        let document = document(&Verification {
            package: "p".to_owned(),
            time_limit_ms: None,
            diagnostics: Vec::new(),
            submissions: Vec::new(),
            study: Study::default(),
            only: Vec::new(),
        });
        let document = document.unwrap();
        assert!(document.contains("tests=\"0\"") && !document.contains("-0"), "{document}");
    }

    #[test]
    fn the_document_is_well_formed_whatever_programs_say_and_counts_what_failed() {
        let right = judged("submissions/accepted/a.py", &[AC], &[AC], [(AC, 1000.0); 3]);
        let mut wrong = judged("submissions/accepted/<b & \"c\">.py", &[AC], &[AC], [(WA, 1.0); 3]);
        wrong.ok = false;
        wrong.reason = Some("]]> \u{1}\u{fffe} <x>&amp;\nsecond line".to_owned());
        let mut ours = judged("submissions/accepted/d.py", &[AC], &[AC], [(AC, 0.0); 3]);
        (ours.ok, ours.verdict) = (false, Some(Verdict::SE));
        let document = document(&Verification {
            package: "p".to_owned(),
            time_limit_ms: Some(1.0),
            diagnostics: Vec::new(),
            submissions: vec![right, wrong, ours],
            study: Study::default(),
            only: Vec::new(),
        })
        .unwrap();
        let (mut reader, mut seen) = (Reader::from_str(&document), Vec::new());
        reader.config_mut().check_end_names = true;
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                Event::Start(e) | Event::Empty(e) => {
                    let attributes: Vec<String> =
                        e.attributes().map(|a| a.unwrap().value.into_owned()).collect();
                    seen.push((e.name().as_ref().to_owned(), attributes));
                }
                _ => {}
            }
        }
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "testsuites",
                "testsuite",
                "testcase",
                "testsuite",
                "testcase",
                "testcase",
                "failure",
                "testcase",
                "error"
            ]
        );
        assert_eq!(seen[0].1, ["p", "4", "1", "1", "3.003"]);
        assert_eq!(seen[3].1[1..4], ["3", "1", "1"]);
        assert!(seen[6].1[0].starts_with("]]&gt; \u{fffd}\u{fffd} &lt;x&gt;&amp;amp;"), "{:?}", seen[6].1);
        assert!(!document.contains('\u{1}'));
    }
}
