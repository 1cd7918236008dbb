//! Every shader, as each operation specialises it for each kind of adapter, checked without a GPU.

mod adapters;
mod barriers;
mod limits;
mod reflection;
mod translation;
mod uniformity;
mod validation;
mod variants;
