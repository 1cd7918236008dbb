// Layer norm or RMS norm over the last axis, optionally of a sum:
// v = x[r] (+ residual[r]); y[r, c] = (v[c] - mean(v)) / sqrt(variance(v) + eps) * weight[c] + bias[c],
// or y[r, c] = v[c] / sqrt(mean(v * v) + eps) * weight[c].
// One workgroup per row; each lane keeps its columns in registers, so the row is read once
// and the variance is taken about the mean (two passes, no cancellation).

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,             // elements per row, at most WORKGROUP_SIZE * COLUMNS_PER_LANE
    eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;            // [rows, cols]
@group(0) @binding(1) var<storage, read> residual: array<f32>;     // [rows, cols], read if RESIDUAL
@group(0) @binding(2) var<storage, read> weight_bias: array<f32>;  // [2, cols], of an RMS norm [1, cols]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;      // [rows, cols]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;  // a multiple of 8
const COLUMNS_PER_LANE: u32 = 16u;
const RESIDUAL: u32 = 0u;  // 1: add `residual` first
const RMS: u32 = 0u;       // 1: RMS norm, 0: layer norm
const GROUPS: u32 = max(8u, WORKGROUP_SIZE / 16u);  // a reduction's second step; the first adds up every GROUPS-th lane

var<workgroup> partial: array<f32, WORKGROUP_SIZE>;
var<workgroup> group_partial: array<f32, GROUPS>;

fn reduce_sum(value: f32, lane: u32) -> f32 {
    partial[lane] = value;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < WORKGROUP_SIZE / GROUPS; i++) {
        sum += partial[i * GROUPS + lane % GROUPS];
    }
    if lane < GROUPS { group_partial[lane] = sum; }
    workgroupBarrier();
    sum = 0.0;
    for (var i = 0u; i < GROUPS; i++) { sum += group_partial[i]; }
    return sum;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn layer_norm(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if row < params.rows {
        let start = row * params.cols;
        let cols = f32(params.cols);

        var values: array<f32, COLUMNS_PER_LANE>;
        var sum = 0.0;
        for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
            let c = lane + i * WORKGROUP_SIZE;
            values[i] = 0.0;
            if c < params.cols {
                values[i] = x[start + c];
                if RESIDUAL == 1u {
                    values[i] += residual[start + c];
                }
            }
            sum += values[i];
        }
        var mean = 0.0;
        if RMS == 0u { mean = reduce_sum(sum, lane) / cols; }

        var squares = 0.0;
        for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
            let c = lane + i * WORKGROUP_SIZE;
            if c < params.cols {
                let centred = values[i] - mean;
                squares = fma(centred, centred, squares);
            }
        }
        let variance = reduce_sum(squares, lane) / cols;
        let scale = 1.0 / sqrt(variance + params.eps);

        for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
            let c = lane + i * WORKGROUP_SIZE;
            if c < params.cols {
                let normal = (values[i] - mean) * scale;
                var bias = 0.0;
                if RMS == 0u { bias = weight_bias[params.cols + c]; }
                y[start + c] = fma(normal, weight_bias[c], bias);
            }
        }
    }
}
