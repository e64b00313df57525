// Convolution against its definition, its laws, and the messages a user meets.

#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/numerics/border.h>
#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::adjoint_gap;
using testing::linearity_gap;
using testing::load_linear_operator;
using testing::message_of;
using testing::Settings;

const char* const kUse = "operators/convolution";
const std::vector<const char*> kBoundaries{"circular", "reflect", "replicate", "zero", "valid"};
const std::vector<const char*> kMethods{"direct", "fft"};

Value gaussian(Value std) { return Value::map({{"gaussian", Value::map({{"std", std}})}}); }

Value list(std::vector<Value> items) { return Value::list(std::move(items)); }

std::shared_ptr<const LinearOperator> blur(const Tensor& kernel, const char* boundary,
                                           const char* method, int dimensions = 2) {
  return load_linear_operator(kUse,
                              {{"boundary", boundary},
                               {"method", method},
                               {"dimensions", dimensions},
                               {"normalize", false}},
                              {{"kernel", kernel}});
}

const ConvolutionOperator& as_convolution(const LinearOperator& a) {
  return dynamic_cast<const ConvolutionOperator&>(a);
}

Boundary boundary_of(const LinearOperator& a) { return as_convolution(a).boundary(); }

/// y[n] = sum_k kernel[k] x[n + size / 2 - k], one sample at a time; any number of axes. Only where
/// the kernel fits, x[n + size - 1 - k].
Tensor by_definition(const Tensor& x, const Tensor& kernel, Boundary boundary) {
  const auto axes = x.dim();
  const bool valid = boundary == Boundary::valid;
  std::vector<std::int64_t> sizes = x.sizes().vec();
  for (std::int64_t a = 0; a < axes && valid; ++a) sizes[a] -= kernel.size(a) - 1;
  Tensor y = at::zeros(sizes, x.options());
  std::vector<std::int64_t> n(axes, 0), k(axes, 0);
  const auto advance = [axes](std::vector<std::int64_t>& index, at::IntArrayRef sizes) {
    for (std::int64_t a = axes; a-- > 0;) {
      if (++index[a] < sizes[a]) return true;
      index[a] = 0;
    }
    return false;
  };
  do {
    double sum = 0;
    do {
      Tensor from = x, weight = kernel;
      bool inside = true;
      for (std::int64_t a = 0; a < axes && inside; ++a) {
        const std::int64_t centre = valid ? kernel.size(a) - 1 : kernel.size(a) / 2;
        const auto at = source_position(n[a] + centre - k[a], x.size(a), boundary);
        inside = at >= 0;
        if (inside) from = from[at];
        weight = weight[k[a]];
      }
      if (inside) sum += weight.item<double>() * from.item<double>();
    } while (advance(k, kernel.sizes()));
    Tensor to = y;
    for (std::int64_t a = 0; a < axes; ++a) to = to[n[a]];
    to.fill_(sum);
  } while (advance(n, y.sizes()));
  return y;
}

Spec spec(const std::string& axes, std::vector<std::int64_t> shape,
          at::ScalarType dtype = at::kFloat) {
  Spec made;
  made.axes = axes;
  made.shape = std::move(shape);
  made.dtype = dtype;
  return made;
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(Convolution, equals_its_definition_for_every_boundary_method_and_size) {
  for (const auto& [h, w, kh, kw] : std::vector<std::array<std::int64_t, 4>>{
           {7, 6, 3, 5}, {6, 7, 4, 2}, {1, 5, 3, 3}, {3, 1, 5, 7}, {1, 1, 3, 3}, {4, 4, 1, 1}}) {
    const Tensor kernel = at::rand({kh, kw}, at::kDouble);
    const Tensor x = at::randn({h, w}, at::kDouble);
    for (const char* boundary : kBoundaries)
      for (const char* method : kMethods) {
        const auto a = blur(kernel.view({1, 1, kh, kw}), boundary, method);
        if (boundary_of(*a) == Boundary::valid && (kh > h || kw > w)) continue;
        const Tensor y = a->forward(x.view({1, 1, h, w}));
        EXPECT_LT(difference(y[0][0], by_definition(x, kernel, boundary_of(*a))), 1e-13)
            << boundary << " " << method << " " << h << "x" << w << " by " << kh << "x" << kw;
      }
  }
}

TEST(Convolution, works_on_volumes) {
  const Tensor kernel = at::rand({2, 3, 3}, at::kDouble);
  const Tensor x = at::randn({4, 3, 5}, at::kDouble);
  for (const char* boundary : kBoundaries)
    for (const char* method : kMethods) {
      const auto a = blur(kernel.view({1, 1, 2, 3, 3}), boundary, method, 3);
      EXPECT_LT(difference(a->forward(x.view({1, 1, 4, 3, 5}))[0][0],
                           by_definition(x, kernel, boundary_of(*a))),
                1e-13)
          << boundary << " " << method;
      EXPECT_LT(adjoint_gap(*a, {2, 2, 4, 3, 5}), 1e-14) << boundary << " " << method;
    }
}

TEST(Convolution, has_the_exact_adjoint) {
  for (const char* boundary : kBoundaries)
    for (const char* method : kMethods)
      for (const auto& shape : std::vector<std::vector<std::int64_t>>{
               {1, 1, 9, 12}, {2, 3, 8, 5}, {1, 1, 1, 7}, {1, 2, 1, 1}}) {
        const auto a = blur(at::rand({1, 1, 5, 4}, at::kDouble), boundary, method);
        if (boundary_of(*a) == Boundary::valid && (shape[2] < 5 || shape[3] < 4)) continue;
        EXPECT_LT(adjoint_gap(*a, shape), 1e-14) << boundary << " " << method;
        EXPECT_LT(adjoint_gap(*a, shape, at::kFloat), 5e-6) << boundary << " " << method;
        EXPECT_LT(linearity_gap(*a, shape), 1e-14) << boundary << " " << method;
      }
}

TEST(Convolution, is_differentiated_by_its_adjoint) {
  for (const char* method : kMethods) {
    const auto a = blur(at::rand({1, 1, 3, 5}, at::kDouble), "reflect", method);
    Tensor x = at::randn({1, 2, 6, 7}, at::kDouble).set_requires_grad(true);
    const Tensor v = at::randn({1, 2, 6, 7}, at::kDouble);
    (a->apply(x) * v).sum().backward();
    EXPECT_LT(difference(x.grad(), a->adjoint(v)), 1e-14) << method;
  }
}

TEST(Convolution, computes_in_the_precision_of_its_argument) {
  for (const char* method : kMethods) {
    const auto a = load_linear_operator(kUse, {{"kernel", gaussian(1.5)}, {"method", method}});
    const Tensor x = at::rand({2, 3, 20, 30}, at::kDouble);
    const Tensor exact = a->forward(x);
    const Tensor rounded = a->forward(x.to(at::kFloat));
    EXPECT_EQ(exact.scalar_type(), at::kDouble);
    EXPECT_EQ(rounded.scalar_type(), at::kFloat);
    EXPECT_LT(difference(exact, rounded), 1e-6) << method;
  }
}

TEST(Convolution, methods_agree_to_rounding) {
  const Tensor x = at::rand({1, 3, 40, 33}, at::kDouble);
  for (const char* boundary : kBoundaries) {
    const auto make = [&](const char* method) {
      return load_linear_operator(
          kUse, {{"kernel", gaussian(3.0)}, {"boundary", boundary}, {"method", method}});
    };
    EXPECT_LT(difference(make("direct")->forward(x), make("fft")->forward(x)), 1e-13);
    EXPECT_LT(difference(make("direct")->adjoint(x), make("fft")->adjoint(x)), 1e-13);
    EXPECT_LT(difference(make("direct")->forward(x), make("automatic")->forward(x)), 1e-13);
  }
  const Tensor volume = at::rand({1, 2, 9, 12, 11}, at::kDouble);
  for (const char* boundary : kBoundaries) {
    const auto make = [&](const char* method) {
      return load_linear_operator(kUse, {{"kernel", gaussian(list({0.8, 1.2, 1.0}))},
                                         {"dimensions", 3},
                                         {"boundary", boundary},
                                         {"method", method}});
    };
    EXPECT_LT(difference(make("direct")->forward(volume), make("fft")->forward(volume)), 1e-13);
    EXPECT_LT(difference(make("direct")->adjoint(volume), make("fft")->adjoint(volume)), 1e-13);
  }
}

TEST(Convolution, takes_any_strides_and_never_writes_to_its_argument) {
  for (const char* method : kMethods) {
    const auto a = blur(at::rand({1, 1, 3, 3}, at::kDouble), "reflect", method);
    const Tensor x = at::randn({6, 9, 3, 2}, at::kDouble).permute({3, 2, 1, 0});
    const Tensor kept = x.clone();
    EXPECT_LT(difference(a->forward(x), a->forward(x.contiguous())), 1e-15);
    EXPECT_LT(difference(a->adjoint(x), a->adjoint(x.contiguous())), 1e-15);
    EXPECT_TRUE(at::equal(x, kept));
  }
}

TEST(Convolution, gives_an_item_the_same_bits_in_every_batch) {
  for (const char* method : kMethods) {
    const auto a = load_linear_operator(kUse, {{"kernel", gaussian(1.0)}, {"method", method}});
    const Tensor x = at::rand({40, 3, 101, 99});
    const Tensor all = a->forward(x);
    EXPECT_TRUE(at::equal(all.narrow(0, 33, 1), a->forward(x.narrow(0, 33, 1)))) << method;
  }
}

TEST(Convolution, has_a_kernel_for_each_item_and_channel_if_it_is_given_them) {
  const Tensor kernels = at::rand({2, 3, 3, 3}, at::kDouble);
  const Tensor x = at::randn({2, 3, 6, 5}, at::kDouble);
  for (const char* method : kMethods) {
    const auto a = blur(kernels, "reflect", method);
    const Tensor y = a->forward(x);
    for (int item = 0; item < 2; ++item)
      for (int c = 0; c < 3; ++c)
        EXPECT_LT(
            difference(y[item][c], by_definition(x[item][c], kernels[item][c], Boundary::reflect)),
            1e-13);
    EXPECT_LT(adjoint_gap(*a, {2, 3, 6, 5}), 1e-14);
  }
}

TEST(Convolution, has_a_kernel_for_each_item_of_items_without_channels) {
  for (const char* method : kMethods) {
    const Tensor flat = at::rand({3, 1, 3, 5}, at::kDouble);
    const Tensor x = at::randn({3, 6, 7}, at::kDouble);
    const Tensor y = blur(flat, "reflect", method)->forward(x);
    const Tensor deep = at::rand({2, 1, 3, 1, 2}, at::kDouble);
    const Tensor v = at::randn({2, 4, 3, 5}, at::kDouble);
    const Tensor w = blur(deep, "reflect", method, 3)->forward(v);
    for (int item = 0; item < 3; ++item)
      EXPECT_LT(difference(y[item], by_definition(x[item], flat[item][0], Boundary::reflect)),
                1e-13)
          << method;
    for (int item = 0; item < 2; ++item)
      EXPECT_LT(difference(w[item], by_definition(v[item], deep[item][0], Boundary::reflect)),
                1e-13)
          << method;
  }
}

TEST(Convolution, of_volumes_plane_by_plane_has_a_kernel_for_each_item) {
  const Tensor kernels = at::rand({2, 1, 3, 3}, at::kDouble);
  const Tensor x = at::randn({2, 2, 4, 6, 5}, at::kDouble);  // n c z h w
  for (const char* method : kMethods) {
    const Tensor y = blur(kernels, "circular", method)->forward(x);
    for (int item = 0; item < 2; ++item)
      for (int c = 0; c < 2; ++c)
        for (int z = 0; z < 4; ++z)
          EXPECT_LT(difference(y[item][c][z],
                               by_definition(x[item][c][z], kernels[item][0], Boundary::circular)),
                    1e-13);
  }
}

TEST(Convolution, says_what_kernels_it_has_before_they_are_there) {
  const auto component = testing::load_component(kUse);
  auto& a = dynamic_cast<ConvolutionOperator&>(*component);
  Inputs in;
  const Tensor kernels = at::rand({4, 3, 5, 7});
  in.add({"kernel", spec_of(kernels, "chw"), {}, nullptr});
  a.bind(in);
  EXPECT_EQ(a.kernel_spec().items, 4);
  EXPECT_EQ(a.kernel_spec().shape, (std::vector<std::int64_t>{3, 5, 7}));
  EXPECT_EQ(a.kernel_size(), (std::vector<std::int64_t>{5, 7}));
  EXPECT_EQ(a.resident_bytes(), 4 * 3 * 5 * 7 * 8);
}

TEST(Convolution, declares_the_transfer_functions_of_all_its_kernels) {
  Spec x;
  x.items = 4;
  x.axes = "chw";
  x.shape = {1, 32, 32};
  const auto bytes = [&](std::int64_t items) {
    return blur(at::rand({items, 1, 3, 3}), "circular", "fft")->working_bytes(x);
  };
  // A grid of 32 x 34, and a copy, for each of the other three kernels.
  EXPECT_EQ(bytes(4) - bytes(1), 3 * 2 * 32 * 34 * 4);
}

TEST(Convolution, with_a_kernel_for_each_item_has_the_norm_of_the_strongest) {
  const Tensor kernels = at::ones({3, 1, 1, 1}, at::kDouble) * at::arange(1, 4).view({3, 1, 1, 1});
  Spec x;
  x.items = 3;
  x.dtype = at::kDouble;
  x.axes = "chw";
  x.shape = {1, 6, 5};
  EXPECT_NEAR(blur(kernels, "reflect", "direct")->norm(x), 3, 1e-9);
}

TEST(Convolution, samples_the_gaussian_at_whole_pixels) {
  const auto raw = load_linear_operator(
      kUse, {{"kernel", Value::map({{"gaussian", Value::map({{"std", 1.0}, {"radius", 2}})}})},
             {"normalize", false}});
  const Tensor kernel = as_convolution(*raw).kernel();
  EXPECT_EQ(kernel.sizes(), at::IntArrayRef({1, 1, 5, 5}));
  EXPECT_NEAR(kernel[0][0][2][2].item<double>(), 0.15915494309189535, 1e-15);   // 1 / (2 pi)
  EXPECT_NEAR(kernel[0][0][0][1].item<double>(), 0.013064233284684921, 1e-15);  // e^-2.5 / (2 pi)
}

TEST(Convolution, cuts_the_gaussian_at_ten_thirds_of_std_and_gives_it_sum_one) {
  const auto three = load_linear_operator(kUse, {{"kernel", gaussian(3.0)}});
  EXPECT_EQ(as_convolution(*three).kernel_size(), (std::vector<std::int64_t>{21, 21}));
  EXPECT_NEAR(as_convolution(*three).kernel().sum().item<double>(), 1, 1e-14);
  const auto both = load_linear_operator(kUse, {{"kernel", gaussian(list({1.0, 0.5}))}});
  EXPECT_EQ(as_convolution(*both).kernel_size(), (std::vector<std::int64_t>{9, 5}));
}

TEST(Convolution, spreads_an_impulse_by_the_std_of_each_axis) {
  const auto a = load_linear_operator(kUse, {{"kernel", gaussian(list({2.0, 1.2}))}});
  const Tensor y = a->forward(testing::impulse(65))[0][0];
  const Tensor square = at::arange(-32, 33, at::kDouble).square();
  // The tails cut off at 3.3 std take 1 % of the variance with them.
  EXPECT_NEAR((y.sum(1) * square).sum().item<double>(), 4.0, 0.05);
  EXPECT_NEAR((y.sum(0) * square).sum().item<double>(), 1.44, 0.02);
}

TEST(Convolution, by_a_box_is_the_mean_and_by_a_delta_the_identity) {
  const auto box = load_linear_operator(
      kUse,
      {{"kernel", Value::map({{"box", Value::map({{"size", 3}})}})}, {"boundary", "circular"}});
  const Tensor x = at::rand({1, 1, 8, 8}, at::kDouble);
  EXPECT_NEAR(box->forward(x)[0][0][4][4].item<double>(),
              x[0][0].narrow(0, 3, 3).narrow(1, 3, 3).mean().item<double>(), 1e-15);
  EXPECT_TRUE(at::equal(load_linear_operator(kUse, {{"kernel", "delta"}})->forward(x), x));
}

TEST(Convolution, keeps_constants_under_all_boundaries_but_zero) {
  const Tensor x = at::full({1, 1, 12, 9}, 0.7, at::kDouble);
  for (const char* boundary : {"circular", "reflect", "replicate"})
    for (const char* method : kMethods)
      EXPECT_LT(difference(load_linear_operator(kUse, {{"kernel", gaussian(2.0)},
                                                       {"boundary", boundary},
                                                       {"method", method}})
                               ->forward(x),
                           x),
                1e-14);
}

TEST(Convolution, knows_its_norm_and_solves_its_normal_equation_where_it_is_circular) {
  const auto a = load_linear_operator(kUse, {{"kernel", gaussian(1.0)}, {"boundary", "circular"}});
  Spec x;
  x.dtype = at::kDouble;
  x.axes = "chw";
  x.shape = {2, 16, 15};
  EXPECT_NEAR(a->norm(x), 1.0, 1e-13);
  const Tensor truth = at::randn({3, 2, 16, 15}, at::kDouble);
  const Tensor b = a->adjoint(a->forward(truth)) + 0.3 * truth;
  EXPECT_LT(difference(a->solve_normal(b, 0.3), truth), 1e-12);
}

TEST(Convolution, solves_its_normal_equation_with_a_kernel_for_each_item) {
  const auto a = blur(at::rand({3, 2, 3, 5}, at::kDouble), "circular", "fft");
  const Tensor truth = at::randn({3, 2, 8, 9}, at::kDouble);
  const Tensor b = a->adjoint(a->forward(truth)) + 0.3 * truth;
  EXPECT_LT(difference(a->solve_normal(b, 0.3), truth), 1e-12);
  const auto planes = blur(at::rand({2, 1, 3, 3}, at::kDouble), "circular", "fft");
  const Tensor volumes = at::randn({2, 3, 4, 6, 5}, at::kDouble);  // n c z h w
  const Tensor right = planes->adjoint(planes->forward(volumes)) + 0.2 * volumes;
  EXPECT_LT(difference(planes->solve_normal(right, 0.2), volumes), 1e-12);
}

TEST(Convolution, obeys_the_laws_of_linear_operators_with_every_boundary_and_method) {
  at::set_num_threads(1);  // all is small, so that threads would only wait for each other
  // A lower bound of the norm is promised, not its value.
  const laws::Limits limits{.norm = 0.25};
  for (const char* boundary : kBoundaries)
    for (const char* method : kMethods) {
      const Settings settings{{"boundary", boundary}, {"method", method}, {"normalize", false}};
      laws::expect_linear_operator_laws(kUse, settings,
                                        {{"kernel", at::rand({3, 1, 3, 4}, at::kDouble)}},
                                        {{{3, 2, 9, 8}}, {{3, 1, 5, 4}}}, limits);
      Settings volumes = settings;
      volumes.push_back({"dimensions", 3});
      laws::expect_linear_operator_laws(kUse, volumes,
                                        {{"kernel", at::rand({2, 2, 2, 3, 3}, at::kDouble)}},
                                        {{{2, 2, 4, 5, 6}}}, limits);
    }
}

TEST(Convolution, keeps_only_where_the_kernel_fits_if_the_boundary_is_valid) {
  const auto a = blur(at::rand({1, 1, 3, 4}, at::kDouble), "valid", "direct");
  const Spec x = spec("chw", {2, 9, 8});
  EXPECT_EQ(a->range(x).shape, (std::vector<std::int64_t>{2, 7, 5}));
  EXPECT_EQ(a->domain(a->range(x)), x);
  EXPECT_EQ(a->halo(x), std::nullopt);
  const auto b = blur(at::rand({1, 1, 2, 3, 4}, at::kDouble), "valid", "fft", 3);
  EXPECT_EQ(b->range(spec("czyx", {1, 2, 3, 4})).shape, (std::vector<std::int64_t>{1, 1, 1, 1}));
  EXPECT_EQ(message_of<ShapeError>([&] {
              a->range(spec("chw", {2, 2, 8}));
            }),
            "with the boundary 'valid' images must be as large as the kernel, 3x4, or larger, got "
            "2x8; give a smaller kernel or another boundary");
  EXPECT_NE(message_of<ShapeError>([&] { a->forward(at::rand({1, 1, 9, 3})); }), "no error");
}

TEST(Convolution, of_nothing_is_nothing) {
  for (const char* boundary : kBoundaries)
    for (const char* method : kMethods) {
      const auto a = blur(at::rand({1, 1, 3, 3}), boundary, method);
      EXPECT_EQ(a->forward(at::rand({0, 2, 8, 8})).size(0), 0);
      EXPECT_EQ(a->adjoint(at::rand({0, 2, 8, 8})).size(0), 0);
      if (boundary_of(*a) == Boundary::valid) continue;
      EXPECT_EQ(a->forward(at::rand({1, 2, 0, 8})).sizes(), at::IntArrayRef({1, 2, 0, 8}));
    }
}

TEST(Convolution, inside_of_an_image_is_the_same_for_all_boundaries) {
  const Tensor kernel = at::rand({1, 1, 4, 5}, at::kDouble),
               x = at::rand({1, 1, 12, 13}, at::kDouble);
  for (const char* method : kMethods) {
    const Tensor fits = blur(kernel, "valid", method)->forward(x);
    for (const char* boundary : {"circular", "reflect", "replicate", "zero"}) {
      const Tensor whole = blur(kernel, boundary, method)->forward(x);
      EXPECT_LT(difference(whole.narrow(2, 1, 9).narrow(3, 2, 9), fits), 1e-14);
    }
  }
}

TEST(Convolution, gives_a_place_the_same_bits_in_every_part_of_an_image) {
  const Tensor x = at::rand({1, 1, 150, 333});
  const auto a = blur(at::rand({1, 1, 5, 7}), "reflect", "direct");
  const Tensor whole = a->forward(x);
  const Tensor part = a->forward(x.narrow(2, 20, 60).narrow(3, 31, 205));
  EXPECT_TRUE(at::equal(part.narrow(2, 2, 56).narrow(3, 3, 199),
                        whole.narrow(2, 22, 56).narrow(3, 34, 199)));
}

TEST(Convolution, declares_a_halo_of_half_the_kernel_except_where_it_is_circular) {
  Spec x;
  x.axes = "chw";
  x.shape = {3, 40, 40};
  const auto make = [](const char* boundary) {
    return load_linear_operator(kUse,
                                {{"kernel", gaussian(list({3.0, 1.0}))}, {"boundary", boundary}});
  };
  EXPECT_EQ(make("reflect")->halo(x), (std::vector<std::int64_t>{0, 10, 4}));
  EXPECT_EQ(make("circular")->halo(x), std::nullopt);
}

TEST(Convolution, has_a_norm_that_is_a_lower_bound_within_the_margin_that_is_promised) {
  const auto a = load_linear_operator(kUse, {{"kernel", gaussian(1.5)}});
  const std::int64_t h = 12, w = 9;
  const Tensor columns = a->forward(at::eye(h * w, at::kDouble).view({h * w, 1, h, w}));
  const double exact = at::linalg_svdvals(columns.view({h * w, h * w})).max().item<double>();
  Spec x;
  x.dtype = at::kDouble;
  x.axes = "chw";
  x.shape = {1, h, w};
  EXPECT_LE(a->norm(x), exact * (1 + 1e-12));
  EXPECT_GE(1.3 * a->norm(x), exact);
}

TEST(Convolution, refuses_what_it_cannot_convolve) {
  const auto a = load_linear_operator(kUse, {{"kernel", gaussian(1.0)}});
  EXPECT_EQ(message_of<ShapeError>([&] {
              a->range(spec("hwc", {8, 8, 3}));
            }),
            "the last axes must be 'hw' or 'yx', got 'hwc' (1 x float32 hwc 8x8x3)");
  EXPECT_NE(message_of<ShapeError>([&] {
              a->range(spec("chw", {1, 8, 8}, at::kByte));
            }),
            "no error");
  const auto three = blur(at::rand({1, 3, 3, 3}), "reflect", "direct");
  EXPECT_EQ(message_of<ShapeError>([&] {
              three->range(spec("chw", {2, 8, 8}));
            }),
            "the kernel must have one channel or as many as x, got 3 for 1 x float32 chw 2x8x8");
}

TEST(Convolution, refuses_while_planning_what_it_would_refuse_while_running) {
  const auto three = blur(at::rand({1, 3, 3, 3}), "reflect", "direct");
  EXPECT_EQ(message_of<ShapeError>([&] {
              three->range(spec("czhw", {3, 3, 8, 8}));
            }),
            "a kernel with channels needs the axis 'c' right before 'hw', got 'czhw'; give a "
            "kernel with one channel");
  EXPECT_EQ(message_of<ShapeError>([&] {
              three->range(spec("hw", {8, 8}));
            }),
            "a kernel with channels needs the axis 'c' right before 'hw', got 'hw'; give a kernel "
            "with one channel");
  EXPECT_EQ(message_of<ShapeError>([&] { three->range(spec("zchw", {2, 3, 8, 8})); }), "no error");
  EXPECT_EQ(three->forward(at::rand({1, 2, 3, 8, 8})).sizes(), at::IntArrayRef({1, 2, 3, 8, 8}));
  const auto two = blur(at::rand({2, 1, 3, 3}), "reflect", "direct");
  for (const std::int64_t items : {1, 2, 4}) {
    Spec x = spec("czhw", {1, 3, 8, 8});
    x.items = items;
    const bool planned = message_of<ShapeError>([&] { two->range(x); }) == "no error";
    const bool ran = message_of<ShapeError>([&] {
                       two->forward(at::rand({items, 1, 3, 8, 8}));
                     }) == "no error";
    EXPECT_EQ(planned, items == 2);
    EXPECT_EQ(ran, planned) << items;
  }
}

TEST(Convolution, names_the_setting_that_is_missing_wrong_or_twice) {
  EXPECT_EQ(message_of<ConfigError>([] { load_linear_operator(kUse); }),
            "test.yaml:1:1: the kernel is missing: give the setting or the input 'kernel'");
  EXPECT_EQ(
      message_of<ConfigError>([] {
        load_linear_operator(kUse, {{"kernel", "delta"}}, {{"kernel", at::ones({1, 1, 3, 3})}});
      }),
      "test.yaml:1:1: the kernel is given twice: remove the setting or the input 'kernel'");
  EXPECT_EQ(message_of<ConfigError>([] {
              load_linear_operator(kUse, {{"kernel", gaussian(list({1.0, 2.0, 3.0}))}});
            }),
            "test.yaml:1:1: 'std' must have one entry or one for each of the 2 axes, got 3");
  EXPECT_EQ(message_of<Error>([] {
              load_linear_operator(kUse, {}, {{"kernel", at::zeros({1, 1, 3, 3})}});
            }),
            "test.yaml:1:1: the sum of a kernel is 0, so that it cannot be normalized; set "
            "normalize: false");
}

}  // namespace
}  // namespace pellucid
