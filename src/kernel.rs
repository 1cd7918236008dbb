//! What a compute shader is before any device exists, and how an operation uses it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::tensor::{DType, Sizes};

/// What a kernel binds, and what it does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A storage buffer that it only reads.
    Read,
    /// A storage buffer that it writes, and may read back.
    ReadWrite,
    /// An activation as a texture, `texture_2d<f32>`, that it reads.
    Load,
    /// A packed weight matrix as a texture, `texture_2d<u32>`, that it reads.
    LoadBits,
    /// An activation as a texture, `texture_storage_2d<rgba32float, write>`, that it writes.
    Store,
}

/// What a plan keeps its activations in.
///
/// As a texture a tensor has one row per token (or sequence), and its other axes, flattened, four to a texel.
/// GPUs want buffers. A software adapter may want textures: lavapipe reads a buffer lane by lane, in a loop,
/// and a texture in one go (docs/performance.md has the figures).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Debug)]
pub struct Kernel {
    /// File stem, entry point and label.
    pub name: &'static str,
    /// The module's text.
    pub wgsl: &'static str,
    /// What `@group(0)` holds, in binding order.
    pub bindings: &'static [Access],
    /// The size of `Params`, in bytes.
    pub params_size: usize,
    /// The names of the module-scope `const`s that may be specialised.
    pub constants: &'static [&'static str],
    /// The device features without which it does not compile.
    pub features: wgpu::Features,
}

/// The values of a kernel's specialised constants, by name.
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
#[derive(Clone)]
pub enum Binding {
    /// An activation or an input of the graph.
    Operand(usize),
    /// Small parameters one after another, in f32; none at all gives a few zeros.
    Small(Vec<usize>),
    /// Weight matrices of equal row length stacked along their rows, packed once at load;
    /// as a texture, a quarter as many texels wide as the stack has rows.
    Matrix {
        /// The operands to stack.
        operands: Vec<usize>,
        /// Lays the stack out for this kernel.
        pack: Pack,
    },
}

/// Lays a weight matrix out in the order that a kernel reads it.
pub type Pack = Arc<dyn Fn(&Matrix<'_>) -> Vec<u32> + Send + Sync>;

/// A weight matrix on the host, before it is packed.
#[derive(Debug)]
pub struct Matrix<'a> {
    /// `[rows, cols]`
    pub values: &'a [f32],
    /// The length of the first axis.
    pub rows: usize,
    /// The length of the second axis.
    pub cols: usize,
    /// The type its elements are stored as.
    pub dtype: DType,
}

impl Matrix<'_> {
    /// The element at `row`, `col`, and zero beyond the edges.
    #[must_use]
    pub fn get(&self, row: usize, col: usize) -> f32 {
        if row < self.rows && col < self.cols {
            self.values[row * self.cols + col]
        } else {
            0.0
        }
    }
}

/// What one run of a kernel needs to know: how many workgroups, and its `Params`.
#[derive(Debug)]
pub struct Dispatch {
    /// The number of workgroups, before folding into the device's limit per dimension.
    pub workgroups: usize,
    /// The bytes of `Params`.
    pub params: Vec<u8>,
}

impl Dispatch {
    /// A dispatch of `workgroups` with `params`.
    pub fn new<P: bytemuck::NoUninit>(workgroups: usize, params: &P) -> Self {
        Self {
            workgroups,
            params: bytemuck::bytes_of(params).to_vec(),
        }
    }
}

/// One way to run a node: a kernel, its constants, its bindings, and its dispatch for the sizes of a run.
#[derive(Clone)]
pub struct Variant {
    /// The shader.
    pub kernel: &'static Kernel,
    /// The values that specialise it.
    pub constants: Constants,
    /// What fills its bindings, in order, without the output, which is always the last.
    pub bindings: Vec<Binding>,
    /// The grid and `Params` for a run.
    pub dispatch: Arc<dyn Fn(&Sizes) -> Dispatch + Send + Sync>,
}

impl fmt::Debug for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kernel.name, self.constants)
    }
}

/// `weight` in row-major order: element `row * cols + col` of f32, or two halves a word.
#[must_use]
pub fn row_major() -> Pack {
    Arc::new(|matrix| match matrix.dtype {
        DType::F16 => {
            let halves: Vec<half::f16> = matrix
                .values
                .iter()
                .copied()
                .map(half::f16::from_f32)
                .collect();
            halves
                .chunks(2)
                .map(|pair| pack_halves(pair[0], pair.get(1).copied().unwrap_or_default()))
                .collect()
        }
        DType::F32 | DType::U32 => matrix.values.iter().map(|value| value.to_bits()).collect(),
    })
}

/// `weight: [n, k]` as panels of `4 * lanes` output columns: `[n / (4 * lanes)][k][lanes][4]` in f32,
/// `[n / (4 * lanes)][k / 2][lanes][2][4]` in f16, so that a lane reads four columns (f16: of two k) by one load.
///
/// Columns and k are padded with zeros, k to a multiple of `k_multiple` (an even number).
#[must_use]
pub fn panels(lanes: usize, k_multiple: usize) -> Pack {
    Arc::new(move |matrix| {
        let columns = 4 * lanes;
        let k_padded = matrix.cols.next_multiple_of(k_multiple);
        let panel_count = matrix.rows.div_ceil(columns);
        let mut packed = Vec::with_capacity(
            panel_count * columns * k_padded * matrix.dtype.bits() as usize / 32,
        );
        for panel in 0..panel_count {
            match matrix.dtype {
                DType::F16 => {
                    pack_panel_f16(matrix, panel * columns, columns, k_padded, &mut packed)
                }
                DType::F32 | DType::U32 => {
                    pack_panel_f32(matrix, panel * columns, columns, k_padded, &mut packed)
                }
            }
        }
        packed
    })
}

fn pack_panel_f32(
    matrix: &Matrix<'_>,
    first: usize,
    columns: usize,
    k_padded: usize,
    packed: &mut Vec<u32>,
) {
    for k in 0..k_padded {
        packed.extend((first..first + columns).map(|column| matrix.get(column, k).to_bits()));
    }
}

fn pack_panel_f16(
    matrix: &Matrix<'_>,
    first: usize,
    columns: usize,
    k_padded: usize,
    packed: &mut Vec<u32>,
) {
    let half = |column, k| half::f16::from_f32(matrix.get(column, k));
    for k in (0..k_padded).step_by(2) {
        for column in (first..first + columns).step_by(4) {
            for k in [k, k + 1] {
                packed.push(pack_halves(half(column, k), half(column + 1, k)));
                packed.push(pack_halves(half(column + 2, k), half(column + 3, k)));
            }
        }
    }
}

/// Two halves in a word, the first in the low bits, as WGSL's `unpack2x16float` has it.
fn pack_halves(low: half::f16, high: half::f16) -> u32 {
    u32::from(low.to_bits()) | u32::from(high.to_bits()) << 16
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

    #[test]
    fn panels_pad_with_zeros() {
        let values: Vec<f32> = (0..6).map(|value| value as f32).collect();
        let matrix = |dtype| Matrix {
            values: &values,
            rows: 3,
            cols: 2,
            dtype,
        };
        let f32s: Vec<f32> = panels(1, 4)(&matrix(DType::F32))
            .into_iter()
            .map(f32::from_bits)
            .collect();
        assert_eq!(
            f32s,
            [
                0., 2., 4., 0., 1., 3., 5., 0., 0., 0., 0., 0., 0., 0., 0., 0.
            ]
        );
        let f16s = panels(1, 2)(&matrix(DType::F16));
        let halves: Vec<f32> = f16s
            .iter()
            .flat_map(|word| [*word as u16, (word >> 16) as u16])
            .map(|bits| half::f16::from_bits(bits).to_f32())
            .collect();
        assert_eq!(halves, [0., 2., 4., 0., 1., 3., 5., 0.]);
    }
}
