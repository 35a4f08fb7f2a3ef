//! The tool talks to nobody.

use test_support::privacy::{Home, internet};

use crate::{root, silently, tool};

/// A client that reports waits some seconds before it connects, so the tool plays as long.
const TEXT: &str =
    "The last train to the airport leaves at midnight. Please take all your belongings with you.";

#[test]
fn say_opens_no_connection_and_writes_only_its_own_cache() {
    let mut say = silently(tool(&["say", TEXT, "--model"]));
    say.arg(root().join("models/demo"));
    let home = Home::default();
    let (calls, words) = home.run(&say);
    assert!(internet(&calls).is_empty(), "{calls}\n{words}");
    home.assert_only_caches();
    home.assert_own_cache();
}
