// Layer norm or RMS norm over the last axis, optionally of a sum, on textures:
// v = x[r] (+ residual[r]); y[r, c] = (v[c] - mean(v)) / sqrt(variance(v) + eps) * weight[c] + bias[c],
// or y[r, c] = v[c] / sqrt(mean(v * v) + eps) * weight[c].
// One lane per row, so that nothing passes between lanes. A row is read three times, as texels are cheap on the
// adapters this is for: a loop that stays a loop compiles ten times faster than a row held in registers.
// The variance is taken about the mean (two passes, no cancellation). cols is a multiple of 4.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,
    eps: f32,
}

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;            // [rows, cols]
@group(0) @binding(1) var residual: texture_storage_2d<rgba32float, read>;     // [rows, cols], read if RESIDUAL
@group(0) @binding(2) var weight_bias: texture_storage_2d<rgba32float, read>;  // [2, cols], of an RMS norm [1, cols]
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;           // [rows, cols]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 8u;
const RESIDUAL: u32 = 0u;  // 1: add `residual` first
const RMS: u32 = 0u;       // 1: RMS norm, 0: layer norm

fn value_at(c4: u32, row: u32) -> vec4<f32> {
    var v = textureLoad(x, vec2(c4, row));
    if RESIDUAL == 1u { v += textureLoad(residual, vec2(c4, row)); }
    return v;
}

fn sum_of(v: vec4<f32>) -> f32 {
    return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn layer_norm_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * WORKGROUP_SIZE + lane;
    if row < params.rows {
        let width = params.cols / 4u;
        let cols = f32(params.cols);

        var mean = 0.0;
        if RMS == 0u {
            var sums = vec4(0.0);
            for (var c4 = 0u; c4 < width; c4++) {
                sums += value_at(c4, row);
            }
            mean = sum_of(sums) / cols;
        }

        var squares = vec4(0.0);
        for (var c4 = 0u; c4 < width; c4++) {
            let centred = value_at(c4, row) - mean;
            squares += centred * centred;
        }
        let scale = 1.0 / sqrt(sum_of(squares) / cols + params.eps);

        for (var c4 = 0u; c4 < width; c4++) {
            let normal = (value_at(c4, row) - mean) * scale;
            let weight = textureLoad(weight_bias, vec2(c4, 0u));
            var bias = vec4(0.0);
            if RMS == 0u { bias = textureLoad(weight_bias, vec2(c4, 1u)); }
            textureStore(y, vec2(c4, row), fma(normal, weight, bias));
        }
    }
}
