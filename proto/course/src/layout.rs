//! Where a harness's directories are in the box.
//!
//! All that a box can write is `/w`, so `/autograder` becomes a symbolic link to `/w/autograder`, in a layer of
//! its own over the image: a box needs no new kind of mount for it, and what an image has at that place stays
//! where it was, out of sight.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::bundle::Bundle;

/// Where every box works.
pub const WORK: &str = "/w";
/// Most components of a place.
const DEPTH_MAX: usize = 10;
/// Top directories that belong to the system or to the box.
const TAKEN: [&str; 14] = [
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "tmp",
    "usr",
];

/// The layer with the links. Goes on top of the image's own.
#[derive(Debug)]
pub struct Layer(pub PathBuf);

impl Layer {
    /// Makes the layer for `bundle` in the empty folder `at`, which has to stay while boxes use it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make(bundle: &Bundle, at: &Path) -> io::Result<Self> {
        let open = |dir: &Path| fs::set_permissions(dir, fs::Permissions::from_mode(0o755));
        fs::create_dir_all(at)?;
        open(at)?;
        for place in bundle.places.iter().filter(|place| !is_below(place, WORK)) {
            let parts: Vec<&str> = place.trim_start_matches('/').split('/').collect();
            let mut dir = at.to_owned();
            for part in &parts[..parts.len() - 1] {
                dir.push(part);
                match fs::create_dir(&dir) {
                    Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                    _ => open(&dir)?,
                }
            }
            symlink(format!("{WORK}{place}"), dir.join(parts[parts.len() - 1]))?;
        }
        Ok(Self(at.to_owned()))
    }
}

/// The path below `/w` behind an absolute path of the box.
pub fn in_work(path: &str) -> String {
    let path = path.trim_end_matches('/');
    path.strip_prefix("/w/").unwrap_or_else(|| path.trim_start_matches('/')).to_owned()
}

fn is_below(path: &str, folder: &str) -> bool {
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Without those that lie below another one, in order.
pub(crate) fn collapse(mut places: Vec<String>) -> Vec<String> {
    for place in &mut places {
        place.truncate(place.trim_end_matches('/').len());
    }
    places.sort();
    places.dedup();
    let all = places.clone();
    places.retain(|place| !all.iter().any(|other| other != place && is_below(place, other)));
    places
}

/// Refuses a place that is not a harness's to take.
pub(crate) fn check_place(place: &str) -> Result<(), String> {
    let refuse = |why: &str| {
        Err(format!("`{}` cannot be a place in the box: {why}", crate::findings::cut(place, 100)))
    };
    let Some(rest) = place.strip_prefix('/') else { return refuse("an absolute path is needed") };
    let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    let plain = |part: &&str| {
        !matches!(*part, "" | "." | "..")
            && part.len() <= 100
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if !parts.iter().all(plain) || parts.len() > DEPTH_MAX {
        return refuse(
            "a folder other than / is needed, with names of letters, digits, `.`, `_`, `-`, without `..`",
        );
    }
    if TAKEN.contains(&parts[0]) || place.trim_end_matches('/') == WORK {
        return refuse(&format!("/{} belongs to the system", parts[0]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_below_others_are_theirs() {
        let places =
            ["/autograder/results", "/autograder/", "/autograderx", "/w/a"].map(str::to_owned).to_vec();
        assert_eq!(collapse(places), ["/autograder", "/autograderx", "/w/a"]);
        assert_eq!(
            (in_work("/autograder/x"), in_work("/w/a/b")),
            ("autograder/x".to_owned(), "a/b".to_owned())
        );
    }

    #[test]
    fn a_link_stands_for_each_place_that_is_not_in_the_work_directory_already() {
        let dir = tempfile::tempdir().unwrap();
        let harness = dir.path().join("harness");
        fs::create_dir(&harness).unwrap();
        let toml = "submission = \"/opt/course/in\"\nresults = \"/opt/out/r.json\"\nfiles = \"/w/own\"\n";
        for (name, text) in [("harness.toml", toml), ("go", "#!/bin/sh\n")] {
            fs::write(harness.join(name), text).unwrap();
        }
        let bundle = Bundle::read(&harness).unwrap();
        assert_eq!(bundle.places, ["/opt/course/in", "/opt/out", "/w/own"]);
        let at = dir.path().join("layer");
        let Layer(made) = Layer::make(&bundle, &at).unwrap();
        let to = |path: &str| fs::read_link(made.join(path)).unwrap();
        assert_eq!(to("opt/course/in"), Path::new("/w/opt/course/in"));
        assert_eq!(to("opt/out"), Path::new("/w/opt/out"));
        let all: Vec<_> = fs::read_dir(&made).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(all, ["opt"], "what lies in the work directory needs no link");
        for folder in ["", "opt", "opt/course"] {
            let mode = fs::metadata(made.join(folder)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{folder}");
        }
        // Twice into one folder is an error, and never half a layer.
        assert!(Layer::make(&bundle, &at).is_err());
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Layer::make(&bundle, &file).is_err());
    }

    #[test]
    fn no_place_of_the_system_can_be_taken() {
        for bad in
            ["/", "", "/proc", "/dev/shm", "/usr/x", "/etc", "/tmp/x", "/w", "/w/", "/a/../usr", "/a//b", "x"]
        {
            assert!(check_place(bad).is_err(), "{bad}");
        }
        let deep = |parts: usize| "/a".repeat(parts);
        assert!(check_place(&deep(DEPTH_MAX)).is_ok() && check_place(&deep(DEPTH_MAX + 1)).is_err());
        let long = |len: usize| format!("/{}", "a".repeat(len));
        assert!(check_place(&long(100)).is_ok() && check_place(&long(101)).is_err());
        for good in ["/autograder", "/grade", "/w/x", "/home/grader/in", "/opt/course"] {
            assert!(check_place(good).is_ok(), "{good}");
        }
    }
}
