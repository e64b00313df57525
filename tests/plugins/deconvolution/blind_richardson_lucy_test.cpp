// Blind Richardson-Lucy against matrices, and what it finds of a blur.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Settings;

constexpr Out<Tensor> kX{"x", ""}, kKernel{"kernel", ""};
constexpr Out<Table> kHistory{"history", ""};

double largest(const Tensor& t) { return t.abs().max().item<double>(); }

std::shared_ptr<const LinearOperator> blur(const Tensor& kernel, const char* boundary) {
  const int dimensions = int(kernel.dim()) - 2;
  return testing::load_linear_operator(
      "operators/convolution",
      {{"boundary", boundary}, {"dimensions", dimensions}, {"normalize", false}},
      {{"kernel", kernel, dimensions == 2 ? "chw" : "czyx"}});
}

Outputs solved(const Tensor& y, const std::shared_ptr<const LinearOperator>& a,
               const Settings& settings = {}) {
  return testing::run_stage("deconvolution/blind_richardson_lucy", settings,
                            {{"y", y}, {"A", {}, {}, a}});
}

/// The matrix of A on an item like `x`.
Tensor matrix_of(const LinearOperator& a, const Tensor& x) {
  const std::int64_t n = x.numel();
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape[0] = n;
  return a.forward(at::eye(n, at::kDouble).view(shape)).flatten(1).t().contiguous();
}

/// The matrix of A x as a function of the kernel.
Tensor matrix_of_kernel(const Tensor& kernel, const char* boundary, const Tensor& x) {
  std::vector<Tensor> columns;
  for (std::int64_t k = 0; k < kernel.numel(); ++k) {
    const Tensor tap = at::zeros_like(kernel);
    tap.view({-1})[k] = 1;
    columns.push_back(blur(tap, boundary)->forward(x).flatten());
  }
  return at::stack(columns, 1);
}

TEST(BlindRichardsonLucy, equals_the_iteration_with_matrices_for_every_boundary) {
  at::manual_seed(1);
  for (const char* boundary : {"circular", "reflect", "replicate", "zero", "valid"})
    for (const bool volume : {false, true}) {
      Tensor h =
          volume ? at::rand({1, 1, 2, 3, 3}, at::kDouble) : at::rand({1, 1, 4, 3}, at::kDouble);
      h = h / h.sum();
      const Tensor y = 1 + (volume ? at::rand({1, 1, 5, 6, 7}, at::kDouble)
                                   : at::rand({1, 1, 16, 16}, at::kDouble));
      const auto a = blur(h, boundary);
      const Outputs out = solved(y, a, {{"iterations", 3}, {"inner", 2}});

      std::vector<std::int64_t> shape = a->domain(spec_of(y, volume ? "czyx" : "chw")).shape;
      shape.insert(shape.begin(), 1);
      const Tensor first = matrix_of(*a, at::zeros(shape, at::kDouble));
      Tensor x = at::full(shape, (y.sum() / first.sum()).item<double>(), at::kDouble);
      const Tensor flat = y.flatten();
      for (int k = 0; k < 3; ++k) {
        const Tensor seen = matrix_of_kernel(h, boundary, x);
        for (int i = 0; i < 2; ++i) {
          Tensor taps = h.flatten();
          taps = taps / seen.sum(0) * at::mv(seen.t(), flat / at::mv(seen, taps));
          h = (taps / taps.sum()).view_as(h);
        }
        const Tensor m = matrix_of(*blur(h, boundary), x);
        for (int i = 0; i < 2; ++i) {
          const Tensor image = x.flatten();
          x = (image / m.sum(0) * at::mv(m.t(), flat / at::mv(m, image))).view_as(x);
        }
      }
      EXPECT_LT(largest(out[kKernel] - h.squeeze(0)), 1e-9) << boundary;
      EXPECT_LT(largest(out[kX] - x), 1e-8 * largest(x)) << boundary;
    }
}

TEST(BlindRichardsonLucy, finds_a_blur_from_one_that_is_wider) {
  at::manual_seed(2);
  const Tensor i = at::arange(9, at::kDouble) - 4;
  const Tensor distance = i.square().unsqueeze(1) + i.square();
  const auto gaussian = [&distance](double variance) {
    const Tensor taps = at::exp(-distance / (2 * variance)).view({1, 1, 9, 9});
    return taps / taps.sum();
  };
  const Tensor truth = gaussian(2), start = gaussian(8);
  const Tensor points = (at::rand({1, 1, 64, 64}, at::kDouble) > 0.98).to(at::kDouble) * 500 + 50;
  const Tensor y = blur(truth, "circular")->forward(points);
  const Outputs out = solved(y, blur(start, "circular"), {{"iterations", 30}});
  const Tensor found = out[kKernel].unsqueeze(0);
  EXPECT_LT((found - truth).norm().item<double>(), 0.6 * (start - truth).norm().item<double>());
  EXPECT_NEAR(found.sum().item<double>(), 1, 1e-12);
  EXPECT_GE(found.min().item<double>(), 0);
  const auto objective = out[kHistory].reals("objective");
  for (std::size_t row = 1; row < objective.size(); ++row)
    EXPECT_LE(objective[row], objective[row - 1] * (1 + 1e-9)) << row;
}

TEST(BlindRichardsonLucy, stays_at_the_trivial_explanation) {
  const Tensor y = at::rand({1, 1, 8, 8}, at::kDouble) + 0.5;
  const Outputs out = solved(y, blur(at::ones({1, 1, 1, 1}, at::kDouble), "zero"));
  EXPECT_LT(largest(out[kX] - y), 1e-12);
  EXPECT_EQ(out[kKernel].item<double>(), 1);
}

TEST(BlindRichardsonLucy, gives_each_item_a_kernel_and_the_same_bits_whatever_the_block) {
  const Tensor y = at::rand({3, 2, 13, 10}) + 0.1;
  const auto a = blur(at::ones({1, 1, 3, 3}) / 9, "reflect");
  const Settings settings{{"iterations", 3}};
  const Outputs all = solved(y, a, settings);
  EXPECT_EQ(all[kKernel].sizes(), (std::vector<std::int64_t>{3, 3, 3}));
  for (int item = 0; item < 3; ++item) {
    const Outputs one = solved(y.narrow(0, item, 1), a, settings);
    EXPECT_TRUE(at::equal(one[kX], all[kX].narrow(0, item, 1)));
    EXPECT_TRUE(at::equal(one[kKernel], all[kKernel].narrow(0, item, 1)));
  }
}

TEST(BlindRichardsonLucy, refuses_what_it_cannot_solve) {
  const Tensor y = at::rand({1, 2, 9, 9}, at::kDouble) + 1;
  const auto message = [](const Tensor& y, const std::shared_ptr<const LinearOperator>& a) {
    return testing::message_of<Error>([&] { solved(y, a); });
  };
  const Tensor kernel = at::ones({1, 1, 3, 3}, at::kDouble);
  EXPECT_THAT(message(-y, blur(kernel, "zero")),
              ::testing::HasSubstr("'y' of item 0 must not be negative"));
  EXPECT_THAT(message(y / 0 - y / 0, blur(kernel, "zero")), ::testing::HasSubstr("must be finite"));
  EXPECT_THAT(message(y, blur(kernel * 0, "zero")), ::testing::HasSubstr("is 0 everywhere"));
  EXPECT_THAT(message(y, blur(-kernel, "zero")), ::testing::HasSubstr("must not be negative"));
  EXPECT_THAT(message(y, blur(kernel.repeat({1, 2, 1, 1}), "zero")),
              ::testing::HasSubstr("the kernel of 'A' must have one channel, got 2"));
}

}  // namespace
}  // namespace pellucid
