//! What a compute shader is before any device exists, and how an operation uses it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::tensor::{Sizes, WeightType};

mod offer;
mod packing;
mod pairs;

pub use offer::Offer;
pub use packing::{Layout, Matrix};
pub use pairs::Pairs;

/// What a kernel binds, and what it does with it.
///
/// See [`Kernel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Access {
    /// A storage buffer that it only reads.
    Read,
    /// A storage buffer that it writes, and may read back.
    ReadWrite,
    /// An activation as a texture, `texture_storage_2d<rgba32float, read>`, that it reads.
    Load,
    /// A packed weight matrix as a texture, `texture_storage_2d<rgba32uint, read>`, that it reads.
    LoadBits,
    /// An activation as a texture, `texture_storage_2d<rgba32float, write>`, that it writes.
    Store,
}

/// What a plan keeps its activations in.
///
/// As a texture a tensor has one row per token (or sequence), and its other axes, flattened, four to a texel.
/// GPUs want buffers. A software adapter may want textures: lavapipe reads a buffer lane by lane, in a loop,
/// and a texture in one go (docs/performance.md has the figures). They are storage textures, which have no levels
/// or samplers for a driver to think of.
///
/// See [`Kernel::storage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// Storage buffers.
    Buffers,
    /// 2-D textures of `rgba32float`.
    Textures,
}

/// A compute shader: a complete WGSL module whose file stem, entry point and label are its name.
///
/// Tensors are `@group(0)`, in binding order, inputs first and the output last;
/// the uniform `Params` is `@group(1) @binding(0)`.
///
/// ```
/// use wgformer::kernel::{Access, Storage};
///
/// let is_softmax = |kernel: &&&wgformer::kernel::Kernel| kernel.name == "softmax";
/// let softmax = wgformer::ops::KERNELS.iter().find(is_softmax).expect("a kernel");
/// assert_eq!(softmax.bindings, [Access::Read, Access::ReadWrite]);
/// assert_eq!((softmax.storage(), softmax.output()), (Storage::Buffers, Storage::Buffers));
/// assert_eq!((softmax.storage_buffers(), softmax.uniform_size()), (2, 4 + softmax.params_size));
/// assert!(!softmax.needs_one_subgroup_size());
/// println!("{}", softmax.compose(&[("WORKGROUP_SIZE", 128)])?); // WGSL
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Debug)]
pub struct Kernel {
    /// File stem, entry point and label.
    pub name: &'static str,
    /// The module's text.
    pub wgsl: &'static str,
    /// What `@group(0)` holds, in binding order.
    pub bindings: &'static [Access],
    /// The size of `Params` in bytes, without its first member: [`Kernel::uniform_size`].
    pub params_size: usize,
    /// The names of the module-scope `const`s that may be specialised.
    pub constants: &'static [&'static str],
    /// The device features without which it does not compile.
    pub features: wgpu::Features,
    /// The size of the cooperative matrices that it multiplies, if it does: it then rounds activations to f16 where it
    /// multiplies them, and adds up in f32, in an order that is the hardware's.
    pub cooperative_matrix: Option<u32>,
}

/// The features that a kernel with cooperative matrices needs.
pub(crate) const COOPERATIVE_MATRIX: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
        .union(wgpu::Features::SHADER_F16)
        .union(wgpu::Features::SUBGROUP);

/// The values of a kernel's specialised constants, by name.
///
/// See [`Kernel::compose`].
pub type Constants = Vec<(&'static str, u32)>;

impl Kernel {
    /// What it keeps activations in.
    #[must_use]
    pub fn storage(&self) -> Storage {
        let on_textures = self
            .bindings
            .iter()
            .any(|access| matches!(access, Access::Load | Access::Store));
        if on_textures {
            Storage::Textures
        } else {
            Storage::Buffers
        }
    }

    /// What it writes its result to: a kernel on textures may end in a buffer.
    #[must_use]
    pub fn output(&self) -> Storage {
        if self.bindings.last() == Some(&Access::Store) {
            Storage::Textures
        } else {
            Storage::Buffers
        }
    }

    /// The size of the uniform, in bytes: the number of the first workgroup that runs, which the plan writes where it
    /// splits a dispatch, and then what an operation has as `Params` in Rust.
    #[must_use]
    pub fn uniform_size(&self) -> usize {
        size_of::<u32>() + self.params_size
    }

    /// How many storage buffers it binds.
    #[must_use]
    pub fn storage_buffers(&self) -> u32 {
        let is_buffer = |access: &&Access| matches!(access, Access::Read | Access::ReadWrite);
        self.bindings.iter().filter(is_buffer).count() as u32
    }

    /// How many storage textures it binds.
    pub(crate) fn storage_textures(&self) -> u32 {
        self.bindings.len() as u32 - self.storage_buffers()
    }

    /// Whether it is specialised for a subgroup size (`LANES`), which every pipeline of the device must then have.
    #[must_use]
    pub fn needs_one_subgroup_size(&self) -> bool {
        self.constants.contains(&"LANES")
    }

    /// The module's text with the values of the named `const`s replaced.
    ///
    /// # Errors
    /// [`Error::Kernel`] if the kernel does not declare one of the names, or its text has no such `const`.
    pub fn compose(&self, constants: &[(&'static str, u32)]) -> Result<Cow<'static, str>> {
        let mut wgsl = Cow::Borrowed(self.wgsl);
        for (name, value) in constants {
            wgsl = Cow::Owned(self.specialise(&wgsl, name, *value)?);
        }
        Ok(wgsl)
    }

    fn specialise(&self, wgsl: &str, name: &'static str, value: u32) -> Result<String> {
        let error = |message| Error::Kernel {
            kernel: self.name.to_owned(),
            message,
        };
        if !self.constants.contains(&name) {
            return Err(error(format!("constant {name} is not declared")));
        }
        let declaration = format!("\nconst {name}: u32 = ");
        let Some(start) = wgsl.find(&declaration).map(|at| at + declaration.len()) else {
            return Err(error(format!(
                "the module has no line `const {name}: u32 = …;`"
            )));
        };
        let Some(length) = wgsl[start..].find(';') else {
            return Err(error(format!("constant {name} has no end")));
        };
        Ok(format!(
            "{}{value}u{}",
            &wgsl[..start],
            &wgsl[start + length..]
        ))
    }
}

/// What a kernel's storage binding is filled with; operands are counted among the node's inputs.
///
/// See [`Variant`].
#[derive(Clone)]
#[non_exhaustive]
pub enum Binding {
    /// An activation or an input of the graph.
    Operand(usize),
    /// Small parameters one after another, in f32; none at all gives a few zeros.
    /// As a texture, a quarter as many texels wide as their last axis is long, rounded up.
    Small(Vec<usize>),
    /// Weight matrices of equal row length stacked along their rows, packed once at load;
    /// as a texture, a quarter as many texels wide as the stack has rows.
    Matrix {
        /// The operands to stack.
        operands: Vec<usize>,
        /// What an element is stored as.
        stored_as: WeightType,
        /// The order in which this kernel reads the stack.
        layout: Layout,
    },
    /// A matrix in row-major order of which only those rows are read that an operand names; one that is too large for the
    /// device stays on the host. A node reads no other table by the same indices.
    Table {
        /// The operand that is the matrix.
        table: usize,
        /// The operand that names rows: one of the node's [`Binding::Indices`].
        indices: usize,
        /// What an element is stored as.
        stored_as: WeightType,
    },
    /// The scales of the rows of matrices that are stacked and stored as int8, in f32.
    Scales(Vec<usize>),
    /// One of those of parameters, but for a table, with its rows (a vector's elements) in another order.
    Paired(Pairs, Box<Binding>),
    /// Several of those of parameters, but for a table, one after another: devices bind few buffers, some only four.
    Together(Vec<Binding>),
    /// Inputs of the graph that are u32, one for each token, one after another, for as many tokens as a run has.
    Indices(Vec<usize>),
}

/// What one run of a kernel needs to know: how many workgroups, and its `Params`.
///
/// ```
/// use wgformer::kernel::Dispatch;
///
/// let rows = 130_u32; // a kernel's `Params`
/// let dispatch = Dispatch::new(130, &rows);
/// assert_eq!((dispatch.workgroups, dispatch.params.len()), (130, 8));
/// ```
#[derive(Debug)]
pub struct Dispatch {
    /// The number of workgroups, before folding into the device's limit per dimension.
    pub workgroups: usize,
    /// The bytes of the uniform, for all workgroups: a first workgroup of 0, then `Params`.
    pub params: Vec<u8>,
}

impl Dispatch {
    /// A dispatch of `workgroups` with `params`.
    pub fn new<P: bytemuck::NoUninit>(workgroups: usize, params: &P) -> Self {
        Self {
            workgroups,
            params: [&[0; size_of::<u32>()], bytemuck::bytes_of(params)].concat(),
        }
    }
}

/// One way to run a node: a kernel, its constants, its bindings, and its dispatch for the sizes of a run.
///
/// An operation offers them ([`crate::graph::Request`]), and a plan shows those that it took:
///
/// ```
/// # use std::{collections::HashMap, sync::Arc};
/// # use wgformer::{Gpu, Graph, plan::{Plan, PlanOptions}, tensor::{Dim, Sizes, Tensor}};
/// use wgformer::kernel::Binding;
///
/// # let mut graph = Graph::new();
/// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
/// # graph.softmax(x)?;
/// # let sizes = Sizes::from_segments(&[0, 4]);
/// # let weights = Arc::new(HashMap::<String, Tensor>::new());
/// # let plan = Plan::compile(&Gpu::new()?, &graph, weights, &PlanOptions::new(sizes))?;
/// for variant in plan.variants(&sizes) {
///     let workgroups = (variant.dispatch)(&sizes).workgroups;
///     println!("{variant}, {} bindings, {workgroups} workgroups", variant.bindings.len());
///     assert!(variant.is_called(variant.kernel.name));
///     assert!(matches!(variant.bindings[..], [Binding::Operand(0)]));
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone)]
pub struct Variant {
    /// The shader.
    pub kernel: &'static Kernel,
    /// The values that specialise it.
    pub constants: Constants,
    /// The rows and columns of results that a workgroup computes, or its queries and keys, where the kernel leaves a choice.
    pub tile: Option<[usize; 2]>,
    /// What fills its bindings, in order, without the output, which is always the last.
    pub bindings: Vec<Binding>,
    /// The grid and `Params` for a run.
    pub dispatch: Arc<dyn Fn(&Sizes) -> Dispatch + Send + Sync>,
}

impl Variant {
    /// Whether this is the name of its kernel, or of its kernel and tile.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.kernel.name == name || self.to_string() == name
    }
}

/// The kernel and its tile, such as `linear_tile 128x64`.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel.name)?;
        match self.tile {
            Some([rows, columns]) => write!(f, " {rows}x{columns}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kernel.name, self.constants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static KERNEL: Kernel = Kernel {
        name: "example",
        wgsl: "// example\nconst ROWS: u32 = 8u;  // rows\n",
        bindings: &[],
        params_size: 0,
        constants: &["ROWS", "COLUMNS"],
        features: wgpu::Features::empty(),
        cooperative_matrix: None,
    };

    #[test]
    fn constants_are_replaced_by_name() {
        assert_eq!(
            KERNEL.compose(&[("ROWS", 3)]).unwrap(),
            "// example\nconst ROWS: u32 = 3u;  // rows\n"
        );
        assert!(
            KERNEL.compose(&[("LANES", 3)]).is_err(),
            "an undeclared name"
        );
        assert!(
            KERNEL.compose(&[("COLUMNS", 3)]).is_err(),
            "a name that the text does not have"
        );
    }
}
