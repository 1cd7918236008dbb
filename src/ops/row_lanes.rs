use crate::gpu::{Capabilities, Vendor};
use crate::kernel::{Constants, Variant};

/// Lanes of a workgroup on a software adapter, for rows of `cols` elements.
///
/// About one subgroup's worth, since a barrier between subgroups costs more there than a longer loop, but no more than
/// 48 elements a lane, since drivers unroll the loops over them: lavapipe takes 3 s to compile for 128 a lane.
fn lanes_on_a_cpu(cols: usize) -> usize {
    cols.div_ceil(48).next_power_of_two().clamp(8, 256)
}

/// The constants of a kernel in which one workgroup keeps one row of `cols` elements in registers.
///
/// They depend on the adapter and the model only, so the order in which a row is summed does too.
pub(super) fn row_lanes(capabilities: &Capabilities, cols: usize) -> Constants {
    let workgroup_size = if capabilities.is_software() {
        lanes_on_a_cpu(cols)
    } else {
        // At most 16 registers a lane, until the default limit of 256 lanes is reached.
        cols.div_ceil(16).next_power_of_two().clamp(64, 256)
    };
    vec![
        ("WORKGROUP_SIZE", workgroup_size as u32),
        ("COLUMNS_PER_LANE", cols.div_ceil(workgroup_size) as u32),
    ]
}

/// As [`row_lanes`], for a kernel whose lanes keep four columns to a vector; `None` where rows are no multiple of four.
pub(super) fn row_vec4(capabilities: &Capabilities, cols: usize) -> Option<Constants> {
    let vectors = cols / 4;
    let workgroup_size = if capabilities.is_software() {
        lanes_on_a_cpu(cols)
    } else {
        // At most 4 vectors a lane, until the default limit of 256 lanes is reached.
        vectors.div_ceil(4).next_power_of_two().clamp(64, 256)
    };
    cols.is_multiple_of(4).then(|| {
        vec![
            ("WORKGROUP_SIZE", workgroup_size as u32),
            ("VECTORS_PER_LANE", vectors.div_ceil(workgroup_size) as u32),
        ]
    })
}

/// Rows of a workgroup in which each subgroup has one, as the shaders have it.
pub(super) const ROWS_OF_SUBGROUPS: usize = 4;

/// The constants of a kernel in which one subgroup keeps one row of `cols` elements in registers; `None` where subgroups
/// vary in size, rows are no multiple of four, or so long that registers would spill (on Apple's M1 at 16 vectors a
/// lane).
pub(super) fn row_subgroup(capabilities: &Capabilities, cols: usize) -> Option<Constants> {
    let lanes = capabilities.subgroup_size()?;
    let vectors = (cols / 4).div_ceil(lanes as usize);
    // Apple's chips add up a subgroup in one instruction; NVIDIA's have none, and shuffles cost it less.
    let shuffles = Vendor::of(capabilities) != Vendor::Apple;
    (cols.is_multiple_of(4) && vectors <= 12).then(|| {
        vec![
            ("LANES", lanes),
            ("VECTORS_PER_LANE", vectors as u32),
            ("SHUFFLES", u32::from(shuffles)),
        ]
    })
}

/// Adds the variant of [`row_subgroup`], if there is one: first where it costs less than a workgroup to a row, by the
/// vendors' compilers, and leaves room for enough subgroups to hide the time that memory takes (docs/performance.md),
/// else last.
pub(super) fn add_row_subgroup(
    variants: &mut Vec<Variant>,
    capabilities: &Capabilities,
    cols: usize,
    variant: impl FnOnce(Constants) -> Variant,
) {
    let Some(constants) = row_subgroup(capabilities, cols) else {
        return;
    };
    // Of 32 lanes, which both vendors' subgroups have, eight vectors each.
    let is_best =
        matches!(Vendor::of(capabilities), Vendor::Nvidia | Vendor::Apple) && cols <= 1024;
    let place = if is_best { 0 } else { variants.len() };
    variants.insert(place, variant(constants));
}

/// Lanes of a workgroup of a kernel on textures, whose loops read a row as often as they need it: one subgroup, so that
/// no barrier is waited at; `None` where rows are no multiple of four, or too long for a texture.
pub(super) fn texture_lanes(capabilities: &Capabilities, cols: usize) -> Option<usize> {
    let largest = capabilities.limits.max_texture_dimension_2d as usize;
    let lanes = capabilities.subgroup_size().unwrap_or(8) as usize;
    (cols.is_multiple_of(4) && cols / 4 <= largest).then_some(lanes)
}
