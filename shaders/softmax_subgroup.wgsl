// Row softmax, four columns at a time: y[r, c] = exp(x[r, c] - max_r) / sum_r.
// One subgroup per row, so that nothing passes through workgroup memory and no barrier is waited at; each lane keeps
// its columns in registers, four to a vector. cols is a multiple of 4.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,             // elements per row, at most 4 * LANES * VECTORS_PER_LANE, more than with one vector fewer
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;        // [rows, cols]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [rows, cols]
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 32u;  // of every subgroup
const VECTORS_PER_LANE: u32 = 4u;
const SHUFFLES: u32 = 1u;  // 1: sums by shuffles, 0: by what the driver makes of subgroupAdd
const ROWS: u32 = 4u;      // of a workgroup, one to a subgroup
const WORKGROUP_SIZE: u32 = ROWS * LANES;

// By subgroupMax it costs more on the chips this is for.
fn reduce_max(value: f32) -> f32 {
    var largest = value;
    for (var step = 1u; step < LANES; step *= 2u) { largest = max(largest, subgroupShuffleXor(largest, step)); }
    return largest;
}

// By shuffles every lane adds the same pairs, so all of them have the same bits.
fn reduce_sum(value: f32) -> f32 {
    if SHUFFLES == 0u { return subgroupAdd(value); }
    var sum = value;
    for (var step = 1u; step < LANES; step *= 2u) { sum += subgroupShuffleXor(sum, step); }
    return sum;
}

// Only a lane's last vector may lie past the row: the loads of all others wait for no comparison.
fn is_inside(i: u32, c4: u32, width: u32) -> bool {
    return (i + 1u < VECTORS_PER_LANE) | (c4 < width);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn softmax_subgroup(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * ROWS + subgroup;
    if row < params.rows {
        let width = params.cols / 4u;
        let start = row * width;

        var values: array<vec4<f32>, VECTORS_PER_LANE>;
        var local_max = vec4(-3.4028235e38);
        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * LANES;
            values[i] = vec4(0.0);
            if is_inside(i, c4, width) {
                values[i] = x[start + c4];
                local_max = max(local_max, values[i]);
            }
        }
        let row_max = reduce_max(max(max(local_max.x, local_max.y), max(local_max.z, local_max.w)));

        var local_sum = vec4(0.0);
        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * LANES;
            if is_inside(i, c4, width) {
                values[i] = exp(values[i] - row_max);
                local_sum += values[i];
            }
        }
        let scale = 1.0 / reduce_sum((local_sum.x + local_sum.y) + (local_sum.z + local_sum.w));

        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * LANES;
            if is_inside(i, c4, width) {
                y[start + c4] = values[i] * scale;
            }
        }
    }
}
