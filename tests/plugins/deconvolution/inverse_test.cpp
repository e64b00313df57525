// Inverse filter: the matrix that it is, its limits, and its messages.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

#include "direct.h"

namespace pellucid {
namespace {

using namespace direct;
using testing::Settings;

TEST(Inverse, equals_the_inverse_matrix) {
  for (const Sizes& sizes : kSizes) {
    const Blur a = blur(kernel(sizes.size()));
    const Tensor y = images(sizes);
    EXPECT_LT(difference(run("inverse", y, a, {{"threshold", 0.0}}),
                         times(at::linalg_inv(matrix(a, sizes)), y)),
              1e-10);
  }
}

TEST(Inverse, leaves_out_what_the_blur_took_away) {
  // Circulant, so the absolute values of its eigenvalues are singular values: what is below the
  // threshold has no part in the pseudo-inverse.
  for (const Sizes& sizes : {Sizes{16, 16}, {15, 14}, {6, 6, 6}}) {
    const Blur a = blur(kernel(sizes.size(), /*peaked=*/false));
    const Tensor y = images(sizes), m = matrix(a, sizes);
    const double threshold = 0.2;
    const Tensor expected = times(at::linalg_pinv(m, threshold), y);
    EXPECT_LT(difference(run("inverse", y, a, {{"threshold", threshold}}), expected), 1e-10);
    const Tensor all = times(at::linalg_pinv(m, 1e-9), y);
    EXPECT_GT(difference(expected, all), 1e-3);
  }
}

TEST(Inverse, computes_in_the_precision_of_the_images_and_each_item_alike) {
  expect_items_alike("inverse", {{"threshold", 0.1}});
}

TEST(Inverse, gives_the_data_where_nothing_was_blurred) { expect_limits("inverse", {}); }

TEST(Inverse, says_what_it_cannot_use) { expect_refusals("inverse", {{"threshold", 0.1}}); }

}  // namespace
}  // namespace pellucid
