//! Default location of the model directory.

use std::path::{Path, PathBuf};

use super::MANIFEST;
use crate::{Error, ErrorKind, Result};

/// Environment variable that names the model directory.
pub const VARIABLE: &str = "COSYVOICE3_MODEL_PATH";

/// The model directory of [`VARIABLE`], else `share/cosyvoice3/models/demo` of the prefix that the plugin file lies in,
/// else `models/demo` in a directory above the plugin file.
pub fn default_dir() -> Result<PathBuf> {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    search(
        variable.map(PathBuf::from),
        crate::own_file::own_file().as_deref(),
    )
}

fn search(variable: Option<PathBuf>, plugin: Option<&Path>) -> Result<PathBuf> {
    // An explicit directory is used whatever it holds: its own error is the useful one.
    if let Some(dir) = variable {
        return Ok(dir);
    }
    let above = || plugin.into_iter().flat_map(|file| file.ancestors().skip(1));
    above()
        .map(|dir| dir.join("share/cosyvoice3/models/demo"))
        .chain(above().map(|dir| dir.join("models/demo")))
        .find(|dir| dir.join(MANIFEST).is_file())
        .ok_or_else(|| {
            let beside = plugin
                .and_then(Path::parent)
                .map_or("the plugin file".into(), |dir| dir.display().to_string());
            Error::new(
                ErrorKind::Settings,
                format!(
                    "no model: set the property \"model-path\" to a model directory. Searched: {VARIABLE} (not set), \
                     share/cosyvoice3/models/demo in the prefix of {beside}, models/demo above {beside}"
                ),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(manifests: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        for dir in manifests {
            fs::create_dir_all(root.path().join(dir)).unwrap();
            fs::write(root.path().join(dir).join(MANIFEST), "").unwrap();
        }
        let plugin = root.path().join("lib/gstreamer-1.0/libgstcosyvoice3.so");
        (root, plugin)
    }

    #[test]
    fn the_installed_model_goes_before_the_source_tree() {
        let (root, plugin) = tree(&["share/cosyvoice3/models/demo", "models/demo"]);
        assert_eq!(
            search(None, Some(&plugin)).unwrap(),
            root.path().join("share/cosyvoice3/models/demo")
        );
        let (root, plugin) = tree(&["models/demo"]);
        assert_eq!(
            search(None, Some(&plugin)).unwrap(),
            root.path().join("models/demo")
        );
    }

    #[test]
    fn the_variable_goes_before_all() {
        let (_root, plugin) = tree(&["models/demo"]);
        assert_eq!(
            search(Some("/asked/for".into()), Some(&plugin)).unwrap(),
            Path::new("/asked/for")
        );
    }

    #[test]
    fn nothing_found_names_all_three_places() {
        let (_root, plugin) = tree(&[]);
        let error = search(None, Some(&plugin)).unwrap_err().to_string();
        for place in [
            VARIABLE,
            "share/cosyvoice3/models/demo",
            "models/demo above",
        ] {
            assert!(error.contains(place), "{error}");
        }
    }
}
