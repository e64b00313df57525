// Continued borders against their definition, and the adjoint against the transposed matrix.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/numerics/border.h>

namespace pellucid {
namespace {

constexpr std::array kBoundaries{Boundary::circular, Boundary::reflect, Boundary::replicate,
                                 Boundary::zero};

/// `extended` by its definition, one sample at a time, for two axes.
Tensor sample_by_sample(const Tensor& x, at::IntArrayRef before, at::IntArrayRef after,
                        Boundary boundary) {
  const auto h = x.size(-2), w = x.size(-1);
  Tensor out = at::zeros({h + before[0] + after[0], w + before[1] + after[1]}, x.options());
  for (std::int64_t i = 0; i < out.size(0); ++i)
    for (std::int64_t j = 0; j < out.size(1); ++j) {
      const auto row = source_position(i - before[0], h, boundary);
      const auto column = source_position(j - before[1], w, boundary);
      if (row >= 0 && column >= 0) out[i][j] = x[row][column];
    }
  return out;
}

std::string line(Boundary boundary) {
  std::string text;
  for (std::int64_t i = -5; i < 9; ++i) {
    const auto from = source_position(i, 4, boundary);
    text += from < 0 ? '0' : static_cast<char>('a' + from);
  }
  return text;
}

TEST(SourcePosition, continues_a_line_as_the_names_say) {
  EXPECT_EQ(line(Boundary::circular), "dabcdabcdabcda");
  EXPECT_EQ(line(Boundary::reflect), "bcdcbabcdcbabc");
  EXPECT_EQ(line(Boundary::replicate), "aaaaaabcdddddd");
  EXPECT_EQ(line(Boundary::zero), "00000abcd00000");
}

TEST(SourcePosition, of_a_single_sample_is_that_sample) {
  for (const std::int64_t i : {-3, -1, 0, 1, 7}) {
    EXPECT_EQ(source_position(i, 1, Boundary::circular), 0);
    EXPECT_EQ(source_position(i, 1, Boundary::reflect), 0);
    EXPECT_EQ(source_position(i, 1, Boundary::replicate), 0);
  }
}

TEST(Extended, equals_its_definition_for_every_boundary_and_size) {
  for (const Boundary boundary : kBoundaries)
    for (const auto& [h, w] : {std::pair{5, 4}, {1, 6}, {3, 1}, {1, 1}, {2, 2}}) {
      const Tensor x = at::randn({h, w}, at::kDouble);
      EXPECT_TRUE(at::equal(extended(x, {3, 2}, {1, 7}, boundary),
                            sample_by_sample(x, {3, 2}, {1, 7}, boundary)))
          << name_of(boundary) << " " << h << "x" << w;
    }
}

TEST(Extended, treats_leading_axes_as_batch_and_takes_any_strides) {
  const Tensor x = at::randn({4, 5, 2, 3}, at::kFloat).permute({3, 2, 1, 0});
  const Tensor all = extended(x, {2, 0}, {1, 3}, Boundary::reflect);
  EXPECT_TRUE(at::equal(all[1][0], sample_by_sample(x[1][0], {2, 0}, {1, 3}, Boundary::reflect)));
}

TEST(Extended, reaches_along_three_axes) {
  const Tensor x = at::randn({3, 4, 5}, at::kDouble);
  const Tensor all = extended(x, {1, 1, 1}, {1, 1, 1}, Boundary::reflect);
  EXPECT_TRUE(at::equal(all.narrow(0, 1, 3).narrow(1, 1, 4).narrow(2, 1, 5), x));
  EXPECT_EQ(all[0][0][0].item<double>(), x[1][1][1].item<double>());
  EXPECT_EQ(all[4][5][6].item<double>(), x[1][2][3].item<double>());
}

TEST(Folded, is_the_adjoint_of_extended) {
  for (const Boundary boundary : kBoundaries)
    for (const auto& [h, w] : {std::pair{5, 4}, {1, 6}, {1, 1}}) {
      const Tensor x = at::randn({2, h, w}, at::kDouble);
      const Tensor ex = extended(x, {3, 2}, {1, 7}, boundary);
      const Tensor y = at::randn_like(ex);
      const double left = (ex * y).sum().item<double>();
      const double right = (x * folded(y.clone(), {3, 2}, {1, 7}, boundary)).sum().item<double>();
      EXPECT_NEAR(left, right, 1e-13 * (ex.norm() * y.norm()).item<double>()) << name_of(boundary);
    }
}

}  // namespace
}  // namespace pellucid
