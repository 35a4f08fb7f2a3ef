//! The subset of Python's pickle that state dicts use, read as data: nothing is imported, nothing is called.
//!
//! Values live in one arena and name each other by index, so no nesting in the file can exhaust the stack. Each byte of
//! the file makes at most one value, and what a value copies of others is short, so that memory grows with the file and not
//! faster: names, keys and shapes have limits far beyond those of real checkpoints.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

/// Largest pickle; that of the published language model has 50 kB.
const MAX_BYTES: usize = 64 << 20;
/// Most values, entries of the memo, and values on the stack.
const MAX_VALUES: usize = 1 << 21;
/// Longest name of a class or function, and longest key of a storage, in bytes: values that are built of others copy them.
const MAX_NAME: usize = 256;
/// Most axes of a tensor.
const MAX_AXES: usize = 8;

/// Index of a [`Value`] in [`Pickle`].
pub type Id = u32;

/// Value built by an opcode.
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

impl Value {
    /// Kind of the value, without its content, which may be long.
    fn kind(&self) -> &'static str {
        match self {
            Self::Other => "something else",
            Self::Int(_) => "a number",
            Self::Str(_) => "a string",
            Self::Sequence(_) => "a tuple or list",
            Self::Dict(_) => "a dict",
            Self::Global(_) => "a class or function",
            Self::Storage { .. } => "a storage",
            Self::Tensor { .. } => "a tensor",
        }
    }

    /// Bytes on the heap.
    #[cfg(test)]
    fn heap(&self) -> usize {
        match self {
            Self::Other | Self::Int(_) => 0,
            Self::Str(text) | Self::Global(text) => text.capacity(),
            Self::Sequence(items) => 4 * items.capacity(),
            Self::Dict(entries) => 8 * entries.capacity(),
            Self::Storage { class, key, .. } => class.capacity() + key.capacity(),
            Self::Tensor { shape, strides, .. } => 8 * (shape.capacity() + strides.capacity()),
        }
    }
}

/// A pickle that was read.
#[derive(Debug)]
pub struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Reads `bytes` up to the opcode STOP.
    ///
    /// # Errors
    /// The first byte that has no place in a state dict, or makes more than one can have.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        ensure!(
            bytes.len() <= MAX_BYTES,
            "a pickle of {} bytes, expected at most {MAX_BYTES}",
            bytes.len()
        );
        let mut machine = Machine::new(bytes);
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

impl<'a> Machine<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

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
                b'(' => {
                    check_count("marks", self.marks.len())?;
                    self.marks.push(self.stack.len());
                }
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
                    self.push_global(&module, &name)?;
                }
                // STACK_GLOBAL
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (module, name) = (self.name(module)?, self.name(name)?);
                    self.push_global(&module, &name)?;
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
        check_name(len)?;
        let line = std::str::from_utf8(&rest[..len])?.to_owned();
        self.at += len + 1;
        Ok(line)
    }

    fn string(&mut self, len: usize) -> Result<()> {
        let text = std::str::from_utf8(self.take(len)?)?.to_owned();
        self.push(Value::Str(text))
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<()> {
        self.push(Value::Global(format!("{module}.{name}")))
    }

    fn push(&mut self, value: Value) -> Result<()> {
        let id = Id::try_from(self.values.len())?;
        check_count("values", self.values.len())?;
        self.values.push(value);
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<()> {
        check_count("values on the stack", self.stack.len())?;
        self.stack.push(id);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        self.below(1)?;
        Ok(self.stack.pop().expect("checked"))
    }

    /// Index of the first of the `count` topmost values; they must not reach below the last mark.
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
            other => bail!("appends to {}", other.kind()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<()> {
        ensure!(items.len().is_multiple_of(2), "a key without a value");
        match self.top()? {
            Value::Dict(dict) => dict.extend(items.chunks_exact(2).map(|kv| (kv[0], kv[1]))),
            Value::Other => {}
            other => bail!("sets an item of {}", other.kind()),
        }
        Ok(())
    }

    fn memoize(&mut self, key: u32) -> Result<()> {
        let top = self.below(1)?;
        check_count("values in its memo", self.memo.len())?;
        self.memo.insert(key, self.stack[top]);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<()> {
        let id = self.memo.get(&key).copied();
        self.push_id(id.context("recalls what was never stored")?)
    }

    fn value(&self, id: Id) -> &Value {
        &self.values[id as usize]
    }

    fn str(&self, id: Id) -> Result<&str> {
        match self.value(id) {
            Value::Str(text) => Ok(text),
            other => bail!("{} where a string must be", other.kind()),
        }
    }

    /// A string that other values may copy.
    fn name(&self, id: Id) -> Result<String> {
        let name = self.str(id)?;
        check_name(name.len())?;
        Ok(name.to_owned())
    }

    fn count(&self, id: Id) -> Result<u64> {
        match self.value(id) {
            Value::Int(value) => Ok(u64::try_from(*value).context("a negative length")?),
            other => bail!("{} where a number must be", other.kind()),
        }
    }

    fn sequence(&self, id: Id) -> Result<&[Id]> {
        match self.value(id) {
            Value::Sequence(items) => Ok(items),
            other => bail!("{} where a tuple must be", other.kind()),
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
            key: self.name(items[2])?,
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
                    let axes = self.sequence(id)?;
                    ensure!(
                        axes.len() <= MAX_AXES,
                        "a tensor of {} axes, expected at most {MAX_AXES}",
                        axes.len()
                    );
                    axes.iter().map(|i| self.count(*i)).collect()
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
                match self.value(*data) {
                    tensor @ Value::Tensor { .. } => Ok(tensor.clone()),
                    other => bail!("a parameter of {}, not of a tensor", other.kind()),
                }
            }
            _ => Ok(Value::Other),
        }
    }
}

fn check_count(what: &str, count: usize) -> Result<()> {
    ensure!(
        count < MAX_VALUES,
        "more than {MAX_VALUES} {what}: no state dict of a model"
    );
    Ok(())
}

fn check_name(len: usize) -> Result<()> {
    ensure!(
        len <= MAX_NAME,
        "a name of {len} bytes, expected at most {MAX_NAME}"
    );
    Ok(())
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Opcodes, spelled out.
    fn unicode(text: &str) -> Vec<u8> {
        [
            b"X",
            &(text.len() as u32).to_le_bytes()[..],
            text.as_bytes(),
        ]
        .concat()
    }

    fn global(module: &str, name: &str) -> Vec<u8> {
        format!("c{module}\n{name}\n").into_bytes()
    }

    fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
        [b"(", &items.concat()[..], b"t"].concat()
    }

    fn storage(key: &str) -> Vec<u8> {
        let items = [
            unicode("storage"),
            global("torch", "FloatStorage"),
            unicode(key),
            unicode("cpu"),
            b"K\x04".to_vec(),
        ];
        [&tuple(&items)[..], b"Q"].concat()
    }

    fn tensor(storage: Vec<u8>, axes: usize) -> Vec<u8> {
        let ones = tuple(&vec![b"K\x01".to_vec(); axes]);
        let arguments = [storage, b"K\x00".to_vec(), ones.clone(), ones];
        let function = global("torch._utils", "_rebuild_tensor_v2");
        [&function[..], &tuple(&arguments), b"R"].concat()
    }

    fn refusal(pickle: &[u8]) -> String {
        let error = Pickle::read(&[pickle, b"."].concat()).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn a_tensor_of_the_usual_kind_is_read() {
        let pickle = [&tensor(storage("0"), 4)[..], b"."].concat();
        let pickle = Pickle::read(&pickle).unwrap();
        let Value::Tensor { shape, .. } = pickle.get(pickle.root()) else {
            panic!("no tensor");
        };
        assert_eq!(shape, &[1; 4]);
    }

    #[test]
    fn what_would_be_copied_again_and_again_must_be_short() {
        let long = "x".repeat(MAX_NAME + 1);
        let parameter = global("torch._utils", "_rebuild_parameter");
        let of = |data: &[u8]| [&parameter[..], data, b"\x85R"].concat();
        for (pickle, expected) in [
            (tensor(storage("0"), MAX_AXES + 1), "a tensor of 9 axes"),
            (storage(&long), "a name of 257 bytes"),
            (global("torch", &long), "a name of 257 bytes"),
            (
                [&unicode(&long)[..], &unicode("name"), b"\x93"].concat(),
                "a name of 257 bytes",
            ),
            (of(&unicode("text")), "a parameter of a string"),
            (of(b"]"), "a parameter of a tuple or list"),
        ] {
            let message = refusal(&pickle);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn values_memo_and_stack_have_an_end() {
        let many = MAX_VALUES + 1;
        let memo = [b"N".to_vec(), b"\x94".repeat(many)].concat();
        let stack = [b"Nq\x00".to_vec(), b"h\x00".repeat(many)].concat();
        for (pickle, expected) in [
            (b"N0".repeat(many), "2097152 values"),
            (memo, "values in its memo"),
            (stack, "values on the stack"),
        ] {
            let message = refusal(&pickle);
            assert!(message.contains(expected), "{message}");
        }
        let message = refusal(&vec![b'N'; MAX_BYTES]);
        assert!(message.contains("a pickle of 67108865 bytes"), "{message}");
    }

    /// Pieces of pickles that store, recall, collect and build.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "[a-z]{0,300}".prop_map(|text| unicode(&text)),
            (0..4_u8).prop_map(|key| vec![b'q', key]),
            (0..4_u8).prop_map(|key| vec![b'h', key]),
            (0..12_usize).prop_map(|axes| tensor(storage("0"), axes)),
            Just(global("torch._utils", "_rebuild_parameter")),
            Just(global("torch._utils", "_rebuild_tensor_v2")),
            prop::sample::select(b"()]}tleasuNKQR\x81\x85\x86\x87\x93\x94".to_vec())
                .prop_map(|opcode| vec![opcode]),
        ]
    }

    proptest! {
        #[test]
        fn what_a_pickle_makes_grows_with_its_length(
            pieces in prop::collection::vec(piece(), 0..200),
        ) {
            let bytes = pieces.concat();
            let mut machine = Machine::new(&bytes);
            let _ = machine.run();
            let heap: usize = machine.values.iter().map(Value::heap).sum();
            let made = heap + machine.values.len() * size_of::<Value>() + 4 * machine.stack.len();
            // The shortest opcode that copies most makes a global of two names: 2 bytes recall each of them.
            let most = 2 * MAX_NAME + size_of::<Value>();
            prop_assert!(made <= most * (bytes.len() + 1), "{made} of {} bytes", bytes.len());
        }
    }
}
