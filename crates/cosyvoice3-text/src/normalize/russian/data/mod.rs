//! Tables of words: one entry a line, columns parted by tabs, comments after `#`.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A table that is looked up by its words.
pub(super) type ByWord<K, V> = HashMap<K, V, BuildHasherDefault<Fnv>>;

/// FNV-1a. The keys are short words of our own tables, which no attacker can choose to collide, and every word of a
/// text is looked up: the standard hasher would take most of the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The lines of a table that hold an entry, with their numbers, as columns.
pub(super) fn rows<const COLUMNS: usize>(
    table: &'static str,
) -> impl Iterator<Item = (usize, Result<[&'static str; COLUMNS], String>)> {
    table
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            let columns: Vec<&str> = line.split('\t').collect();
            let count = columns.len();
            let columns = columns
                .try_into()
                .map_err(|_| format!("{count} columns instead of {COLUMNS}"));
            (at + 1, columns)
        })
}

/// The entries of a table; lines that cannot be read are left out, and a test reports them.
pub(super) fn entries<const COLUMNS: usize, T>(
    table: &'static str,
    parse: impl Fn([&'static str; COLUMNS]) -> Result<T, String>,
) -> Vec<T> {
    rows(table)
        .filter_map(|(_, columns)| parse(columns.ok()?).ok())
        .collect()
}

/// One message for each line of the table `name` that cannot be read, and for each key that stands there twice.
#[cfg(test)]
pub(super) fn complaints<const COLUMNS: usize, T>(
    name: &str,
    table: &'static str,
    parse: impl Fn([&'static str; COLUMNS]) -> Result<T, String>,
    key: impl Fn([&'static str; COLUMNS]) -> String,
) -> String {
    let mut seen = HashMap::new();
    let mut out = String::new();
    for (line, columns) in rows(table) {
        let fault = match columns {
            Ok(columns) => match (parse(columns).err(), seen.insert(key(columns), line)) {
                (Some(fault), _) => Some(fault),
                (None, Some(first)) => Some(format!("stands in line {first} already")),
                (None, None) => None,
            },
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            out.push_str(&format!("{name}:{line}: {fault}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named() {
        let parse = |[word, _]: [&'static str; 2]| match word {
            "плохо" => Err("unknown word".to_owned()),
            _ => Ok(()),
        };
        let table = "# comment\nдом\tм\nдом\tм\nплохо\tм\nодин столбец\n";
        let got = complaints("t.tsv", table, parse, |[word, _]| word.to_owned());
        assert_eq!(
            got,
            "t.tsv:3: stands in line 2 already\nt.tsv:4: unknown word\nt.tsv:5: 1 columns instead of 2\n"
        );
    }
}
