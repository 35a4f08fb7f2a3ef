//! Device memory: addresses that no pointer dereference survives, with their bytes kept elsewhere.

use std::{collections::BTreeMap, ops::Range};

use crate::code::{self, Area, Result};

/// Granularity of device allocations.
const PAGE: u64 = 4096;
/// Size of one reserved range of addresses. More are reserved as needed: address space can be as small as 512 GiB, and
/// a test may use many copies of this library.
const REGION: u64 = 1 << 30;
/// Bytes in use on an idle card.
const IDLE: u64 = 18 << 20;
/// Content of fresh device memory: NaN in every floating point format, since the card does not clear it either.
const FRESH: u8 = 0xFF;

/// One allocation.
struct Block {
    device: i32,
    bytes: Vec<u8>,
}

/// The memory of all devices, in ranges of addresses of its own.
pub struct DeviceMemory {
    regions: Vec<Region>,
    blocks: BTreeMap<u64, Block>,
}

/// A reserved range of addresses; allocations go upwards and start over at its end.
struct Region {
    range: Range<u64>,
    next: u64,
}

impl Region {
    fn new(size: u64) -> Self {
        let range = reserve(size.next_multiple_of(REGION));
        Self {
            next: range.start,
            range,
        }
    }

    /// Address at which `size` bytes fit, above the last allocation or else from the start.
    fn free(&self, blocks: &BTreeMap<u64, Block>, size: u64) -> Option<u64> {
        [self.next, self.range.start]
            .into_iter()
            .find_map(|mut start| {
                for (address, block) in blocks.range(self.range.clone()) {
                    let end = address + (block.bytes.len() as u64).next_multiple_of(PAGE);
                    if *address < start + size && start < end {
                        start = end;
                    }
                }
                (start + size <= self.range.end).then_some(start)
            })
    }
}

impl DeviceMemory {
    pub fn new() -> Self {
        Self {
            regions: vec![Region::new(REGION)],
            blocks: BTreeMap::new(),
        }
    }

    /// Returns true if `address` lies in a range of device pointers.
    pub fn contains(&self, address: u64) -> bool {
        self.regions
            .iter()
            .any(|region| region.range.contains(&address))
    }

    /// Bytes in use on `device`, apart from loaded models.
    pub fn used(&self, device: i32) -> u64 {
        let blocks = self.blocks.values().filter(|block| block.device == device);
        IDLE + blocks.map(|block| block.bytes.len() as u64).sum::<u64>()
    }

    /// Allocates `size` bytes on `device`, not cleared; returns their address.
    pub fn allocate(&mut self, device: i32, size: usize) -> u64 {
        let length = (size as u64).next_multiple_of(PAGE);
        let fit = |region: &mut Region| {
            let address = region.free(&self.blocks, length)?;
            region.next = address + length;
            Some(address)
        };
        let address = self.regions.iter_mut().find_map(fit).unwrap_or_else(|| {
            let mut region = Region::new(length);
            let address = region.range.start;
            region.next = address + length;
            self.regions.push(region);
            address
        });
        let bytes = vec![FRESH; size];
        self.blocks.insert(address, Block { device, bytes });
        address
    }

    pub fn free(&mut self, address: u64) -> Result {
        self.blocks
            .remove(&address)
            .map(drop)
            .ok_or(code::NOT_DEVICE_MEMORY)
    }

    /// Frees everything on `device`; returns the number of allocations that were left.
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
        let a = memory.allocate(1, 5000);
        let b = memory.allocate(1, 1);
        assert!(b >= a + 5000);
        assert_eq!(memory.block(1, a).unwrap(), [FRESH; 5000]);
        assert_eq!(memory.block(1, a + 1), Err(code::NOT_DEVICE_MEMORY));
        assert_eq!(memory.block(2, a), Err(code::NOT_DEVICE_MEMORY));
        assert_eq!(memory.bytes(1, b, 2), Err(Area::Memory.illegal_parameter()));
        memory.free(a).unwrap();
        assert_eq!(memory.free(a), Err(code::NOT_DEVICE_MEMORY));
        assert_eq!(memory.free_all(1), 1);
    }

    /// Lets the next allocation begin near the end of the first region.
    fn go_to_end(memory: &mut DeviceMemory) {
        let region = &mut memory.regions[0];
        region.next = region.range.end - PAGE;
    }

    #[test]
    fn freed_addresses_are_used_again_at_the_end_of_a_region() {
        let mut memory = DeviceMemory::new();
        let a = memory.allocate(1, 8192);
        let b = memory.allocate(1, 8192);
        go_to_end(&mut memory);
        memory.free(a).unwrap();
        assert_eq!(memory.allocate(1, 8192), a);
        assert_eq!(memory.allocate(1, 8192), b + 8192);
    }

    #[test]
    fn more_addresses_are_reserved_when_a_region_is_full() {
        let mut memory = DeviceMemory::new();
        memory.regions[0].range.end = memory.regions[0].range.start + 2 * PAGE;
        let addresses = [(); 3].map(|()| memory.allocate(1, PAGE as usize));
        assert_eq!(memory.regions.len(), 2);
        assert!(addresses.iter().all(|address| memory.contains(*address)));
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
                // The end of the region comes near now and then.
                if size % 7 == 0 {
                    go_to_end(&mut memory);
                }
                let address = memory.allocate(1, size);
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
