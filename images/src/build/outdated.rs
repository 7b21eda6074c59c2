//! Which images were built from another recipe than this executable has: a language's commands and its image belong
//! together, and an image of an older recipe may lack what the commands need.
//!
//! Told, never refused: most such images judge as well as ever. Only what was built in this store is looked at; an image
//! that was pulled or imported has a recipe of its own.

use language::{Base, Language};
use proto::id::Digest;

use super::document::{LayerKind, MadeLayer};
use super::{EPOCH_DEFAULT, recipe, step_files};
use crate::error::Result;
use crate::layer::write::PackedLayer;
use crate::store::Store;

/// An image that was built here from another recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    /// The language it judges, which is its name.
    pub language: String,
    /// Digest of its manifest.
    pub digest: Digest,
}

impl Outdated {
    /// The warning, with the command that mends it.
    pub fn in_words(&self) -> String {
        let id = &self.language;
        format!(
            "the image of `{id}` was built from another recipe than this judge has: `tribunal images build {id}` builds it anew"
        )
    }
}

impl Store {
    /// The images built here that this executable would build otherwise, in order of their names.
    ///
    /// # Errors
    /// Only when the index cannot be read; an image that cannot is what `verify` complains about.
    pub fn outdated(&self) -> Result<Vec<Outdated>> {
        let built = self.index.read()?.into_iter().filter(|named| named.built);
        let mut outdated = Vec::new();
        for named in built {
            let Some(language) = language::by_id(&named.name) else { continue };
            let Ok(layers) = self.labelled_layers(&named.digest) else { continue };
            if !is_of_recipe(language, &layers) {
                outdated.push(Outdated { language: named.name, digest: named.digest });
            }
        }
        Ok(outdated)
    }
}

/// Whether these layers, with their keys, are what the language's recipe makes, one after the other.
fn is_of_recipe(language: &Language, layers: &[(Digest, PackedLayer)]) -> bool {
    let Ok(line) = recipe::levels(std::slice::from_ref(&language.id)) else { return false };
    let mut line = line.into_iter().flatten();
    let mut rest = layers.iter();
    let mut below: Vec<MadeLayer> = Vec::new();
    let mut next = |below: &mut Vec<MadeLayer>, kind: LayerKind, key: Digest| {
        let found = rest.as_slice().first().filter(|(there, _)| *there == key);
        let Some((_, packed)) = found else { return false };
        below.push(MadeLayer { made_by: String::new(), key, kind, packed: packed.clone() });
        rest.next();
        true
    };
    match &language.base {
        Base::Suite(suite) => {
            if !next(&mut below, LayerKind::Tree, recipe::base_key(suite, EPOCH_DEFAULT)) {
                return false;
            }
        }
        Base::Image(reference) => {
            let key = |number: usize| recipe::pulled_key(reference, number);
            let mut number = 0;
            while next(&mut below, LayerKind::Tree, key(number)) {
                number += 1;
            }
        }
    }
    let made = line.all(|language| {
        let packages = language.packages.is_empty() || {
            let key = recipe::packages_key(language, &below, EPOCH_DEFAULT);
            next(&mut below, LayerKind::Tree, key)
        };
        packages
            && language.steps.iter().all(|step| {
                let Ok(files) = step_files(language, step) else { return false };
                let key = recipe::step_key(step, &files, &below, EPOCH_DEFAULT);
                next(&mut below, LayerKind::Step, key)
            })
    });
    made && below.len() == layers.len() && !below.is_empty()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::blobs::Written;
    use crate::build::document::plain_env;
    use crate::index::Named;
    use crate::layer::unpack::Packing;

    /// What a build of this language would write, each layer's content being its number.
    fn layers_of(language: &Language) -> Vec<MadeLayer> {
        let mut layers: Vec<MadeLayer> = Vec::new();
        let push = |layers: &mut Vec<MadeLayer>, kind, key| {
            let word = format!("layer {}", layers.len());
            let blob = Written { digest: Digest::of(word.as_bytes()), size: 1 };
            let packed = PackedLayer {
                blob,
                diff_id: Digest::of(format!("plain {word}").as_bytes()),
                packing: Packing::Gzip,
            };
            layers.push(MadeLayer { made_by: word, key, kind, packed });
        };
        let suite = language.base.suite().unwrap();
        push(&mut layers, LayerKind::Tree, recipe::base_key(suite, EPOCH_DEFAULT));
        for language in recipe::levels(std::slice::from_ref(&language.id)).unwrap().concat() {
            if !language.packages.is_empty() {
                let key = recipe::packages_key(language, &layers, EPOCH_DEFAULT);
                push(&mut layers, LayerKind::Tree, key);
            }
            for step in &language.steps {
                let files = step_files(language, step).unwrap();
                let key = recipe::step_key(step, &files, &layers, EPOCH_DEFAULT);
                push(&mut layers, LayerKind::Step, key);
            }
        }
        layers
    }

    fn name(store: &Store, id: &str, layers: &[MadeLayer], built: bool) -> Digest {
        let written = store.write_image(layers, &HashMap::new(), &plain_env(), 0).unwrap();
        let (name, languages) = (id.to_owned(), vec![id.to_owned()]);
        let (digest, size) = (written.digest.clone(), written.size);
        store.index.put(Named { name, digest, size, languages, built }).unwrap();
        written.digest
    }

    #[test]
    fn an_image_built_here_from_another_recipe_is_told_with_its_command_and_no_other_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let with_steps =
            |l: &&Language| l.base.suite().is_some() && !l.steps.is_empty() && !l.packages.is_empty();
        let language = language::all().iter().find(with_steps).unwrap();
        let id = language.id.as_str();
        let right = layers_of(language);
        name(&store, id, &right, true);
        assert_eq!(store.outdated().unwrap(), []);
        let odd = |at: usize| {
            let mut layers = right.clone();
            layers[at].key = Digest::of(b"another recipe");
            layers
        };
        let more = [&right[..], &right[..1]].concat();
        let mut wrong = vec![right[..right.len() - 1].to_vec(), more, Vec::new()];
        wrong.extend((0..right.len()).map(odd));
        for layers in wrong {
            let digest = name(&store, id, &layers, true);
            let told = store.outdated().unwrap();
            assert_eq!(told, [Outdated { language: id.to_owned(), digest }]);
            assert!(told[0].in_words().contains(&format!("`tribunal images build {id}`")));
            name(&store, id, &layers, false);
            assert_eq!(store.outdated().unwrap(), [], "pulled or imported");
        }
        name(&store, "no-language-of-ours", &odd(0), true);
        assert_eq!(store.outdated().unwrap(), []);
    }

    #[test]
    fn what_every_recipe_makes_is_of_that_recipe() {
        for language in language::all().iter().filter(|l| l.base.suite().is_some()) {
            let layers: Vec<_> = layers_of(language).into_iter().map(|l| (l.key, l.packed)).collect();
            assert!(is_of_recipe(language, &layers), "{}", language.id);
        }
    }
}
