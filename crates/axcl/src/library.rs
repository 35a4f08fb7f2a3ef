//! Finding and loading `libaxcl_rt.so`.

use std::{
    env,
    error::Error as _,
    ffi::OsStr,
    fmt,
    mem::ManuallyDrop,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Result,
    api::Api,
    sys::{self, Functions},
};

/// Environment variable with the path of the library: a file, or the directory it lies in.
pub const LIBRARY_VARIABLE: &str = "AXCL_RT_LIBRARY";

/// Names under which the dynamic loader may find the library; the versioned ones are those of M5Stack's packages.
const NAMES: [&str; 3] = ["libaxcl_rt.so", "libaxcl_rt.so.1", "libaxcl_rt.so.1.0"];

/// Directory into which Axera's Debian package installs the libraries.
const DIRECTORY: &str = "/usr/lib/axcl";

/// The library's dependencies, in an order in which each can be loaded by its path. None names the others' directory.
const DEPENDENCIES: [&str; 7] = [
    "libspdlog.so.1.14",
    "libaxcl_logger.so",
    "libaxcl_token.so",
    "libaxcl_pcie_msg.so",
    "libaxcl_pcie_dma.so",
    "libaxcl_comm.so",
    "libaxcl_pkg.so",
];

/// The loaded runtime library. Clones share it; it stays loaded until the process ends.
#[derive(Clone)]
pub struct Library(Arc<Inner>);

struct Inner {
    api: Api,
    path: PathBuf,
}

impl Library {
    /// Loads the library from, in this order: the path in the environment variable [`LIBRARY_VARIABLE`]; `path`;
    /// the system's library path; `/usr/lib/axcl`.
    ///
    /// The first two name the file or its directory, and where one is given, nothing else is tried. Libraries that
    /// lie outside the system's library path are loaded together with those they depend on, from the same directory.
    ///
    /// # Errors
    /// [`Error::Library`] with all that was tried; [`Error::MissingFunction`] where the file is another library, or lacks
    /// a function without which no model runs. Other functions are missed when they are used.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let variable = env::var_os(LIBRARY_VARIABLE).filter(|value| !value.is_empty());
        let (library, path) = match variable.as_deref().map(Path::new).or(path) {
            Some(path) => open_path(path),
            None => open_system(),
        }
        .map_err(|tried| {
            Error::Library(format!(
                "the AXCL library could not be loaded:{tried}\nInstall Axera's package axclhost, or set \
                 {LIBRARY_VARIABLE} to libaxcl_rt.so"
            ))
        })?;
        // Unloading does not work with this library: its threads and exit handlers stay.
        let library = ManuallyDrop::new(library);
        let version = sys::version(&library);
        let functions = match Functions::find(&library) {
            Ok(functions) => functions,
            Err(function) => return Err(Error::MissingFunction { function, version }),
        };
        let api = Api::new(functions, version);
        Ok(Self(Arc::new(Inner { api, path })))
    }

    /// The loaded file: a path, or a name that the dynamic loader found.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Major, minor and patch version.
    ///
    /// # Errors
    /// [`Error::MissingFunction`], [`Error::Call`].
    pub fn version(&self) -> Result<(i32, i32, i32)> {
        self.api().version()
    }

    /// The version with its build date, like `V3.10.2_20251215140224`; `None` where the library has no such function.
    pub fn full_version(&self) -> Option<String> {
        self.api().full_version()
    }

    /// The chip on the card, like `AX650N`; `UNKNOWN` before initialisation and without a card.
    pub fn soc_name(&self) -> Option<String> {
        self.api().soc_name()
    }

    pub(crate) fn api(&self) -> &Api {
        &self.0.api
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Library").field(&self.0.path).finish()
    }
}

type Opened = (libloading::Library, PathBuf);

fn open_path(path: &Path) -> Result<Opened, String> {
    if path.is_dir() {
        return open_directory(path);
    }
    let direct = match load(path.as_os_str()) {
        Ok(library) => return Ok((library, path.to_owned())),
        Err(tried) => tried,
    };
    let Some(directory) = path.parent().filter(|_| path.exists()) else {
        return Err(direct);
    };
    load_dependencies(directory);
    match load(path.as_os_str()) {
        Ok(library) => Ok((library, path.to_owned())),
        Err(tried) => Err(tried),
    }
}

fn open_system() -> Result<Opened, String> {
    let mut tried = String::new();
    for name in NAMES {
        match load(OsStr::new(name)) {
            Ok(library) => return Ok((library, name.into())),
            Err(error) => tried += &error,
        }
    }
    open_directory(Path::new(DIRECTORY)).map_err(|error| tried + &error)
}

fn open_directory(directory: &Path) -> Result<Opened, String> {
    load_dependencies(directory);
    let mut tried = String::new();
    for path in NAMES.map(|name| directory.join(name)) {
        match load(path.as_os_str()) {
            Ok(library) => return Ok((library, path)),
            Err(error) => tried += &error,
        }
    }
    Err(tried)
}

/// Loads the dependencies that exist; a missing one shows when the library itself is loaded.
fn load_dependencies(directory: &Path) {
    for path in DEPENDENCIES.map(|name| directory.join(name)) {
        if let Ok(library) = load(path.as_os_str()) {
            // Kept loaded like the library that needs it.
            std::mem::forget(library);
        }
    }
}

fn load(name: &OsStr) -> Result<libloading::Library, String> {
    let path = Path::new(name);
    // The loader would wait for a writer to a FIFO, for good.
    if path.parent().is_some_and(|parent| parent != "")
        && path.metadata().is_ok_and(|found| !found.is_file())
    {
        return Err(format!("\n  {}: not a regular file", path.display()));
    }
    sys::open(name).map_err(|error| {
        // The loader's own words, which name what is missing.
        let reason = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        format!("\n  {}: {reason}", Path::new(name).display())
    })
}
