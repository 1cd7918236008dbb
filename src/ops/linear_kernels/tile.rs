//! The kernels for GPUs, which read one layout of the weight and give the same bits, so that a run takes the one whose
//! tiles are large enough to compute with and many enough to fill the adapter.

use super::padded::{LINEAR_COLUMN, LINEAR_SMALL, LINEAR_TILE, PANEL, dispatch, panels};
use super::{Problem, Projection};
use crate::gpu::{Capabilities, Vendor};
use crate::graph::Request;
use crate::kernel::{Constants, Offer, Variant};
use crate::tensor::WeightType;

/// Workgroups below which an adapter is not full: a GPU has 4 to 100 cores, of which each wants a few.
const ENOUGH_SMALL: usize = 48;
const ENOUGH_LARGE: usize = 96;

/// The best first; on a GPU where that has no tile of [`LARGE`], another with it, for `tune` and `--variant`: by the
/// vendors' compilers the two are within 2 % of each other, and they say nothing of how much is read from memory.
pub(super) fn offers(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Vec<Offer> {
    let with = |largest: &Tile| offer(largest, request, projection, problem);
    let largest = largest(request);
    if request.capabilities.is_software() || *largest == LARGE {
        return vec![with(largest)];
    }
    vec![with(largest), with(&LARGE)]
}

/// Tiles up to the largest.
fn offer(
    largest: &Tile,
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Offer {
    let variant = |kernel, tile, constants| Variant {
        kernel,
        constants,
        tile: Some(tile),
        bindings: panels(request, projection, problem),
        dispatch: dispatch(tile, problem, projection),
    };
    let bits = [("WEIGHT_BITS", request.weight_type.bits())];
    let tile = |tile: &Tile| {
        let constants = tile.constants(staging(request.capabilities), problem.k);
        variant(
            &LINEAR_TILE,
            tile.extent(),
            [&constants[..], &bits].concat(),
        )
    };
    let small = |small: Small| {
        let constants = small.constants();
        variant(
            &LINEAR_SMALL,
            small.extent(),
            [&constants[..], &bits].concat(),
        )
    };
    let n = problem.n;
    // A pass of 32 k has twice the loads under way; in f32 it would take too many registers.
    let deep = match request.weight_type {
        WeightType::F32 => 16,
        _ => 32,
    };
    let one_row = Small {
        rows: 1,
        tile_k: deep,
    };
    let two_rows = Small {
        rows: 2,
        tile_k: 16,
    };
    if request.capabilities.is_software() {
        // Workgroup memory and barriers cost more on a CPU than they save.
        return small(two_rows).into();
    }
    let column = variant(&LINEAR_COLUMN, COLUMN, vec![]);
    let mut by_rows = match few_rows(request) {
        FewRows::Column { from, most } => vec![(from - 1, small(one_row)), (most, column)],
        FewRows::Small {
            one_row: by_one,
            most,
        } => {
            vec![(by_one, small(one_row)), (most, small(two_rows))]
        }
    };
    // A tile that has twice the rows there are costs twice as much, however many workgroups there are.
    let most =
        |tile: &Tile, next: &Tile, enough| next.most_rows_below(enough, n).max(tile.extent()[0]);
    by_rows.push((most(&LITTLE, &MIDDLE, ENOUGH_SMALL), tile(&LITTLE)));
    if *largest != MIDDLE {
        by_rows.push((most(&MIDDLE, largest, ENOUGH_LARGE), tile(&MIDDLE)));
    }
    by_rows.push((usize::MAX, tile(largest)));
    Offer::by_rows(problem.rows, by_rows)
}

/// What runs for few rows, up to those from which tiles in workgroup memory do.
enum FewRows {
    /// `linear_small.wgsl`, one row a lane up to so many rows, then two.
    Small { one_row: usize, most: usize },
    /// `linear_small.wgsl`, and from so many rows on `linear_column.wgsl`.
    Column { from: usize, most: usize },
}

/// By how many issue slots each takes per output, of rows that are there, on the vendor's chips (docs/performance.md). Of
/// Intel's subgroups one computes one row or two, so that two cost less as soon as both are there.
fn few_rows(request: &Request<'_>) -> FewRows {
    use Vendor::{Amd, Apple, Intel, Nvidia, Qualcomm};
    use WeightType::{F16, I8};
    let vendor = Vendor::of(request.capabilities);
    let one_row = match (vendor, request.weight_type) {
        (Intel, _) => 1,
        (Amd, F16) => 16,
        _ => 8,
    };
    match (vendor, request.weight_type) {
        (Amd, I8) => FewRows::Column { from: 1, most: 32 },
        (Qualcomm, I8) => FewRows::Column { from: 5, most: 16 },
        (Nvidia, _) | (Apple | Intel, I8) | (Intel | Qualcomm, F16) => {
            FewRows::Small { one_row, most: 16 }
        }
        _ => FewRows::Small { one_row, most: 32 },
    }
}

/// The tile for any number of rows: where several meet the bar, the one of the fewest issue slots per output on the
/// vendor's chips, by its compiler (docs/performance.md), of those that the device has the workgroup memory for.
fn largest(request: &Request<'_>) -> &'static Tile {
    use Vendor::{Apple, Intel, Nvidia, Qualcomm};
    use WeightType::{F16, F32, I8};
    let limits = &request.capabilities.limits;
    match (Vendor::of(request.capabilities), request.weight_type) {
        (Intel, F32 | F16) | (Qualcomm, F16) if HUGE.fits(limits) => &HUGE,
        (Apple | Intel | Nvidia, I8) | (Intel, F32) | (Qualcomm, _) => &MIDDLE,
        _ => &LARGE,
    }
}

/// How `linear_tile.wgsl` fills its workgroup memory, and how far it writes its inner loop out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Staging {
    /// Whether the tiles of x and of the weight are loaded together.
    together: bool,
    /// The k of one pass.
    unroll: u32,
}

/// What costs the fewest instructions per output without a spilled register, by the vendors' compilers
/// (docs/performance.md). Two steps to a pass spill on Intel, and Apple's compiler writes the loop out itself; loading both
/// tiles together costs Apple occupancy.
fn staging(capabilities: &Capabilities) -> Staging {
    let (together, unroll) = match Vendor::of(capabilities) {
        Vendor::Amd | Vendor::Nvidia => (true, 8),
        Vendor::Qualcomm => (false, 8),
        Vendor::Apple | Vendor::Intel | Vendor::Other => (false, 1),
    };
    Staging { together, unroll }
}

/// A tile of `linear_tile.wgsl`; vectors are of four.
#[derive(PartialEq, Eq)]
struct Tile {
    row_vectors: usize,
    column_vectors: usize,
    lanes_down: usize,
    lanes_across: usize,
    tile_k: usize,
}

/// Of 8 x 8 outputs a lane, which cost the least per output on every vendor's chips.
const HUGE: Tile = Tile {
    row_vectors: 2,
    column_vectors: 2,
    lanes_down: 16,
    lanes_across: 16,
    tile_k: 16,
};
const LARGE: Tile = Tile {
    lanes_across: 8,
    ..HUGE
};
const MIDDLE: Tile = Tile {
    lanes_down: 8,
    ..LARGE
};
const LITTLE: Tile = Tile {
    row_vectors: 1,
    column_vectors: 1,
    lanes_down: 8,
    lanes_across: 8,
    tile_k: 32,
};

impl Tile {
    /// Rows and columns of outputs.
    fn extent(&self) -> [usize; 2] {
        [
            4 * self.row_vectors * self.lanes_down,
            4 * self.column_vectors * self.lanes_across,
        ]
    }

    /// Whether a workgroup has room for its parts of x and of the weight, in f32; the lowest limits have not for all.
    fn fits(&self, limits: &wgpu::Limits) -> bool {
        let elements = self.extent().iter().sum::<usize>() * self.tile_k;
        size_of::<f32>() * elements <= limits.max_compute_workgroup_storage_size as usize
    }

    /// The most rows of `n` columns that make fewer than `enough` workgroups.
    fn most_rows_below(&self, enough: usize, n: usize) -> usize {
        let [rows, columns] = self.extent();
        (enough - 1) / n.div_ceil(columns) * rows
    }

    fn constants(&self, Staging { together, unroll }: Staging, k: usize) -> Constants {
        vec![
            ("ROW_VECTORS", self.row_vectors as u32),
            ("COLUMN_VECTORS", self.column_vectors as u32),
            ("LANES_DOWN", self.lanes_down as u32),
            ("LANES_ACROSS", self.lanes_across as u32),
            ("TILE_K", self.tile_k as u32),
            ("TOGETHER", u32::from(together)),
            ("UNROLL", unroll),
            ("TAIL", u32::from(!k.is_multiple_of(self.tile_k))),
        ]
    }
}

/// Rows and columns of `linear_column.wgsl`: a column for each lane.
const COLUMN: [usize; 2] = [8, PANEL];

/// Of `linear_small.wgsl`, whose 4 x 16 lanes have `rows` x 4 outputs each.
struct Small {
    rows: usize,
    tile_k: usize,
}

impl Small {
    fn extent(&self) -> [usize; 2] {
        [4 * self.rows, PANEL]
    }

    fn constants(&self) -> Constants {
        vec![("ROWS", self.rows as u32), ("TILE_K", self.tile_k as u32)]
    }
}
