/// A text of more bytes is a chunk of its own.
const BYTES: usize = 256 << 10;

const TEXTS: usize = 256;

/// What goes from the reader to the packer.
pub(super) enum Chunk<T, E> {
    /// Texts that are tokenised together.
    Texts(Vec<T>),
    /// Reading failed after all texts before.
    Failed(E),
    /// There is no more.
    End,
}

/// Texts until they are enough for a chunk.
pub(super) struct Gathered<T> {
    texts: Vec<T>,
    bytes: usize,
}

impl<T> Gathered<T> {
    pub(super) fn new() -> Self {
        Self {
            texts: Vec::new(),
            bytes: 0,
        }
    }

    /// Whether there are enough now. `bytes`: the length of the text.
    pub(super) fn push(&mut self, text: T, bytes: usize) -> bool {
        self.bytes += bytes;
        self.texts.push(text);
        self.texts.len() >= TEXTS || self.bytes >= BYTES
    }

    pub(super) fn take(&mut self) -> Vec<T> {
        self.bytes = 0;
        std::mem::take(&mut self.texts)
    }
}
