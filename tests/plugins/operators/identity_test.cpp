// The identity: its laws, and that it costs nothing.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

const char* const kUse = "operators/identity";

TEST(Identity, keeps_the_laws_of_linear_operators) {
  laws::expect_linear_operator_laws(kUse, {}, {},
                                    {{{2, 3, 5, 4}}, {{1, 1, 1, 1}}, {{3, 7}}, {{1, 2, 3, 3, 3}}});
  laws::Limits complex;
  complex.dtype = at::kComplexDouble;
  laws::expect_linear_operator_laws(kUse, {}, {}, {{{2, 3, 5, 4}}}, complex);
}

TEST(Identity, makes_no_copy) {
  const auto a = testing::load_linear_operator(kUse);
  const Tensor x = at::rand({1, 3, 4, 4});
  EXPECT_EQ(a->forward(x).data_ptr(), x.data_ptr());
}

TEST(Identity, refuses_whole_numbers) {
  const auto a = testing::load_linear_operator(kUse);
  Spec x = laws::spec_of_items({{1, 1, 4, 4}}, at::kByte);
  EXPECT_EQ(testing::message_of<ShapeError>([&] { a->range(x); }),
            "values must be float32, float64, complex64 or complex128, got uint8 (1 x uint8 chw "
            "1x4x4)");
}

}  // namespace
}  // namespace pellucid
