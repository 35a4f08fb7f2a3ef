//! The published download `AXERA-TECH/CosyVoice3`: the flow model as compiled for an AX650N.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use cosyvoice3::regular_file;

/// Directory of the flow model in a whole download.
const AXMODELS: &str = "token2wav-axmodels";
/// First bytes of the stand-in for a file in a Git clone without LFS.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// The directory with the axmodels: that of the download `dir`, or `dir` itself.
pub fn axmodels(dir: &Path) -> PathBuf {
    let inside = dir.join(AXMODELS);
    if inside.is_dir() { inside } else { dir.into() }
}

/// The path of a file that must be there with content.
///
/// # Errors
/// It is missing, unreadable, empty, or only a Git LFS pointer.
pub fn downloaded(path: PathBuf) -> Result<PathBuf> {
    let at = path.display();
    let mut start = Vec::new();
    let missing = || format!("{at}: download AXERA-TECH/CosyVoice3, and give its directory");
    regular_file::open(&path)
        .with_context(missing)?
        .take(LFS_POINTER.len() as u64)
        .read_to_end(&mut start)
        .with_context(missing)?;
    ensure!(
        !start.is_empty(),
        "{at}: the file is empty: download it again"
    );
    ensure!(
        start != LFS_POINTER,
        "{at}: only a Git LFS pointer: run `git lfs pull` there, or download the file itself"
    );
    Ok(path)
}
