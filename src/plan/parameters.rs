//! What lies on the device of a graph's parameters: for each binding that no activation fills, some of them in the order
//! that its kernel reads.

use std::borrow::Cow;
use std::collections::HashMap;

use wgpu::TextureFormat::{Rgba32Float, Rgba32Uint};

use super::host_tables::HostTable;
use super::loading::Load;
use super::weights::{Weights, read};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Gpu, Resource, buffer_bytes, in_copies, texture_bytes};
use crate::graph::{Graph, Node};
use crate::kernel::{Access, Binding, Layout, Matrix, Offer, Pairs};
use crate::tensor::{Sizes, WeightType};

/// What is on the device.
pub(super) type Uploaded = HashMap<Parameters, Resource>;

/// What fills one binding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Parameters {
    /// One after another.
    parts: Vec<Part>,
    /// A texture, of one part, unless it is [`Access::Read`].
    access: Access,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Part {
    /// Names and shapes, one after another.
    tensors: Vec<(String, Vec<usize>)>,
    content: Content,
    /// The order of its rows, if they are not as they come.
    pairs: Option<Pairs>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Content {
    /// The elements themselves, in f32.
    Small,
    /// What the integers of each row are multiplied by.
    Scales,
    Matrix {
        stored_as: WeightType,
        layout: Layout,
    },
}

impl Parameters {
    /// One for each binding of a node; `None` where something else fills it.
    pub(super) fn of_node(
        graph: &Graph,
        node: &Node,
        offer: &Offer,
        capabilities: &Capabilities,
    ) -> Vec<Option<Self>> {
        let variant = offer.largest();
        let bindings = variant.bindings.iter().zip(variant.kernel.bindings);
        let on_device = |(binding, access): (&Binding, &Access)| {
            let on_host = HostTable::of(graph, node, binding, capabilities).is_some();
            if on_host {
                None
            } else {
                Self::of(graph, node, binding, *access)
            }
        };
        bindings.map(on_device).collect()
    }

    fn of(graph: &Graph, node: &Node, binding: &Binding, access: Access) -> Option<Self> {
        let parts = match binding {
            Binding::Together(bindings) => bindings
                .iter()
                .map(|binding| Part::of(graph, node, binding))
                .collect(),
            alone => Part::of(graph, node, alone).map(|part| vec![part]),
        };
        Some(Self {
            parts: parts?,
            access,
        })
    }

    /// How many words they are.
    fn words(&self) -> usize {
        self.parts.iter().map(Part::words).sum()
    }

    /// Of a texture, in texels.
    fn extent(&self) -> [usize; 2] {
        self.parts[0].extent()
    }

    /// The bytes that they take on the device.
    pub(super) fn bytes(&self, limits: &wgpu::Limits) -> u64 {
        match self.access {
            Access::Load | Access::LoadBits => texture_bytes(self.extent(), limits),
            _ => buffer_bytes(self.words()),
        }
    }

    /// Of its tensors.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(Part::names)
    }

    fn label(&self) -> String {
        let labels: Vec<_> = self.parts.iter().filter_map(Part::label).collect();
        if labels.is_empty() {
            return "nothing".to_owned();
        }
        labels.join(" + ")
    }
}

impl Part {
    fn of(graph: &Graph, node: &Node, binding: &Binding) -> Option<Self> {
        let (operands, content) = match binding {
            Binding::Operand(_) | Binding::Indices(_) | Binding::Together(_) => return None,
            Binding::Paired(pairs, binding) => {
                return Some(Self {
                    pairs: Some(*pairs),
                    ..Self::of(graph, node, binding)?
                });
            }
            Binding::Small(operands) => (&operands[..], Content::Small),
            Binding::Scales(operands) => (&operands[..], Content::Scales),
            Binding::Table {
                table, stored_as, ..
            } => {
                let (stored_as, layout) = (*stored_as, Layout::RowMajor);
                (
                    std::slice::from_ref(table),
                    Content::Matrix { stored_as, layout },
                )
            }
            Binding::Matrix {
                operands,
                stored_as,
                layout,
            } => {
                let (stored_as, layout) = (*stored_as, *layout);
                (&operands[..], Content::Matrix { stored_as, layout })
            }
        };
        let tensor = |operand: &usize| {
            let info = graph.tensor(node.inputs[*operand]);
            (info.name.clone(), info.shape.resolve(&Sizes::default()))
        };
        Some(Self {
            tensors: operands.iter().map(tensor).collect(),
            content,
            pairs: None,
        })
    }

    /// The rows of all together, and the length of the last axis.
    fn rows_and_cols(&self) -> [usize; 2] {
        let shapes = || self.tensors.iter().map(|(_, shape)| shape);
        let cols = shapes().next().and_then(|shape| shape.last());
        let rows = shapes().map(|shape| shape.iter().rev().skip(1).product::<usize>());
        [rows.sum(), cols.copied().unwrap_or(1)]
    }

    /// How many words they are.
    fn words(&self) -> usize {
        let [rows, cols] = self.rows_and_cols();
        match self.content {
            Content::Small => rows * cols,
            Content::Scales => rows,
            Content::Matrix { stored_as, layout } => layout.words([rows, cols], stored_as),
        }
    }

    /// Of a texture, in texels.
    fn extent(&self) -> [usize; 2] {
        let [rows, cols] = self.rows_and_cols();
        let words_per_row = match self.content {
            Content::Matrix { .. } => rows, // of the matrix: they are columns of the result
            Content::Small | Content::Scales => cols,
        };
        let rows = self.words() / words_per_row.max(1);
        [words_per_row.div_ceil(4), rows]
    }

    /// Of its tensors.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    fn label(&self) -> Option<String> {
        let names = self.names().collect::<Vec<_>>().join(" + ");
        match self.content {
            _ if names.is_empty() => None,
            Content::Scales => Some(format!("scales of {names}")),
            Content::Small | Content::Matrix { .. } => Some(names),
        }
    }
}

/// Uploads parameters; what two nodes share is uploaded once.
pub(super) struct Uploader<'a> {
    pub(super) gpu: &'a Gpu,
    weights: &'a dyn Weights,
    /// What another plan has there already.
    there: &'a Uploaded,
    /// What this one binds.
    bound: Uploaded,
    /// Bytes on their way since the device last had them all.
    under_way: u64,
    /// How many may be: until the device has them, they are in memory twice.
    most_under_way: u64,
    load: Load,
}

const MOST_UNDER_WAY: u64 = 64 << 20;
const LEAST_UNDER_WAY: u64 = 1 << 16; // a row of any texture

impl<'a> Uploader<'a> {
    /// `room`: the bytes that may be on their way.
    pub(super) fn new(
        gpu: &'a Gpu,
        weights: &'a dyn Weights,
        there: &'a Uploaded,
        room: u64,
        load: Load,
    ) -> Self {
        Self {
            gpu,
            weights,
            there,
            bound: Uploaded::new(),
            under_way: 0,
            most_under_way: room.clamp(LEAST_UNDER_WAY, MOST_UNDER_WAY),
            load,
        }
    }

    pub(super) fn resource(&mut self, parameters: Parameters) -> Result<Resource> {
        if let Some(resource) = self.bound.get(&parameters) {
            return Ok(resource.clone());
        }
        let resource = match self.there.get(&parameters) {
            Some(resource) => resource.clone(),
            None => self.upload(&parameters)?,
        };
        self.load
            .add(parameters.bytes(&self.gpu.capabilities().limits));
        self.bound.insert(parameters, resource.clone());
        Ok(resource)
    }

    fn upload(&mut self, parameters: &Parameters) -> Result<Resource> {
        self.load.go_on()?; // they are read and packed first
        let (words, label) = (self.words(parameters)?, parameters.label());
        match parameters.access {
            Access::Load => {
                let [_, cols] = parameters.parts[0].rows_and_cols();
                self.texture(&label, &in_texels(words, cols), parameters, Rgba32Float)
            }
            Access::LoadBits => self.texture(&label, &words, parameters, Rgba32Uint),
            _ => self.buffer(&label, &words),
        }
    }

    /// What lies on the device, in order.
    fn words(&self, parameters: &Parameters) -> Result<Cow<'a, [u32]>> {
        if let [part] = &parameters.parts[..] {
            return self.words_of(part); // as it lies in the file: it may be most of the model
        }
        let mut all = Vec::with_capacity(parameters.words());
        for part in &parameters.parts {
            all.extend_from_slice(&self.words_of(part)?);
        }
        Ok(Cow::Owned(all))
    }

    fn words_of(&self, part: &Part) -> Result<Cow<'a, [u32]>> {
        let stored_as = match part.content {
            Content::Small => WeightType::F32,
            Content::Scales => WeightType::I8,
            Content::Matrix { stored_as, .. } => stored_as,
        };
        let [_, cols] = part.rows_and_cols();
        let values = self.concatenated(&part.tensors, stored_as)?;
        let values = match (part.pairs, part.content) {
            (None, _) => values,
            (Some(pairs), Content::Small) => Cow::Owned(pairs.arrange(&values, 1)),
            (Some(pairs), _) => Cow::Owned(pairs.arrange(&values, cols)),
        };
        Ok(match (part.content, values) {
            (Content::Small, Cow::Borrowed(values)) => Cow::Borrowed(bytemuck::cast_slice(values)),
            (Content::Small, Cow::Owned(values)) => Cow::Owned(bytemuck::cast_vec(values)),
            (Content::Scales, values) => {
                let matrix = Matrix::new(&values, cols, WeightType::I8);
                Cow::Owned(bytemuck::cast_slice(matrix.scales()).to_vec())
            }
            (Content::Matrix { layout, .. }, values) => {
                Cow::Owned(layout.pack(&Matrix::new(&values, cols, stored_as)))
            }
        })
    }

    fn buffer(&mut self, label: &str, words: &[u32]) -> Result<Resource> {
        use wgpu::BufferUsages as Usage;
        let (size, usage) = (buffer_bytes(words.len()), Usage::STORAGE | Usage::COPY_DST);
        let buffer = self.gpu.create_buffer(label, size, usage)?;
        let at_once = self.most_under_way as usize / 4;
        for (place, words) in words.chunks(at_once).enumerate() {
            self.make_room(4 * words.len() as u64)?;
            let offset = 4 * (place * at_once) as u64;
            let bytes = bytemuck::cast_slice(words);
            self.gpu.fill_buffer(&buffer, offset, bytes)?;
        }
        Ok(Resource::Buffer(buffer))
    }

    fn texture(
        &mut self,
        label: &str,
        words: &[u32],
        parameters: &Parameters,
        format: wgpu::TextureFormat,
    ) -> Result<Resource> {
        use wgpu::TextureUsages as Usage;
        let [width, height] = parameters.extent();
        let usage = Usage::STORAGE_BINDING | Usage::COPY_DST;
        let texture = self
            .gpu
            .create_texture(label, [width, height], format, usage)?;
        let row = 4 * width;
        let at_once = (self.most_under_way as usize / in_copies(4 * row).max(1)).max(1);
        for (place, rows) in words.chunks((at_once * row).max(1)).enumerate() {
            self.make_room((in_copies(4 * row) * rows.len() / row.max(1)) as u64)?;
            let bytes = bytemuck::cast_slice(rows);
            self.gpu
                .fill_rows(&texture, place * at_once, width, bytes)?;
        }
        Ok(Resource::texture(texture))
    }

    /// Lets the device take what is under way where `bytes` more would be too much.
    fn make_room(&mut self, bytes: u64) -> Result<()> {
        self.load.go_on()?;
        if self.under_way > 0 && self.under_way + bytes > self.most_under_way {
            self.flush()?;
        }
        self.under_way += bytes;
        Ok(())
    }

    /// All that the plan binds, once the device has it.
    pub(super) fn finish(mut self) -> Result<Uploaded> {
        self.flush()?;
        Ok(std::mem::take(&mut self.bound))
    }

    fn flush(&mut self) -> Result<()> {
        self.under_way = 0;
        self.gpu
            .checked("uploading weights", || self.gpu.queue().submit([]))?;
        self.gpu.settle();
        Ok(())
    }

    fn concatenated(
        &self,
        tensors: &[(String, Vec<usize>)],
        stored_as: WeightType,
    ) -> Result<Cow<'a, [f32]>> {
        let read = |(name, shape): &(String, Vec<usize>)| {
            let values = read(name, shape, self.weights)?;
            check_finite(self.weights, name, &values, stored_as)?;
            Ok(values)
        };
        if let [tensor] = tensors {
            return read(tensor);
        }
        let all = tensors.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Cow::Owned(all.concat()))
    }
}

impl Drop for Uploader<'_> {
    /// What was uploaded for nothing.
    fn drop(&mut self) {
        let _turn = self.gpu.turn();
        self.bound.clear();
    }
}

/// Rows of so many words, each filled up with zeros to whole texels.
fn in_texels(words: Cow<'_, [u32]>, cols: usize) -> Cow<'_, [u32]> {
    if cols.is_multiple_of(4) {
        return words;
    }
    let filled_up = |row: &[u32]| {
        let zeros = cols.next_multiple_of(4) - cols;
        [row, &[0; 3][..zeros]].concat()
    };
    words.chunks(cols).flat_map(filled_up).collect()
}

/// A NaN in a weight would spread to every result; better to name it.
pub(super) fn check_finite(
    weights: &dyn Weights,
    tensor: &str,
    values: &[f32],
    stored_as: WeightType,
) -> Result<()> {
    match values.iter().position(|value| !stored_as.holds(*value)) {
        None => Ok(()),
        Some(index) => Err(Error::NotFinite {
            location: weights.location(),
            tensor: tensor.to_owned(),
            value: values[index],
            index,
            advice: if values[index].is_finite() {
                ": it does not fit into f16, use f32"
            } else {
                ": the checkpoint is damaged, fetch it again"
            },
        }),
    }
}
