//! Has the crate compiled again when an attack was added: embedding alone notices changed files only.

fn main() {
    println!("cargo:rerun-if-changed=../../tests/hostile");
}
