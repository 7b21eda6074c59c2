//! Recipes from outside: languages in a folder of their own, over an image of a loopback registry, with steps that run in
//! real boxes. The image has one program, so that nothing here needs Debian or a network.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tests::images::{Image, Manners, Registry};
use tests::process::{finish, json, tribunal};
use tests::store::{data, is_clean, said};

/// `put FILE TEXT` and `show FILE`.
const TOOL: &str = r#"
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "put") == 0) {
    FILE *out = fopen(argv[2], "w");
    return out == NULL || fputs(argv[3], out) < 0 || fclose(out) != 0;
  }
  FILE *in = argc == 3 ? fopen(argv[2], "r") : NULL;
  if (in == NULL) return 1;
  for (int c; (c = getc(in)) != EOF;) putchar(c);
  return 0;
}
"#;

/// An image that has nothing but the program at `/bin/tool`.
fn image() -> Image {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("tool.c"), folder.path().join("tool"));
    std::fs::write(&source, TOOL).unwrap();
    let built = Command::new("cc").arg("-static").arg("-o").arg(&program).arg(&source).status().unwrap();
    assert!(built.success(), "cc cannot link a static program; libc6-dev has what it needs");
    let mut tar = tar::Builder::new(Vec::new());
    let bytes = std::fs::read(program).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, "bin/tool", bytes.as_slice()).unwrap();
    Image::new(&[tar.into_inner().unwrap()])
}

/// Writes a folder of languages with one in it, `shown`, whose programs are printed.
fn recipe(folder: &Path, from: &str, steps: &str) -> PathBuf {
    let language = folder.join("shown");
    std::fs::create_dir_all(&language).unwrap();
    let text = format!(
        "name = \"Shown\"\nversion = [\"/bin/tool\", \"show\", \"/opt/one/a\"]\nextensions = [\"shown\"]\n\
         [run]\nargv = [\"/bin/tool\", \"show\", \"{{entry}}\"]\n\
         [image]\nfrom = \"{from}\"\nsteps = [{steps}]\n"
    );
    std::fs::write(language.join("language.toml"), text).unwrap();
    std::fs::write(language.join("hello.shown"), "Hello, world!\n").unwrap();
    folder.to_path_buf()
}

fn step(to: &str, file: &str, text: &str) -> String {
    format!("{{ argv = [\"/bin/tool\", \"put\", \"{file}\", \"{text}\"], to = \"{to}\" }}")
}

fn with(data: &Path, languages: &Path, args: &[&str]) -> Output {
    finish(tribunal(data).arg("--languages-dir").arg(languages).args(args))
}

fn built(data: &Path, languages: &Path) -> Value {
    let output = with(data, languages, &["images", "build", "shown", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    json(&output)[0].clone()
}

/// Digests of the layers of an image, bottom first.
fn layers(data: &Path, image: &Value) -> Vec<String> {
    let hex = image["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let bytes = std::fs::read(data.join("images/blobs/sha256").join(hex)).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    manifest["layers"].as_array().unwrap().iter().map(|l| l["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_recipe_starts_from_a_registrys_image_and_a_change_rebuilds_only_what_comes_after_it() {
    let (image, folder) = (image(), tempfile::tempdir().unwrap());
    let registry = Registry::start(Some(&image), Manners::default());
    let from = format!("{}@{}", registry.reference(), image.digest());
    let write = |steps: &[String]| recipe(folder.path(), &from, &steps.join(", "));
    let (one, two) = (step("/opt/one", "a", "first"), step("/opt/two", "b", "second"));
    let languages = write(&[one.clone(), two]);
    let data = data();

    let first = built(data.path(), &languages);
    assert_eq!(first["layers_made"], 2, "{first}");
    let before = layers(data.path(), &first);
    assert_eq!(before.len(), 3);
    is_clean(data.path());

    // What was pulled and made is taken again, and nobody is asked for it.
    let asked = registry.asked().len();
    let again = built(data.path(), &languages);
    assert_eq!((&again["digest"], &again["layers_made"]), (&first["digest"], &0.into()));
    assert_eq!(registry.asked().len(), asked, "{:?}", registry.asked());

    // A changed step is made again, and what lies below it is not.
    let changed = built(data.path(), &write(&[one, step("/opt/two", "b", "another")]));
    let after = layers(data.path(), &changed);
    assert_eq!(changed["layers_made"], 1);
    assert_eq!((&after[..2], after[2] == before[2]), (&before[..2], false));
    // A change below is one of everything above it.
    let below = built(data.path(), &write(&[step("/opt/one", "a", "x"), step("/opt/two", "b", "another")]));
    assert_eq!(below["layers_made"], 2);
    assert_eq!(layers(data.path(), &below)[0], before[0]);

    // Its programs are judged in it.
    let output = with(data.path(), &languages, &["languages", "test", "shown", "--probe", "hello", "--json"]);
    assert!(output.status.success(), "{}{}", said(&output), String::from_utf8_lossy(&output.stdout));
    assert_eq!(json(&output)["languages"][0]["image"], below["digest"]);
    // What its steps left is in it.
    let show = ["run", "--image", "shown", "--json", "--", "/bin/tool", "show", "/opt/two/b"];
    assert_eq!(json(&with(data.path(), &languages, &show))["stdout"], "another");

    // And in another store the same recipe gives the same digest.
    let other = self::data();
    let elsewhere = built(other.path(), &languages);
    assert_eq!((&elsewhere["digest"], &elsewhere["layers_made"]), (&below["digest"], &2.into()));
}

#[test]
fn a_recipe_without_a_digest_or_with_one_that_nobody_has_is_refused() {
    let (image, folder) = (image(), tempfile::tempdir().unwrap());
    let registry = Registry::start(Some(&image), Manners::default());
    let data = data();
    let build = |from: &str| {
        let languages = recipe(folder.path(), from, "");
        with(data.path(), &languages, &["images", "build", "shown"])
    };
    let moving = build(&registry.reference());
    assert_eq!(moving.status.code(), Some(2));
    assert!(said(&moving).contains("shown/language.toml") && said(&moving).contains("REF@sha256:"));
    assert!(registry.asked().is_empty());
    let unknown = build(&format!("{}@sha256:{}", registry.reference(), "0".repeat(64)));
    assert!(!unknown.status.success() && said(&unknown).contains("manifest"), "{}", said(&unknown));
    is_clean(data.path());
}
