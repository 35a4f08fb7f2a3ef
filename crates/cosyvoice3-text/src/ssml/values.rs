//! Values of SSML's attributes.

use std::time::Duration;

/// Longest break.
const LONGEST_BREAK: Duration = Duration::from_secs(60);

/// `300ms`, `2s`, `+1.5s`.
pub(super) fn time(value: &str) -> Result<Duration, String> {
    let problem = || format!("`{value}` is no time; write for example 300ms or 1.5s, at most 60s");
    let plain = value.trim().trim_start_matches('+');
    let (number, scale) = match plain.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (plain.strip_suffix('s').ok_or_else(problem)?, 1.0),
    };
    let is_number = !number.is_empty()
        && number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = number
        .parse::<f64>()
        .ok()
        .filter(|_| is_number)
        .ok_or_else(problem)?
        * scale;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| problem())?;
    if time > LONGEST_BREAK {
        Err(problem())
    } else {
        Ok(time)
    }
}

/// The length of a break of this strength.
pub(super) fn strength(value: &str) -> Result<Duration, String> {
    Ok(Duration::from_millis(match value.trim() {
        "none" => 0,
        "x-weak" => 100,
        "weak" => 250,
        "medium" => 500,
        "strong" => 800,
        "x-strong" => 1200,
        _ => {
            return Err(format!(
                "`{value}` is no strength; it is none, x-weak, weak, medium, strong or x-strong"
            ));
        }
    }))
}

/// The rate inside an element that asks for `value`, where it is `outer` around it.
pub(super) fn rate(value: &str, outer: f32) -> Result<f32, String> {
    let problem = || format!("`{value}` is no rate; write for example slow, fast, 120% or -10%");
    let plain = value.trim();
    let factor = match plain {
        "x-slow" => return Ok(0.5),
        "slow" => return Ok(0.8),
        "medium" | "default" => return Ok(1.0),
        "fast" => return Ok(1.25),
        "x-fast" => return Ok(1.6),
        _ => {
            let (number, is_share) = match plain.strip_suffix('%') {
                Some(number) => (number, true),
                None => (plain, false),
            };
            let is_number = number
                .trim_start_matches(['+', '-'])
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
            let number = number
                .parse::<f32>()
                .ok()
                .filter(|_| is_number)
                .ok_or_else(problem)?;
            match (is_share, plain.starts_with(['+', '-'])) {
                (true, true) => 1.0 + number / 100.0,
                (true, false) => number / 100.0,
                (false, false) => number,
                (false, true) => return Err(problem()),
            }
        }
    };
    if factor > 0.0 && factor.is_finite() {
        Ok((outer * factor).clamp(0.5, 2.0))
    } else {
        Err(problem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates() {
        for (value, milliseconds) in [
            ("300ms", Some(300)),
            ("2s", Some(2000)),
            ("+1.5s", Some(1500)),
            (".5s", Some(500)),
            ("0ms", Some(0)),
        ]
        .into_iter()
        .chain(
            [
                "",
                "s",
                "ms",
                "-1s",
                "61s",
                "1e3s",
                "1 s",
                "infs",
                "nans",
                "9999999999999999999999s",
                "1.2.3s",
            ]
            .map(|v| (v, None)),
        ) {
            assert_eq!(
                time(value).ok().map(|time| time.as_millis()),
                milliseconds,
                "{value}"
            );
        }
        for (value, factor) in [
            ("slow", Some(0.8)),
            ("120%", Some(1.2)),
            ("+10%", Some(1.1)),
            ("-50%", Some(0.5)),
            ("1.5", Some(1.5)),
            ("900%", Some(2.0)),
        ]
        .into_iter()
        .chain(["", "%", "quick", "-200%", "0", "nan", "+1", "inf"].map(|v| (v, None)))
        {
            assert_eq!(rate(value, 1.0).ok(), factor, "{value}");
        }
        assert_eq!(rate("50%", 1.5).unwrap(), 0.75);
        assert_eq!(strength("medium").unwrap().as_millis(), 500);
        assert!(strength("loud").is_err());
    }
}
