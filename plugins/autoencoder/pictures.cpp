#include "pictures.h"

#include <ATen/ATen.h>

namespace pellucid {

std::int64_t padded(std::int64_t side) { return (side + kMultiple - 1) / kMultiple * kMultiple; }

Tensor as_pictures(const Tensor& images) {
  const std::int64_t height = images.size(2), width = images.size(3);
  return at::replication_pad2d(images.expand({-1, 3, -1, -1}),
                               {0, padded(width) - width, 0, padded(height) - height})
      .contiguous(at::MemoryFormat::ChannelsLast);
}

Tensor as_images(const Tensor& pictures, at::IntArrayRef size, std::int64_t channels) {
  const Tensor cut = pictures.narrow(2, 0, size[0]).narrow(3, 0, size[1]);
  return channels == 1 ? cut.mean(1, true) : cut;
}

}  // namespace pellucid
