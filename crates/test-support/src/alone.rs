//! Tests that need a process of their own: for its environment, its memory or its threads.
use std::process::Command;

/// Names the test whose body this process is there for.
const VARIABLE: &str = "COSYVOICE3_TEST_ALONE";

/// Runs `body` in another process, with `variables` set there before anything starts. `test` is the path of the calling
/// test, `module::name`. Gives what the process wrote.
#[track_caller]
pub fn alone(test: &str, variables: &[(&str, &str)], body: impl FnOnce()) -> String {
    if std::env::var(VARIABLE).is_ok_and(|name| name == test) {
        body();
        std::process::exit(0);
    }
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, test)
        .envs(variables.iter().copied())
        .output()
        .expect("this program starts once more");
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!words.contains("running 0 tests"), "no test {test}");
    assert!(output.status.success(), "{}: {words}", output.status);
    words
}
