// Disentangled softmax attention over packed segments, scores never materialised:
// y[q] = sum over keys of softmax(score(q, key)) * value, within q's own segment, where with d for how far k is behind q
// score(q, k) = scale * (query[q] . key[k] + query[q] . position_key[d] + position_query[d] . key[k]).
// One subgroup per segment, tile of LANES queries and head, all in registers. Each lane owns a query; keys and values are
// loaded LANES at a time, one to a lane, and passed round by shuffles at constant lanes, while a lane loads the vectors of
// its own query's distances. The online softmax is rescaled once per LANES keys, counted from the segment's start: a
// query's result depends on its segment alone. head_dim is a multiple of 4, at most 128.
// For software adapters, as `attention_texture`; more queries to a lane would share keys and values alone, and are slower.
// A workgroup is one subgroup: LANES must be the adapter's only subgroup size.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    heads: u32,
    query_tiles: u32,      // tiles of LANES queries in the longest segment
    scale: f32,
    reach: u32,            // further keys have the vectors of the furthest within it
}

// A texel is four columns.
@group(0) @binding(0) var qkv: texture_storage_2d<rgba32float, read>;        // query, key, value: tokens high, 3 * heads * head_dim / 4 wide
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;        // [sequences + 1]
@group(0) @binding(2) var positions: texture_storage_2d<rgba32float, read>;  // keys over queries: 2 * (2 * reach + 1) high, heads * head_dim / 4 wide
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;         // tokens high, heads * head_dim / 4 wide
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 8u;
const HEAD_DIM: u32 = 32u;
const VECTORS: u32 = HEAD_DIM / 4u;  // of a head's row
const LOWEST: f32 = -3.4028235e38;

@compute @workgroup_size(LANES)
fn disentangled_attention_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let head = tile % params.heads;
    let query_tile = tile / params.heads % params.query_tiles;
    let sequence = tile / params.heads / params.query_tiles;
    if sequence < params.sequences {
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        let first_query = start + query_tile * LANES;
        if first_query < end {
            let query_column = head * VECTORS;
            let key_column = (params.heads + head) * VECTORS;
            let value_column = (2u * params.heads + head) * VECTORS;
            let entries = 2u * params.reach + 1u;

            // Past the end the last query is repeated.
            let token = first_query + lane;
            var query: array<vec4<f32>, VECTORS>;
            for (var v = 0u; v < VECTORS; v++) { query[v] = textureLoad(qkv, vec2(query_column + v, min(token, end - 1u))); }

            var context: array<vec4<f32>, VECTORS>;
            var weights: array<f32, LANES>;  // scores first
            var entry: array<u32, LANES>;    // of the keys, as this lane's query sees them
            var row_max = LOWEST;
            var row_sum = 0.0;
            for (var first_key = start; first_key < end; first_key += LANES) {
                let row = min(first_key + lane, end - 1u);
                let first_entry = i32(first_key + params.reach) - i32(token);
                for (var l = 0u; l < LANES; l++) {
                    weights[l] = 0.0;
                    entry[l] = u32(clamp(first_entry + i32(l), 0, 2 * i32(params.reach)));
                }
                for (var v = 0u; v < VECTORS; v++) {
                    let keys = textureLoad(qkv, vec2(key_column + v, row));
                    for (var l = 0u; l < LANES; l++) {
                        let key = subgroupShuffle(keys, l);
                        let position_key = textureLoad(positions, vec2(query_column + v, entry[l]));
                        let position_query = textureLoad(positions, vec2(query_column + v, entries + entry[l]));
                        weights[l] += dot(query[v], key + position_key) + dot(position_query, key);
                    }
                }

                var new_max = row_max;
                for (var l = 0u; l < LANES; l++) {
                    let score = weights[l] * (params.scale * 1.442695);  // log2(e), for exp2
                    weights[l] = select(LOWEST, score, first_key + l < end);
                    new_max = max(new_max, weights[l]);
                }
                let rescale = exp2(row_max - new_max);
                row_max = new_max;
                row_sum *= rescale;
                for (var v = 0u; v < VECTORS; v++) { context[v] *= rescale; }
                for (var l = 0u; l < LANES; l++) {
                    weights[l] = exp2(weights[l] - new_max);  // 0 past the end
                    row_sum += weights[l];
                }

                for (var v = 0u; v < VECTORS; v++) {
                    let values = textureLoad(qkv, vec2(value_column + v, row));
                    for (var l = 0u; l < LANES; l++) {
                        context[v] = fma(vec4(weights[l]), subgroupShuffle(values, l), context[v]);
                    }
                }
            }

            let factor = 1.0 / row_sum;
            if token < end {
                for (var v = 0u; v < VECTORS; v++) {
                    textureStore(y, vec2(query_column + v, token), context[v] * factor);
                }
            }
        }
    }
}
