// An encoder's front end: word + position + token type, and if NORM, as BERT has it, the layer norm of that, four columns
// at a time:
// v = word[ids[t]] + position[positions[t]] + kind[types[t]];
// y[t, c] = v[c], or (v[c] - mean(v)) / sqrt(variance(v) + eps) * weight[c] + bias[c].
// One workgroup per token; each lane keeps its columns in registers, four to a vector. hidden is a multiple of 4.

struct Params {
    first_workgroup: u32,  // of those that run now
    tokens: u32,
    hidden: u32,           // at most 4 * WORKGROUP_SIZE * VECTORS_PER_LANE, more than with one vector fewer
    max_positions: u32,
    max_types: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;        // ids, positions and types: [3, tokens]
@group(0) @binding(1) var<storage, read> word: array<vec2<u32>>;     // [vocabulary, hidden]: four f16, or two f32, a vector
@group(0) @binding(2) var<storage, read> small: array<vec4<f32>>;    // position [max_positions, hidden], type [max_types, hidden]; if NORM, weight [hidden], bias [hidden]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;  // [tokens, hidden]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;  // a multiple of 8
const VECTORS_PER_LANE: u32 = 4u;
const WEIGHT_BITS: u32 = 32u;
const NORM: u32 = 1u;  // 1: there is one
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

fn sum_of(v: vec4<f32>) -> f32 {
    return (v.x + v.y) + (v.z + v.w);
}

fn word_at(vector: u32) -> vec4<f32> {
    if WEIGHT_BITS == 16u {
        return vec4(unpack2x16float(word[vector].x), unpack2x16float(word[vector].y));
    }
    return bitcast<vec4<f32>>(vec4(word[2u * vector], word[2u * vector + 1u]));
}

// Only a lane's last vector may lie past the row: the loads of all others wait for no comparison.
fn is_inside(i: u32, c4: u32, width: u32) -> bool {
    return (i + 1u < VECTORS_PER_LANE) | (c4 < width);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn embedding_sum_vec4(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let token = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if token < params.tokens {
        let width = params.hidden / 4u;
        let hidden = f32(params.hidden);
        let word_start = indices[token] * width;
        let position_start = indices[params.tokens + token] * width;
        let type_start = (params.max_positions + indices[2u * params.tokens + token]) * width;

        var values: array<vec4<f32>, VECTORS_PER_LANE>;
        var sum = 0.0;
        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * WORKGROUP_SIZE;
            values[i] = vec4(0.0);
            if is_inside(i, c4, width) {
                values[i] = word_at(word_start + c4) + small[type_start + c4] + small[position_start + c4];
            }
            sum += sum_of(values[i]);
        }
        if NORM == 1u {
            let weight_start = (params.max_positions + params.max_types) * width;
            let mean = reduce_sum(sum, lane) / hidden;

            var squares = 0.0;
            for (var i = 0u; i < VECTORS_PER_LANE; i++) {
                let c4 = lane + i * WORKGROUP_SIZE;
                if is_inside(i, c4, width) {
                    let centred = values[i] - mean;
                    squares += sum_of(centred * centred);
                }
            }
            let variance = reduce_sum(squares, lane) / hidden;
            let scale = 1.0 / sqrt(variance + params.eps);

            for (var i = 0u; i < VECTORS_PER_LANE; i++) {
                let c4 = lane + i * WORKGROUP_SIZE;
                if is_inside(i, c4, width) {
                    let normal = (values[i] - mean) * scale;
                    values[i] = fma(normal, small[weight_start + c4], small[weight_start + width + c4]);
                }
            }
        }

        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * WORKGROUP_SIZE;
            if is_inside(i, c4, width) { y[token * width + c4] = values[i]; }
        }
    }
}
