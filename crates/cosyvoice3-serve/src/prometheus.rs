//! Prometheus' text form.

use std::fmt::Write;

/// Appends a metric of the name `cosyvoice3_NAME` to `text`: its `help` and `kind`, and its values by their labels, which are
/// empty or in braces.
pub fn metric(text: &mut String, name: &str, kind: &str, help: &str, values: &[(&str, f64)]) {
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "# HELP cosyvoice3_{name} {help}\n# TYPE cosyvoice3_{name} {kind}"
    );
    for (labels, value) in values {
        let _ = writeln!(text, "cosyvoice3_{name}{labels} {value}");
    }
}
