//! From a model's weights to buffers that its kernels read.

use std::borrow::Cow;
use std::collections::HashMap;

use wgpu::TextureFormat::{Rgba32Float, Rgba32Uint};

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Resource};
use crate::graph::{Graph, Node, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Matrix};
use crate::tensor::{Data, Tensor, WeightType};

/// Where a graph's parameters come from: a checkpoint, or tensors in memory.
pub trait Weights {
    /// Where they are, for error messages.
    fn location(&self) -> String;

    /// A tensor's shape, row-major; `None` if there is no such tensor.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// A tensor's elements, as f32, row-major.
    ///
    /// # Errors
    /// [`Error::TensorMissing`] if there is no such tensor, [`Error::Malformed`] if it cannot be read.
    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>>;

    /// Checks that a tensor is there and has the shape that the configuration says.
    ///
    /// # Errors
    /// [`Error::TensorMissing`] or [`Error::TensorShape`].
    fn expect_shape(&self, name: &str, expected: &[usize]) -> Result<()> {
        let (location, tensor) = (self.location(), name.to_owned());
        match self.shape(name) {
            None => Err(Error::TensorMissing { location, tensor }),
            Some(found) if found != expected => Err(Error::TensorShape {
                location,
                tensor,
                found,
                expected: expected.to_vec(),
            }),
            Some(_) => Ok(()),
        }
    }
}

impl Weights for HashMap<String, Tensor> {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.get(name)?.shape().to_vec())
    }

    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        match self.get(name).map(Tensor::data) {
            Some(Data::F32(values)) => Ok(Cow::Borrowed(values)),
            // Integers are no weights.
            Some(Data::U32(_)) | None => Err(Error::TensorMissing {
                location: self.location(),
                tensor: name.to_owned(),
            }),
        }
    }
}

/// A parameter's elements on the host, its shape checked.
pub(super) fn read<'a>(parameter: &TensorInfo, weights: &'a dyn Weights) -> Result<Cow<'a, [f32]>> {
    let shape = parameter
        .shape
        .fixed()
        .expect("`Graph::parameter` takes numbers only");
    weights.expect_shape(&parameter.name, &shape)?;
    let values = weights.values(&parameter.name)?;
    if values.len() == shape.iter().product::<usize>() {
        return Ok(values);
    }
    Err(Error::TensorShape {
        location: weights.location(),
        tensor: parameter.name.clone(),
        found: vec![values.len()],
        expected: shape,
    })
}

/// What kernels bind of parameters, once it is on the device.
pub(super) type Uploaded = HashMap<Form, Upload>;

/// One or several parameters as a kernel binds them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    /// Names and shapes, in the order in which they are stacked.
    parameters: Vec<(String, Option<Vec<usize>>)>,
    layout: Layout,
    access: Access,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Layout {
    Small,
    Scales,
    /// As this kernel packs it.
    Matrix(&'static str, WeightType),
}

/// Something on the device, and its size.
#[derive(Clone)]
pub(super) struct Upload {
    resource: Resource,
    pub(super) bytes: u64,
}

/// Uploads parameters as the bindings of kernels ask for them; what two nodes share is uploaded once.
pub(super) struct Uploader<'a> {
    pub(super) gpu: &'a Gpu,
    pub(super) graph: &'a Graph,
    pub(super) weights: &'a dyn Weights,
    /// What another plan has there already.
    pub(super) there: &'a Uploaded,
    /// What this one binds.
    pub(super) bound: Uploaded,
    /// The last copy that was submitted.
    pub(super) submitted: Option<wgpu::SubmissionIndex>,
}

impl<'a> Uploader<'a> {
    /// What a binding refers to, or `None` if an activation fills it.
    pub(super) fn resource(
        &mut self,
        node: &Node,
        kernel: &'static str,
        binding: &Binding,
        access: Access,
    ) -> Result<Option<Resource>> {
        let (operands, layout) = match binding {
            Binding::Operand(_) => return Ok(None),
            Binding::Small(operands) => (operands, Layout::Small),
            Binding::Scales(operands) => (operands, Layout::Scales),
            Binding::Matrix {
                operands,
                stored_as,
                ..
            } => (operands, Layout::Matrix(kernel, *stored_as)),
        };
        let ids: Vec<TensorId> = operands.iter().map(|place| node.inputs[*place]).collect();
        let form = self.form(&ids, layout, access);
        let there = self.bound.get(&form).or_else(|| self.there.get(&form));
        let upload = match there {
            Some(upload) => upload.clone(),
            None => self.upload_binding(&ids, binding, access)?,
        };
        let resource = upload.resource.clone();
        self.bound.insert(form, upload);
        Ok(Some(resource))
    }

    fn form(&self, ids: &[TensorId], layout: Layout, access: Access) -> Form {
        let parameters = ids.iter().map(|id| self.graph.tensor(*id));
        Form {
            parameters: parameters
                .map(|tensor| (tensor.name.clone(), tensor.shape.fixed()))
                .collect(),
            layout,
            access,
        }
    }

    fn upload_binding(
        &mut self,
        ids: &[TensorId],
        binding: &Binding,
        access: Access,
    ) -> Result<Upload> {
        let label = self.label(ids);
        match binding {
            Binding::Operand(_) => unreachable!("an activation is no parameter"),
            Binding::Small(_) => {
                let values = self.concatenated(ids, WeightType::F32)?;
                let words = bytemuck::cast_slice(&values);
                match access {
                    Access::Load => self.upload_texture(&label, words, self.cols(ids), Rgba32Float),
                    _ => self.upload(&label, words),
                }
            }
            Binding::Scales(_) => {
                let values = self.concatenated(ids, WeightType::I8)?;
                let matrix = Matrix::new(&values, self.cols(ids), WeightType::I8);
                let label = format!("scales of {label}");
                self.upload(&label, bytemuck::cast_slice(matrix.scales()))
            }
            Binding::Matrix {
                stored_as, pack, ..
            } => {
                let values = self.concatenated(ids, *stored_as)?;
                let matrix = Matrix::new(&values, self.cols(ids), *stored_as);
                let words = pack(&matrix);
                match access {
                    Access::LoadBits => {
                        self.upload_texture(&label, &words, matrix.rows(), Rgba32Uint)
                    }
                    _ => self.upload(&label, &words),
                }
            }
        }
    }

    /// The length of the last axis of parameters that are stacked.
    fn cols(&self, stacked: &[TensorId]) -> usize {
        let shape = &self.graph.tensor(stacked[0]).shape;
        let last = shape.dims().last().expect("no parameter is a scalar");
        last.resolve(&Default::default())
    }

    fn upload(&self, label: &str, words: &[u32]) -> Result<Upload> {
        let mut words = Cow::Borrowed(words);
        let whole = words.len().next_multiple_of(4).max(4); // a binding of vec4 needs at least one
        if words.len() < whole {
            words.to_mut().resize(whole, 0);
        }
        Ok(Upload {
            resource: Resource::Buffer(self.gpu.upload(label, &words)?),
            bytes: 4 * words.len() as u64,
        })
    }

    /// `words`: `[height, words_per_row]`
    fn upload_texture(
        &mut self,
        label: &str,
        words: &[u32],
        words_per_row: usize,
        format: wgpu::TextureFormat,
    ) -> Result<Upload> {
        use wgpu::TextureUsages as Usage;
        let (width, height) = (words_per_row / 4, words.len() / words_per_row);
        let usage = Usage::STORAGE_BINDING | Usage::COPY_DST;
        let texture = self
            .gpu
            .create_texture(label, [width, height], format, usage)?;
        let submission = self.gpu.checked("uploading a weight", || {
            self.gpu
                .write_texture(&texture, width, bytemuck::cast_slice(words));
            // What was copied on the way is let go before the next, which may be as large.
            self.gpu.queue().submit([])
        })?;
        self.submitted = Some(submission);
        Ok(Upload {
            resource: Resource::texture(texture),
            bytes: 4 * words.len() as u64,
        })
    }

    fn label(&self, ids: &[TensorId]) -> String {
        let names: Vec<&str> = ids
            .iter()
            .map(|id| self.graph.tensor(*id).name.as_str())
            .collect();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(" + ")
        }
    }

    fn concatenated(&self, ids: &[TensorId], stored_as: WeightType) -> Result<Cow<'a, [f32]>> {
        let read = |id: &TensorId| {
            let parameter = self.graph.tensor(*id);
            let values = read(parameter, self.weights)?;
            self.check_finite(&parameter.name, &values, stored_as)?;
            Ok(values)
        };
        if let [id] = ids {
            return read(id); // as it lies in the file: it may be most of the model
        }
        let all = ids.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Cow::Owned(all.concat()))
    }

    /// A NaN in a weight would spread to every result; better to name it.
    fn check_finite(&self, tensor: &str, values: &[f32], stored_as: WeightType) -> Result<()> {
        match values.iter().position(|value| !stored_as.holds(*value)) {
            None => Ok(()),
            Some(index) => Err(Error::NotFinite {
                location: self.weights.location(),
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
}
