//! What is built from what, in which order, and the key of every layer.

use language::{Archive, Language, Step};
use proto::id::Digest;
use sha2::{Digest as _, Sha256};

use super::StepFile;
use super::document::{LayerKind, MadeLayer};
use crate::error::{ImageError, Result};

/// Changes when equal recipes no longer give equal layers.
const VERSION: &str = "1";

/// The languages named and those they are built on, each once: first those on a base, then those on the
/// first ones, and so on.
pub(super) fn levels(ids: &[String]) -> Result<Vec<Vec<&'static Language>>> {
    let mut levels: Vec<Vec<&'static Language>> = Vec::new();
    for id in ids {
        let mut line = vec![language_of(id)?];
        while let Some(on) = line[line.len() - 1].on.as_deref() {
            let below = language_of(on)?;
            if below.base.suite().is_none() || below.base != line[line.len() - 1].base {
                return Err(ImageError::BuildFailed {
                    image: id.clone(),
                    status: "its recipe is wrong".to_owned(),
                    log: format!("`image.on` names `{on}`, which is not built from the same suite"),
                });
            }
            if line.iter().any(|above| above.id == below.id) {
                return Err(ImageError::BuildFailed {
                    image: id.clone(),
                    status: "its recipe is wrong".to_owned(),
                    log: format!("`image.on` goes round in a circle at `{on}`"),
                });
            }
            line.push(below);
        }
        for (depth, language) in line.into_iter().rev().enumerate() {
            if levels.len() == depth {
                levels.push(Vec::new());
            }
            if !levels[depth].iter().any(|other| other.id == language.id) {
                levels[depth].push(language);
            }
        }
    }
    Ok(levels)
}

fn language_of(id: &str) -> Result<&'static Language> {
    language::by_id(id).ok_or_else(|| ImageError::UnknownLanguage {
        wanted: id.chars().take(100).collect(),
        known: language::all().iter().map(|language| language.id.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// How the layer of a language's packages is called.
pub(super) fn packages_words(language: &Language) -> String {
    format!("{} packages: {}", language.base.suite().unwrap_or_default(), language.packages.join(" "))
}

/// Key of a layer of a registry's image, counted from 0.
pub(super) fn pulled_key(reference: &str, number: usize) -> Digest {
    key(&["image", reference, &number.to_string()], &[])
}

/// Key of the base of a suite.
pub(super) fn base_key(suite: &str, epoch: u64) -> Digest {
    key(&["base", suite, &epoch.to_string()], &[])
}

/// Key of a language's packages over the trees in `below`; what steps made there does not change them.
pub(super) fn packages_key(language: &Language, below: &[MadeLayer], epoch: u64) -> Digest {
    let words = packages_words(language);
    let trees = below.iter().filter(|layer| layer.kind == LayerKind::Tree);
    let mut parts: Vec<String> = trees.map(|layer| layer.packed.diff_id.to_string()).collect();
    parts.extend([words, epoch.to_string()]);
    key(&parts, &[])
}

/// Key of a step over all of `below`.
pub(super) fn step_key(step: &Step, files: &[StepFile], below: &[MadeLayer], epoch: u64) -> Digest {
    let mut parts: Vec<String> = below.iter().map(|layer| layer.packed.diff_id.to_string()).collect();
    parts.push(epoch.to_string());
    parts.push(step.to.clone());
    parts.extend(step.argv.iter().cloned());
    for Archive { name, npm, sha256 } in &step.archives {
        parts.extend([format!("archive {name}"), npm.clone(), sha256.clone()]);
    }
    key(&parts, files)
}

/// Lengths go in as well, so that no two lists of words are the same bytes.
fn key(parts: &[impl AsRef<str>], files: &[StepFile]) -> Digest {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(VERSION.as_bytes());
    for part in parts {
        add(part.as_ref().as_bytes());
    }
    for file in files {
        add(&file.path);
        add(&file.bytes);
    }
    Digest::from_raw(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_language_is_built_on_comes_first_and_once() {
        let all: Vec<String> = language::all().iter().map(|language| language.id.clone()).collect();
        let levels = levels(&all).unwrap();
        let place = |id: &str| levels.iter().position(|level| level.iter().any(|l| l.id == id)).unwrap();
        for language in language::all() {
            match &language.on {
                Some(on) => {
                    assert!(place(on) < place(&language.id), "{} before {on}", language.id);
                    assert_eq!(language::by_id(on).unwrap().base, language.base, "{}", language.id);
                }
                None => assert_eq!(place(&language.id), 0),
            }
        }
        assert_eq!(levels.concat().len(), language::all().len());
    }

    #[test]
    fn a_changed_word_or_file_of_a_step_changes_its_key_and_nothing_else_does() {
        let step = |argv: &[&str]| Step {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            to: "/usr/x".to_owned(),
            files: Vec::new(),
            archives: Vec::new(),
        };
        let archive = |sha256: &str| {
            let (name, npm) = ("x.tgz".to_owned(), "x@1.0.0".to_owned());
            Step { archives: vec![Archive { name, npm, sha256: sha256.to_owned() }], ..step(&["/a", "b"]) }
        };
        let file = |text: &str| [StepFile { path: b"a".to_vec(), executable: false, bytes: text.into() }];
        let base = step_key(&step(&["/a", "b"]), &file("1"), &[], 0);
        assert_eq!(base, step_key(&step(&["/a", "b"]), &file("1"), &[], 0));
        for other in [
            step_key(&step(&["/a", "c"]), &file("1"), &[], 0),
            step_key(&step(&["/ab"]), &file("1"), &[], 0),
            step_key(&step(&["/a", "b"]), &file("2"), &[], 0),
            step_key(&step(&["/a", "b"]), &file("1"), &[], 1),
            step_key(&archive("0a"), &file("1"), &[], 0),
        ] {
            assert_ne!(base, other);
        }
        assert_ne!(
            step_key(&archive("0a"), &file("1"), &[], 0),
            step_key(&archive("0b"), &file("1"), &[], 0)
        );
    }
}
