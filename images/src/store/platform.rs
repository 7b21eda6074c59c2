//! Which of several images of one name runs here.

use std::fmt;
use std::str::FromStr;

use oci_spec::image::{Descriptor, ImageConfiguration};

use crate::error::{ImageError, Result};

/// Operating system and processor, as image indexes name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `amd64`.
    pub architecture: String,
    /// Such as `v7`; without one any will do.
    pub variant: Option<String>,
}

impl Default for Platform {
    /// This machine's.
    fn default() -> Self {
        Self {
            os: "linux".to_owned(),
            architecture: oci_spec::image::Arch::default().to_string(),
            variant: None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let good =
            parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        match parts[..] {
            [os, architecture] if good => {
                Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant: None })
            }
            [os, architecture, variant] if good => Ok(Self {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
                variant: Some(variant.to_owned()),
            }),
            _ => Err("OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT is needed, such as linux/amd64".to_owned()),
        }
    }
}

impl Platform {
    fn of(descriptor: &Descriptor) -> Option<Self> {
        let platform = descriptor.platform().as_ref()?;
        Some(Self {
            os: platform.os().to_string(),
            architecture: platform.architecture().to_string(),
            variant: platform.variant().clone(),
        })
    }

    fn takes(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && (self.variant.is_none() || self.variant == other.variant)
    }

    /// The entry of an index to take.
    ///
    /// # Errors
    /// [`ImageError::Unsupported`] with the platforms there are.
    pub(crate) fn choose<'a>(&self, image: &str, manifests: &'a [Descriptor]) -> Result<&'a Descriptor> {
        // Attestations and signatures stand in indexes beside images, for the platform `unknown`.
        let real = |d: &&Descriptor| Self::of(d).is_none_or(|p| p.os != "unknown");
        let known: Vec<&Descriptor> = manifests.iter().filter(real).collect();
        let fits = |d: &&&Descriptor| Self::of(d).is_some_and(|p| self.takes(&p));
        if let Some(found) = known.iter().find(fits) {
            return Ok(found);
        }
        match known[..] {
            // Said nowhere, so its configuration decides.
            [only] if only.platform().is_none() => Ok(only),
            _ => {
                let there: Vec<String> = known
                    .iter()
                    .map(|d| {
                        Self::of(d).map_or_else(|| "one without a platform".to_owned(), |p| p.to_string())
                    })
                    .collect();
                Err(ImageError::Unsupported {
                    image: image.to_owned(),
                    problem: format!(
                        "it has nothing for {self}; it has {}",
                        if there.is_empty() { "no image at all".to_owned() } else { there.join(", ") }
                    ),
                })
            }
        }
    }

    /// Refuses an image for another machine: its programs would not start.
    pub(crate) fn check(&self, image: &str, config: &ImageConfiguration) -> Result<()> {
        let (os, architecture) = (config.os().to_string(), config.architecture().to_string());
        if (os.as_str(), architecture.as_str()) == (self.os.as_str(), self.architecture.as_str()) {
            return Ok(());
        }
        Err(ImageError::Unsupported {
            image: image.to_owned(),
            problem: format!("it is for {os}/{architecture}; {self} is needed"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(platform: Option<(&str, &str, Option<&str>)>) -> Descriptor {
        let mut json = serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1,
            "digest": proto::id::Digest::of(format!("{platform:?}").as_bytes()),
        });
        if let Some((os, architecture, variant)) = platform {
            json["platform"] = serde_json::json!({"os": os, "architecture": architecture});
            if let Some(variant) = variant {
                json["platform"]["variant"] = variant.into();
            }
        }
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_machines_own_platform_is_chosen_and_what_there_is_is_told() {
        let amd = entry(Some(("linux", "amd64", None)));
        let arm6 = entry(Some(("linux", "arm", Some("v6"))));
        let arm7 = entry(Some(("linux", "arm", Some("v7"))));
        let attestation = entry(Some(("unknown", "unknown", None)));
        let index = [attestation.clone(), arm6.clone(), amd.clone(), arm7.clone()];
        let choose = |text: &str| text.parse::<Platform>().unwrap().choose("x", &index).cloned();
        assert_eq!(choose("linux/amd64").unwrap(), amd);
        assert_eq!(choose("linux/arm").unwrap(), arm6);
        assert_eq!(choose("linux/arm/v7").unwrap(), arm7);
        let error = choose("linux/riscv64").unwrap_err().to_string();
        assert!(error.contains("linux/amd64") && !error.contains("unknown"), "{error}");
        let bare = [entry(None)];
        assert_eq!(Platform::default().choose("x", &bare).unwrap(), &bare[0]);
        assert!(Platform::default().choose("x", &[attestation]).is_err());
        assert!(Platform::default().choose("x", &[]).is_err());
    }

    #[test]
    fn a_platform_that_is_none_is_refused() {
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/amd 64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
        assert_eq!("linux/arm/v7".parse::<Platform>().unwrap().to_string(), "linux/arm/v7");
    }
}
