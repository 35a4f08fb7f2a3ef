//! A network without other machines.

use std::process::Command;

use crate::not_checked;

/// The address of the only machine.
const ADDRESS: &str = "10.9.9.1";
/// A pair of interfaces that are wired to each other, in a namespace of its own.
const NETWORK: &str = "ip link set lo up && ip link add v0 type veth peer name v1 \
    && ip addr add 10.9.9.1/24 dev v0 && ip link set v0 up && ip link set v1 up";
/// Set for the test that runs inside.
const INSIDE: &str = "COSYVOICE3_TEST_NETWORK";

/// Runs the rest of a test in a process whose network has this one machine, with its address. `test` is the path of the
/// calling test, `module::name`. Where the system allows no such network the test is not run.
#[track_caller]
pub fn in_a_network_of_its_own(test: &str, body: impl FnOnce(&str)) {
    if std::env::var_os(INSIDE).is_some() {
        return body(ADDRESS);
    }
    let inside = |command: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--net", "sh", "-c"]);
        unshare.arg(format!("{NETWORK} && {command}"));
        unshare
    };
    let made = inside("true").output();
    if !made.is_ok_and(|output| output.status.success()) {
        return not_checked("a network of its own cannot be made here");
    }
    let output = inside("exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().expect("this program has a path"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("it starts once more");
    let words =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let words = words.concat();
    assert!(words.contains("1 passed"), "{words}");
}
