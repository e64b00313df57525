#include "pictures.h"

#include <ATen/ATen.h>

namespace pellucid {

std::int64_t padded(std::int64_t side, std::int64_t multiple) {
  return (side + multiple - 1) / multiple * multiple;
}

Tensor continued(const Tensor& images, std::int64_t multiple) {
  const std::int64_t height = images.size(2), width = images.size(3);
  return at::replication_pad2d(
             images, {0, padded(width, multiple) - width, 0, padded(height, multiple) - height})
      .contiguous(at::MemoryFormat::ChannelsLast);
}

Tensor as_pictures(const Tensor& images) {
  return continued(images.expand({-1, 3, -1, -1}), kMultiple);
}

Tensor as_images(const Tensor& pictures, at::IntArrayRef size, std::int64_t channels) {
  const Tensor cut = pictures.narrow(2, 0, size[0]).narrow(3, 0, size[1]);
  return channels == cut.size(1) ? cut : cut.mean(1, true);
}

}  // namespace pellucid
