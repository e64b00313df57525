// Compositions: their order, a blur and a coarser grid, operators of their own for each item.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::Given;
using testing::load_linear_operator;
using testing::message_of;

using Linear = std::shared_ptr<const LinearOperator>;

const char* const kUse = "operators/compose";

Linear compose(const Linear& outer, const Linear& inner) {
  return load_linear_operator(kUse, {}, {{"outer", {}, {}, outer}, {"inner", {}, {}, inner}});
}

Linear blur(const Tensor& kernel, const char* boundary = "reflect") {
  return load_linear_operator("operators/convolution",
                              {{"boundary", boundary}, {"normalize", false}, {"method", "direct"}},
                              {{"kernel", kernel}});
}

Linear decimation(int factor, std::vector<Value> size) {
  return load_linear_operator(
      "operators/downsampling",
      {{"method", "decimation"}, {"factor", factor}, {"size", Value::list(std::move(size))}});
}

laws::MakeOperator shared(const Linear& a) {
  return [a](std::int64_t, std::int64_t) { return a; };
}

TEST(Compose, keeps_the_laws_of_linear_operators) {
  const Linear valid = blur(at::rand({1, 1, 3, 4}, at::kDouble), "valid");
  laws::Limits limits;
  limits.norm = 0.05;
  laws::expect_linear_operator_laws(shared(compose(decimation(2, {5, 4}), valid)),
                                    {
                                        {{2, 3, 7, 7}},
                                    },
                                    limits);
  const Linear mosaic = load_linear_operator("operators/demosaicing");
  const Linear narrow = blur(at::rand({1, 1, 3, 3}, at::kDouble));
  laws::expect_linear_operator_laws(shared(compose(mosaic, narrow)),
                                    {{{2, 3, 5, 6}}, {{1, 3, 1, 1}}}, limits);
  // A halo of halos.
  laws::expect_linear_operator_laws(
      shared(compose(narrow, blur(at::rand({1, 1, 5, 2}, at::kDouble), "zero"))), {{{2, 1, 9, 12}}},
      limits);
}

TEST(Compose, of_a_blur_and_a_decimation_is_a_convolution_with_a_stride) {
  for (const std::int64_t stride : {2, 4}) {
    const Tensor kernel = at::rand({1, 1, 5, 3}, at::kDouble);
    const Tensor x = at::randn({2, 3, 16, 12}, at::kDouble);
    const Linear a = compose(decimation(int(stride), {16, 12}), blur(kernel));
    const Tensor grown = at::reflection_pad2d(x, {1, 1, 2, 2});
    const Tensor flipped = kernel.flip({2, 3}).expand({3, 1, 5, 3});
    const Tensor expected = at::conv2d(grown, flipped, {}, stride, at::IntArrayRef{0}, 1, 3);
    EXPECT_LT(laws::largest(a->forward(x) - expected), 1e-14) << stride;
  }
}

TEST(Compose, applies_the_inner_operator_first) {
  const Linear shift = blur(at::tensor({1.0, 0.0, 0.0}, at::kDouble).view({1, 1, 1, 3}), "zero");
  const Linear mask = load_linear_operator(
      "operators/inpainting", {}, {{"mask", at::tensor({1.0, 0.0, 1.0, 1.0}).view({1, 1, 1, 4})}});
  const Tensor x = at::tensor({1.0, 2.0, 3.0, 4.0}, at::kDouble).view({1, 1, 1, 4});
  const auto row = [](std::vector<double> values) {
    return at::tensor(values, at::kDouble).view({1, 1, 1, 4});
  };
  EXPECT_TRUE(at::equal(compose(mask, shift)->forward(x), row({2, 0, 4, 0})));
  EXPECT_TRUE(at::equal(compose(shift, mask)->forward(x), row({0, 3, 4, 0})));
}

TEST(Compose, adds_halos_and_has_none_where_a_part_has_none) {
  const Linear narrow = blur(at::rand({1, 1, 3, 3})), wide = blur(at::rand({1, 1, 5, 9}));
  const Spec x = laws::spec_of_items({{1, 1, 20, 20}}, at::kFloat);
  EXPECT_EQ(compose(wide, narrow)->halo(x), (std::vector<std::int64_t>{0, 3, 5}));
  EXPECT_EQ(compose(blur(at::rand({1, 1, 3, 3}), "circular"), narrow)->halo(x), std::nullopt);
  EXPECT_EQ(compose(decimation(2, {20, 20}), narrow)->halo(x), std::nullopt);
}

TEST(Compose, declares_what_lies_between_and_the_larger_need) {
  const Linear narrow = blur(at::rand({1, 1, 3, 3})), coarse = decimation(2, {20, 20});
  const Spec x = laws::spec_of_items({{2, 1, 20, 20}}, at::kFloat);
  EXPECT_EQ(compose(coarse, narrow)->working_bytes(x),
            x.bytes() + std::max(coarse->working_bytes(x), narrow->working_bytes(x)));
}

TEST(Compose, has_parts_of_their_own_for_each_item) {
  const Tensor kernels = at::rand({3, 1, 3, 3}, at::kDouble);
  const Tensor masks = (at::rand({3, 1, 6, 5}) < 0.5).to(at::kFloat);
  const auto make = [&](std::int64_t first, std::int64_t count) {
    return compose(
        load_linear_operator("operators/inpainting", {}, {{"mask", masks.narrow(0, first, count)}}),
        blur(kernels.narrow(0, first, count)));
  };
  laws::Limits limits;
  limits.norm = 0.05;
  laws::expect_linear_operator_laws(make, {{{3, 2, 6, 5}}}, limits);
}

TEST(Compose, tells_its_domain_through_both) {
  const Linear a = compose(decimation(2, {9, 8}), blur(at::rand({1, 1, 3, 3}), "valid"));
  const Spec x = laws::spec_of_items({{1, 1, 11, 10}}, at::kFloat);
  EXPECT_EQ(a->domain(a->range(x)), x);
}

TEST(Compose, says_what_the_outer_operator_was_given) {
  const Linear a = compose(load_linear_operator("operators/demosaicing"), decimation(2, {8, 8}));
  EXPECT_EQ(message_of<ShapeError>([&] {
              a->range(laws::spec_of_items({{1, 1, 8, 8}}, at::kFloat));
            }),
            "'outer' cannot be applied to what 'inner' gives (1 x float32 chw 1x4x4): the axis "
            "before those of the image must be 'c' of length 3 in x, got 1 x float32 chw 1x4x4");
}

}  // namespace
}  // namespace pellucid
