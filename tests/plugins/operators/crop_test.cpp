// Images without their margins, and with new ones.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

const char* const kUse = "operators/crop";

TEST(Crop, keeps_what_is_inside_the_margin) {
  const auto crop = testing::load_linear_operator(kUse, {{"margin", Value::list({2, 3})}});
  const Tensor x = at::rand({2, 1, 9, 10});
  EXPECT_TRUE(at::equal(crop->forward(x), x.narrow(2, 2, 5).narrow(3, 3, 4)));
  const Tensor grown = crop->adjoint(x);
  EXPECT_EQ(grown.sizes(), at::IntArrayRef({2, 1, 13, 16}));
  EXPECT_TRUE(at::equal(crop->forward(grown), x));
  EXPECT_NEAR(grown.sum().item<float>(), x.sum().item<float>(), 1e-4);
}

TEST(Crop, obeys_the_laws_of_linear_operators) {
  laws::Limits limits;
  for (const auto dtype : {at::kDouble, at::kComplexDouble}) {
    limits.dtype = dtype;
    laws::expect_linear_operator_laws(kUse, {{"margin", Value::list({1, 2})}}, {},
                                      {{{2, 1, 3, 6}}, {{3, 4, 5}}, {{2, 2, 2, 5, 5}}}, limits);
    laws::expect_linear_operator_laws(kUse, {{"margin", 0}}, {}, {{{2, 1, 1, 1}}}, limits);
  }
}

TEST(Crop, says_what_it_needs) {
  const auto crop = testing::load_linear_operator(kUse, {{"margin", 3}});
  EXPECT_EQ(testing::message_of<ShapeError>([&] {
              crop->range(laws::spec_of_items({{1, 1, 6, 9}}, at::kFloat));
            }),
            "images must be larger than twice the 'margin', 3x3, got 1 x float32 chw 1x6x9");
}

}  // namespace
}  // namespace pellucid
