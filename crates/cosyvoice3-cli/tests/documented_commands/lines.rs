//! Command lines of documents and of the headers of scripts and programs.

use std::{fs, path::PathBuf};

use crate::root;

/// The documents for people, by their paths in the repository.
pub fn documents() -> Vec<String> {
    let mut found: Vec<String> = [
        "README.md",
        "README.ru.md",
        "README.zh.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "models/README.md",
        "models/demo/README.md",
        "training/README.md",
        "crates/axcl/README.md",
        "crates/axcl-sim/README.md",
    ]
    .map(String::from)
    .into();
    found.extend(files("docs", "md"));
    found
}

/// The files of a directory that end so, by their paths in the repository.
pub fn files(directory: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.rsplit_once('.').map_or("", |(_, end)| end) == ending)
        .map(|name| format!("{directory}/{name}"))
        .collect();
    found.sort();
    found
}

/// The content of a file of the repository.
pub fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The commands in the shell blocks of a document, without remarks. One that goes on over lines is one command.
pub fn commands(document: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            inside = kind == "sh" || kind == "bash";
        } else if inside {
            match commands.last_mut() {
                Some(before) if before.ends_with('\\') => {
                    before.pop();
                    before.push_str(without_remark(line));
                }
                Some(before) if is_open(before) => {
                    before.push('\n');
                    before.push_str(line);
                }
                _ => commands.push(without_remark(line).to_owned()),
            }
        }
    }
    commands.retain(|command| !command.is_empty() && !command.starts_with('#'));
    commands
}

/// Placeholders in the rows of tables, and the parts of the test in their place. The bundled voice
/// speaks no Chinese.
const PLACEHOLDERS: [(&str, &str); 17] = [
    ("[FILE]", "FILE.wav"),
    ("[ФАЙЛ]", "FILE.wav"),
    ("[文件]", "FILE.wav"),
    ("[\"TEXT\"]", "\"TEXT\""),
    ("[\"ТЕКСТ\"]", "\"ТЕКСТ\""),
    ("[\"文本\"]", "\"TEXT\""),
    ("\"文本\"", "\"TEXT\""),
    ("[-o FILE]", "-o FILE.wav"),
    ("ADDRESS:PORT", "127.0.0.1:9"),
    ("ADDRESS PORT", "127.0.0.1 9"),
    ("АДРЕС ПОРТ", "127.0.0.1 9"),
    ("地址 端口", "127.0.0.1 9"),
    ("ФИЛЬМ.srt ДОРОЖКА.opus", "FILM.srt TRACK.opus"),
    ("影片.srt 音轨.opus", "FILM.srt TRACK.opus"),
    ("МУЗЫКА.ogg", "MUSIC.ogg"),
    ("音乐.ogg", "MUSIC.ogg"),
    ("摄像机/路径", "CAMERA/PATH"),
];

/// The commands that are cells of a document's tables.
pub fn rows(document: &str) -> Vec<String> {
    let is_command = |cell: &&str| {
        ["./", "gst-launch-1.0 ", "cosyvoice3 ", "curl ", "cargo "]
            .iter()
            .any(|start| cell.starts_with(start))
    };
    document
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .flat_map(|row| row.split(" | "))
        .filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`'))
        .flat_map(|cell| cell.split("`, `"))
        .filter(is_command)
        .map(|command| {
            PLACEHOLDERS
                .iter()
                .fold(command.to_owned(), |command, (name, part)| {
                    command.replace(name, part)
                })
        })
        .collect()
}

fn without_remark(line: &str) -> &str {
    let line = line.split("   #").next().unwrap_or_default();
    line.split(" # ").next().unwrap_or_default().trim()
}

/// True if a quotation or a here-document goes on in the next line.
fn is_open(command: &str) -> bool {
    let here = command.contains("<<'END'") && !command.ends_with("\nEND");
    here || command.matches('"').count() % 2 == 1
}

/// The first comment of a script or program, and the rest.
pub fn header(text: &str) -> (String, String) {
    let is_header = |line: &&str| line.starts_with('#') || line.starts_with("//!");
    let (mut head, mut docstring) = (0, false);
    for line in text.lines() {
        let quotes = line.matches("\"\"\"").count();
        if !(docstring || quotes > 0 || is_header(&line)) {
            break;
        }
        docstring ^= quotes % 2 == 1;
        head += 1;
        if quotes > 0 && !docstring {
            break;
        }
    }
    let lines: Vec<_> = text.lines().collect();
    (lines[..head].join("\n"), lines[head..].join("\n"))
}

/// The scripts that people call, and the programs that Cargo runs for them.
pub fn scripts() -> Vec<String> {
    let directories = [
        ("pipelines", "sh"),
        ("pipelines", "py"),
        ("ci", "sh"),
        ("ci", "py"),
        ("findings", "sh"),
        ("tests", "sh"),
        ("tests/suites", "py"),
        ("examples", "rs"),
        ("crates/cosyvoice3/examples", "rs"),
        ("crates/cosyvoice3/benches", "rs"),
        ("crates/cosyvoice3-cli/benches", "rs"),
        ("crates/axcl/examples", "rs"),
    ];
    let found = directories.map(|(directory, ending)| files(directory, ending));
    found.concat()
}

/// The words of a line that are options.
pub fn options(line: &str) -> Vec<&str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("--") && word.len() > 3)
        .collect()
}

/// The source of a test, benchmark or example of any crate.
pub fn source(kind: &str, name: &str) -> Option<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().path());
    crates
        .chain([root()])
        .flat_map(|package| {
            let kind = package.join(kind);
            [
                kind.join(format!("{name}.rs")),
                kind.join(name).join("main.rs"),
            ]
        })
        .find(|file| file.exists())
}
