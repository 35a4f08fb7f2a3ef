//! The subset of Python's pickle that state dicts use, read as data: nothing is imported, nothing is called.
//!
//! Values live in one arena and name each other by index, so no nesting in the file can exhaust the stack, and each
//! byte of the file makes at most one value.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

/// Index of a [`Value`] in [`Pickle`].
pub type Id = u32;

/// What an opcode built.
#[derive(Debug, Clone)]
pub enum Value {
    /// Anything a state dict has no use for: numbers with a fraction, results of unknown calls.
    Other,
    /// `True`, `False` or an integer.
    Int(i64),
    /// A string.
    Str(String),
    /// A tuple or list.
    Sequence(Vec<Id>),
    /// A dict, in file order.
    Dict(Vec<(Id, Id)>),
    /// A global name, `module.name`.
    Global(String),
    /// The persistent id of a storage: type (`FloatStorage`), key, and number of elements.
    Storage {
        /// Name of the storage class.
        class: String,
        /// Name of the record that holds the elements.
        key: String,
        /// Number of elements.
        len: u64,
    },
    /// A view of a storage.
    Tensor {
        /// The storage.
        storage: Id,
        /// First element.
        offset: u64,
        /// Lengths.
        shape: Vec<u64>,
        /// Distances, in elements.
        strides: Vec<u64>,
    },
}

/// A pickle that was read.
#[derive(Debug)]
pub struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Reads `bytes` up to the opcode STOP.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut machine = Machine {
            input: bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = machine
            .run()
            .with_context(|| format!("byte {} of the pickle", machine.at))?;
        Ok(Self {
            values: machine.values,
            root,
        })
    }

    /// The value that was pickled.
    pub fn root(&self) -> Id {
        self.root
    }

    /// The value `id`.
    pub fn get(&self, id: Id) -> &Value {
        &self.values[id as usize]
    }

    /// The entry `key` of the dict `id`, if that is a dict and has one.
    pub fn entry(&self, id: Id, key: &str) -> Option<Id> {
        let Value::Dict(entries) = self.get(id) else {
            return None;
        };
        entries
            .iter()
            .find(|(k, _)| matches!(self.get(*k), Value::Str(s) if s == key))
            .map(|(_, value)| *value)
    }
}

struct Machine<'a> {
    input: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id> {
        loop {
            let opcode = self.byte()?;
            match opcode {
                // PROTO
                0x80 => {
                    let version = self.byte()?;
                    ensure!((2..=5).contains(&version), "pickle protocol {version}");
                }
                // FRAME
                0x95 => {
                    self.take(8)?;
                }
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => {
                    self.pop()?;
                }
                b'N' => self.push(Value::Other)?,
                0x88 => self.push(Value::Int(1))?,
                0x89 => self.push(Value::Int(0))?,
                b'K' => {
                    let value = self.byte()?;
                    self.push(Value::Int(value.into()))?;
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                // LONG1
                0x8a => {
                    let len = self.byte()? as usize;
                    let value = long(self.take(len)?);
                    self.push(value)?;
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Other)?;
                }
                b'X' => {
                    let len = u32::from_le_bytes(self.array()?) as usize;
                    self.string(len)?;
                }
                // SHORT_BINUNICODE
                0x8c => {
                    let len = self.byte()? as usize;
                    self.string(len)?;
                }
                // BINUNICODE8
                0x8d => {
                    let len = usize::try_from(u64::from_le_bytes(self.array()?))?;
                    self.string(len)?;
                }
                b'c' => {
                    let module = self.line()?;
                    let name = self.line()?;
                    self.push(Value::Global(format!("{module}.{name}")))?;
                }
                // STACK_GLOBAL
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let global = format!("{}.{}", self.str(module)?, self.str(name)?);
                    self.push(Value::Global(global))?;
                }
                b')' => self.push(Value::Sequence(Vec::new()))?,
                // TUPLE1, TUPLE2, TUPLE3
                0x85..=0x87 => {
                    let first = self.below((opcode - 0x84) as usize)?;
                    let items = self.stack.split_off(first);
                    self.push(Value::Sequence(items))?;
                }
                b't' | b'l' => {
                    let items = self.since_mark()?;
                    self.push(Value::Sequence(items))?;
                }
                b']' => self.push(Value::Sequence(Vec::new()))?,
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.append(items)?;
                }
                b'}' => self.push(Value::Dict(Vec::new()))?,
                b's' => {
                    let first = self.below(2)?;
                    let items = self.stack.split_off(first);
                    self.set_items(&items)?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.set_items(&items)?;
                }
                b'q' => {
                    let key = self.byte()?.into();
                    self.memoize(key)?;
                }
                b'r' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.memoize(key)?;
                }
                // MEMOIZE
                0x94 => {
                    let key = u32::try_from(self.memo.len())?;
                    self.memoize(key)?;
                }
                b'h' => {
                    let key = self.byte()?.into();
                    self.recall(key)?;
                }
                b'j' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.recall(key)?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.push(storage)?;
                }
                // NEWOBJ calls as REDUCE does
                b'R' | 0x81 => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    let result = self.call(function, arguments)?;
                    self.push(result)?;
                }
                // BUILD sets attributes of an object; state dicts keep `_metadata` there
                b'b' => {
                    self.pop()?;
                    self.below(1)?;
                }
                _ => bail!("opcode {opcode:#04x} has no place in a state dict"),
            }
        }
    }

    fn take(&mut self, len: usize) -> Result<&[u8]> {
        let end = self
            .at
            .checked_add(len)
            .filter(|end| *end <= self.input.len());
        let end = end.context("ends in the middle of a value")?;
        let bytes = &self.input[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into()?)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn line(&mut self) -> Result<String> {
        let rest = &self.input[self.at..];
        let len = rest.iter().position(|b| *b == b'\n');
        let len = len.context("a name without end")?;
        let line = std::str::from_utf8(&rest[..len])?.to_owned();
        self.at += len + 1;
        Ok(line)
    }

    fn string(&mut self, len: usize) -> Result<()> {
        let text = std::str::from_utf8(self.take(len)?)?.to_owned();
        self.push(Value::Str(text))
    }

    fn push(&mut self, value: Value) -> Result<()> {
        let id = Id::try_from(self.values.len())?;
        self.values.push(value);
        self.stack.push(id);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        self.below(1)?;
        Ok(self.stack.pop().expect("checked"))
    }

    /// Where the `count` topmost values begin; they must not reach below the last mark.
    fn below(&self, count: usize) -> Result<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let first = self.stack.len().checked_sub(count);
        first
            .filter(|first| *first >= floor)
            .context("takes a value that is not there")
    }

    fn since_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().context("no mark is set")?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&mut self) -> Result<&mut Value> {
        let top = self.below(1)?;
        Ok(&mut self.values[self.stack[top] as usize])
    }

    fn append(&mut self, items: Vec<Id>) -> Result<()> {
        match self.top()? {
            Value::Sequence(sequence) => sequence.extend(items),
            Value::Other => {}
            other => bail!("appends to {other:?}"),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<()> {
        ensure!(items.len().is_multiple_of(2), "a key without a value");
        match self.top()? {
            Value::Dict(dict) => dict.extend(items.chunks_exact(2).map(|kv| (kv[0], kv[1]))),
            Value::Other => {}
            other => bail!("sets an item of {other:?}"),
        }
        Ok(())
    }

    fn memoize(&mut self, key: u32) -> Result<()> {
        let top = self.below(1)?;
        self.memo.insert(key, self.stack[top]);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<()> {
        let id = self.memo.get(&key);
        self.stack
            .push(*id.context("recalls what was never stored")?);
        Ok(())
    }

    fn value(&self, id: Id) -> &Value {
        &self.values[id as usize]
    }

    fn str(&self, id: Id) -> Result<&str> {
        match self.value(id) {
            Value::Str(text) => Ok(text),
            other => bail!("{other:?} where a string must be"),
        }
    }

    fn count(&self, id: Id) -> Result<u64> {
        match self.value(id) {
            Value::Int(value) => Ok(u64::try_from(*value).context("a negative length")?),
            other => bail!("{other:?} where a number must be"),
        }
    }

    fn sequence(&self, id: Id) -> Result<&[Id]> {
        match self.value(id) {
            Value::Sequence(items) => Ok(items),
            other => bail!("{other:?} where a tuple must be"),
        }
    }

    /// `('storage', torch.FloatStorage, '0', 'cpu', 9)`
    fn storage(&self, id: Id) -> Result<Value> {
        let items = self.sequence(id)?;
        ensure!(
            items.len() >= 5 && self.str(items[0])? == "storage",
            "a persistent id that is no storage"
        );
        let Value::Global(class) = self.value(items[1]) else {
            bail!("a storage without a type");
        };
        Ok(Value::Storage {
            class: class.rsplit('.').next().unwrap_or(class).to_owned(),
            key: self.str(items[2])?.to_owned(),
            len: self.count(items[4])?,
        })
    }

    fn call(&self, function: Id, arguments: Id) -> Result<Value> {
        let Value::Global(name) = self.value(function) else {
            return Ok(Value::Other);
        };
        let arguments = self.sequence(arguments)?;
        match name.as_str() {
            "collections.OrderedDict" if arguments.is_empty() => Ok(Value::Dict(Vec::new())),
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => {
                ensure!(arguments.len() >= 4, "a tensor without shape or strides");
                let counts = |id| -> Result<Vec<u64>> {
                    self.sequence(id)?.iter().map(|i| self.count(*i)).collect()
                };
                Ok(Value::Tensor {
                    storage: arguments[0],
                    offset: self.count(arguments[1])?,
                    shape: counts(arguments[2])?,
                    strides: counts(arguments[3])?,
                })
            }
            "torch._utils._rebuild_parameter" => {
                let data = arguments.first().context("a parameter without data")?;
                Ok(self.value(*data).clone())
            }
            _ => Ok(Value::Other),
        }
    }
}

/// A little-endian two's complement number of any length; one that exceeds 64 bits is of no use here.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Other;
    }
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut padded = [if negative { 0xff } else { 0 }; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(padded))
}
