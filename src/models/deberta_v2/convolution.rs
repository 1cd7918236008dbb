//! The convolution beside the first layer of DeBERTa-v2's xlarge and xxlarge: transformers' `ConvLayer`.

use serde_json::json;

use super::{Builder, Config, size_or};
use crate::error::Result;
use crate::graph::TensorId;
use crate::models::blocks::{LayerSizes, NormNames, activated_linear, norm};
use crate::ops::Activation;

pub(super) struct Convolution {
    /// How many tokens it spans, its own in the middle.
    size: usize,
    activation: Activation,
}

impl Convolution {
    /// `None` where there is none.
    pub(super) fn of(config: &Config) -> Result<Option<Self>> {
        let size = size_or(config, "conv_kernel_size", 0)?;
        if size == 0 {
            return Ok(None);
        }
        if size.is_multiple_of(2) {
            let found = size.to_string();
            return Err(config.unsupported("conv_kernel_size", found, "0 or an odd number"));
        }
        config.expect("conv_groups", &[json!(1)])?;
        let activation = config.activation("conv_act", "tanh")?;
        Ok(Some(Self { size, activation }))
    }

    /// `norm(y + activation(convolution(x)))`, of what the first layer takes and gives, and of the result:
    /// `[tokens, hidden]`.
    pub(super) fn beside(
        &self,
        builder: &mut Builder<'_>,
        segment_offsets: TensorId,
        [x, y]: [TensorId; 2],
        sizes: &LayerSizes,
    ) -> Result<TensorId> {
        if builder.expanded {
            return Err(builder.lacks_expansion());
        }
        let hidden = sizes.hidden;
        let linear = builder.convolution("encoder.conv.conv", hidden, hidden, self.size)?;
        let neighbours = builder.graph.unfold(x, segment_offsets, self.size)?;
        let convolved = activated_linear(builder, neighbours, linear, self.activation)?;
        let sum = builder.graph.add(convolved, y)?;
        let names = NormNames::new("encoder.conv.LayerNorm");
        norm(builder, sum, &names, hidden, sizes.eps)
    }
}
