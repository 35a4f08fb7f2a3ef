//! Announcements from the standard input.

use std::{
    io::{BufRead, Read},
    thread,
};

use anyhow::{Context, Result};

use super::Speech;
use crate::log::log;

/// Longest line, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// Says each line of the standard input. Its end ends nothing: a service has none.
pub fn read(speech: Speech) -> Result<()> {
    thread::Builder::new()
        .name("lines".into())
        .spawn(move || {
            let outcome = each_line(&mut std::io::stdin().lock(), |line| match line {
                Some(text) if text.trim().is_empty() => {}
                Some(text) => {
                    if speech.say(text).is_none() {
                        log!("warning: a line was refused: too many announcements are waiting");
                    }
                }
                None => log!(
                    "warning: a line of the standard input was left out: it is longer than 64 KiB"
                ),
            });
            if let Err(error) = outcome {
                log!("warning: the standard input is no longer read: {error}");
            }
        })
        .context("starting the thread that reads the standard input")?;
    Ok(())
}

/// Calls `with` for each line; with `None` for a line of more than [`MAX_LINE`] bytes.
fn each_line(input: &mut impl BufRead, mut with: impl FnMut(Option<&str>)) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input
            .by_ref()
            .take(MAX_LINE + 1)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(());
        }
        if line.last() != Some(&b'\n') && line.len() as u64 > MAX_LINE {
            with(None);
            input.skip_until(b'\n')?;
        } else {
            with(Some(&String::from_utf8_lossy(&line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_left_out_and_the_next_one_is_said() {
        let longest = "x".repeat(MAX_LINE as usize);
        let input = format!("one\n{longest}\n{longest}y\n{}\nlast", longest.repeat(3));
        let mut lines = Vec::new();
        each_line(&mut input.as_bytes(), |line| {
            lines.push(line.map(|line| line.trim_end().to_string()))
        })
        .unwrap();
        let (one, last) = (Some("one".into()), Some("last".into()));
        assert_eq!(lines, [one, Some(longest), None, None, last]);
    }
}
