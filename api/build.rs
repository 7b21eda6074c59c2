//! Rebuilds the executable when a file of the page comes or goes; changes within files are seen anyway.

fn main() {
    println!("cargo:rerun-if-changed=ui");
    println!("cargo:rerun-if-changed=migrations");
}
