//! Statements of a Polygon problem: its PDF as it is, else its sections of TeX one after the other.

use std::collections::{BTreeMap, BTreeSet};

use super::{FILE, Source};
use crate::draft::Draft;
use crate::write::Content;
use crate::{Log, xml};

/// Largest section read.
const MAX_SECTION: u64 = 256 << 10;

/// Polygon's word for a language, its code (ISO 639-1).
const LANGUAGES: [(&str, &str); 46] = [
    ("english", "en"),
    ("russian", "ru"),
    ("ukrainian", "uk"),
    ("belarusian", "be"),
    ("kazakh", "kk"),
    ("uzbek", "uz"),
    ("armenian", "hy"),
    ("georgian", "ka"),
    ("azerbaijani", "az"),
    ("polish", "pl"),
    ("german", "de"),
    ("french", "fr"),
    ("spanish", "es"),
    ("portuguese", "pt"),
    ("italian", "it"),
    ("romanian", "ro"),
    ("bulgarian", "bg"),
    ("serbian", "sr"),
    ("croatian", "hr"),
    ("turkish", "tr"),
    ("chinese", "zh"),
    ("japanese", "ja"),
    ("korean", "ko"),
    ("vietnamese", "vi"),
    ("arabic", "ar"),
    ("bengali", "bn"),
    ("bosnian", "bs"),
    ("czech", "cs"),
    ("danish", "da"),
    ("dutch", "nl"),
    ("estonian", "et"),
    ("finnish", "fi"),
    ("greek", "el"),
    ("hebrew", "he"),
    ("hindi", "hi"),
    ("hungarian", "hu"),
    ("indonesian", "id"),
    ("kyrgyz", "ky"),
    ("latvian", "lv"),
    ("lithuanian", "lt"),
    ("macedonian", "mk"),
    ("mongolian", "mn"),
    ("persian", "fa"),
    ("slovak", "sk"),
    ("swedish", "sv"),
    ("tajik", "tg"),
];

/// Section, its heading.
const SECTIONS: [(&str, &str); 7] = [
    ("legend", ""),
    ("input", "Input"),
    ("output", "Output"),
    ("interaction", "Interaction"),
    ("scoring", "Scoring"),
    ("notes", "Notes"),
    ("note", "Note"),
];

/// The code of a language.
pub(super) fn language(word: &str) -> Option<&'static str> {
    LANGUAGES.iter().find(|(name, _)| *name == word).map(|(_, code)| *code)
}

pub(super) fn read(source: Source<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let mut done = BTreeSet::new();
    // The first line that names each language.
    let mut named: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
    for node in xml::child(source.problem, "statements")
        .into_iter()
        .flat_map(|s| xml::children(s, "statement").collect::<Vec<_>>())
    {
        let (Some(word), Some(path)) = (xml::attribute(node, "language"), xml::attribute(node, "path"))
        else {
            continue;
        };
        let Some(code) = language(word) else {
            let shown: String = word.chars().take(40).collect();
            log.change(
                FILE,
                Some(xml::line(node)),
                format!("the statement in `{shown}` is left out: no code is known for the language"),
            );
            continue;
        };
        named.entry(code).or_insert((word, xml::line(node)));
        if xml::attribute(node, "type") == Some("application/pdf")
            && let Some(entry) = source.tree.files.get(path)
        {
            draft.files.insert(format!("statement/problem.{code}.pdf"), Content::File(entry.disk.clone()));
        }
        if done.insert(code) {
            sections(source, word, code, draft, log);
        }
    }
    for (code, (word, line)) in named {
        let there = |end: &str| draft.files.contains_key(&format!("statement/problem.{code}.{end}"));
        if !there("pdf") && !there("md") {
            let message = format!(
                "the statement in `{word}` is left out: neither its PDF nor `statement-sections/{word}` is in the package"
            );
            log.change(FILE, Some(line), message);
        }
    }
}

fn sections(source: Source<'_, '_>, word: &str, code: &str, draft: &mut Draft, log: &mut Log) {
    let mut text = String::new();
    for (section, heading) in SECTIONS {
        let path = format!("statement-sections/{word}/{section}.tex");
        let Some(body) = source.tree.text(&path, MAX_SECTION, &mut log.findings) else { continue };
        if !heading.is_empty() {
            text += &format!("## {heading}\n\n");
        }
        text += body.trim();
        text += "\n\n";
    }
    if text.is_empty() {
        return;
    }
    draft.files.insert(format!("statement/problem.{code}.md"), Content::Bytes(text.into_bytes()));
    let from = format!("statement-sections/{word}");
    log.change(
        &from,
        None,
        "the statement becomes Markdown as it is: TeX outside `$…$` stays TeX, and pictures are left out",
    );
}
