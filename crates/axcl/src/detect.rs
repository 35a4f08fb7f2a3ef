//! Signs of a card, found without loading the library.

use std::{fs, path::Path};

/// PCI vendor and device number of the AX650N.
const PCI_ID: (&str, &str) = ("0x1f4b", "0x0650");

/// Signs of a card on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// True if `/dev/axcl_host` exists, which the loaded driver makes.
    pub driver: bool,
    /// PCI addresses of cards, like `0000:81:00.0`.
    pub cards: Vec<String>,
}

/// Looks for the driver's device node and for cards on the PCI bus. Cheap; touches no card.
pub fn detect() -> Presence {
    detect_below(Path::new("/"))
}

fn detect_below(root: &Path) -> Presence {
    let mut cards: Vec<_> = fs::read_dir(root.join("sys/bus/pci/devices"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| is_card(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    cards.sort();
    Presence {
        driver: root.join("dev/axcl_host").exists(),
        cards,
    }
}

fn is_card(device: &Path) -> bool {
    let number = |file: &str| fs::read_to_string(device.join(file)).unwrap_or_default();
    number("vendor").trim() == PCI_ID.0 && number("device").trim() == PCI_ID.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_device(root: &Path, address: &str, vendor: &str, device: &str) {
        let directory = root.join("sys/bus/pci/devices").join(address);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("vendor"), vendor).unwrap();
        fs::write(directory.join("device"), device).unwrap();
    }

    #[test]
    fn finds_cards_among_other_devices_and_the_driver_only_when_loaded() {
        let root = tempfile::tempdir().unwrap();
        let nothing = detect_below(root.path());
        assert!(!nothing.driver && nothing.cards.is_empty());

        add_device(root.path(), "0000:81:00.0", "0x1f4b\n", "0x0650\n");
        add_device(root.path(), "0000:00:02.0", "0x8086\n", "0x0650\n");
        add_device(root.path(), "0000:03:00.0", "0x1f4b\n", "0x0650\n");
        let no_driver = detect_below(root.path());
        assert_eq!(no_driver.cards, ["0000:03:00.0", "0000:81:00.0"]);
        assert!(!no_driver.driver);

        fs::create_dir(root.path().join("dev")).unwrap();
        fs::write(root.path().join("dev/axcl_host"), "").unwrap();
        assert!(detect_below(root.path()).driver);
    }
}
