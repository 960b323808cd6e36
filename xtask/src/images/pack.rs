//! Layers of images: the files of a folder, or single ones, as a tar archive that is the same for the same files.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tar::{Builder, EntryType, Header};

/// What a layer is made of.
#[derive(Debug)]
pub(crate) enum Layer {
    /// All below a folder, with its owners and modes. A character device 0:0, which overlayfs leaves for a removed file,
    /// becomes a whiteout.
    Tree(PathBuf),
    /// Files that belong to root: the name in the image, the file, the mode.
    Files(Vec<(String, PathBuf, u32)>),
}

impl Layer {
    pub(crate) fn files<const N: usize>(files: [(&str, &Path, u32); N]) -> Self {
        Self::Files(files.into_iter().map(|(name, path, mode)| (name.to_owned(), path.to_path_buf(), mode)).collect())
    }

    /// Writes the archive: entries in order of name, times 0, no names of users.
    pub(crate) fn write(&self, out: &mut dyn Write) -> Result<()> {
        let mut archive = Builder::new(out);
        match self {
            Self::Files(files) => {
                for (name, path, mode) in files {
                    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
                    let mut header = header(EntryType::Regular, *mode, 0, 0);
                    header.set_size(file.metadata()?.len());
                    archive
                        .append_data(&mut header, name, file)
                        .with_context(|| format!("cannot pack {}", path.display()))?;
                }
            }
            Self::Tree(root) => tree(&mut archive, root, Path::new(""), &mut HashMap::new())?,
        }
        archive.into_inner()?.flush()?;
        Ok(())
    }
}

fn header(kind: EntryType, mode: u32, owner: u32, group: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode & 0o7777);
    header.set_uid(owner.into());
    header.set_gid(group.into());
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// `linked` has the first name of each file with several.
fn tree<W: Write>(
    archive: &mut Builder<W>,
    root: &Path,
    below: &Path,
    linked: &mut HashMap<u64, PathBuf>,
) -> Result<()> {
    let folder = root.join(below);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names: Vec<_> = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    for name in names {
        let inside = below.join(&name);
        let path = root.join(&inside);
        let metadata = path.symlink_metadata().with_context(|| format!("cannot read {}", path.display()))?;
        entry(archive, &path, &inside, &metadata, linked).with_context(|| format!("cannot pack {}", path.display()))?;
        if metadata.is_dir() {
            tree(archive, root, &inside, linked)?;
        }
    }
    Ok(())
}

fn entry<W: Write>(
    archive: &mut Builder<W>,
    path: &Path,
    inside: &Path,
    metadata: &Metadata,
    linked: &mut HashMap<u64, PathBuf>,
) -> Result<()> {
    let kind = metadata.file_type();
    let header = |entry| header(entry, metadata.mode(), metadata.uid(), metadata.gid());
    if kind.is_dir() {
        archive.append_data(&mut header(EntryType::Directory), inside.join(""), io::empty())?;
    } else if kind.is_symlink() {
        archive.append_link(&mut header(EntryType::Symlink), inside, fs::read_link(path)?)?;
    } else if kind.is_file() {
        if metadata.nlink() > 1 {
            if let Some(first) = linked.get(&metadata.ino()) {
                archive.append_link(&mut header(EntryType::Link), inside, first)?;
                return Ok(());
            }
            linked.insert(metadata.ino(), inside.to_path_buf());
        }
        let mut header = header(EntryType::Regular);
        header.set_size(metadata.len());
        archive.append_data(&mut header, inside, File::open(path)?)?;
    } else if kind.is_char_device() && metadata.rdev() == 0 {
        let name = inside.file_name().unwrap_or_default().to_string_lossy();
        let whiteout = inside.with_file_name(format!(".wh.{name}"));
        archive.append_data(&mut self::header(EntryType::Regular, 0o644, 0, 0), whiteout, io::empty())?;
    } else if !kind.is_socket() {
        bail!("it is neither a file, a folder nor a link");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_tree_is_packed_in_order_with_links() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let long = "n".repeat(150);
        fs::create_dir_all(root.join("b").join(&long)).unwrap();
        fs::write(root.join("b/one"), "1").unwrap();
        fs::hard_link(root.join("b/one"), root.join("b/two")).unwrap();
        symlink("/b/one", root.join("a")).unwrap();
        let mut bytes = Vec::new();
        Layer::Tree(root.to_path_buf()).write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let seen: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                assert_eq!(entry.header().mtime().unwrap(), 0);
                let link = entry.link_name().unwrap().map(|link| link.display().to_string());
                (entry.path().unwrap().display().to_string(), entry.header().entry_type(), link)
            })
            .collect();
        let expected = [
            ("a".to_owned(), EntryType::Symlink, Some("/b/one".to_owned())),
            ("b/".to_owned(), EntryType::Directory, None),
            (format!("b/{long}/"), EntryType::Directory, None),
            ("b/one".to_owned(), EntryType::Regular, None),
            ("b/two".to_owned(), EntryType::Link, Some("b/one".to_owned())),
        ];
        assert_eq!(seen, expected);
    }
}
