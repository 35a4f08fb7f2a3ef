//! Picture of the stages' work over time: a lane per stage, a bar per span of work, a colour per utterance.

use std::fmt::Write;

use super::trace::Span;
use crate::stage::Stage;

/// Width of the whole time, in pixels.
const WIDTH: f64 = 1000.0;
/// Room for the stages' names.
const LEFT: f64 = 70.0;
const LANE: f64 = 34.0;
const BAR: f64 = 26.0;
/// Room for the axis.
const BOTTOM: f64 = 24.0;
/// Pixels that a character of a bar's text needs.
const CHARACTER: f64 = 6.5;
/// Readable under black text, and apart from their neighbours.
const COLOURS: [&str; 6] = [
    "#8ecae6", "#ffd166", "#95d5b2", "#f4a5ae", "#cdb4db", "#ffb870",
];

/// Draws `spans` as an SVG file, from the recorder's start to the last end. Every bar carries its request, utterance,
/// work and times as a tooltip.
pub fn svg(spans: &[Span]) -> String {
    let total = spans.iter().map(|span| span.end).max().unwrap_or_default();
    let axis = Axis::new(total.as_secs_f64());
    let lanes = LANE * Stage::ALL.len() as f64;
    let (width, height) = (LEFT + WIDTH + 30.0, lanes + BOTTOM);

    let mut svg = String::new();
    let mut line = |text: String| writeln!(svg, "{text}").expect("a String takes any text");
    line(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">"#
    ));
    line(r#"<rect width="100%" height="100%" fill="white"/>"#.into());
    for second in axis.ticks() {
        let x = axis.x(second);
        line(format!(r##"<path d="M{x:.1} 0V{lanes}" stroke="#ddd"/>"##));
        let y = lanes + 16.0;
        let label = axis.label(second);
        line(format!(
            r#"<text x="{x:.1}" y="{y}" text-anchor="middle">{label} s</text>"#
        ));
    }
    for stage in Stage::ALL {
        let y = top(stage) + 17.0;
        line(format!(r#"<text x="8" y="{y}">{stage}</text>"#));
    }
    for span in spans {
        line(bar(span, &axis));
    }
    line("</svg>".into());
    svg
}

fn top(stage: Stage) -> f64 {
    LANE * stage as usize as f64 + (LANE - BAR) / 2.0
}

fn bar(span: &Span, axis: &Axis) -> String {
    let Span {
        stage,
        request,
        utterance,
        ref what,
        ..
    } = *span;
    let start = span.start.as_secs_f64();
    let end = span.end.as_secs_f64().max(start);
    let (x, y) = (axis.x(start), top(stage));
    let width = axis.x(end) - x;
    let colour = COLOURS[utterance % COLOURS.len()];
    let text = [format!("{utterance} {what}"), utterance.to_string()]
        .into_iter()
        .find(|text| text.len() as f64 * CHARACTER + 6.0 < width)
        .map(|text| {
            let (x, y) = (x + 3.0, y + 17.0);
            format!(r#"<text x="{x:.1}" y="{y}">{text}</text>"#)
        })
        .unwrap_or_default();
    format!(
        r##"<g><title>request {request}, utterance {utterance}: {what}, {start:.3} s to {end:.3} s</title><rect x="{x:.1}" y="{y}" width="{width:.1}" height="{BAR}" fill="{colour}" stroke="#666" stroke-width="0.5"/>{text}</g>"##
    )
}

/// The time axis, from 0 to the end of the last span.
struct Axis {
    total: f64,
    /// Seconds between ticks: 1, 2 or 5 times a power of ten, for 5 to 13 ticks.
    step: f64,
}

impl Axis {
    fn new(total: f64) -> Self {
        let total = total.max(1e-3);
        let power = 10f64.powf((total / 10.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| total / step <= 12.0)
            .expect("ten powers make at most ten steps");
        Self { total, step }
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + WIDTH * seconds / self.total
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = (self.total / self.step + 1e-9).floor() as usize;
        (0..=count).map(|i| i as f64 * self.step)
    }

    fn label(&self, seconds: f64) -> String {
        let decimals = (-self.step.log10()).ceil().max(0.0) as usize;
        format!("{seconds:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn span(stage: Stage, utterance: usize, what: &str, start: u64, end: u64) -> Span {
        Span {
            stage,
            request: 0,
            utterance,
            what: what.into(),
            start: Duration::from_millis(start),
            end: Duration::from_millis(end),
        }
    }

    /// The values of an attribute, in the order of the file, of the elements that carry `marker`.
    fn attribute(svg: &str, marker: &str, name: &str) -> Vec<f64> {
        let elements = svg.split('<').filter(|element| element.contains(marker));
        let values = elements.map(|element| {
            let value = element.split(&format!(" {name}=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().parse().unwrap()
        });
        values.collect()
    }

    #[test]
    fn bars_lie_where_their_times_are() {
        let svg = svg(&[
            span(Stage::Lm, 0, "decode", 0, 2000),
            span(Stage::Flow, 0, "ode", 2000, 4500),
            span(Stage::Lm, 1, "decode", 2000, 3000),
            span(Stage::Vocoder, 0, "vocode", 4500, 5000),
        ]);
        let bars = |name| attribute(&svg, "stroke-width", name);
        assert_eq!(bars("x"), [70.0, 470.0, 470.0, 970.0]);
        assert_eq!(bars("width"), [400.0, 500.0, 200.0, 100.0]);
        assert_eq!(bars("y"), [4.0, 38.0, 4.0, 72.0]);
        assert!(svg.contains("<title>request 0, utterance 0: ode, 2.000 s to 4.500 s</title>"));
        assert!(svg.contains(">1 decode</text>"));
    }

    #[test]
    fn axis_has_round_ticks_up_to_the_end() {
        for (total, count, last) in [
            (5000, 11, "5.0 s"),
            (7300, 8, "7 s"),
            (23_000, 12, "22 s"),
            (104_000, 11, "100 s"),
            (42, 9, "0.040 s"),
        ] {
            let svg = svg(&[span(Stage::Lm, 0, "decode", 0, total)]);
            let ticks: Vec<&str> = svg
                .lines()
                .filter_map(|line| line.split("text-anchor=\"middle\">").nth(1))
                .map(|label| label.trim_end_matches("</text>"))
                .collect();
            assert_eq!(
                (ticks.len(), ticks.last()),
                (count, Some(&last)),
                "{ticks:?}"
            );
        }
    }

    #[test]
    fn narrow_bars_have_no_text_and_no_spans_no_bars() {
        let svg_of_narrow = svg(&[
            span(Stage::Lm, 0, "prefill", 0, 1),
            span(Stage::Lm, 0, "decode", 1, 10_000),
        ]);
        assert!(!svg_of_narrow.contains(">0 prefill<") && svg_of_narrow.contains(">0 decode<"));
        let empty = svg(&[]);
        assert!(!empty.contains("stroke-width") && empty.ends_with("</svg>\n"));
    }
}
