// least_squares: what tests of iterative least squares share: problems with a matrix, and the laws
// that every such method obeys.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "direct.h"

namespace pellucid::iterated {

using direct::Blur;
using direct::Sizes;
using testing::Settings;

inline constexpr Out<Tensor> kX{"x", ""};
inline constexpr Out<Table> kHistory{"history", ""};
inline const std::vector<const char*> kBoundaries{"circular", "reflect", "replicate", "zero",
                                                  "valid"};

inline double largest(const Tensor& t) { return t.abs().max().item<double>(); }

inline Blur blur(const Tensor& kernel, const char* boundary) {
  return direct::blur(kernel, boundary);
}

/// What a method is told beside `settings`: a start, and the truth.
struct More {
  Tensor init = {}, reference = {};
};

inline Outputs solved(const std::string& use, const Tensor& y, const Blur& a,
                      const Settings& settings = {}, const More& more = {}, std::string axes = {}) {
  if (axes.empty()) axes = direct::axes_of(y);
  std::vector<testing::Given> inputs{{"y", y, axes}, {"A", {}, {}, a}};
  if (more.init.defined()) inputs.push_back({"init", more.init, axes});
  if (more.reference.defined()) inputs.push_back({"reference", more.reference, axes});
  return testing::run_stage("deconvolution/" + use, settings, inputs);
}

/// `own` settings, and so many iterations from `start`.
inline Settings with(Settings own, int iterations, const char* start = "zero") {
  own.push_back({"iterations", iterations});
  own.push_back({"start", start});
  return own;
}

/// Something to deconvolve, one item of `sizes` with one channel: y is near A x for an x of which
/// many samples are 0, and has samples below 0.
struct Measured {
  Measured(const char* boundary, Sizes sizes, const Tensor& kernel) {
    sizes.insert(sizes.begin(), {1, 1});
    a = blur(kernel, boundary);
    const Spec spec = spec_of(at::zeros(sizes, at::kDouble), sizes.size() == 4 ? "chw" : "czyx");
    Sizes shape = a->domain(spec).shape;
    shape.insert(shape.begin(), 1);
    truth = at::rand(shape, at::kDouble).sub_(0.5).clamp_min_(0).mul_(10);
    y = a->forward(truth) + 0.3 * at::randn(sizes, at::kDouble);
    const std::int64_t n = truth.numel();
    shape[0] = n;
    matrix = a->forward(at::eye(n, at::kDouble).view(shape)).flatten(1).t().contiguous();
  }
  Tensor flat() const { return y.flatten(); }
  /// A*(A x - y) of x, flat.
  Tensor half_gradient(const Tensor& x) const {
    return at::mv(matrix.t(), at::mv(matrix, x.flatten()) - flat());
  }
  double objective(const Tensor& x) const {
    return (at::mv(matrix, x.flatten()) - flat()).square().sum().item<double>();
  }

  Blur a;
  Tensor y, truth, matrix;
};

inline Measured image(const char* boundary, bool peaked = true) {
  at::manual_seed(1);
  return {boundary, {16, 16}, direct::kernel(2, peaked)};
}
inline Measured volume(const char* boundary, bool peaked = true) {
  at::manual_seed(2);
  return {boundary, {8, 8, 8}, direct::kernel(3, peaked)};
}

/// The constant start.
inline Tensor constant(const Measured& p) {
  const double held = p.matrix.sum().item<double>();
  return at::full_like(p.truth, p.y.sum().item<double>() / held);
}

/// Iteration and rule of the last row.
inline std::pair<double, std::string> ending(const Table& history) {
  const std::int64_t row = history.rows() - 1, column = std::ssize(history.columns()) - 1;
  return {history.reals("iteration").back(), std::get<std::string>(history.cell(row, column))};
}

inline void expect_falling(const std::vector<double>& values) {
  for (std::size_t i = 1; i < values.size(); ++i)
    EXPECT_LE(values[i], values[i - 1] + 1e-14 * values[0]) << "row " << i;
}

/// argmin |m x - y|^2 over lower <= x <= upper, of an m with full rank, by the active sets of
/// P. B. Stark and R. L. Parker, Comput. Stat. 10:129-141, 1995, from what bounds leave of the
/// least squares; with an infinite upper bound they are those of Lawson and Hanson.
inline Tensor stark_parker(const Tensor& m, const Tensor& y, double lower, double upper) {
  const auto solution = [](const Tensor& square, const Tensor& right) {
    return at::cholesky_solve(right.unsqueeze(1), at::linalg_cholesky(square)).squeeze(1);
  };
  const Tensor square = at::mm(m.t(), m), back = at::mv(m.t(), y);
  Tensor x = solution(square, back).clamp(lower, upper);
  const Tensor free = (x > lower).logical_and(x < upper);
  for (std::int64_t step = 0; step < 3 * x.numel(); ++step) {
    while (free.any().item<bool>()) {
      // Least squares of the free samples; as far towards them as the bounds let.
      const Tensor places = free.nonzero().flatten();
      const Tensor part = square.index_select(0, places);
      const Tensor rest = back.index_select(0, places) - at::mv(part, x.masked_fill(free, 0));
      const Tensor now = x.index_select(0, places);
      const Tensor way = solution(part.index_select(1, places), rest) - now;
      const Tensor limit = at::where(way > 0, (upper - now) / way,
                                     at::where(way < 0, (lower - now) / way, direct::kInfinity));
      const double share = std::min(1.0, limit.min().item<double>());
      x.index_copy_(0, places, now + share * way);
      if (share == 1) break;
      const Tensor stopped = limit <= share;
      const Tensor bounds =
          at::where(way > 0, at::full_like(way, upper), at::full_like(way, lower));
      x.index_copy_(0, places.masked_select(stopped), bounds.masked_select(stopped));
      free.index_fill_(0, places.masked_select(stopped), false);
    }
    // Let go of the sample that wants to leave its bound most.
    const Tensor gain = back - at::mv(square, x);
    const Tensor wants = at::where(x <= lower, gain, -gain).masked_fill(free, -1);
    const std::int64_t best = wants.argmax().item<std::int64_t>();
    if (wants[best].item<double>() <= 1e-10) return x;
    free[best].fill_(true);
  }
  ADD_FAILURE() << "the active sets do not end";
  return x;
}

/// The conditions of Karush, Kuhn and Tucker for half the gradient `g` at x, up to `tolerance`.
inline void expect_optimal(const Tensor& x, const Tensor& g, double lower, double upper,
                           double tolerance) {
  const Tensor flat = x.flatten();
  EXPECT_GE(flat.min().item<double>(), lower);
  EXPECT_LE(flat.max().item<double>(), upper);
  EXPECT_LT(largest(flat - (flat - g).clamp(lower, upper)), tolerance);
  // Complementarity: a slope only at a bound, in its direction.
  const Tensor between = (flat > lower).logical_and(flat < upper);
  EXPECT_LT(largest(g.masked_fill(~between, 0)), tolerance);
  EXPECT_GT(g.masked_fill(flat != lower, 0).min().item<double>(), -tolerance);
  EXPECT_LT(g.masked_fill(flat != upper, 0).max().item<double>(), tolerance);
}

// The laws. `own` are the settings that the method needs.

/// Items, channels and planes are each as if they were alone, and to the bit for items.
inline void expect_independent_items(const std::string& use, const Settings& own,
                                     bool channels_alone,
                                     const std::vector<const char*>& boundaries = kBoundaries) {
  at::manual_seed(3);
  const Tensor kernels = at::rand({3, 2, 4, 5}, at::kDouble) + 0.1;
  const Tensor y = at::rand({3, 2, 14, 17}, at::kDouble), kept = y.clone();
  const Settings settings = with(own, 6, "constant");
  for (const char* boundary : boundaries) {
    const Tensor all = solved(use, y, blur(kernels / 20, boundary), settings)[kX];
    for (int i = 0; i < 3; ++i) {
      const Tensor own_kernels = (kernels / 20).narrow(0, i, 1);
      EXPECT_TRUE(
          at::equal(solved(use, y.narrow(0, i, 1), blur(own_kernels, boundary), settings)[kX],
                    all.narrow(0, i, 1)))
          << boundary;
    }
    const Tensor same = (kernels / 20).narrow(0, 0, 1).narrow(1, 0, 1);
    const Tensor shared = solved(use, y, blur(same, boundary), settings)[kX];
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE(at::equal(solved(use, y.narrow(0, i, 1), blur(same, boundary), settings)[kX],
                            shared.narrow(0, i, 1)));
    for (int c = 0; channels_alone && c < 2; ++c)
      EXPECT_LT(largest(solved(use, y.narrow(1, c, 1), blur(same, boundary), settings)[kX] -
                        shared.narrow(1, c, 1)),
                1e-12);
  }
  EXPECT_TRUE(at::equal(y, kept));

  // The planes of a volume are images to a blur of two axes.
  const Tensor volume = at::rand({1, 1, 3, 12, 10}, at::kDouble);
  const Blur flat = blur(direct::kernel(2), "reflect");
  const Tensor all = solved(use, volume, flat, settings, {}, "czyx")[kX];
  for (int z = 0; channels_alone && z < 3; ++z)
    EXPECT_LT(largest(all.select(2, z) -
                      solved(use, volume.select(2, z).contiguous(), flat, settings)[kX]),
              1e-12);
}

/// float32 is computed in float32, and nearly the same.
inline void expect_precision_of_images(const std::string& use, const Settings& own,
                                       const std::vector<const char*>& boundaries = kBoundaries) {
  for (const char* boundary : boundaries) {
    const Measured p = image(boundary);
    const Tensor exact = solved(use, p.y, p.a, with(own, 10))[kX];
    const Tensor rounded = solved(use, p.y.to(at::kFloat), p.a, with(own, 10))[kX];
    EXPECT_EQ(rounded.scalar_type(), at::kFloat);
    EXPECT_LT(largest(exact - rounded), 1e-4 * largest(exact)) << boundary;
  }
}

/// Where nothing is blurred the measurement is the answer; of nothing it is nothing.
inline void expect_limits(const std::string& use, const Settings& own, double tolerance,
                          const std::vector<const char*>& boundaries = kBoundaries) {
  for (const Sizes& sizes : direct::kSizes) {
    Tensor delta =
        at::zeros(sizes.size() == 2 ? Sizes{1, 1, 3, 3} : Sizes{1, 1, 3, 3, 3}, at::kDouble);
    delta.flatten()[delta.numel() / 2].fill_(1);
    for (const char* boundary : boundaries) {
      const Tensor y = direct::images(sizes);
      Tensor x = solved(use, y, blur(delta, boundary), with(own, 40))[kX];
      if (std::string(boundary) == "valid")
        for (std::int64_t axis = 2; axis < x.dim(); ++axis) x = x.narrow(axis, 1, x.size(axis) - 2);
      EXPECT_LT(largest(x - y), tolerance) << boundary;
      EXPECT_EQ(largest(solved(use, at::zeros_like(y), blur(delta, boundary),
                               with(own, 5, "constant"))[kX]),
                0);
    }
  }
}

/// One pixel, odd sizes, kernels larger than the image, no items.
inline void expect_any_size(const std::string& use, const Settings& own,
                            const std::vector<const char*>& boundaries = kBoundaries) {
  at::manual_seed(6);
  for (const char* boundary : boundaries)
    for (const auto& [h, w] : {std::pair{1, 1}, {3, 7}, {1, 6}}) {
      const Tensor y = at::rand({2, 1, h, w}, at::kDouble);
      const Blur a = blur(direct::kernel(2), boundary);
      const Outputs out = solved(use, y, a, with(own, 4));
      EXPECT_TRUE(out[kX].isfinite().all().item<bool>()) << boundary << h << "x" << w;
      // What was measured is explained better than by nothing.
      EXPECT_LT((a->forward(out[kX]) - y).norm().item<double>(), y.norm().item<double>());
    }
  const Outputs none = testing::run_stage(
      "deconvolution/" + use, own,
      {{"y", at::zeros({0, 1, 4, 4})}, {"A", {}, {}, blur(at::ones({1, 1, 3, 3}), "zero")}}, 0, 0);
  EXPECT_EQ(none[kX].size(0), 0);
}

/// Starts, and the rules that end an item.
inline void expect_course(const std::string& use, const Settings& own,
                          const std::vector<const char*>& boundaries = kBoundaries) {
  using ::testing::ElementsAre;
  for (const char* boundary : boundaries) {
    const Measured p = image(boundary);
    const auto first = [&](const char* start, const Tensor& init = {}) {
      const Outputs out =
          solved(use, p.y, p.a, with(own, 1, start), {.init = init, .reference = p.truth});
      return out[kHistory].reals("residual").front();
    };
    const auto residual = [&](const Tensor& x) {
      return (p.a->forward(x) - p.y).norm().item<double>();
    };
    Tensor data = p.y;
    if (std::string(boundary) == "valid") {
      const auto rows = (at::arange(p.truth.size(2)) - 2).clamp(0, 15);
      const auto columns = (at::arange(p.truth.size(3)) - 1).clamp(0, 15);
      data = data.index_select(2, rows.to(at::kLong)).index_select(3, columns.to(at::kLong));
    }
    EXPECT_NEAR(first("constant"), residual(constant(p)), 1e-9) << boundary;
    EXPECT_NEAR(first("zero"), p.y.norm().item<double>(), 1e-9) << boundary;
    const double found = first("data");  // moved to what is allowed
    EXPECT_LT(
        std::min(std::abs(found - residual(data)), std::abs(found - residual(data.clamp_min(0)))),
        1e-9)
        << boundary;
    EXPECT_NEAR(first("constant", p.truth), residual(p.truth), 1e-9) << boundary;
  }
  const Measured p = image("zero");
  const auto ended = [&](const char* rule, Value value) {
    Settings settings = with(own, 60);
    settings.push_back({"every", 1});
    settings.push_back({"stop", Value::map({{rule, std::move(value)}})});
    return ending(solved(use, p.y, p.a, settings)[kHistory]);
  };
  EXPECT_EQ(ended("tolerance", 0.05).second, "tolerance");
  EXPECT_LT(ended("tolerance", 0.05).first, 60);
  EXPECT_EQ(ended("noise", 0.8).second, "noise");
  EXPECT_LT(ended("noise", 0.8).first, 60);
  EXPECT_EQ(ended("whiteness", 1.0), std::make_pair(0.0, std::string("whiteness")));
  EXPECT_EQ(ended("time", 1e-9), std::make_pair(0.0, std::string("time")));
  EXPECT_EQ(ended("tolerance", 0.0), std::make_pair(60.0, std::string("iterations")));
}

/// What no method can use is refused in words.
inline void expect_refusals(const std::string& use, const Settings& own) {
  using ::testing::HasSubstr;
  const Tensor y = direct::images({9, 9});
  const Tensor kernel = direct::kernel(2);
  const auto message = [&](const Tensor& data, const Tensor& taps, const More& more = {},
                           const std::string& axes = {}) {
    return testing::message_of<Error>(
        [&] { solved(use, data, blur(taps, "zero"), own, more, axes); });
  };
  for (const double bad : {direct::kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
    Tensor broken = y.clone();
    broken[1][0][3][4] = bad;
    EXPECT_THAT(message(broken, kernel),
                HasSubstr("'y' must be finite, found inf or nan in item 1"));
    EXPECT_THAT(message(y, kernel, {.init = broken}),
                HasSubstr("'init' must be finite, found inf or nan in item 1"));
    EXPECT_THAT(message(y, kernel, {.reference = broken}),
                HasSubstr("'reference' must be finite, found inf or nan in item 1"));
    EXPECT_THAT(message(y, kernel * bad), HasSubstr("'kernel' must be finite"));
  }
  EXPECT_THAT(message(y, kernel * 0),
              HasSubstr("the kernel of item 0 is 0 everywhere, so 'y' says nothing of 'x'"));
  EXPECT_THAT(message(y, kernel, {.init = y.narrow(3, 0, 8)}),
              HasSubstr("'init' must be as the estimate, 2 x float64 chw 1x9x9"));
  EXPECT_THAT(message(y, kernel, {.reference = y.narrow(3, 0, 8)}),
              HasSubstr("'reference' must be as the estimate"));
  EXPECT_THAT(message(y, at::rand({1, 1, 3, 3, 3}, at::kDouble)), HasSubstr("zyx"));
  EXPECT_THAT(message(y.to(at::kComplexDouble), kernel),
              HasSubstr("must be float32 or float64, got complex128"));
  EXPECT_THAT(message(y.narrow(2, 0, 0), kernel), HasSubstr("must have at least one sample"));
}

}  // namespace pellucid::iterated
