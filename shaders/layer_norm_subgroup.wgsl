// Layer norm or RMS norm over the last axis, optionally of a sum, four columns at a time:
// v = x[r] (+ residual[r]); y[r, c] = (v[c] - mean(v)) / sqrt(variance(v) + eps) * weight[c] + bias[c],
// or y[r, c] = v[c] / sqrt(mean(v * v) + eps) * weight[c].
// One subgroup per row, so that nothing passes through workgroup memory and no barrier is waited at; each lane keeps
// its columns in registers, four to a vector, so the row is read once and the variance is taken about the mean (two
// passes, no cancellation). cols is a multiple of 4.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,             // elements per row, at most 4 * LANES * VECTORS_PER_LANE, more than with one vector fewer
    eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;            // [rows, cols]
@group(0) @binding(1) var<storage, read> residual: array<vec4<f32>>;     // [rows, cols], read if RESIDUAL
@group(0) @binding(2) var<storage, read> weight_bias: array<vec4<f32>>;  // [2, cols], of an RMS norm [1, cols]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;      // [rows, cols]
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 32u;  // of every subgroup
const VECTORS_PER_LANE: u32 = 4u;
const RESIDUAL: u32 = 0u;  // 1: add `residual` first
const RMS: u32 = 0u;       // 1: RMS norm, 0: layer norm
const SHUFFLES: u32 = 1u;  // 1: sums by shuffles, 0: by what the driver makes of subgroupAdd
const ROWS: u32 = 4u;      // of a workgroup, one to a subgroup
const WORKGROUP_SIZE: u32 = ROWS * LANES;

// By shuffles every lane adds the same pairs, so all of them have the same bits.
fn reduce_sum(value: f32) -> f32 {
    if SHUFFLES == 0u { return subgroupAdd(value); }
    var sum = value;
    for (var step = 1u; step < LANES; step *= 2u) { sum += subgroupShuffleXor(sum, step); }
    return sum;
}

fn sum_of(v: vec4<f32>) -> f32 {
    return (v.x + v.y) + (v.z + v.w);
}

// Only a lane's last vector may lie past the row: the loads of all others wait for no comparison.
fn is_inside(i: u32, c4: u32, width: u32) -> bool {
    return (i + 1u < VECTORS_PER_LANE) | (c4 < width);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn layer_norm_subgroup(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * ROWS + subgroup;
    if row < params.rows {
        let width = params.cols / 4u;
        let start = row * width;
        let cols = f32(params.cols);

        var values: array<vec4<f32>, VECTORS_PER_LANE>;
        var sum = 0.0;
        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * LANES;
            values[i] = vec4(0.0);
            if is_inside(i, c4, width) {
                values[i] = x[start + c4];
                if RESIDUAL == 1u {
                    values[i] += residual[start + c4];
                }
            }
            sum += sum_of(values[i]);
        }
        var mean = 0.0;
        if RMS == 0u { mean = reduce_sum(sum) / cols; }

        var squares = 0.0;
        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * LANES;
            if is_inside(i, c4, width) {
                let centred = values[i] - mean;
                squares += sum_of(centred * centred);
            }
        }
        let variance = reduce_sum(squares) / cols;
        let scale = 1.0 / sqrt(variance + params.eps);

        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * LANES;
            if is_inside(i, c4, width) {
                let normal = (values[i] - mean) * scale;
                var bias = vec4(0.0);
                if RMS == 0u { bias = weight_bias[width + c4]; }
                y[start + c4] = fma(normal, weight_bias[c4], bias);
            }
        }
    }
}
