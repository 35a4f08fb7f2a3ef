//! Error codes of the runtime: `0x80000000 | module << 24 | 0x30 << 16 | area << 8 | error`.

/// A code other than 0, as the C functions return it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u32);

/// Result of a simulated call.
pub type Result<T = (), E = Code> = std::result::Result<T, E>;

/// The part of the runtime that a code belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    Device = 1,
    Context = 2,
    Stream = 3,
    Memory = 5,
    Engine = 7,
}

impl Area {
    const fn code(self, error: u32) -> Code {
        Code(0x8030_0000 | (self as u32) << 8 | error)
    }

    pub const fn failed(self) -> Code {
        self.code(0x01)
    }

    pub const fn null_argument(self) -> Code {
        self.code(0x02)
    }

    pub const fn illegal_parameter(self) -> Code {
        self.code(0x03)
    }

    pub const fn unsupported(self) -> Code {
        self.code(0x04)
    }

    pub const fn timeout(self) -> Code {
        self.code(0x05)
    }

    pub const fn busy(self) -> Code {
        self.code(0x06)
    }
}

pub const CANNOT_OPEN_DRIVER: Code = Area::Device.code(0x0B);
pub const DEVICE_QUERY_FAILED: Code = Area::Device.code(0x80);
pub const NO_CARD: Code = Area::Device.code(0x81);
pub const DEVICE_NOT_ACTIVE: Code = Area::Device.code(0x83);
pub const INVALID_DEVICE: Code = Area::Device.code(0x84);
pub const NO_ACTIVE_DEVICE: Code = Area::Device.code(0x85);
pub const CONTEXT_DESTROY_FAILED: Code = Area::Context.code(0x82);
pub const CONTEXT_BIND_FAILED: Code = Area::Context.code(0x83);
pub const NO_CONTEXT: Code = Area::Context.code(0x84);
pub const SYNCHRONIZE_TIMEOUT: Code = Area::Stream.code(0x83);
pub const NO_MEMORY: Code = Area::Memory.code(0x07);
pub const MEMORY_REQUEST_FAILED: Code = Area::Memory.code(0x0C);
pub const NOT_DEVICE_MEMORY: Code = Area::Memory.code(0x81);
pub const CONFIG_LOAD_FAILED: Code = Code(0x8030_0681);
pub const BAD_RESPONSE: Code = Area::Engine.code(0x09);
pub const EXECUTE_FAILED: Code = Area::Engine.code(0x0C);
pub const INVALID_INDEX: Code = Area::Engine.code(0x81);

/// Return value of the C function.
pub fn status(result: Result) -> u32 {
    match result {
        Ok(()) => 0,
        Err(Code(code)) => code,
    }
}
