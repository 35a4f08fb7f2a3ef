//! Reads lines from standard input and prints how each is spoken.
//!
//! ```sh
//! echo "Gate 3A closes at 9:30 p.m." | cargo run -p cosyvoice3-text --example read -- --language en --explain
//! ```

use std::{
    io::{self, BufRead, Write},
    path::Path,
};

use cosyvoice3_text::{Language, Lexicon, Reading, explain, mark_stress, normalize_as};

const USAGE: &str = "\
usage: read [--language auto|ru|en|zh] [--text-reading model|written] [--lexicon FILE] [--stress] [--explain] < lines";

/// The choices of the command line.
#[derive(Default)]
struct Options {
    language: Option<Language>,
    reading: Reading,
    lexicon: Lexicon,
    stress: bool,
    explain: bool,
}

fn main() {
    let done = options(std::env::args().skip(1)).and_then(|options| {
        read(&options, io::stdin().lock(), io::stdout().lock()).map_err(|error| error.to_string())
    });
    if let Err(problem) = done {
        eprintln!("{problem}");
        std::process::exit(2);
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match argument.as_str() {
            "--language" => {
                let tag = value()?;
                options.language = Language::from_tag(&tag);
                if options.language.is_none() && tag != "auto" {
                    return Err(format!("{tag}: no language known here\n{USAGE}"));
                }
            }
            "--text-reading" => options.reading = Reading::from_name(&value()?).ok_or(USAGE)?,
            "--lexicon" => {
                let file = value()?;
                let bytes =
                    std::fs::read(Path::new(&file)).map_err(|error| format!("{file}: {error}"))?;
                options.lexicon =
                    Lexicon::parse(&file, &bytes).map_err(|error| error.to_string())?;
            }
            "--stress" => options.stress = true,
            "--explain" => options.explain = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(options)
}

fn read(options: &Options, lines: impl BufRead, mut out: impl Write) -> io::Result<()> {
    let mut last = Language::English;
    for line in lines.lines() {
        let line = line?;
        let said = options.lexicon.apply(&line);
        let said = if options.stress {
            mark_stress(&said).into_owned()
        } else {
            said.into_owned()
        };
        // A line without letters is read in the language of the one before it.
        last = options
            .language
            .or_else(|| Language::detect(&said))
            .unwrap_or(last);
        writeln!(out, "{}", normalize_as(&said, last, options.reading))?;
        if !options.explain {
            continue;
        }
        for change in explain(&said, last, options.reading) {
            writeln!(
                out,
                "    {}: {} -> {}",
                change.rule, change.written, change.said
            )?;
        }
    }
    Ok(())
}
