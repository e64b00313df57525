// Bayer's colours: which pixel sees which, for each pattern, and the laws.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::message_of;

const char* const kUse = "operators/demosaicing";

TEST(Demosaicing, sees_one_colour_a_pixel_in_the_order_of_its_name) {
  for (const std::string pattern : {"rggb", "bggr", "grbg", "gbrg"}) {
    const auto a = load_linear_operator(kUse, {{"pattern", pattern}});
    const Tensor x = at::randn({1, 3, 5, 6}, at::kDouble);
    const Tensor y = a->forward(x);
    for (int i = 0; i < 5; ++i)
      for (int j = 0; j < 6; ++j) {
        const char letter = pattern[static_cast<std::size_t>(2 * (i % 2) + j % 2)];
        const int colour = letter == 'r' ? 0 : letter == 'g' ? 1 : 2;
        EXPECT_EQ(y[0][0][i][j].item<double>(), x[0][colour][i][j].item<double>())
            << pattern << " at " << i << ", " << j;
      }
  }
}

TEST(Demosaicing, keeps_the_laws_of_linear_operators) {
  for (const char* pattern : {"rggb", "bggr", "grbg", "gbrg"})
    laws::expect_linear_operator_laws(kUse, {{"pattern", pattern}}, {},
                                      {{{2, 3, 5, 6}}, {{1, 3, 1, 1}}, {{1, 3, 1, 7}}});
}

TEST(Demosaicing, says_what_axes_it_needs) {
  const auto a = load_linear_operator(kUse);
  const Spec grey = laws::spec_of_items({{2, 1, 8, 8}}, at::kFloat);
  EXPECT_EQ(message_of<ShapeError>([&] { a->range(grey); }),
            "the axis before those of the image must be 'c' of length 3 in x, got 2 x float32 chw "
            "1x8x8");
  EXPECT_EQ(a->domain(grey).shape, (std::vector<std::int64_t>{3, 8, 8}));
  EXPECT_THROW(a->domain(a->domain(grey)), ShapeError);
}

}  // namespace
}  // namespace pellucid
