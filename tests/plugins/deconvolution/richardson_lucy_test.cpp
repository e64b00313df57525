// Richardson-Lucy against matrices, in closed form, and what ends it.

#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Given;
using ::testing::HasSubstr;
using testing::Settings;

constexpr Out<Tensor> kX{"x", ""};
constexpr Out<Table> kHistory{"history", ""};
const std::vector<const char*> kBoundaries{"circular", "reflect", "replicate", "zero", "valid"};

double largest(const Tensor& t) { return t.abs().max().item<double>(); }
double total(const Tensor& t) { return t.sum(at::kDouble).item<double>(); }

std::shared_ptr<const LinearOperator> blur(const Tensor& kernel, const char* boundary,
                                           int dimensions = 2, bool normalize = true) {
  return testing::load_linear_operator(
      "operators/convolution",
      {{"boundary", boundary}, {"dimensions", dimensions}, {"normalize", normalize}},
      {{"kernel", kernel, dimensions == 2 ? "chw" : "czyx"}});
}

Outputs solved(const Tensor& y, const std::shared_ptr<const LinearOperator>& a,
               const Settings& settings = {}, const Tensor& init = {}, const Tensor& reference = {},
               const std::string& axes = {}) {
  std::vector<Given> inputs{{"y", y, axes}, {"A", {}, {}, a}};
  if (init.defined()) inputs.push_back({"init", init, axes});
  if (reference.defined()) inputs.push_back({"reference", reference, axes});
  return testing::run_stage("deconvolution/richardson_lucy", settings, inputs);
}

/// The matrix of A on items of the shape of `x`, by its columns.
Tensor matrix_of(const LinearOperator& a, const Tensor& x) {
  const std::int64_t n = x[0].numel();
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape[0] = n;
  return a.forward(at::eye(n, at::kDouble).view(shape)).flatten(1).t().contiguous();
}

/// Something to deconvolve: y = A x with noise, larger than 0.
struct Problem {
  Problem(const char* boundary, std::vector<std::int64_t> sizes, const Tensor& kernel) {
    sizes.insert(sizes.begin(), {1, 1});
    a = blur(kernel, boundary, int(sizes.size()) - 2);
    y = at::zeros(sizes, at::kDouble);
    Spec spec = spec_of(y, sizes.size() == 4 ? "chw" : "czyx");
    std::vector<std::int64_t> shape = a->domain(spec).shape;
    shape.insert(shape.begin(), 1);
    truth = at::rand(shape, at::kDouble).pow(6) * 50 + 1;
    matrix = matrix_of(*a, truth);
    y = a->forward(truth) * (0.8 + 0.4 * at::rand(sizes, at::kDouble));
    held = matrix.sum(0);
  }
  Tensor flat() const { return y.flatten(); }
  Tensor constant() const { return at::full_like(held, total(y) / total(held)); }

  std::shared_ptr<const LinearOperator> a;
  Tensor y, truth, matrix, held;
};

Problem image(const char* boundary) {
  at::manual_seed(1);
  return {boundary, {16, 16}, at::rand({1, 1, 5, 4}, at::kDouble)};
}
Problem volume(const char* boundary) {
  at::manual_seed(2);
  return {boundary, {8, 8, 8}, at::rand({1, 1, 3, 4, 3}, at::kDouble)};
}

TEST(RichardsonLucy, equals_the_iteration_with_a_matrix_for_every_boundary) {
  for (const auto& problem : {image, volume})
    for (const char* boundary : kBoundaries) {
      const Problem p = problem(boundary);
      Tensor x = p.constant();
      for (int k = 0; k < 12; ++k)
        x = x / p.held * at::mv(p.matrix.t(), p.flat() / at::mv(p.matrix, x));
      const Tensor found = solved(p.y, p.a, {{"iterations", 12}})[kX];
      EXPECT_EQ(found.sizes(), p.truth.sizes());
      EXPECT_LT(largest(found.flatten() - x), 1e-9 * largest(x)) << boundary;
    }
}

TEST(RichardsonLucy, with_background_and_readout_noise_equals_the_iteration_with_a_matrix) {
  const Problem p = image("zero");
  const double b = 2.5, variance = 9;
  const Tensor measured = p.flat() + b;
  Tensor x = p.constant();
  for (int k = 0; k < 12; ++k)
    x = x / p.held *
        at::mv(p.matrix.t(), (measured + variance) / (at::mv(p.matrix, x) + b + variance));
  const Tensor found =
      solved(p.y + b, p.a, {{"iterations", 12}, {"background", b}, {"readout", 3}})[kX];
  EXPECT_LT(largest(found.flatten() - x), 1e-9 * largest(x));
}

TEST(RichardsonLucy, accelerated_equals_the_extrapolation_of_biggs_and_andrews) {
  const Problem p = image("reflect");
  Tensor x = p.constant(), before = x, gain, gain_before, begin = x;
  for (int k = 0; k < 15; ++k) {
    before = x;
    x = begin / p.held * at::mv(p.matrix.t(), p.flat() / at::mv(p.matrix, begin));
    gain_before = gain;
    gain = x - begin;
    double factor = 0;
    if (gain_before.defined())
      factor = std::clamp(total(gain * gain_before) / total(gain_before.square()), 0.0, 1.0);
    begin = (x + factor * (x - before)).clamp_min(0);
  }
  const Outputs out =
      solved(p.y, p.a, {{"iterations", 15}, {"acceleration", "biggs_andrews"}, {"every", 15}});
  EXPECT_LT(largest(out[kX].flatten() - x), 1e-8 * largest(x));
  // It is ahead of the plain iteration.
  const Outputs plain = solved(p.y, p.a, {{"iterations", 15}, {"every", 15}});
  EXPECT_LT(out[kHistory].reals("objective").back(),
            0.8 * plain[kHistory].reals("objective").back());
}

/// 1 / (1 - weight div(Dx / |Dx|)) by differences of whole arrays.
Tensor variation_factor(const Tensor& x, double weight, double smoothing) {
  std::vector<Tensor> differences;
  Tensor squares = at::full_like(x, smoothing * smoothing);
  for (std::int64_t axis = 0; axis < x.dim(); ++axis) {
    const std::int64_t n = x.size(axis);
    Tensor d = at::zeros_like(x);
    d.narrow(axis, 0, n - 1).copy_(x.narrow(axis, 1, n - 1) - x.narrow(axis, 0, n - 1));
    squares = squares + d.square();
    differences.push_back(d);
  }
  Tensor divergence = at::zeros_like(x);
  for (std::int64_t axis = 0; axis < x.dim(); ++axis) {
    const std::int64_t n = x.size(axis);
    const Tensor part = differences[axis] / squares.sqrt();
    divergence += part;
    divergence.narrow(axis, 1, n - 1).sub_(part.narrow(axis, 0, n - 1));
  }
  return 1 / (1 - weight * divergence);
}

TEST(RichardsonLucy, with_total_variation_equals_the_iteration_with_a_matrix) {
  for (const auto& problem : {image, volume}) {
    const Problem p = problem("zero");
    const double weight = 0.2;
    const Tensor start = p.constant();
    const double smoothing = 1e-3 * start[0].item<double>();
    Tensor x = start;
    for (int k = 0; k < 12; ++k) {
      const Tensor factor = variation_factor(x.view(p.truth[0][0].sizes()), weight, smoothing);
      x = x / p.held * at::mv(p.matrix.t(), p.flat() / at::mv(p.matrix, x)) * factor.flatten();
    }
    const Value variation = Value::map({{"total_variation", weight}});
    const Outputs out = solved(p.y, p.a, {{"iterations", 12}, {"regularisation", variation}});
    EXPECT_LT(largest(out[kX].flatten() - x), 1e-8 * largest(x));
  }
}

TEST(RichardsonLucy, in_the_convention_of_scikit_image_equals_its_formula) {
  // richardson_lucy of scikit-image: 'same' convolutions with zeros beyond, a start of 0.5, 1e-12
  // added to the prediction, and no division by what falls outside.
  at::manual_seed(3);
  const Tensor kernel = at::rand({1, 1, 5, 7}, at::kDouble), psf = kernel / kernel.sum();
  const Tensor y = at::rand({1, 1, 20, 23}, at::kDouble);
  Tensor x = at::full_like(y, 0.5);
  const auto same = [](const Tensor& image, const Tensor& taps) {
    return at::conv2d(image, taps, {}, 1, {taps.size(2) / 2, taps.size(3) / 2});
  };
  for (int k = 0; k < 10; ++k) x = x * same(y / (same(x, psf.flip({2, 3})) + 1e-12), psf);
  const Tensor start = at::full_like(y, 0.5);
  const Tensor found =
      solved(y, blur(kernel, "zero"), {{"iterations", 10}, {"weights", "none"}}, start)[kX];
  EXPECT_LT(largest(found - x), 1e-9);
}

TEST(RichardsonLucy, keeps_the_weighted_flux) {
  for (const auto& problem : {image, volume})
    for (const char* boundary : kBoundaries) {
      const Problem p = problem(boundary);
      for (const int iterations : {1, 25}) {
        const Tensor x = solved(p.y, p.a, {{"iterations", iterations}})[kX];
        EXPECT_NEAR(total(p.held * x.flatten()) / total(p.y), 1, 1e-10) << boundary;
        EXPECT_GE(x.min().item<double>(), 0);
      }
    }
}

TEST(RichardsonLucy, stays_where_the_measurement_is_explained) {
  for (const char* boundary : kBoundaries) {
    const Problem p = image(boundary);
    const Tensor y = p.a->forward(p.truth);
    const Outputs out = solved(y, p.a, {{"iterations", 5}}, p.truth);
    EXPECT_LT(largest(out[kX] - p.truth), 1e-9 * largest(p.truth)) << boundary;
    EXPECT_NEAR(out[kHistory].reals("objective").back(), 0, 1e-9 * total(y));
  }
}

TEST(RichardsonLucy, of_a_delta_is_the_data_after_one_iteration) {
  const Tensor y = at::rand({2, 3, 9, 12}, at::kDouble) + 0.1;
  for (const char* boundary : kBoundaries) {
    const auto a = testing::load_linear_operator("operators/convolution",
                                                 {{"kernel", "delta"}, {"boundary", boundary}});
    EXPECT_LT(largest(solved(y, a, {{"iterations", 1}})[kX] - y), 1e-12) << boundary;
  }
}

TEST(RichardsonLucy, comes_nearer_to_the_truth_and_says_how_near) {
  at::manual_seed(4);
  const auto a = testing::load_linear_operator(
      "operators/convolution",
      {{"kernel", Value::map({{"gaussian", 1.5}})}, {"boundary", "circular"}});
  const Tensor truth = (at::rand({1, 1, 40, 42}, at::kDouble) > 0.97).to(at::kDouble) * 200 + 5;
  const Tensor y = a->forward(truth);
  const Outputs out = solved(y, a, {{"iterations", 60}, {"every", 7}}, {}, truth);
  const Table& history = out[kHistory];
  EXPECT_EQ(history.reals("iteration"),
            (std::vector<double>{0, 7, 14, 21, 28, 35, 42, 49, 56, 60}));
  const auto objective = history.reals("objective"), psnr = history.reals("psnr");
  for (std::size_t row = 1; row < objective.size(); ++row) {
    EXPECT_LT(objective[row], objective[row - 1]);
    EXPECT_GT(psnr[row], psnr[row - 1]);
  }
  const Tensor x = out[kX], predicted = a->forward(x);
  const double error = total((x - truth).square()) / double(x.numel());
  EXPECT_NEAR(psnr.back(), 10 * std::log10(200 * 200 / error), 1e-9);
  EXPECT_NEAR(history.reals("residual").back(), (predicted - y).norm().item<double>(), 1e-9);
  EXPECT_NEAR(objective.back(), total(predicted - y + y * (y / predicted).log()), 1e-9);
}

/// How an item ended: the last iteration, and the rule.
std::pair<double, std::string> ending(const Outputs& out) {
  const Table& history = out[kHistory];
  const std::int64_t row = history.rows() - 1, column = std::ssize(history.columns()) - 1;
  return {history.reals("iteration").back(), std::get<std::string>(history.cell(row, column))};
}

/// A photograph of points that a camera adds noise of 1 to.
struct Noisy {
  Noisy() {
    at::manual_seed(5);
    truth = (at::rand({1, 1, 48, 48}, at::kDouble) > 0.97).to(at::kDouble) * 400 + 50;
    a = testing::load_linear_operator(
        "operators/convolution",
        {{"kernel", Value::map({{"gaussian", 2.0}})}, {"boundary", "circular"}});
    y = a->forward(truth) + at::randn({1, 1, 48, 48}, at::kDouble);
  }
  Outputs until(const std::string& rule, double value, std::int64_t every = 1) const {
    return solved(y, a,
                  {{"iterations", 400}, {"every", every}, {"stop", Value::map({{rule, value}})}});
  }
  std::shared_ptr<const LinearOperator> a;
  Tensor truth, y;
};

TEST(RichardsonLucy, without_a_rule_goes_to_the_last_iteration) {
  const Noisy noisy;
  const Outputs out = solved(noisy.y, noisy.a, {{"iterations", 11}});
  EXPECT_EQ(out[kHistory].reals("iteration"), (std::vector<double>{0, 10, 11}));
  EXPECT_EQ(ending(out), std::make_pair(11.0, std::string("iterations")));
}

TEST(RichardsonLucy, ends_where_an_iteration_changes_little) {
  const Noisy noisy;
  const Outputs out = noisy.until("tolerance", 1e-2);
  const auto [last, rule] = ending(out);
  EXPECT_EQ(rule, "tolerance");
  const auto after = [&](double iterations) {
    return solved(noisy.y, noisy.a, {{"iterations", std::int64_t(iterations)}})[kX];
  };
  const auto change = [&](double k) {
    return (after(k) - after(k - 1)).norm().item<double>() / after(k).norm().item<double>();
  };
  EXPECT_LE(change(last), 1e-2);
  EXPECT_GT(change(last - 1), 1e-2);
  EXPECT_TRUE(at::equal(out[kX], after(last)));
}

TEST(RichardsonLucy, ends_where_the_residual_is_as_large_as_the_noise) {
  const Noisy noisy;
  const Outputs out = noisy.until("noise", 1.05);
  const auto residual = out[kHistory].reals("residual");
  EXPECT_EQ(ending(out).second, "noise");
  EXPECT_LE(residual.back(), 1.05 * 48);
  EXPECT_GT(residual[residual.size() - 2], 1.05 * 48);
  EXPECT_TRUE(at::equal(
      out[kX], solved(noisy.y, noisy.a, {{"iterations", std::int64_t(ending(out).first)}})[kX]));
  // tau counts.
  const Outputs sooner =
      solved(noisy.y, noisy.a,
             {{"iterations", 400}, {"stop", Value::map({{"noise", 1.05}, {"tau", 2.0}})}});
  EXPECT_LT(ending(sooner).first, ending(out).first);
}

TEST(RichardsonLucy, ends_where_the_residual_is_white) {
  const Noisy noisy;
  const double limit = 1.36 / std::sqrt(48 * 48 / 2);
  const Outputs out = noisy.until("whiteness", limit);
  const auto [last, rule] = ending(out);
  EXPECT_EQ(rule, "whiteness");
  // Before, the residual still holds the points; behind, it has about the size of the noise.
  EXPECT_GT(last, 5);
  EXPECT_NEAR(out[kHistory].reals("residual").back(), 48, 3);
  EXPECT_EQ(ending(noisy.until("whiteness", 1.0)).first, 0);
}

TEST(RichardsonLucy, looks_at_whiteness_with_each_row_of_the_history) {
  const Noisy noisy;
  const double limit = 1.36 / std::sqrt(48 * 48 / 2);
  const double first = ending(noisy.until("whiteness", limit)).first;
  const double found = ending(noisy.until("whiteness", limit, 7)).first;
  EXPECT_EQ(found, std::ceil(first / 7) * 7);
}

TEST(RichardsonLucy, ends_when_its_time_is_over) {
  const Noisy noisy;
  const auto [last, rule] = ending(noisy.until("time", 1e-9));
  EXPECT_EQ(rule, "time");
  EXPECT_EQ(last, 0);
}

TEST(RichardsonLucy, takes_the_kernels_of_items_and_channels) {
  const Tensor kernels = at::rand({3, 2, 4, 5}, at::kDouble);
  const Tensor y = at::rand({3, 2, 14, 17}, at::kDouble);
  for (const char* boundary : kBoundaries) {
    const Tensor all = solved(y, blur(kernels, boundary))[kX];
    for (int i = 0; i < 3; ++i)
      for (int c = 0; c < 2; ++c) {
        const Tensor own = kernels.narrow(0, i, 1).narrow(1, c, 1);
        const Tensor one =
            solved(y.narrow(0, i, 1).narrow(1, c, 1), blur(own.contiguous(), boundary))[kX];
        EXPECT_LT(largest(all.narrow(0, i, 1).narrow(1, c, 1) - one), 1e-9 * largest(one))
            << boundary;
      }
  }
}

TEST(RichardsonLucy, takes_the_planes_of_a_volume_as_images) {
  const Tensor y = at::rand({2, 1, 3, 12, 10}, at::kDouble);
  const auto a = blur(at::rand({1, 1, 3, 3}, at::kDouble), "reflect");
  const Tensor all = solved(y, a, {}, {}, {}, "czyx")[kX];
  for (int z = 0; z < 3; ++z)
    EXPECT_LT(largest(all.select(2, z) - solved(y.select(2, z).contiguous(), a)[kX]), 1e-9);
}

TEST(RichardsonLucy, gives_each_item_the_same_bits_whatever_the_block_and_leaves_its_inputs_alone) {
  const Tensor y = at::rand({4, 2, 21, 26}), kept = y.clone();
  const auto a = blur(at::rand({1, 1, 5, 5}), "valid");
  const Settings settings{{"iterations", 8}, {"acceleration", "biggs_andrews"}};
  const Outputs all = solved(y, a, settings);
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(at::equal(solved(y.narrow(0, i, 1), a, settings)[kX], all[kX].narrow(0, i, 1)));
  EXPECT_TRUE(at::equal(y, kept));
  EXPECT_EQ(all[kHistory].rows(), 4 * 2);
}

TEST(RichardsonLucy, computes_in_the_precision_of_the_images) {
  for (const char* boundary : kBoundaries) {
    const Problem p = image(boundary);
    const Tensor exact = solved(p.y, p.a)[kX], rounded = solved(p.y.to(at::kFloat), p.a)[kX];
    EXPECT_EQ(rounded.scalar_type(), at::kFloat);
    EXPECT_LT(largest(exact - rounded), 1e-3 * largest(exact)) << boundary;
  }
}

TEST(RichardsonLucy, takes_any_size_and_kernels_larger_than_the_image) {
  for (const char* boundary : kBoundaries)
    for (const auto& [h, w] : {std::pair{1, 1}, {3, 7}, {1, 6}}) {
      at::manual_seed(6);
      const Problem p(boundary, {h, w}, at::rand({1, 1, 9, 5}, at::kDouble));
      Tensor x = p.constant();
      for (int k = 0; k < 4; ++k)
        x = x / p.held * at::mv(p.matrix.t(), p.flat() / at::mv(p.matrix, x));
      const Tensor found = solved(p.y, p.a, {{"iterations", 4}})[kX];
      EXPECT_LT(largest(found.flatten() - x), 1e-9 * largest(x)) << boundary << h << "x" << w;
    }
  const Outputs none = testing::run_stage(
      "deconvolution/richardson_lucy", {},
      {{"y", at::zeros({0, 1, 4, 4})}, {"A", {}, {}, blur(at::ones({1, 1, 3, 3}), "zero")}}, 0, 0);
  EXPECT_EQ(none[kX].size(0), 0);
}

TEST(RichardsonLucy, of_nothing_is_nothing) {
  const Tensor y = at::zeros({1, 1, 8, 8}, at::kDouble);
  for (const char* boundary : kBoundaries)
    EXPECT_EQ(largest(solved(y, blur(at::rand({1, 1, 3, 3}), boundary))[kX]), 0) << boundary;
}

TEST(RichardsonLucy, takes_negative_samples_as_it_is_told) {
  Tensor y = at::rand({2, 1, 9, 9}, at::kDouble) + 1;
  y[1][0][3][4] = -2;
  const auto a = blur(at::rand({1, 1, 3, 3}), "zero");
  EXPECT_THAT(testing::message_of<Error>([&] { solved(y, a); }),
              HasSubstr("'y' of item 1 must not be negative, found -2; subtract less"));
  const Tensor as_zero = solved(y, a, {{"negative", "zero"}})[kX];
  EXPECT_LT(largest(as_zero - solved(y.clamp_min(0), a)[kX]), 1e-12);
  EXPECT_THAT(testing::message_of<Error>([&] {
                solved(y, a, {{"readout", 1.0}});
              }),
              HasSubstr("y + readout^2 of item 1 must not be negative, found -1"));
  EXPECT_NO_THROW(solved(y, a, {{"readout", 1.5}}));
  // Of a start, such as a Wiener filter gives, they leave 0 again.
  const Tensor positive = y.clamp_min(0.5);
  const Tensor x = solved(positive, a, {{"negative", "zero"}}, y)[kX];
  EXPECT_GT(x[1][0][3][4].item<double>(), 0);
  EXPECT_THAT(testing::message_of<Error>([&] { solved(positive, a, {}, y); }),
              HasSubstr("'init' of item 1 must not be negative, found -2; raise it"));
}

TEST(RichardsonLucy, refuses_what_it_cannot_solve) {
  const Tensor y = at::rand({1, 1, 9, 9}, at::kDouble) + 1;
  const Tensor kernel = at::rand({1, 1, 3, 3}, at::kDouble);
  const auto a = blur(kernel, "zero");
  const auto message = [](const std::function<void()>& action) {
    return testing::message_of<Error>(action);
  };
  EXPECT_THAT(message([&] {
                solved(at::full({1, 1, 9, 9}, NAN), a);
              }),
              HasSubstr("'y' must be finite, found inf or nan in item 0"));
  EXPECT_THAT(message([&] { solved(y, blur(-kernel + 0.1, "zero", 2, false)); }),
              HasSubstr("the kernel of item 0 must not be negative, found -"));
  EXPECT_THAT(message([&] { solved(y, blur(kernel * 0, "zero", 2, false)); }),
              HasSubstr("the kernel of item 0 is 0 everywhere"));
  EXPECT_THAT(message([&] { solved(y, blur(kernel * NAN, "zero", 2, false)); }),
              HasSubstr("'kernel' must be finite"));
  EXPECT_THAT(message([&] {
                solved(y, blur(at::ones({1, 1, 3, 3}), "zero", 2, false), {{"weights", "none"}});
              }),
              HasSubstr("the kernel must sum to 1, found 9"));
  EXPECT_THAT(message([&] { solved(y, a, {}, -y); }), HasSubstr("'init' of item 0 must not be"));
  EXPECT_THAT(message([&] { solved(y, a, {}, y.narrow(3, 0, 8)); }),
              HasSubstr("'init' must be as the estimate, 1 x float64 chw 1x9x9"));
  EXPECT_THAT(message([&] {
                solved(y, a, {}, {}, at::rand({1, 1, 8, 9}));
              }),
              HasSubstr("'reference' must be as the estimate"));
  EXPECT_THAT(message([&] { solved(y.to(at::kComplexDouble), a); }),
              HasSubstr("must be float32 or float64, got complex128"));
  EXPECT_THAT(message([&] {
                solved(y[0].reshape({1, 81}), a, {}, {}, {}, "w");
              }),
              HasSubstr("the last axes must be 'hw' or 'yx', got 'w'"));
  EXPECT_THAT(message([&] {
                solved(at::zeros({1, 1, 0, 4}), a);
              }),
              HasSubstr("'y' must have at least one sample"));
}

TEST(RichardsonLucy, takes_an_unnormalised_kernel_by_its_own_weights) {
  const Problem p = image("zero");
  const Tensor kernel = dynamic_cast<const ConvolutionOperator&>(*p.a).kernel();
  const Tensor x = solved(p.y, p.a)[kX];
  const Tensor third = solved(p.y, blur(kernel * 3, "zero", 2, false))[kX];
  EXPECT_LT(largest(third * 3 - x), 1e-9 * largest(x));
}

TEST(RichardsonLucy, says_which_item_diverges_and_when) {
  // The largest double overflows once it is predicted.
  const auto a = blur(at::ones({1, 1, 3, 3}, at::kDouble), "zero");
  const Tensor y = at::full({1, 1, 6, 6}, 1e300, at::kDouble);
  EXPECT_THAT(testing::message_of<Error>([&] { solved(y, a); }),
              HasSubstr("of item 0 is not finite in iteration 0, so that it diverges"));
}

}  // namespace
}  // namespace pellucid
