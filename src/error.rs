//! Every way in which this crate can fail, each naming the operation, the thing and the values.

use std::path::PathBuf;

/// What went wrong, in one sentence that says what, where and what to do about it.
///
/// ```
/// use wgformer::Error;
/// use wgformer::models::{Head, Network};
///
/// match Network::open("nowhere".as_ref(), Head::HiddenStates) {
///     Err(Error::Io { path, source }) => println!("no {}: {source}", path.display()),
///     Err(error) => println!("{error}"), // a sentence that says what to do
///     Ok(network) => println!("{}", network.graph),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Operands of an operation do not fit together.
    #[error("{operation}: {message}")]
    Shape {
        /// The operation, as the graph prints it.
        operation: &'static str,
        /// What was found and what was expected.
        message: String,
    },

    /// What a caller gave does not do: values of a run that do not fit the graph (a wrong count, an id out of range, a bad
    /// segment), or an option that is out of range, or that the model does not have.
    #[error("input {name:?}: {message}")]
    Input {
        /// The graph's name for the input, or the option's.
        name: String,
        /// What was found and what was expected.
        message: String,
    },

    /// There is no adapter at all.
    #[error("no GPU adapter was found ({tried}); {advice}")]
    NoAdapter {
        /// What was asked.
        tried: String,
        /// What to do.
        advice: &'static str,
    },

    /// No adapter matches what was asked for.
    #[error("no adapter matches {wanted:?}; there is: {available}")]
    AdapterNotFound {
        /// What was asked for.
        wanted: String,
        /// The adapters there are.
        available: String,
    },

    /// The driver refused or failed.
    #[error("{adapter}: {action} failed: {message}")]
    Device {
        /// The adapter's name.
        adapter: String,
        /// What was being done.
        action: String,
        /// What the driver said.
        message: String,
    },

    /// The driver has no memory left; what was there before still works.
    #[error(
        "{adapter}: no memory is left for {action}; set a memory budget, use smaller batches, or store weights as f16"
    )]
    OutOfMemory {
        /// The adapter's name.
        adapter: String,
        /// What was being done.
        action: String,
    },

    /// The device is gone: the driver was reset, the GPU removed, or its owner destroyed it.
    #[error(
        "{adapter}: the device was lost while {action}; create a new `Gpu` and `recover` models and indexes on it"
    )]
    DeviceLost {
        /// The adapter's name.
        adapter: String,
        /// What was being done.
        action: String,
    },

    /// A call, or loading, was not done by the time that it was given.
    #[error(
        "the deadline passed {late:?} ago; allow more time, for loading by `load_timeout`, or give a call fewer texts"
    )]
    Deadline {
        /// How long ago.
        late: std::time::Duration,
    },

    /// Nobody waits any more for what is loaded on a thread of its own: the future was dropped.
    #[error("cancelled: what waited for it was dropped")]
    Cancelled,

    /// Something needs more than the device, or the memory budget, allows.
    #[error("{thing} needs {needed} {unit}, of which {allowed} are allowed here; {advice}")]
    Limit {
        /// What needs it.
        thing: String,
        /// How much it needs.
        needed: u64,
        /// The device's limit, or the budget.
        allowed: u64,
        /// The unit of both.
        unit: &'static str,
        /// What to do.
        advice: &'static str,
    },

    /// No variant of an operation can run on this adapter.
    #[error("{operation}: no kernel for {shape} runs on {adapter}")]
    NoVariant {
        /// The operation.
        operation: String,
        /// Its operands' shapes.
        shape: String,
        /// The adapter's name.
        adapter: String,
    },

    /// A shader could not be specialised or compiled.
    #[error("kernel {kernel}: {message}")]
    Kernel {
        /// The kernel's name.
        kernel: String,
        /// The compiler's message.
        message: String,
    },

    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A file is there, but what it holds is broken or contradictory.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        message: String,
    },

    /// A file of measurements says nothing of this adapter as it is.
    #[error(
        "{}: it was measured on another adapter, driver or version; measure again (`wgformer tune`)", path.display()
    )]
    Outdated {
        /// The file.
        path: PathBuf,
    },

    /// A file asks for something that this crate does not do.
    #[error("{}: {what} {found:?} is not supported; supported: {supported}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The kind of thing: a model type, an activation, a key.
        what: &'static str,
        /// The value found.
        found: String,
        /// The values that would do.
        supported: String,
    },

    /// A weight is missing.
    #[error("{location}: there is no tensor {tensor:?}")]
    TensorMissing {
        /// Where it was looked for.
        location: String,
        /// Its name.
        tensor: String,
    },

    /// A checkpoint has no weights for what should follow its encoder.
    #[error(
        "{location}: there is no head for {head}, no tensor {tensor:?}; it was saved as {saved_as}: take a model that was trained for that"
    )]
    HeadMissing {
        /// Where it was looked for.
        location: String,
        /// What it would be for.
        head: &'static str,
        /// The name of the first of its tensors.
        tensor: String,
        /// The classes of transformers that `architectures` in `config.json` names.
        saved_as: String,
    },

    /// A weight has another shape than the configuration says.
    #[error(
        "{location}: tensor {tensor:?} has shape {found:?}, and the model's configuration needs {expected:?}"
    )]
    TensorShape {
        /// Where it was found.
        location: String,
        /// Its name.
        tensor: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape the configuration needs.
        expected: Vec<usize>,
    },

    /// A weight holds a NaN or an infinity, perhaps only after its conversion to f16.
    #[error("{location}: tensor {tensor:?} holds {value} at element {index}{advice}")]
    NotFinite {
        /// Where it was found.
        location: String,
        /// Its name.
        tensor: String,
        /// The value, as stored on the GPU.
        value: f32,
        /// Its place, counted in elements from the start of the tensor.
        index: usize,
        /// What to do, where something can be done.
        advice: &'static str,
    },

    /// A result holds a NaN or an infinity although every weight is finite.
    #[error("the result for text {index} holds {value}: the model overflows on it")]
    Overflow {
        /// Which text, counted from 0 in the caller's order.
        index: usize,
        /// The value found.
        value: f32,
    },

    /// A text is longer than its model takes, and was not to be cut.
    #[error(
        "text {index} is longer than the {most} tokens that the model takes: shorten it, let it be cut, or split it into passages"
    )]
    TooLong {
        /// Which text, counted from 0 in the caller's order.
        index: usize,
        /// The most tokens that the model takes, special tokens included.
        most: usize,
    },

    /// One of many texts could not be embedded.
    #[error("text {index}: {source}")]
    Text {
        /// Which text, counted from 0 in the caller's order.
        index: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },

    /// A stage of a stream of texts ended where it should not have: it panicked, or the system gave it no thread.
    #[error("{stage} stopped at text {index}: {message}")]
    Stopped {
        /// What was being done.
        stage: &'static str,
        /// The first text that did not get through, counted from 0 in the caller's order.
        index: usize,
        /// What the panic or the system said.
        message: String,
    },

    /// A vector does not fit an index.
    #[error("{what} {index} {message}")]
    Vector {
        /// A vector of the index or a query.
        what: &'static str,
        /// Which, counted from 0 in the caller's order.
        index: usize,
        /// What was found and what was expected.
        message: String,
    },

    /// The tokenizer could not be built or failed on a text.
    #[error("{}: {message}", path.display())]
    Tokenizer {
        /// Its file.
        path: PathBuf,
        /// What it said.
        message: String,
    },
}

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The same error, with another number of the text that it names, if it names one: for whoever gives a task a part of
    /// many texts at a time, or several for one.
    ///
    /// ```
    /// use wgformer::Error;
    ///
    /// let (first, in_part) = (1000, Error::TooLong { index: 7, most: 512 });
    /// let error = in_part.renumbered(|index| first + index);
    /// assert!(matches!(error, Error::TooLong { index: 1007, .. }));
    /// ```
    #[must_use]
    pub fn renumbered(mut self, number: impl FnOnce(usize) -> usize) -> Self {
        if let Self::Overflow { index, .. }
        | Self::TooLong { index, .. }
        | Self::Text { index, .. }
        | Self::Stopped { index, .. } = &mut self
        {
            *index = number(*index);
        }
        self
    }

    /// The error of one text as that of text `index` of many, which it names once.
    #[cfg(feature = "text")] // which tasks need
    pub(crate) fn of_text(self, index: usize) -> Self {
        match self {
            Self::TooLong { .. } => self.renumbered(|_| index),
            other => Self::Text {
                index,
                source: Box::new(other),
            },
        }
    }
}
