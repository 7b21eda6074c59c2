//! When an image was last used: the time of an empty file per manifest digest, in `used/`. Losing one costs nothing but
//! the order of eviction, so nothing here is synced and no failure stops a run.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::SystemTime;

use proto::id::Digest;

use crate::error::{Doing, Result};
use crate::store::Store;

impl Store {
    /// Notes that the image is used now.
    pub(crate) fn note_use(&self, digest: &Digest) {
        let folder = self.path().join("used");
        let noted = std::fs::create_dir_all(&folder)
            .and_then(|()| {
                File::options().create(true).truncate(false).write(true).open(folder.join(digest.hex()))
            })
            .and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = noted {
            tracing::debug!(%digest, %error, "the use of an image could not be noted");
        }
    }

    /// When a root was last asked of it, if ever.
    pub(crate) fn last_used(&self, digest: &Digest) -> Option<SystemTime> {
        std::fs::metadata(self.path().join("used").join(digest.hex())).and_then(|meta| meta.modified()).ok()
    }

    /// Forgets the uses of images that are gone; `images` are the hexadecimal digests of those that are there.
    pub(crate) fn forget_uses(&self, images: &BTreeSet<String>) -> Result<()> {
        let folder = self.path().join("used");
        let Ok(list) = std::fs::read_dir(&folder) else { return Ok(()) };
        for entry in list {
            let entry = entry.doing("list", &folder)?;
            if !entry.file_name().to_str().is_some_and(|name| images.contains(name)) {
                std::fs::remove_file(entry.path()).doing("remove", entry.path())?;
            }
        }
        Ok(())
    }
}
