//! Allocating, filling and copying memory.

use crate::{
    argument::{read_host, write_host},
    code::{self, Area, Result},
    control::Counted,
    simulator::State,
};

/// Direction of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    HostToHost,
    HostToDevice,
    DeviceToHost,
    DeviceToDevice,
}

impl Direction {
    /// The direction with this number; physical host addresses are not simulated.
    pub fn from_number(kind: i32) -> Result<Self> {
        match kind {
            0 => Ok(Self::HostToHost),
            1 => Ok(Self::HostToDevice),
            2 => Ok(Self::DeviceToHost),
            3 => Ok(Self::DeviceToDevice),
            4 | 5 => Err(Area::Memory.unsupported()),
            _ => Err(Area::Memory.illegal_parameter()),
        }
    }
}

/// A copy of `size` bytes.
#[derive(Debug, Clone, Copy)]
pub struct Copy {
    pub destination: u64,
    pub source: u64,
    pub size: usize,
    pub direction: Direction,
}

impl State {
    /// Allocates device memory.
    pub fn allocate(&mut self, device: i32, size: usize) -> Result<u64> {
        self.check_present(device, code::MEMORY_REQUEST_FAILED)?;
        if size == 0 || size > u32::MAX as usize {
            return Err(Area::Memory.illegal_parameter());
        }
        let number = self.control.count(Counted::Allocation);
        let fails = self.settings().allocation_fails == Some(number);
        let (_, free) = self.cmm(device);
        if fails || size as u64 > free {
            return Err(code::NO_MEMORY);
        }
        Ok(self.memory.allocate(device, size))
    }

    /// Allocates host memory, which is not cleared.
    pub fn allocate_host(&mut self, size: usize) -> Result<u64> {
        if size == 0 {
            return Err(Area::Memory.illegal_parameter());
        }
        let mut words = vec![u64::MAX; size.div_ceil(8)].into_boxed_slice();
        let address = words.as_mut_ptr() as u64;
        self.host.insert(address, words);
        Ok(address)
    }

    pub fn free_host(&mut self, address: u64) -> Result {
        let freed = self.host.remove(&address).map(drop);
        freed.ok_or(Area::Memory.illegal_parameter())
    }

    fn check_host(&self, address: u64) -> Result {
        if self.memory.contains(address) {
            return Err(Area::Memory.illegal_parameter());
        }
        Ok(())
    }

    /// Copies; `device` is the device of the calling thread or stream, which only host to host does without.
    pub fn copy(&mut self, device: Result<i32>, copy: Copy) -> Result {
        let Copy {
            destination,
            source,
            size,
            direction,
        } = copy;
        if direction == Direction::HostToHost {
            self.check_host(destination)?;
            self.check_host(source)?;
            write_host(destination, &read_host(source, size));
            return Ok(());
        }
        let device = device?;
        self.check_present(device, code::MEMORY_REQUEST_FAILED)?;
        match direction {
            Direction::HostToDevice => {
                self.check_host(source)?;
                let target = self.memory.bytes_mut(device, destination, size)?;
                target.copy_from_slice(&read_host(source, size));
            }
            Direction::DeviceToHost => {
                self.check_host(destination)?;
                write_host(destination, self.memory.bytes(device, source, size)?);
            }
            Direction::DeviceToDevice | Direction::HostToHost => {
                let bytes = self.memory.bytes(device, source, size)?.to_vec();
                let target = self.memory.bytes_mut(device, destination, size)?;
                target.copy_from_slice(&bytes);
            }
        }
        Ok(())
    }

    /// Fills device memory.
    pub fn fill(&mut self, device: i32, address: u64, value: u8, size: usize) -> Result {
        self.check_present(device, code::MEMORY_REQUEST_FAILED)?;
        self.memory.bytes_mut(device, address, size)?.fill(value);
        Ok(())
    }

    /// Succeeds when two pieces of device memory hold the same.
    pub fn compare(&self, device: i32, a: u64, b: u64, size: usize) -> Result {
        self.check_present(device, code::MEMORY_REQUEST_FAILED)?;
        if self.memory.bytes(device, a, size)? != self.memory.bytes(device, b, size)? {
            return Err(Area::Memory.failed());
        }
        Ok(())
    }
}
