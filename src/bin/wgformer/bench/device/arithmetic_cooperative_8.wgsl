enable f16;
enable wgpu_cooperative_matrix;

// Nothing but products of 8x8 matrices of f16, added up in f32: four chains a subgroup, LOOPS times over.

override LOOPS: u32;
override SCALE: f32;  // of no meaning here

@group(0) @binding(0) var<storage, read_write> y: array<f32>;

var<workgroup> ones: array<f16, 8 * 8>;

@compute @workgroup_size(64)
fn arithmetic(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < 8u * 8u; i += 64u) {
        ones[i] = 1.0h;
    }
    workgroupBarrier();
    let a = coopLoadT<coop_mat8x8<f16, A>>(&ones[0], 8u);
    let b = coopLoadT<coop_mat8x8<f16, B>>(&ones[0], 8u);
    var c = coop_mat8x8<f32, C>();
    var d = coop_mat8x8<f32, C>();
    var e = coop_mat8x8<f32, C>();
    var f = coop_mat8x8<f32, C>();
    for (var i = 0u; i < LOOPS; i += 1u) {
        c = coopMultiplyAdd(a, b, c);
        d = coopMultiplyAdd(a, b, d);
        e = coopMultiplyAdd(a, b, e);
        f = coopMultiplyAdd(a, b, f);
    }
    let first = workgroup.x * 4u * 8u * 8u;
    coopStoreT(c, &y[first], 8u);
    coopStoreT(d, &y[first + 8u * 8u], 8u);
    coopStoreT(e, &y[first + 2u * 8u * 8u], 8u);
    coopStoreT(f, &y[first + 3u * 8u * 8u], 8u);
}
