// FISTA and ISTA against matrices, at the minimum, and in closed form.

#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "least_squares.h"

namespace pellucid {
namespace {

using iterated::Blur;
using iterated::blur;
using iterated::kBoundaries;
using iterated::kHistory;
using iterated::kX;
using iterated::largest;
using iterated::Measured;
using iterated::Settings;
using iterated::Sizes;
using iterated::solved;
using iterated::with;
using ::testing::HasSubstr;

const std::string kUse = "fista";

Value daubechies_of(int moments) { return Value::map({{"daubechies", moments}}); }
Value bounds_of(double lower, double upper) {
  return Value::map({{"bounds", Value::map({{"lower", lower}, {"upper", upper}})}});
}

/// Two vanishing moments, by their closed form.
std::vector<double> low_pass(bool haar) {
  if (haar) return {std::sqrt(0.5), std::sqrt(0.5)};
  const double root = std::sqrt(3.0), scale = 1 / (4 * std::sqrt(2.0));
  return {scale * (1 + root), scale * (3 + root), scale * (3 - root), scale * (1 - root)};
}

/// One level along an axis of n samples: low above high.
Tensor halving(const std::vector<double>& h, std::int64_t n) {
  Tensor m = at::zeros({n, n}, at::kDouble);
  const std::int64_t taps = std::ssize(h);
  for (std::int64_t k = 0; k < n / 2; ++k)
    for (std::int64_t i = 0; i < taps; ++i) {
      m[k][(2 * k + i) % n] += h[std::size_t(i)];
      m[n / 2 + k][(2 * k + i) % n] += (i % 2 == 0 ? 1 : -1) * h[std::size_t(taps - 1 - i)];
    }
  return m;
}

/// Images whose wavelets cost something, as vectors with the samples that they are continued by.
struct Wavelet {
  /// Sizes of x; levels as many as fit, at most `most`.
  Wavelet(const Sizes& sizes, bool haar, std::int64_t most) : known(sizes) {
    for (const std::int64_t n : sizes) {
      std::int64_t count = 0;
      while (count < most && std::int64_t(2) << count <= n) ++count;
      levels.push_back(count);
      const std::int64_t unit = std::int64_t(1) << count;
      padded.push_back((n + unit - 1) / unit * unit);
    }
    const std::int64_t all = c10::multiply_integers(padded);
    Sizes shape = padded;
    shape.insert(shape.begin(), all);
    Tensor images = at::eye(all, at::kDouble).view(shape).clone();
    approximation = at::zeros(padded, at::kBool);
    Tensor low = images, low_places = approximation;
    for (std::int64_t level = 0; level < most; ++level) {
      for (std::size_t a = 0; a < padded.size(); ++a) {
        if (level >= levels[a]) continue;
        const auto axis = std::int64_t(a) + 1;
        const Tensor m = halving(low_pass(haar), low.size(axis));
        low.copy_(at::matmul(m, low.movedim(axis, -2)).movedim(-2, axis));
      }
      for (std::size_t a = 0; a < padded.size(); ++a)
        if (level < levels[a]) low = low.narrow(std::int64_t(a) + 1, 0, padded[a] >> (level + 1));
    }
    for (std::size_t a = 0; a < padded.size(); ++a)
      low_places = low_places.narrow(std::int64_t(a), 0, padded[a] >> levels[a]);
    low_places.fill_(true);
    approximation = approximation.flatten();
    matrix = images.flatten(1).t().contiguous();
  }

  Tensor cropped(const Tensor& x) const {
    Tensor part = x.view(padded);
    for (std::size_t a = 0; a < known.size(); ++a) part = part.narrow(std::int64_t(a), 0, known[a]);
    return part.flatten();
  }
  /// The adjoint of `cropped`.
  Tensor placed(const Tensor& x) const {
    Tensor all = at::zeros(padded, at::kDouble), part = all;
    for (std::size_t a = 0; a < known.size(); ++a) part = part.narrow(std::int64_t(a), 0, known[a]);
    part.copy_(x.view(part.sizes()));
    return all.flatten();
  }
  /// Moved to the front by so many samples.
  Tensor moved(const Tensor& x, const Sizes& shift, int sign) const {
    Sizes axes, by;
    for (std::size_t a = 0; a < padded.size(); ++a) {
      axes.push_back(std::int64_t(a));
      by.push_back(-sign * shift[a]);
    }
    return x.view(padded).roll(by, axes).flatten();
  }
  /// What is small of details.
  Tensor kept(const Tensor& coefficients, double most) const {
    return coefficients.clamp(-most, most).masked_fill(approximation, 0);
  }
  double size(const Tensor& x) const {
    return at::mv(matrix, x).masked_fill(approximation, 0).abs().sum().item<double>();
  }

  Sizes known, padded, levels;
  Tensor matrix, approximation;
};

struct How {
  double weight;
  bool haar = false, spinning = false, accelerated = true;
  int levels = 2;
  double lower = -direct::kInfinity, upper = direct::kInfinity;

  Settings settings() const {
    Settings all{{"weight", weight},
                 {"wavelet", haar ? Value("haar") : daubechies_of(2)},
                 {"levels", levels},
                 {"cycle_spinning", spinning},
                 {"method", accelerated ? "fista" : "ista"}};
    if (std::isfinite(upper)) all.push_back({"constraint", bounds_of(lower, upper)});
    else if (std::isfinite(lower)) all.push_back({"constraint", "non_negative"});
    return all;
  }
  bool constrained() const { return std::isfinite(lower); }
};

/// The bound of Schur.
double squared_norm(const Measured& p) {
  return (p.matrix.abs().sum(0).max() * p.matrix.abs().sum(1).max()).item<double>();
}

/// The method with matrices, from zero.
Tensor iterated_with_matrices(const Measured& p, const How& how, int iterations) {
  const Sizes sizes = p.truth.sizes().slice(2).vec();
  const Wavelet w(sizes, how.haar, how.levels);
  const double t = 1 / squared_norm(p);
  const std::size_t axes = sizes.size();
  const double g = axes == 2 ? 1.32471795724474602596 : 1.22074408460575947536;
  Tensor x = w.placed(at::zeros_like(p.truth).flatten()).clamp(how.lower, how.upper);
  Tensor before = x, z = x, q = at::zeros_like(x);
  double m = 1;
  bool anew = true;
  for (int k = 0; k < iterations; ++k) {
    double ahead = 0;
    if (how.accelerated) {
      if (anew) m = 1;
      else {
        const double next = (1 + std::sqrt(1 + 4 * m * m)) / 2;
        ahead = (m - 1) / next;
        m = next;
      }
    }
    Sizes shift(axes, 0);
    for (std::size_t a = 0; a < axes && how.spinning; ++a) {
      const double turns = k / std::pow(g, double(a + 1));
      shift[a] = std::int64_t((turns - std::floor(turns)) * std::pow(2.0, double(w.levels[a])));
    }
    z = x + ahead * (x - before);
    const Tensor v = z - t * w.placed(p.half_gradient(w.cropped(z)));
    const Tensor candidate = (v - q).clamp(how.lower, how.upper);
    const Tensor coefficients = at::mv(w.matrix, w.moved(q + candidate, shift, 1));
    const Tensor taken =
        w.moved(at::mv(w.matrix.t(), w.kept(coefficients, t * how.weight)), shift, -1);
    before = x;
    x = (v - taken).clamp(how.lower, how.upper);
    if (how.constrained()) q = taken;
    anew = ((z - x) * (x - before)).sum().item<double>() > 0;
  }
  return w.cropped(x);
}

TEST(Fista, equals_the_iteration_with_matrices_for_every_boundary) {
  for (const auto& problem : {iterated::image, iterated::volume})
    for (const char* boundary : kBoundaries) {
      const Measured p = problem(boundary, true);
      for (const How& how : {How{.weight = 0.1, .accelerated = false}, How{.weight = 0.1},
                             How{.weight = 0.2, .haar = true, .spinning = true, .levels = 3},
                             How{.weight = 0.1, .spinning = true, .lower = 0},
                             How{.weight = 0.1, .accelerated = false, .lower = 0.1, .upper = 2}}) {
        // Matrices of volumes take long.
        if (p.y.dim() == 5 && !how.spinning) continue;
        const Tensor x = iterated_with_matrices(p, how, 12);
        const Outputs out = solved(kUse, p.y, p.a, with(how.settings(), 12));
        EXPECT_EQ(out[kX].sizes(), p.truth.sizes());
        EXPECT_LT(largest(out[kX].flatten() - x), 1e-9 * largest(x)) << boundary;
      }
    }
}

/// Problems whose x has a multiple of 4 samples along each axis, so that it is not continued.
Measured whole(const char* boundary) {
  at::manual_seed(7);
  const bool valid = std::string(boundary) == "valid";
  return {boundary, valid ? Sizes{12, 13} : Sizes{16, 16}, direct::kernel(2)};
}

double objective(const Measured& p, const Wavelet& w, double weight, const Tensor& x) {
  return p.objective(x) / 2 + weight * w.size(x.flatten());
}

TEST(Fista, without_a_constraint_ends_where_subgradients_vanish) {
  for (const char* boundary : kBoundaries)
    for (const bool accelerated : {false, true}) {
      const Measured p = whole(boundary);
      const How how{.weight = 0.3, .accelerated = accelerated};
      const Wavelet w({16, 16}, how.haar, how.levels);
      const Outputs out = solved(kUse, p.y, p.a, with(how.settings(), 600));
      const Tensor details = at::mv(w.matrix, out[kX].flatten());
      const Tensor slope = at::mv(w.matrix, p.half_gradient(out[kX]));
      const Tensor none = details.abs() < 1e-9;
      EXPECT_GT(none.sum().item<std::int64_t>(), 20);
      EXPECT_LT(largest(slope.masked_select(w.approximation)), 1e-7) << boundary;
      EXPECT_LT(largest((slope + how.weight * details.sign())
                            .masked_fill(none.logical_or(w.approximation), 0)),
                1e-7)
          << boundary;
      EXPECT_LT(largest(slope.masked_fill(~none, 0)), how.weight * (1 + 1e-7)) << boundary;
      // What the history says is minimised.
      EXPECT_NEAR(out[kHistory].reals("objective").back(), objective(p, w, how.weight, out[kX]),
                  1e-9);
    }
}

/// The minimum by alternating directions of multipliers, with matrices: W x and x are split.
Tensor least(const Measured& p, const Wavelet& w, const How& how) {
  const std::int64_t n = p.matrix.size(1);
  const double r = 0.3;
  const Tensor inverse =
      at::inverse(at::mm(p.matrix.t(), p.matrix) + 2 * r * at::eye(n, at::kDouble));
  const Tensor back = at::mv(p.matrix.t(), p.flat());
  Tensor z = at::zeros({n}, at::kDouble), z_left = z.clone(), c = z.clone(), c_left = z.clone(), x;
  for (int k = 0; k < 1500; ++k) {
    x = at::mv(inverse, back + r * (z - z_left) + r * at::mv(w.matrix.t(), c - c_left));
    z = (x + z_left).clamp(how.lower, how.upper);
    z_left = z_left + x - z;
    const Tensor wanted = at::mv(w.matrix, x) + c_left;
    c = wanted - w.kept(wanted, how.weight / r);
    c_left = wanted - c;
  }
  return z;
}

TEST(Fista, with_a_constraint_ends_at_the_minimum_within_it) {
  for (const auto& [boundary, upper] : {std::pair{"circular", direct::kInfinity},
                                        {"reflect", 2.0},
                                        {"replicate", 2.0},
                                        {"zero", direct::kInfinity},
                                        {"valid", 2.0}}) {
    const Measured p = whole(boundary);
    How how{.weight = 0.3, .lower = 0, .upper = upper};
    const Wavelet w({16, 16}, how.haar, how.levels);
    const Tensor best = least(p, w, how);
    for (const bool accelerated : {false, true}) {
      how.accelerated = accelerated;
      const Tensor x = solved(kUse, p.y, p.a, with(how.settings(), accelerated ? 800 : 3000))[kX];
      EXPECT_GE(x.min().item<double>(), 0);
      EXPECT_LE(x.max().item<double>(), upper);
      EXPECT_LT(largest(x.flatten() - best), 1e-4) << boundary << accelerated;
      EXPECT_LT(objective(p, w, how.weight, x), objective(p, w, how.weight, best) + 1e-7)
          << boundary << accelerated;
    }
    // To shrink and then cut off is not enough.
    const How free{.weight = 0.3};
    const Tensor cut = solved(kUse, p.y, p.a, with(free.settings(), 800))[kX].clamp(0, upper);
    EXPECT_GT(objective(p, w, how.weight, cut), objective(p, w, how.weight, best) + 1e-3);
  }
}

TEST(Fista, samples_beyond_x_are_those_with_the_fewest_details) {
  // x has 15 samples, W 16: the one more is free, so the minimum is not above that with any value.
  at::manual_seed(8);
  const Measured p("circular", {1, 15}, at::rand({1, 1, 1, 3}, at::kDouble));
  const How how{.weight = 0.5, .haar = true, .levels = 3};
  const Wavelet w({1, 15}, true, 3);
  const Outputs out = solved(kUse, p.y, p.a, with(how.settings(), 3000));
  const auto continued = [&](double value) {
    return w.size(at::cat({out[kX].flatten(), at::full({1}, value, at::kDouble)}));
  };
  double best = continued(0);
  for (double value = -10; value < 10; value += 0.001) best = std::min(best, continued(value));
  EXPECT_NEAR(out[kHistory].reals("objective").back(), p.objective(out[kX]) / 2 + how.weight * best,
              1e-3);
}

TEST(Fista, of_a_point_is_one_shrinking) {
  at::manual_seed(9);
  const Tensor y = at::rand({1, 1, 16, 16}, at::kDouble) * 3;
  const Tensor point = at::ones({1, 1, 1, 1}, at::kDouble);
  for (const bool haar : {true, false}) {
    const How how{.weight = 0.7, .haar = haar, .accelerated = false, .levels = 4};
    const Wavelet w({16, 16}, haar, 4);
    const Tensor c = at::mv(w.matrix, y.flatten());
    const Tensor shrunk = at::mv(w.matrix.t(), c - w.kept(c, how.weight));
    for (const char* boundary : kBoundaries) {
      const Tensor x = solved(kUse, y, blur(point, boundary), with(how.settings(), 1, "data"))[kX];
      EXPECT_LT(largest(x.flatten() - shrunk), 1e-12) << boundary;
    }
    // With much weight only the mean is left.
    const How heavy{.weight = 1e3, .haar = haar, .accelerated = false, .levels = 4};
    const Tensor flat = solved(kUse, y, blur(point, "zero"), with(heavy.settings(), 1))[kX];
    EXPECT_LT(largest(flat - y.mean()), 1e-12);
  }
}

TEST(Fista, steps_of_ista_never_raise_the_objective_and_acceleration_gets_farther) {
  for (const char* boundary : kBoundaries) {
    const Measured p = iterated::image(boundary, false);
    const auto objectives = [&](bool accelerated) {
      Settings settings = How{.weight = 0.02, .accelerated = accelerated}.settings();
      settings.push_back({"every", 1});
      return solved(kUse, p.y, p.a, with(settings, 60))[kHistory].reals("objective");
    };
    const std::vector<double> plain = objectives(false), accelerated = objectives(true);
    iterated::expect_falling(plain);
    EXPECT_LT(accelerated.back(), plain.back()) << boundary;
  }
}

TEST(Fista, spinning_cycles_leaves_no_blocks) {
  at::manual_seed(10);
  const Tensor t = at::arange(64, at::kDouble);
  const Tensor disk = ((t - 30).square().unsqueeze(1) + (t - 33).square() < 400).to(at::kDouble);
  const Tensor truth = disk.view({1, 1, 64, 64});
  const Tensor bell = at::exp(-0.125 * (at::arange(13, at::kDouble) - 6).square());
  const Blur a =
      blur((bell.unsqueeze(1) * bell / bell.sum().square()).view({1, 1, 13, 13}), "zero");
  const Tensor y = a->forward(truth) + 0.02 * at::randn(truth.sizes(), at::kDouble);
  const auto error = [&](bool spinning) {
    const How how{.weight = 0.01, .haar = true, .spinning = spinning, .levels = 4};
    return (solved(kUse, y, a, with(how.settings(), 60))[kX] - truth).norm().item<double>();
  };
  EXPECT_LT(error(true), 0.85 * error(false));
}

TEST(Fista, obeys_the_laws_of_iterated_methods) {
  const Settings own{{"weight", 0.01}, {"levels", 3}};
  iterated::expect_independent_items(kUse, own, false);
  iterated::expect_precision_of_images(kUse, own);
  iterated::expect_limits(kUse, {{"weight", 0.0}}, 1e-9);
  iterated::expect_any_size(kUse, own);
  iterated::expect_course(kUse, own);
  iterated::expect_refusals(kUse, own);
}

TEST(Fista, refuses_settings_that_mean_nothing) {
  const Measured p = iterated::image("zero", true);
  const auto message = [&](const Settings& settings) {
    return testing::message_of<Error>([&] { solved(kUse, p.y, p.a, settings); });
  };
  EXPECT_THAT(message({}), HasSubstr("weight"));
  EXPECT_THAT(message({{"weight", -1}}), HasSubstr("weight"));
  EXPECT_THAT(message({{"weight", 1}, {"levels", 0}}), HasSubstr("levels"));
  EXPECT_THAT(message({{"weight", 1}, {"wavelet", daubechies_of(11)}}), HasSubstr("moments"));
  EXPECT_THAT(message({{"weight", 1}, {"constraint", bounds_of(2, 1)}}),
              HasSubstr("'lower' must be below 'upper'"));
}

}  // namespace
}  // namespace pellucid
