//! Reads text aloud in writing: lines from standard input, how each is spoken to standard output.
//!
//! ```sh
//! echo "Gate 3A closes at 9:30 p.m." | cargo run -p cosyvoice3-text --example read -- --language en
//! ```

use std::io::{self, BufRead, Write};

use cosyvoice3_text::{Language, Reading, normalize_as};

const USAGE: &str = "usage: read [--language auto|ru|en|zh] [--text-reading model|written] < lines";

fn main() -> io::Result<()> {
    let mut fixed = None;
    let mut reading = Reading::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next().as_deref()) {
            ("--language", Some("auto")) => fixed = None,
            ("--language", Some(tag)) if Language::from_tag(tag).is_some() => {
                fixed = Language::from_tag(tag)
            }
            ("--text-reading", Some(name)) if Reading::from_name(name).is_some() => {
                reading = Reading::from_name(name).unwrap_or_default();
            }
            _ => {
                eprintln!("{USAGE}");
                std::process::exit(2);
            }
        }
    }
    let mut last = Language::English;
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        // A line without letters is read in the language of the one before it.
        last = fixed.or_else(|| Language::detect(&line)).unwrap_or(last);
        writeln!(out, "{}", normalize_as(&line, last, reading))?;
    }
    Ok(())
}
