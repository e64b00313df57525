// Tikhonov's filter: the normal equations that it solves, its limits, and its messages.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

#include "direct.h"

namespace pellucid {
namespace {

using namespace direct;
using testing::Settings;

TEST(Tikhonov, equals_the_normal_equations) {
  for (const Sizes& sizes : kSizes)
    for (const char* penalty : {"identity", "laplacian"}) {
      const Blur a = blur(kernel(sizes.size(), /*peaked=*/false));
      const Tensor y = images(sizes), m = matrix(a, sizes);
      const Tensor l =
          std::string(penalty) == "identity" ? at::eye(m.size(0), at::kDouble) : laplacian(sizes);
      const double weight = 0.07;
      const Tensor solution =
          at::linalg_solve(m.t().mm(m) + weight * l.t().mm(l), m.t().mm(y.flatten(1).t()));
      EXPECT_LT(difference(run("tikhonov", y, a, {{"weight", weight}, {"penalty", penalty}}),
                           solution.t().reshape(y.sizes())),
                1e-10)
          << penalty << " " << shape_text(sizes);
    }
}

TEST(Tikhonov, is_the_inverse_without_a_weight) {
  for (const Sizes& sizes : kSizes) {
    const Blur a = blur(kernel(sizes.size()));
    const Tensor y = images(sizes);
    EXPECT_LT(difference(run("tikhonov", y, a, {{"weight", 0.0}}),
                         run("inverse", y, a, {{"threshold", 0.0}})),
              1e-12);
  }
}

TEST(Tikhonov, solves_on_the_extended_grid_where_the_blur_reflects) {
  // The grid is reflected by hand; a circular blur on it is what is inverted.
  const Tensor k = kernel(2);
  const Tensor y = at::rand({1, 1, 11, 14}, at::kDouble);
  const std::int64_t h = 16, w = 18;  // of 11 + 5 and 14 + 4: even, products of small primes
  const std::int64_t top = (h - 11) / 2, left = (w - 14) / 2;
  const Tensor grown = at::reflection_pad2d(y, {left, w - 14 - left, top, h - 11 - top});
  const Tensor there = run("tikhonov", grown, blur(k), {{"weight", 0.1}});
  EXPECT_LT(difference(run("tikhonov", y, blur(k, "reflect"), {{"weight", 0.1}}),
                       there.narrow(2, top, 11).narrow(3, left, 14)),
            1e-12);
}

TEST(Tikhonov, computes_in_the_precision_of_the_images_and_each_item_alike) {
  expect_items_alike("tikhonov", {{"weight", 0.1}});
}

TEST(Tikhonov, gives_the_data_where_nothing_was_blurred) {
  expect_limits("tikhonov", {{"weight", 0.0}});
}

TEST(Tikhonov, says_what_it_cannot_use) { expect_refusals("tikhonov", {{"weight", 0.1}}); }

TEST(Tikhonov, forgets_a_penalty_that_goes_to_nothing) {
  const Tensor y = images({16, 16});
  const Blur a = blur(kernel(2));
  const Tensor inverse = run("inverse", y, a, {{"threshold", 0.0}});
  const auto off = [&](double weight) {
    return difference(run("tikhonov", y, a, {{"weight", weight}}), inverse);
  };
  EXPECT_LT(off(1e-8), 1e-5);
  EXPECT_LT(off(1e-8), 1e-3 * off(1e-2));
}

}  // namespace
}  // namespace pellucid
