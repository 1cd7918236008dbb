// An encoder's front end: word + position + token type, and if NORM, as BERT has it, the layer norm of that.
// v = word[ids[t]] + position[positions[t]] + kind[types[t]];
// y[t, c] = v[c], or (v[c] - mean(v)) / sqrt(variance(v) + eps) * weight[c] + bias[c].
// One workgroup per token; each lane keeps its columns in registers.

struct Params {
    first_workgroup: u32,  // of those that run now
    tokens: u32,
    hidden: u32,           // at most WORKGROUP_SIZE * COLUMNS_PER_LANE
    max_positions: u32,
    max_types: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;  // ids, positions and types: [3, tokens]
@group(0) @binding(1) var<storage, read> word: array<u32>;     // [vocabulary, hidden], two f16 a word if WEIGHT_BITS == 16
@group(0) @binding(2) var<storage, read> small: array<f32>;    // position [max_positions, hidden], type [max_types, hidden]; if NORM, weight [hidden], bias [hidden]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;  // [tokens, hidden]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;  // a multiple of 8
const COLUMNS_PER_LANE: u32 = 16u;
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

fn word_at(element: u32) -> f32 {
    if WEIGHT_BITS == 16u {
        return unpack2x16float(word[element / 2u])[element % 2u];
    }
    return bitcast<f32>(word[element]);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn embedding_sum(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let token = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if token < params.tokens {
        let hidden = params.hidden;
        let word_start = indices[token] * hidden;
        let position_start = indices[params.tokens + token] * hidden;
        let type_start = (params.max_positions + indices[2u * params.tokens + token]) * hidden;

        var values: array<f32, COLUMNS_PER_LANE>;
        var sum = 0.0;
        for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
            let c = lane + i * WORKGROUP_SIZE;
            values[i] = 0.0;
            if c < hidden {
                values[i] = word_at(word_start + c) + small[type_start + c] + small[position_start + c];
            }
            sum += values[i];
        }
        if NORM == 1u {
            let weight_start = (params.max_positions + params.max_types) * hidden;
            let mean = reduce_sum(sum, lane) / f32(hidden);
            var squares = 0.0;
            for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
                let c = lane + i * WORKGROUP_SIZE;
                if c < hidden {
                    let centred = values[i] - mean;
                    squares = fma(centred, centred, squares);
                }
            }
            let variance = reduce_sum(squares, lane) / f32(hidden);
            let scale = 1.0 / sqrt(variance + params.eps);

            for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
                let c = lane + i * WORKGROUP_SIZE;
                if c < hidden {
                    let normal = (values[i] - mean) * scale;
                    values[i] = fma(normal, small[weight_start + c], small[weight_start + hidden + c]);
                }
            }
        }

        for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
            let c = lane + i * WORKGROUP_SIZE;
            if c < hidden { y[token * hidden + c] = values[i]; }
        }
    }
}
