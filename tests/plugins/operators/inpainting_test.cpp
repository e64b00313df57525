// Inpainting: its mask from a tensor, a file and by chance, its laws, and its messages.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/operator.h>
#include <pellucid/pipeline.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::Given;
using testing::load_linear_operator;
using testing::message_of;
using testing::run_stage;

const char* const kUse = "operators/inpainting";

Tensor random_mask(at::IntArrayRef shape) { return (at::rand(shape) < 0.6).to(at::kFloat); }

std::shared_ptr<const LinearOperator> inpainting(const Tensor& mask) {
  return load_linear_operator(kUse, {}, {{"mask", mask}});
}

Value random(double missing, std::vector<Value> size) {
  return Value::map({{"random", Value::map({{"missing", missing}, {"size", Value::list(size)}})}});
}

TEST(Inpainting, keeps_the_laws_of_linear_operators) {
  for (const auto& [mask, x] :
       std::vector<std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>>{
           {{1, 1, 5, 7}, {3, 2, 5, 7}},
           {{1, 2, 5, 7}, {3, 2, 5, 7}},
           {{3, 1, 4, 6}, {3, 2, 4, 6}},
           {{2, 6, 5}, {2, 6, 5}},
           {{1, 6, 5}, {2, 3, 6, 5}},
           {{3, 6, 5}, {3, 3, 6, 5}},
           {{2, 1, 3, 4, 5}, {2, 2, 3, 4, 5}},
           {{1, 1, 1, 1}, {2, 1, 1, 1}}})
    laws::expect_linear_operator_laws(kUse, {}, {{"mask", random_mask(mask)}}, {{x}});
  laws::Limits complex;
  complex.dtype = at::kComplexDouble;
  laws::expect_linear_operator_laws(kUse, {}, {{"mask", random_mask({1, 1, 5, 4})}},
                                    {{{2, 1, 5, 4}}}, complex);
}

TEST(Inpainting, takes_away_exactly_what_the_mask_says) {
  const Tensor mask = random_mask({1, 1, 8, 9});
  const Tensor x = at::randn({2, 3, 8, 9});
  EXPECT_TRUE(at::equal(inpainting(mask)->forward(x), x * mask));
  // Whatever stands in a missing place, a NaN of a dead pixel too.
  const Tensor dead = x.masked_fill(mask == 0, NAN);
  EXPECT_TRUE(at::equal(inpainting(mask)->forward(dead), x * mask));
}

TEST(Inpainting, takes_masks_without_channels_item_by_item) {
  // As many items as channels: a mask must not meet the channels.
  const Tensor masks = random_mask({3, 5, 7}), x = at::randn({3, 3, 5, 7});
  const auto all = inpainting(masks);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto one = inpainting(masks.narrow(0, i, 1));
    const Tensor item = x.narrow(0, i, 1);
    EXPECT_TRUE(at::equal(one->forward(item), item * masks[i]));
    EXPECT_TRUE(at::equal(all->forward(x).narrow(0, i, 1), one->forward(item)));
    EXPECT_TRUE(at::equal(all->adjoint(x).narrow(0, i, 1), one->adjoint(item)));
    EXPECT_TRUE(at::equal(all->solve_normal(x, 0.5).narrow(0, i, 1), one->solve_normal(item, 0.5)));
  }
}

TEST(Inpainting, draws_one_mask_for_all_channels_and_items) {
  const auto a = load_linear_operator(kUse, {{"mask", random(0.3, {200, 150})}});
  const Tensor seen = a->forward(at::ones({2, 3, 200, 150}, at::kDouble));
  EXPECT_TRUE(at::equal(seen[0][0], seen[1][2]));
  // 30 000 draws: the share varies by 0.0026.
  EXPECT_NEAR(seen[0][0].mean().item<double>(), 0.7, 0.013);
  laws::expect_linear_operator_laws(kUse, {{"mask", random(0.3, {5, 6})}}, {}, {{{2, 2, 5, 6}}});
  laws::expect_linear_operator_laws(kUse, {{"mask", random(0.3, {5})}}, {}, {{{2, 2, 5, 5}}});
  laws::expect_linear_operator_laws(kUse, {{"mask", random(0.3, {3, 5, 6})}}, {},
                                    {{{2, 2, 3, 5, 6}}});
}

TEST(Inpainting, with_all_or_nothing_missing_is_0_or_the_identity) {
  const Tensor x = at::randn({1, 2, 4, 4}, at::kDouble);
  EXPECT_TRUE(at::equal(load_linear_operator(kUse, {{"mask", random(0, {4, 4})}})->forward(x), x));
  const auto none = load_linear_operator(kUse, {{"mask", random(1, {4, 4})}});
  EXPECT_EQ(none->forward(x).abs().max().item<double>(), 0);
  EXPECT_EQ(none->norm(laws::spec_of_items({{1, 2, 4, 4}}, at::kDouble)), 0);
}

class Folder : public ::testing::Test {
 protected:
  /// A file that holds one array.
  Value file(const Tensor& mask, const std::string& axes) const {
    const auto path = folder_ / "mask.npy";
    DatasetWriter writer(path, {{"", spec_of(mask, axes)}}, false);
    writer.write(0, 0, mask);
    writer.close(true);
    return Value::map({{"file", path.string()}});
  }

  const TemporaryFolder folder_;
};

TEST_F(Folder, holds_a_mask_with_or_without_channels) {
  const Tensor x = at::randn({2, 3, 8, 9});
  for (const std::int64_t channels : {1, 3}) {
    // An NPY file has (items, ...) of the dataset: one item is one channel more.
    const Tensor mask = random_mask({channels, 8, 9});
    const auto a = load_linear_operator(kUse, {{"mask", file(mask, "hw")}});
    EXPECT_TRUE(at::equal(a->forward(x), x * mask)) << channels;
  }
}

TEST_F(Folder, holds_no_mask_of_another_shape) {
  const auto a = load_linear_operator(kUse, {{"mask", file(random_mask({1, 8, 9}), "hw")}});
  EXPECT_EQ(
      message_of<ShapeError>([&] {
        a->range(laws::spec_of_items({{4, 3, 9, 8}}, at::kFloat));
      }),
      "the mask must have the shape of x, with its channels or one for all, and one item or as "
      "many, got 1 of 1x8x9 for 4 x float32 chw 3x9x8");
}

/// A run in this folder, with items cut into blocks of so many.
class Runs : public Folder {
 protected:
  std::filesystem::path result(int block) const {
    const std::string text = R"(pellucid: 1
settings: {seed: 3, block: )" +
                             std::to_string(block) + R"(}
keep: [masks, camera, seen]
nodes:
  truth: {use: io/scene, with: {items: 5, size: [24, 32]}}
  masks: {use: operators/mask, with: {items: 5, missing: 0.4, size: [24, 32]}}
  lost: {use: operators/inpainting, in: {mask: masks}}
  blur: {use: operators/convolution, with: {kernel: box}}
  both: {use: operators/compose, in: {outer: lost, inner: blur}}
  camera: {use: operators/measure, in: {x: truth, A: both}, with: {noise: {gaussian: 0.1}}}
  alike: {use: operators/inpainting, with: {mask: {random: {missing: 0.5, size: [24, 32]}}}}
  seen: {use: operators/apply, in: {x: truth, A: alike}}
)";
    const auto folder = folder_ / std::to_string(block);
    RunOptions options;
    options.folder = folder;
    Pipeline::parse(text, folder_.path()).run(options);
    return folder / "result.h5";
  }

  static Tensor read(const std::filesystem::path& file, const std::string& dataset) {
    const DatasetReader reader({file, dataset});
    return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
  }
};

TEST_F(Runs, see_what_the_mask_of_each_item_says_in_blocks_of_any_size) {
  const auto whole = result(5), cut = result(2);
  for (const char* kept : {"/masks/mask", "/camera/y", "/seen/y"})
    EXPECT_TRUE(at::equal(read(whole, kept), read(cut, kept))) << kept;
  const Tensor masks = read(whole, "/masks/mask"), camera = read(whole, "/camera/y");
  EXPECT_TRUE(at::equal(camera != 0, masks.expand_as(camera) != 0));
  // Painted scenes are nowhere black, so that zeros are what is missing.
  const Tensor seen = read(whole, "/seen/y") != 0;
  EXPECT_TRUE(at::equal(seen, seen[0][0].expand_as(seen)));
  EXPECT_NEAR(seen.to(at::kDouble).mean().item<double>(), 0.5, 0.1);
}

TEST(Inpainting, refuses_masks_that_do_not_fit) {
  const auto refusal = [](at::IntArrayRef mask, std::vector<std::int64_t> x) {
    const auto a = inpainting(at::ones(mask));
    EXPECT_THROW(a->forward(at::ones(x)), ShapeError);
    return message_of<ShapeError>([&] { a->range(laws::spec_of_items({x}, at::kFloat)); });
  };
  EXPECT_NE(refusal({1, 2, 8, 8}, {1, 3, 8, 8}), "no error");
  EXPECT_NE(refusal({1, 1, 1, 8}, {1, 3, 8, 8}), "no error");
  EXPECT_NE(refusal({2, 1, 8, 8}, {3, 3, 8, 8}), "no error");
  EXPECT_EQ(
      refusal({2, 1, 8, 8}, {3, 1, 8, 8}),
      "the mask must have the shape of x, with its channels or one for all, and one item or as "
      "many, got 2 of 1x8x8 for 3 x float32 chw 1x8x8");
}

TEST(Inpainting, refuses_masks_of_grey) {
  EXPECT_EQ(message_of<Error>([] {
              inpainting(at::full({1, 1, 4, 4}, 0.5));
            }),
            "test.yaml:1:1: a mask must hold 1 where a sample is known and 0 where it is missing, "
            "got 0.5; compare it with a threshold first");
  EXPECT_NE(message_of<Error>([] { inpainting(at::full({1, 1, 4, 4}, NAN)); }), "no error");
}

TEST(Inpainting, is_told_its_mask_once) {
  EXPECT_EQ(message_of<ConfigError>([] { load_linear_operator(kUse); }),
            "test.yaml:1:1: the mask is missing: give the setting or the input 'mask'");
  EXPECT_EQ(message_of<ConfigError>([] {
              load_linear_operator(kUse, {{"mask", random(0.5, {4, 4})}},
                                   {{"mask", at::ones({1, 1, 4, 4})}});
            }),
            "test.yaml:1:1: the mask is given twice: remove the setting or the input 'mask'");
}

TEST(Inpainting, solves_with_little_weight_in_single_precision) {
  const Tensor mask = random_mask({1, 1, 8, 8});
  const Tensor b = at::randn({1, 1, 8, 8});
  const Tensor x = inpainting(mask)->solve_normal(b, 1e-6);
  EXPECT_LT(laws::largest((x - b) * mask), 1e-5);
  EXPECT_LT(laws::relative(x * (1 - mask), 1e6 * b * (1 - mask)), 1e-6);
}

}  // namespace
}  // namespace pellucid
