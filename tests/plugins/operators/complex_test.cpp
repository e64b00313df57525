// Complex values from real tensors.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Given;
using testing::message_of;
using testing::run_stage;

constexpr Out<Tensor> kX{"x", ""};

Tensor made(const std::vector<Given>& inputs) {
  return run_stage("operators/complex", {}, inputs)[kX];
}

TEST(Complex, has_the_parts_it_is_given) {
  const Tensor a = at::randn({2, 1, 5, 4}, at::kDouble), b = at::randn({2, 1, 5, 4}, at::kDouble);
  const Tensor zero = at::zeros_like(a);
  EXPECT_TRUE(at::equal(made({{"real", a}, {"imaginary", b}}), at::complex(a, b)));
  EXPECT_TRUE(at::equal(made({{"real", a}}), at::complex(a, zero)));
  EXPECT_TRUE(at::equal(made({{"imaginary", b}}), at::complex(zero, b)));
  EXPECT_EQ(made({{"real", a.to(at::kFloat)}}).scalar_type(), at::kComplexFloat);
}

TEST(Complex, has_the_magnitude_and_the_phase_it_is_given) {
  const Tensor r = at::rand({2, 1, 5, 4}, at::kDouble) + 0.1;
  const Tensor phase = 6 * at::rand({2, 1, 5, 4}, at::kDouble) - 3;
  const Tensor x = made({{"magnitude", r}, {"phase", phase}});
  EXPECT_TRUE(at::allclose(x.abs(), r, 1e-14, 1e-14));
  EXPECT_TRUE(at::allclose(x.angle(), phase, 1e-14, 1e-14));
  EXPECT_TRUE(at::allclose(made({{"phase", phase}}).abs(), at::ones_like(r), 1e-14, 1e-14));
  EXPECT_TRUE(at::equal(made({{"magnitude", r}}), at::complex(r, at::zeros_like(r))));
}

TEST(Complex, takes_one_item_for_all) {
  const Tensor a = at::randn({3, 1, 5, 4}), b = at::randn({1, 1, 5, 4});
  EXPECT_TRUE(at::equal(made({{"real", a}, {"imaginary", b}}), at::complex(a, b.expand_as(a))));
  EXPECT_TRUE(at::equal(made({{"real", b}, {"imaginary", a}}), at::complex(b.expand_as(a), a)));
}

TEST(Complex, says_what_it_needs) {
  const Tensor a = at::randn({1, 1, 5, 4});
  EXPECT_EQ(message_of<ConfigError>([&] { made({}); }),
            "test.yaml:1:1: complex values are made of 'real' and 'imaginary', or of 'magnitude' "
            "and 'phase', or of one of them; got no input");
  EXPECT_EQ(message_of<ConfigError>([&] {
              made({{"real", a}, {"phase", a}});
            }),
            "test.yaml:1:1: complex values are made of 'real' and 'imaginary', or of 'magnitude' "
            "and 'phase', or of one of them; got inputs of both kinds");
  EXPECT_EQ(message_of<ShapeError>([&] {
              made({{"real", a}, {"imaginary", at::randn({1, 1, 5, 3})}});
            }),
            "test.yaml:1:1: 'real' and 'imaginary' must have the same shape, got 1x5x4 and 1x5x3");
  EXPECT_EQ(message_of<ShapeError>([&] {
              made({{"real", at::complex(a, a)}});
            }),
            "test.yaml:1:1: values must be float32 or float64, got complex64 (1 x complex64 chw "
            "1x5x4)");
}

}  // namespace
}  // namespace pellucid
