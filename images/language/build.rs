//! A new language folder has to show up in the next build, although no Rust file names it.

fn main() {
    println!("cargo::rerun-if-changed=../languages");
}
