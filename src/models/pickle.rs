//! The pickle in a checkpoint of torch's, read without running anything: tensors by name and where their bytes are.
//!
//! A pickle is a program for a stack machine that may call any Python function. This machine knows the opcodes of protocol
//! 2, in which torch writes, and the few functions that tensors are made by; it refuses every other by name. What it makes
//! refers to what was made before by its place, so nothing is nested and nothing goes round in a circle.

use std::collections::{BTreeMap, HashMap};

use safetensors::Dtype;

/// A tensor as the pickle has it: a view of a storage, which nothing here has compared with the storage itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View<'a> {
    pub(super) dtype: Dtype,
    /// The name of the entry with the storage's bytes.
    pub(super) storage: &'a str,
    /// Where it starts, in elements.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// In elements, of each dimension.
    pub(super) strides: Vec<usize>,
}

/// The most parts of one kind. Nine or so of all kinds come with a tensor, and the largest encoders have 1,000.
const MOST: usize = 1 << 16;

/// The most values of a tuple: what a tensor is made from has seven.
const LONGEST: usize = 16;

/// The tensors of a state dictionary, by name. Whatever else is in it is left out.
///
/// # Errors
/// What is wrong with the pickle, for people to read.
pub(super) fn tensors(pickle: &[u8]) -> Result<BTreeMap<String, View<'_>>, String> {
    let mut machine = Machine {
        left: pickle,
        stack: Vec::new(),
        memo: HashMap::new(),
        tuples: Vec::new(),
        storages: Vec::new(),
        views: Vec::new(),
        dictionaries: Vec::new(),
    };
    while !machine.step()? {}
    let Some(Value::Dictionary(of_all)) = machine.stack.pop() else {
        return Err("holds no dictionary of tensors, as a checkpoint does".to_owned());
    };
    let Dictionary { tensors, others } = std::mem::take(&mut machine.dictionaries[of_all]);
    if tensors.is_empty() && !others.is_empty() {
        return Err(format!(
            "holds no tensor itself, but {}: a plain state_dict is wanted; load it with torch and save that alone, as \
             `torch.save(model.state_dict(), path)` does",
            first_of(&others)
        ));
    }
    let tensors = tensors.into_iter();
    Ok(tensors
        .map(|(name, view)| (name.to_owned(), machine.views[view].clone()))
        .collect())
}

/// How many keys an error names.
const NAMED: usize = 4;

/// For people to read.
fn first_of(keys: &[&str]) -> String {
    let named: Vec<String> = keys
        .iter()
        .take(NAMED)
        .map(|key| format!("{key:?}"))
        .collect();
    let more = match keys.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", named.join(", "))
}

/// What is in one under a name.
#[derive(Default)]
struct Dictionary<'a> {
    /// With their places.
    tensors: Vec<(&'a str, usize)>,
    /// The names of what else there is.
    others: Vec<&'a str>,
}

/// Something on the stack or in the memo; a number in it is a place in the machine's list of its kind.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Mark,
    Integer(i64),
    Text(&'a str),
    Function(Function),
    Storage(Dtype),
    StorageOf(usize),
    Tuple(usize),
    View(usize),
    Dictionary(usize),
    /// What no tensor is made of: `None`, truth, a list.
    Other,
}

#[derive(Clone, Copy, Debug)]
enum Function {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
}

/// What `name` of a module is.
fn global<'a>(module: &str, name: &str) -> Result<Value<'a>, String> {
    let dtype = |dtype| Ok(Value::Storage(dtype));
    match (module, name) {
        ("collections", "OrderedDict") => Ok(Value::Function(Function::OrderedDict)),
        ("torch._utils", "_rebuild_tensor_v2") => Ok(Value::Function(Function::RebuildTensor)),
        ("torch._utils", "_rebuild_parameter") => Ok(Value::Function(Function::RebuildParameter)),
        ("torch", "FloatStorage") => dtype(Dtype::F32),
        ("torch", "HalfStorage") => dtype(Dtype::F16),
        ("torch", "BFloat16Storage") => dtype(Dtype::BF16),
        ("torch", "DoubleStorage") => dtype(Dtype::F64),
        ("torch", "LongStorage") => dtype(Dtype::I64),
        ("torch", "IntStorage") => dtype(Dtype::I32),
        ("torch", "ShortStorage") => dtype(Dtype::I16),
        ("torch", "CharStorage") => dtype(Dtype::I8),
        ("torch", "ByteStorage") => dtype(Dtype::U8),
        ("torch", "BoolStorage") => dtype(Dtype::BOOL),
        _ => Err(format!(
            "asks for {module}.{name}, which is code: nothing but tensors is read; save its `state_dict()` alone, as safetensors"
        )),
    }
}

struct Machine<'a> {
    left: &'a [u8],
    stack: Vec<Value<'a>>,
    memo: HashMap<u32, Value<'a>>,
    tuples: Vec<Box<[Value<'a>]>>,
    /// Type and name.
    storages: Vec<(Dtype, &'a str)>,
    views: Vec<View<'a>>,
    dictionaries: Vec<Dictionary<'a>>,
}

const BROKEN: &str = "has a broken pickle";

/// The error for what no pickle does.
fn broken<T>(what: &str) -> Result<T, String> {
    Err(format!("{BROKEN}: {what}"))
}

impl<'a> Machine<'a> {
    /// Does what the next opcode says; `true` after the last.
    fn step(&mut self) -> Result<bool, String> {
        let [opcode] = self.take()?;
        match opcode {
            0x80 => self.protocol()?,
            b'.' => return Ok(true),
            b'(' => self.push(Value::Mark)?,
            b'N' | 0x88 | 0x89 | b']' => self.push(Value::Other)?,
            b'G' => {
                let _: [u8; 8] = self.take()?;
                self.push(Value::Other)?;
            }
            b'J' => {
                let value = i32::from_le_bytes(self.take()?);
                self.push(Value::Integer(value.into()))?;
            }
            b'K' => {
                let [value] = self.take()?;
                self.push(Value::Integer(value.into()))?;
            }
            b'M' => {
                let value = u16::from_le_bytes(self.take()?);
                self.push(Value::Integer(value.into()))?;
            }
            0x8a => self.long()?,
            b'X' => self.text()?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(global(module, name)?)?;
            }
            b'q' => {
                let [place] = self.take()?;
                self.remember(place.into())?;
            }
            b'r' => {
                let place = u32::from_le_bytes(self.take()?);
                self.remember(place)?;
            }
            b'h' => {
                let [place] = self.take()?;
                self.recall(place.into())?;
            }
            b'j' => {
                let place = u32::from_le_bytes(self.take()?);
                self.recall(place)?;
            }
            b')' => self.tuple(self.stack.len())?,
            0x85..=0x87 => self.tuple_of(usize::from(opcode - 0x84))?,
            b't' => {
                let start = self.after_mark()?;
                self.tuple(start)?;
                let tuple = self.pop()?;
                self.stack.pop(); // the mark
                self.push(tuple)?;
            }
            b'}' => self.dictionary()?,
            b's' => self.set_items(self.stack.len().checked_sub(3), 1)?,
            b'u' => self.set_items(self.after_mark()?.checked_sub(2), 2)?,
            // Lists hold no tensors: what is put into one is forgotten.
            b'a' => drop(self.pop()?),
            b'e' => {
                let start = self.after_mark()?;
                self.stack.truncate(start - 1);
            }
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            // An object's own fields, such as the versions of a model's modules.
            b'b' => drop(self.pop()?),
            other => return broken(&format!("opcode {other:#04x} is not one that torch writes")),
        }
        Ok(false)
    }

    fn next_bytes(&mut self, count: usize) -> Result<&'a [u8], String> {
        let cut_off = || format!("{BROKEN}: it is cut off");
        let (bytes, left) = self.left.split_at_checked(count).ok_or_else(cut_off)?;
        self.left = left;
        Ok(bytes)
    }

    fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], String> {
        let bytes = self.next_bytes(COUNT)?;
        Ok(*bytes.first_chunk().expect("as many as were asked for"))
    }

    fn utf8(bytes: &'a [u8]) -> Result<&'a str, String> {
        std::str::from_utf8(bytes).map_err(|_| format!("{BROKEN}: a name in it is no UTF-8"))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let end = self.left.iter().position(|byte| *byte == b'\n');
        let line = self.next_bytes(end.unwrap_or(self.left.len()) + 1)?;
        Self::utf8(&line[..line.len() - 1])
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.take()? {
            [2] => Ok(()),
            [other] => Err(format!(
                "is a pickle of protocol {other}; only 2, which torch writes by default, is read"
            )),
        }
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), String> {
        self.has_room(self.stack.len())?;
        self.stack.push(value);
        Ok(())
    }

    /// A checkpoint of more than so many parts is none.
    fn has_room(&self, count: usize) -> Result<(), String> {
        if count < MOST {
            return Ok(());
        }
        broken(&format!("it has more than {MOST} parts of a kind"))
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        match self.stack.pop() {
            Some(value) => Ok(value),
            None => broken("its stack is empty"),
        }
    }

    /// Where what was pushed after the last mark begins.
    fn after_mark(&self) -> Result<usize, String> {
        let is_mark = |value: &Value| matches!(value, Value::Mark);
        match self.stack.iter().rposition(is_mark) {
            Some(mark) => Ok(mark + 1),
            None => broken("a mark is missing"),
        }
    }

    fn remember(&mut self, place: u32) -> Result<(), String> {
        self.has_room(self.memo.len())?;
        match self.stack.last() {
            Some(value) => drop(self.memo.insert(place, *value)),
            None => return broken("its stack is empty"),
        }
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), String> {
        match self.memo.get(&place) {
            Some(value) => self.push(*value),
            None => broken(&format!("nothing was put at {place}")),
        }
    }

    /// Of up to 255 bytes, of which eight are enough for any size.
    fn long(&mut self) -> Result<(), String> {
        let [count] = self.take()?;
        let bytes = self.next_bytes(count.into())?;
        if bytes.len() > 8 {
            return broken("a number has more than 64 bits");
        }
        let is_negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut wide = [if is_negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Integer(i64::from_le_bytes(wide)))
    }

    fn text(&mut self) -> Result<(), String> {
        let length = u32::from_le_bytes(self.take()?);
        let text = Self::utf8(self.next_bytes(length as usize)?)?;
        self.push(Value::Text(text))
    }

    /// Of the last `count` values.
    fn tuple_of(&mut self, count: usize) -> Result<(), String> {
        match self.stack.len().checked_sub(count) {
            Some(start) => self.tuple(start),
            None => broken("its stack is empty"),
        }
    }

    /// Of the values from `start` on.
    fn tuple(&mut self, start: usize) -> Result<(), String> {
        self.has_room(self.tuples.len())?;
        if self.stack.len() - start > LONGEST {
            return broken(&format!("a tuple has more than {LONGEST} values"));
        }
        self.tuples.push(self.stack.drain(start..).collect());
        self.push(Value::Tuple(self.tuples.len() - 1))
    }

    fn dictionary(&mut self) -> Result<(), String> {
        self.has_room(self.dictionaries.len())?;
        self.dictionaries.push(Dictionary::default());
        self.push(Value::Dictionary(self.dictionaries.len() - 1))
    }

    /// Puts pairs into the dictionary at `place` on the stack; the first is so many places behind it.
    fn set_items(&mut self, place: Option<usize>, behind: usize) -> Result<(), String> {
        let found = place.and_then(|place| Some((place, *self.stack.get(place)?)));
        let Some((place, Value::Dictionary(into))) = found else {
            return broken("items are put into what is no dictionary");
        };
        for pair in self.stack[place + behind..].chunks(2) {
            match *pair {
                [Value::Text(name), Value::View(view)] => {
                    self.has_room(self.dictionaries[into].tensors.len())?;
                    self.dictionaries[into].tensors.push((name, view));
                }
                [Value::Text(name), _] => {
                    self.has_room(self.dictionaries[into].others.len())?;
                    self.dictionaries[into].others.push(name);
                }
                [_, _] => {}
                _ => return broken("a key has no value"),
            }
        }
        self.stack.truncate(place + 1);
        Ok(())
    }

    /// From `('storage', type, name, device, count)`.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        match self.parts(id)[..] {
            [
                Value::Text("storage"),
                Value::Storage(dtype),
                Value::Text(name),
                _,
                _,
            ] => {
                self.has_room(self.storages.len())?;
                self.storages.push((dtype, name));
                self.push(Value::StorageOf(self.storages.len() - 1))
            }
            _ => broken("it refers to something that is no storage"),
        }
    }

    /// A tuple's.
    fn parts(&self, value: Value<'a>) -> Vec<Value<'a>> {
        match value {
            Value::Tuple(place) => self.tuples[place].to_vec(),
            _ => Vec::new(),
        }
    }

    fn call(&mut self) -> Result<(), String> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let arguments = self.parts(arguments);
        match (function, &arguments[..]) {
            (Value::Function(Function::OrderedDict), []) => self.dictionary(),
            (Value::Function(Function::RebuildParameter), [view @ Value::View(_), ..]) => {
                self.push(*view)
            }
            (
                Value::Function(Function::RebuildTensor),
                [
                    Value::StorageOf(storage),
                    Value::Integer(offset),
                    shape,
                    strides,
                    ..,
                ],
            ) => {
                let (dtype, storage) = self.storages[*storage];
                let view = View {
                    dtype,
                    storage,
                    offset: size(*offset)?,
                    shape: self.sizes(*shape)?,
                    strides: self.sizes(*strides)?,
                };
                self.has_room(self.views.len())?;
                self.views.push(view);
                self.push(Value::View(self.views.len() - 1))
            }
            _ => broken("it calls a function with what that does not take"),
        }
    }

    fn sizes(&self, tuple: Value<'a>) -> Result<Vec<usize>, String> {
        let parts = self.parts(tuple).into_iter();
        parts
            .map(|part| match part {
                Value::Integer(value) => size(value),
                _ => broken("a tensor's size is no number"),
            })
            .collect()
    }
}

fn size(value: i64) -> Result<usize, String> {
    usize::try_from(value).or_else(|_| broken(&format!("a tensor's size is {value}")))
}
