// Orthogonal wavelets: their filters against published ones, the transform against matrices and laws.

#include <cmath>

#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <deconvolution/wavelets.h>

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

double largest(const at::Tensor& t) { return t.abs().max().item<double>(); }

Sizes with_planes(std::int64_t planes, Sizes sizes) {
  sizes.insert(sizes.begin(), planes);
  return sizes;
}

at::Tensor forward(const Wavelets& w, const at::Tensor& x) {
  const at::Tensor coefficients = x.clone(at::MemoryFormat::Contiguous);
  w.forward(coefficients);
  return coefficients;
}

at::Tensor inverse(const Wavelets& w, const at::Tensor& coefficients) {
  const at::Tensor x = coefficients.clone(at::MemoryFormat::Contiguous);
  w.inverse(x);
  return x;
}

/// W of images of these sizes as a matrix.
at::Tensor matrix_of(const Wavelets& w) {
  const std::int64_t n = c10::multiply_integers(w.sizes());
  return forward(w, at::eye(n, at::kDouble).view(with_planes(n, w.sizes()))).flatten(1).t();
}

TEST(Daubechies, one_moment_is_haar_two_have_a_closed_form_four_are_as_published) {
  EXPECT_NEAR(daubechies(1)[0], std::sqrt(0.5), 1e-15);
  EXPECT_NEAR(daubechies(1)[1], std::sqrt(0.5), 1e-15);
  const double root = std::sqrt(3.0), scale = 1 / (4 * std::sqrt(2.0));
  const std::vector<double> two{scale * (1 + root), scale * (3 + root), scale * (3 - root),
                                scale * (1 - root)};
  for (std::size_t n = 0; n < two.size(); ++n) EXPECT_NEAR(daubechies(2)[n], two[n], 1e-15);
  // Table 1 of Daubechies 1988.
  const std::vector<double> four{0.230377813309,  0.714846570553, 0.630880767930, -0.027983769417,
                                 -0.187034811719, 0.030841381836, 0.032883011667, -0.010597401785};
  for (std::size_t n = 0; n < four.size(); ++n) EXPECT_NEAR(daubechies(4)[n], four[n], 1e-12);
}

TEST(Daubechies, filters_are_orthonormal_and_have_their_vanishing_moments_and_no_more) {
  for (int moments = 1; moments <= 10; ++moments) {
    const std::vector<double> h = daubechies(moments);
    const int taps = 2 * moments;
    ASSERT_EQ(std::ssize(h), taps);
    for (int shift = 0; shift < taps; shift += 2) {
      double product = 0;
      for (int n = 0; n + shift < taps; ++n)
        product += h[std::size_t(n)] * h[std::size_t(n + shift)];
      EXPECT_NEAR(product, shift == 0, 1e-14) << moments;
    }
    const auto moment = [&](int power) {
      double sum = 0, size = 0;
      for (int n = 0; n < taps; ++n) {
        const double term =
            std::pow(n, power) * (n % 2 == 0 ? 1 : -1) * h[std::size_t(taps - 1 - n)];
        sum += term;
        size += std::abs(term);
      }
      return std::abs(sum) / size;
    };
    for (int power = 0; power < moments; ++power) EXPECT_LT(moment(power), 1e-13) << moments;
    EXPECT_GT(moment(moments), 1e-9) << moments;
  }
}

TEST(Wavelets, one_level_along_an_axis_is_the_formula) {
  at::manual_seed(1);
  for (const int moments : {1, 2, 5}) {
    const std::vector<double> h = daubechies(moments);
    const std::int64_t n = 12, taps = std::ssize(h);
    const at::Tensor x = at::rand({1, 3, n}, at::kDouble);
    // Only along the last axis, then only along the other.
    for (const bool last : {true, false}) {
      const Wavelets w(h, last ? Sizes{3, n} : Sizes{n, 3}, last ? Sizes{0, 1} : Sizes{1, 0});
      at::Tensor found = forward(w, last ? x : x.transpose(1, 2));
      if (!last) found = found.transpose(1, 2);
      for (std::int64_t row = 0; row < 3; ++row)
        for (std::int64_t k = 0; k < n / 2; ++k) {
          double low = 0, high = 0;
          for (std::int64_t m = 0; m < taps; ++m) {
            const double value = x[0][row][(2 * k + m) % n].item<double>();
            low += h[std::size_t(m)] * value;
            high += (m % 2 == 0 ? 1 : -1) * h[std::size_t(taps - 1 - m)] * value;
          }
          EXPECT_NEAR(found[0][row][k].item<double>(), low, 1e-14);
          EXPECT_NEAR(found[0][row][n / 2 + k].item<double>(), high, 1e-14);
        }
    }
  }
}

TEST(Wavelets, levels_repeat_the_transform_of_what_is_low_and_axes_drop_out) {
  at::manual_seed(2);
  const std::vector<double> h = daubechies(3);
  const at::Tensor x = at::rand({2, 4, 16, 24}, at::kDouble);
  const at::Tensor all = forward(Wavelets(h, {4, 16, 24}, {1, 3, 2}), x);
  at::Tensor steps = forward(Wavelets(h, {4, 16, 24}, {1, 1, 1}), x);
  const auto low = [&](std::int64_t z, std::int64_t y, std::int64_t x) {
    return steps.narrow(1, 0, z).narrow(2, 0, y).narrow(3, 0, x);
  };
  low(2, 8, 12).copy_(forward(Wavelets(h, {2, 8, 12}, {0, 1, 1}), low(2, 8, 12)));
  low(2, 4, 6).copy_(forward(Wavelets(h, {2, 4, 6}, {0, 1, 0}), low(2, 4, 6)));
  EXPECT_LT(largest(all - steps), 1e-14);
}

TEST(Wavelets, are_orthogonal_matrices_whatever_the_filter_and_the_sizes) {
  struct Shape {
    Sizes sizes, levels;
  };
  // Filters of up to 20 taps on axes of two samples, axes of one, and of several odd factors.
  for (const Shape& shape : std::vector<Shape>{{{8, 16}, {3, 4}},
                                               {{4, 8, 4}, {2, 3, 1}},
                                               {{2, 2}, {1, 1}},
                                               {{1, 12}, {0, 2}},
                                               {{14, 1}, {1, 0}},
                                               {{1, 1}, {0, 0}},
                                               {{6, 10, 4}, {1, 1, 2}}})
    for (const int moments : {1, 2, 3, 6, 10}) {
      const Wavelets w(daubechies(moments), shape.sizes, shape.levels);
      const at::Tensor m = matrix_of(w);
      EXPECT_LT(largest(at::mm(m.t(), m) - at::eye(m.size(0), at::kDouble)), 1e-13) << moments;
      const at::Tensor x = at::rand(with_planes(2, shape.sizes), at::kDouble);
      EXPECT_LT(largest(inverse(w, forward(w, x)) - x), 1e-13) << moments;
    }
}

TEST(Wavelets, in_single_precision_are_those_in_double_and_the_same_for_any_number_of_threads) {
  at::manual_seed(3);
  const at::Tensor x = at::rand({2, 96, 150}, at::kDouble);
  const Wavelets w(daubechies(4), {96, 150}, {5, 1});
  const at::Tensor narrow = forward(w, x.to(at::kFloat));
  EXPECT_LT(largest(narrow - forward(w, x)), 1e-5);
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  EXPECT_TRUE(at::equal(forward(w, x.to(at::kFloat)), narrow));
  at::set_num_threads(threads);
}

TEST(Wavelets, polynomials_have_no_details_away_from_the_border) {
  const std::int64_t n = 64;
  for (const int moments : {1, 2, 4}) {
    const at::Tensor t = at::arange(n, at::kDouble) / double(n);
    const at::Tensor x = t.pow(moments - 1).unsqueeze(1) * t.pow(moments - 1) + 1;
    const at::Tensor found =
        forward(Wavelets(daubechies(moments), {n, n}, {1, 1}), x.unsqueeze(0))[0];
    const std::int64_t inside = n / 2 - moments;
    EXPECT_LT(largest(found.narrow(1, n / 2, inside)), 1e-12) << moments;
    EXPECT_LT(largest(found.narrow(0, n / 2, inside)), 1e-12) << moments;
    // One power more has some.
    const at::Tensor more = x * t;
    EXPECT_GT(
        largest(forward(Wavelets(daubechies(moments), {n, n}, {1, 1}), more.unsqueeze(0))[0].narrow(
            1, n / 2, inside)),
        1e-8);
  }
}

TEST(Wavelets, keep_details_that_are_small_and_count_all_but_the_approximation) {
  at::manual_seed(4);
  const Wavelets w(daubechies(2), {8, 12, 20}, {2, 1, 2});
  const at::Tensor x = at::randn({3, 8, 12, 20}, at::kDouble);
  at::Tensor expected = x.clamp(-0.5, 0.5), details = x.clone();
  for (const at::Tensor& all : {expected, details})
    all.narrow(1, 0, 2).narrow(2, 0, 6).narrow(3, 0, 5).fill_(0);
  EXPECT_NEAR(w.size_of_details(x), details.abs().sum().item<double>(), 1e-10);
  const at::Tensor kept = x.clone();
  w.keep_small_details(kept, 0.5);
  EXPECT_TRUE(at::equal(kept, expected));
}

TEST(Wavelets, an_axis_is_halved_until_one_sample_is_left) {
  EXPECT_EQ(levels_within(1, 4), 0);
  EXPECT_EQ(levels_within(2, 4), 1);
  EXPECT_EQ(levels_within(15, 4), 3);
  EXPECT_EQ(levels_within(16, 4), 4);
  EXPECT_EQ(levels_within(1000, 4), 4);
}

}  // namespace
}  // namespace pellucid
