//! Images as the OCI lays them out: files named by their digest, and an index from references to manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::pack::Layer;
use crate::home::{Lock, home, write_whole};

/// The media type of an image's manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Not compressed: what is read once from the same disk needs no smaller size.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An entry of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// The digest of the manifest, as `sha256:…`.
    pub(crate) digest: String,
    /// A fingerprint of what the image was built from.
    pub(crate) recipe: String,
}

/// A folder of images.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in [`home`].
    pub(crate) fn open() -> Result<Self> {
        Ok(Self::at(&home()?.join("images")))
    }

    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    /// The file of a blob; `None` for what is no digest, or not there.
    pub(crate) fn blob(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest
            .strip_prefix("sha256:")
            .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
        Some(self.blobs().join(hex)).filter(|file| file.is_file())
    }

    /// What a full reference stands for, if its image is here whole.
    pub(crate) fn published(&self, reference: &str) -> Option<Published> {
        self.index()
            .remove(reference)
            .filter(|image| self.digests(&image.digest).is_some_and(|all| all.iter().all(|d| self.blob(d).is_some())))
    }

    /// Writes an image under a reference that `name` makes from the manifest's digest, and returns the reference.
    pub(crate) fn publish(
        &self,
        name: impl Fn(&str) -> String,
        recipe: &str,
        config: &Value,
        layers: &[Layer],
    ) -> Result<String> {
        let layers: Vec<Descriptor> =
            layers.iter().map(|layer| self.write(LAYER, |out| layer.write(out))).collect::<Result<_>>()?;
        let ids: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
        let config = self.write_json(CONFIG, &json!({
            "architecture": architecture(), "os": "linux", "config": config, "rootfs": {"type": "layers", "diff_ids": ids},
        }))?;
        let manifest = self.write_json(
            MANIFEST,
            &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}),
        )?;
        let reference = name(&manifest.digest);
        let _lock = Lock::take("index")?;
        let mut index = self.index();
        index.insert(reference.clone(), Published { digest: manifest.digest, recipe: recipe.to_owned() });
        write_whole(&self.folder.join("index.json"), &serde_json::to_vec_pretty(&index)?)?;
        Ok(reference)
    }

    /// Forgets the references that `forget` names, told the time since each was published, and removes files that no
    /// image needs.
    pub(crate) fn prune(&self, forget: impl Fn(&str, Duration) -> bool) -> Result<()> {
        let _lock = Lock::take("index")?;
        let mut index = self.index();
        let before = index.len();
        index.retain(|reference, image| {
            let age = self.blob(&image.digest).and_then(|file| age(&file)).unwrap_or_default();
            !forget(reference, age)
        });
        if index.len() < before {
            write_whole(&self.folder.join("index.json"), &serde_json::to_vec_pretty(&index)?)?;
        }
        let digests = index.values().filter_map(|image| self.digests(&image.digest)).flatten();
        let needed: BTreeSet<PathBuf> = digests.filter_map(|digest| self.blob(&digest)).collect();
        for entry in fs::read_dir(self.blobs()).with_context(|| format!("cannot list {}", self.blobs().display()))? {
            let path = entry?.path();
            // Another process may be writing an image: its manifest, which names the others, comes last.
            if !needed.contains(&path) && age(&path).is_some_and(|age| age > Duration::from_hours(1)) {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join("blobs/sha256")
    }

    /// An index that cannot be read is an empty one: images are built again.
    fn index(&self) -> BTreeMap<String, Published> {
        let text = fs::read(self.folder.join("index.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The digests of a manifest, its configuration and its layers.
    fn digests(&self, manifest: &str) -> Option<Vec<String>> {
        let value: Value = serde_json::from_slice(&fs::read(self.blob(manifest)?).ok()?).ok()?;
        let layers = value.get("layers")?.as_array()?.iter();
        let parts = layers.chain(value.get("config")).map(|part| part.get("digest")?.as_str().map(str::to_owned));
        parts.chain([Some(manifest.to_owned())]).collect()
    }

    fn write_json(&self, media_type: &'static str, value: &Value) -> Result<Descriptor> {
        let text = serde_json::to_vec(value)?;
        self.write(media_type, |out| Ok(out.write_all(&text)?))
    }

    /// Writes a blob; its name, the digest, is known only at its end.
    fn write(
        &self,
        media_type: &'static str,
        content: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<Descriptor> {
        let folder = self.blobs();
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = tempfile::NamedTempFile::new_in(&folder)
            .with_context(|| format!("cannot write in {}", folder.display()))?;
        let mut out = Hashing { out: BufWriter::with_capacity(1 << 20, file.reopen()?), hash: Sha256::new(), size: 0 };
        content(&mut out)?;
        out.out.flush()?;
        let hex = format!("{:x}", out.hash.finalize());
        file.persist(folder.join(&hex)).with_context(|| format!("cannot write the image file {hex}"))?;
        Ok(Descriptor { media_type, digest: format!("sha256:{hex}"), size: out.size })
    }
}

/// The time since a file was written.
fn age(file: &Path) -> Option<Duration> {
    SystemTime::now().duration_since(file.metadata().ok()?.modified().ok()?).ok()
}

/// How one blob names another.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: u64,
}

struct Hashing {
    out: BufWriter<File>,
    hash: Sha256,
    size: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The machine's kind of processor, by the name that images have for it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(store: &Store, tag: &str, content: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let layer = Layer::files([("bin/app", file.path(), 0o755)]);
        store.publish(|_| format!("localhost/app:{tag}"), "r", &json!({}), &[layer]).unwrap()
    }

    #[test]
    fn the_same_files_make_the_same_image() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let digest = |reference: &str| store.published(reference).unwrap().digest;
        let (one, two, other) = (publish(&store, "1", b"x"), publish(&store, "2", b"x"), publish(&store, "3", b"y"));
        assert_eq!(digest(&one), digest(&two));
        assert_ne!(digest(&one), digest(&other));
        assert!(store.published("localhost/app:4").is_none());
    }

    #[test]
    fn an_image_with_a_lost_file_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let reference = publish(&store, "1", b"x");
        for digest in store.digests(&store.published(&reference).unwrap().digest).unwrap() {
            let file = store.blob(&digest).unwrap();
            let content = fs::read(&file).unwrap();
            fs::remove_file(&file).unwrap();
            assert!(store.published(&reference).is_none());
            fs::write(&file, content).unwrap();
        }
        assert!(store.published(&reference).is_some());
    }

    #[test]
    fn no_path_is_taken_for_a_digest() {
        let store = Store::at(Path::new("/"));
        assert_eq!(store.blob("sha256:../../etc/passwd"), None);
    }
}
