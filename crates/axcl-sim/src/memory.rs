//! Device memory: addresses that no pointer dereference survives, with their bytes kept elsewhere.

use std::{collections::BTreeMap, ops::Range};

use crate::code::{self, Area, Result};

/// Granularity of device allocations.
const PAGE: u64 = 4096;
/// Size of the reserved address range; more than an 8 GB card has.
const RESERVED: u64 = 8 << 30;
/// What is in use on an idle card.
const IDLE: u64 = 18 << 20;
/// Content of fresh device memory: NaN in every floating point format, since the card does not clear it either.
const FRESH: u8 = 0xFF;

/// One allocation.
struct Block {
    device: i32,
    bytes: Vec<u8>,
}

/// The memory of all devices, in one range of addresses.
pub struct DeviceMemory {
    range: Range<u64>,
    next: u64,
    blocks: BTreeMap<u64, Block>,
}

impl DeviceMemory {
    pub fn new() -> Self {
        let range = reserve(RESERVED);
        Self {
            next: range.start,
            range,
            blocks: BTreeMap::new(),
        }
    }

    /// Whether `address` lies where only device pointers are.
    pub fn contains(&self, address: u64) -> bool {
        self.range.contains(&address)
    }

    /// Bytes in use on `device`, apart from loaded models.
    pub fn used(&self, device: i32) -> u64 {
        let blocks = self.blocks.values().filter(|block| block.device == device);
        IDLE + blocks.map(|block| block.bytes.len() as u64).sum::<u64>()
    }

    /// Allocates `size` bytes on `device`, not cleared.
    pub fn allocate(&mut self, device: i32, size: usize) -> Result<u64> {
        let address = self.free_range(size as u64).ok_or(code::NO_MEMORY)?;
        let bytes = vec![FRESH; size];
        self.blocks.insert(address, Block { device, bytes });
        self.next = address + (size as u64).next_multiple_of(PAGE);
        Ok(address)
    }

    fn free_range(&self, size: u64) -> Option<u64> {
        [self.next, self.range.start]
            .into_iter()
            .find_map(|mut start| {
                for (address, block) in &self.blocks {
                    let end = address + (block.bytes.len() as u64).next_multiple_of(PAGE);
                    if *address < start + size && start < end {
                        start = end;
                    }
                }
                (start + size <= self.range.end).then_some(start)
            })
    }

    pub fn free(&mut self, address: u64) -> Result {
        self.blocks
            .remove(&address)
            .map(drop)
            .ok_or(code::NOT_DEVICE_MEMORY)
    }

    /// Frees everything on `device`; the number of allocations that were left.
    pub fn free_all(&mut self, device: i32) -> usize {
        let before = self.blocks.len();
        self.blocks.retain(|_, block| block.device != device);
        before - self.blocks.len()
    }

    /// The whole allocation at `address`.
    pub fn block(&self, device: i32, address: u64) -> Result<&[u8]> {
        self.blocks
            .get(&address)
            .filter(|block| block.device == device)
            .map(|block| block.bytes.as_slice())
            .ok_or(code::NOT_DEVICE_MEMORY)
    }

    /// The first `size` bytes of the allocation at `address`.
    pub fn bytes(&self, device: i32, address: u64, size: usize) -> Result<&[u8]> {
        self.block(device, address)?
            .get(..size)
            .ok_or(Area::Memory.illegal_parameter())
    }

    /// The first `size` bytes of the allocation at `address`, to write.
    pub fn bytes_mut(&mut self, device: i32, address: u64, size: usize) -> Result<&mut [u8]> {
        self.bytes(device, address, size)?;
        let block = self
            .blocks
            .get_mut(&address)
            .ok_or(code::NOT_DEVICE_MEMORY)?;
        Ok(&mut block.bytes[..size])
    }
}

/// Reserves addresses that cannot be read or written, so that no host memory ever lies there.
pub fn reserve(size: u64) -> Range<u64> {
    // A hint only; card addresses look like this.
    let hint = 0x1_4000_0000_u64 as *mut libc::c_void;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new private mapping without access touches no existing memory.
    let start = unsafe { libc::mmap(hint, size as usize, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(
        start,
        libc::MAP_FAILED,
        "no address range for device memory"
    );
    start as u64..start as u64 + size
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn allocations_do_not_overlap_and_are_found_by_their_start_only() {
        let mut memory = DeviceMemory::new();
        let a = memory.allocate(1, 5000).unwrap();
        let b = memory.allocate(1, 1).unwrap();
        assert!(b >= a + 5000);
        assert_eq!(memory.block(1, a).unwrap(), [FRESH; 5000]);
        assert_eq!(memory.block(1, a + 1), Err(code::NOT_DEVICE_MEMORY));
        assert_eq!(memory.block(2, a), Err(code::NOT_DEVICE_MEMORY));
        assert_eq!(memory.bytes(1, b, 2), Err(Area::Memory.illegal_parameter()));
        memory.free(a).unwrap();
        assert_eq!(memory.free(a), Err(code::NOT_DEVICE_MEMORY));
        assert_eq!(memory.free_all(1), 1);
    }

    #[test]
    fn freed_addresses_are_used_again_at_the_end_of_the_range() {
        let mut memory = DeviceMemory::new();
        let a = memory.allocate(1, 4096).unwrap();
        let b = memory.allocate(1, 4096).unwrap();
        memory.next = memory.range.end;
        memory.free(a).unwrap();
        assert_eq!(memory.allocate(1, 4096).unwrap(), a);
        assert_eq!(memory.allocate(1, 4096).unwrap(), b + 4096);
    }

    proptest! {
        /// Whatever is allocated and freed, every allocation keeps its own bytes.
        #[test]
        fn allocations_never_share_a_byte(steps in prop::collection::vec((1usize..20_000, any::<bool>()), 1..60)) {
            let mut memory = DeviceMemory::new();
            let mut live: Vec<(u64, usize, u8)> = Vec::new();
            for (number, (size, free)) in steps.into_iter().enumerate() {
                if free && !live.is_empty() {
                    let (address, ..) = live.swap_remove(size % live.len());
                    memory.free(address).unwrap();
                }
                // The end of the range comes near now and then.
                memory.next = if size % 7 == 0 { memory.range.end - PAGE } else { memory.next };
                let address = memory.allocate(1, size).unwrap();
                let mark = number as u8;
                memory.bytes_mut(1, address, size).unwrap().fill(mark);
                live.push((address, size, mark));
            }
            live.sort();
            for pair in live.windows(2) {
                prop_assert!(pair[0].0 + pair[0].1 as u64 <= pair[1].0);
            }
            for (address, size, mark) in live {
                prop_assert!(memory.contains(address) && memory.contains(address + size as u64 - 1));
                prop_assert_eq!(memory.block(1, address).unwrap(), vec![mark; size]);
            }
        }
    }
}
