//! Search path of llama.cpp's libraries, if they are libraries of their own: as in the plugin's build script.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_DYNAMIC_BACKENDS").is_some() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/cosyvoice3:$ORIGIN/../cosyvoice3");
    }
}
