// Rows of length 1, on textures: y[r, c] = x[r, c] / max(|x[r]|, 1e-12).
// One lane per row, so that nothing passes between lanes; a row is read twice, as texels are cheap on the adapters
// this is for. cols is a multiple of 4.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,
}

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;   // [rows, cols]
@group(0) @binding(1) var y: texture_storage_2d<rgba32float, write>;  // [rows, cols]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 8u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn normalize_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * WORKGROUP_SIZE + lane;
    if row < params.rows {
        let width = params.cols / 4u;

        var squares = vec4(0.0);
        for (var c4 = 0u; c4 < width; c4++) {
            let v = textureLoad(x, vec2(c4, row));
            squares = fma(v, v, squares);
        }
        let scale = 1.0 / max(sqrt((squares.x + squares.y) + (squares.z + squares.w)), 1e-12);

        for (var c4 = 0u; c4 < width; c4++) {
            textureStore(y, vec2(c4, row), textureLoad(x, vec2(c4, row)) * scale);
        }
    }
}
