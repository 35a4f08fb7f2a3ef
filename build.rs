//! Version metadata for `gst-inspect-1.0`; the rpath of llama.cpp's libraries, if they are libraries of their own.

use std::{env, path::Path};

fn main() {
    gst_plugin_version_helper::info();
    // Without these lines every new file in the directory, such as a rendered WAV, builds the plugin again.
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.toml");
    let log = ".git/logs/HEAD"; // grows with every commit
    if Path::new(log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    if env::var_os("CARGO_FEATURE_DYNAMIC_BACKENDS").is_some() {
        // The private directories of crates/cosyvoice3/src/own_file.rs.
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/cosyvoice3:$ORIGIN/../cosyvoice3");
    }
}
