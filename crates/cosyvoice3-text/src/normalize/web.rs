//! Addresses: `example.com`, `https://example.com/a?b=1`, `info@example.com`.

use super::change::Change;

/// Words for the marks in addresses.
pub(super) struct Words {
    pub dot: &'static str,
    pub at: &'static str,
    pub slash: &'static str,
    pub dash: &'static str,
    pub underscore: &'static str,
    pub colon: &'static str,
    /// Names of other marks; one without a name is not said.
    pub other: &'static [(char, &'static str)],
    /// The reading of the last part of a domain, where it is not said as it is written.
    pub domain: fn(&str) -> Option<&'static str>,
}

const DOMAINS: [&str; 28] = [
    "com", "org", "net", "edu", "gov", "info", "biz", "io", "dev", "app", "ai", "tv", "me", "ru",
    "su", "рф", "by", "kz", "ua", "cn", "uk", "de", "fr", "it", "eu", "us", "jp", "co",
];

/// Longest run of characters that is looked at as an address.
const LONGEST: usize = 300;

/// `text` with the addresses in it in words, which go to `changes` too; their numbers stay numbers.
pub(super) fn spell(text: &str, words: &Words, mut changes: Option<&mut Vec<Change>>) -> String {
    let mut out = String::with_capacity(text.len());
    for run in text.split_inclusive(char::is_whitespace) {
        match address(run) {
            Some(range) => {
                out.push_str(&run[..range.start]);
                let before = out.len();
                push_address(&mut out, &run[range.clone()], words);
                if let Some(changes) = changes.as_deref_mut() {
                    let said = out[before..].trim();
                    changes.push(Change::new(&run[range.clone()], said, "web address"));
                }
                out.push_str(run[range.end..].trim_start_matches('/'));
            }
            None => out.push_str(run),
        }
    }
    out
}

/// The place of the address in `run`, which has no blanks but at its end; `None` where it is none.
pub(super) fn address(run: &str) -> Option<std::ops::Range<usize>> {
    let body = run.trim_start_matches(['(', '"', '«', '\'', '<']);
    let start = run.len() - body.len();
    let address = body.trim_end_matches(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '.' | ',' | '!' | '?' | ';' | ':' | ')' | '"' | '»' | '\'' | '>' | '/'
            )
    });
    (address.len() <= LONGEST && is_address(address)).then(|| start..start + address.len())
}

fn is_address(run: &str) -> bool {
    if run.contains("://") || run.starts_with("www.") {
        return true;
    }
    match run.split_once('@') {
        Some((user, place)) => {
            let host = place.split('/').next().unwrap_or("");
            !user.is_empty() && user.is_ascii() && host.contains('.') && is_host(host)
        }
        None => is_known_domain(run) && is_host(run.split('/').next().unwrap_or("")),
    }
}

fn is_known_domain(run: &str) -> bool {
    let host = run.split('/').next().unwrap_or("");
    host.rsplit_once('.').is_some_and(|(name, last)| {
        DOMAINS.contains(&last.to_lowercase().as_str()) && name.contains(char::is_alphabetic)
    })
}

fn is_host(host: &str) -> bool {
    host.split('.').all(|label| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    })
}

fn push_address(out: &mut String, address: &str, words: &Words) {
    let body = address.split_once("://").map_or(address, |(_, body)| body);
    let body = body.strip_prefix("www.").unwrap_or(body);
    let mut rest = body;
    while !rest.is_empty() {
        let length = rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest.len());
        let (label, tail) = rest.split_at(length);
        let is_last = out.ends_with(words.dot) || out.ends_with(&format!("{} ", words.dot));
        let host_ends = tail.is_empty() || tail.starts_with(['/', ':', '?']);
        match (words.domain)(label).filter(|_| is_last && host_ends) {
            Some(said) => out.push_str(said),
            None => out.push_str(label),
        }
        let Some(mark) = tail.chars().next() else {
            break;
        };
        let word = match mark {
            '.' => words.dot,
            '@' => words.at,
            '/' => words.slash,
            '-' => words.dash,
            '_' => words.underscore,
            ':' => words.colon,
            other => {
                let named = words.other.iter().find(|(mark, _)| *mark == other);
                named.map_or("", |(_, name)| name)
            }
        };
        out.push(' ');
        if !word.is_empty() {
            out.push_str(word);
            out.push(' ');
        }
        rest = &tail[mark.len_utf8()..];
    }
}
