// Masks of k-space: as many samples as were asked for, the middle among them, drawn by chance.

#include <cmath>

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::message_of;
using testing::run_stage;

constexpr Out<Tensor> kMask{"mask", ""};

Value choice(const char* name, std::vector<Value::Entry> settings) {
  return Value::map({{name, Value::map(std::move(settings))}});
}

Tensor mask_of(const testing::Settings& settings) {
  return run_stage("operators/sampling", settings, {})[kMask];
}

Value size(int height, int width) { return Value::list({height, width}); }

TEST(Sampling, of_lines_takes_whole_rows_and_as_many_as_asked_for) {
  const Tensor mask = mask_of({{"size", size(40, 30)},
                               {"pattern", choice("lines", {{"fraction", 0.3}})},
                               {"centre", 6},
                               {"items", 3}});
  EXPECT_EQ(mask.sizes(), at::IntArrayRef({3, 1, 40, 30}));
  EXPECT_TRUE(at::equal(mask, mask.narrow(3, 0, 1).expand_as(mask)));
  for (int item = 0; item < 3; ++item) {
    const Tensor rows = mask[item][0].select(1, 0);
    EXPECT_EQ(rows.sum().item<double>(), 12);
    EXPECT_TRUE((rows.narrow(0, 17, 6) == 1).all().item<bool>()) << "the middle is 20";
  }
  EXPECT_FALSE(at::equal(mask[0], mask[1])) << "items have the same draws";
}

TEST(Sampling, of_points_has_a_square_in_the_middle) {
  const Tensor mask = mask_of({{"size", size(32, 48)},
                               {"pattern", choice("points", {{"fraction", 0.2}})},
                               {"centre", 8}})[0][0];
  EXPECT_EQ(mask.sum().item<double>(), std::llround(0.2 * 32 * 48));
  EXPECT_TRUE((mask.narrow(0, 12, 8).narrow(1, 20, 8) == 1).all().item<bool>());
}

TEST(Sampling, gets_rarer_far_from_the_middle_with_decay) {
  const auto outer = [](double decay) {
    const Tensor mask =
        mask_of({{"size", 128},
                 {"pattern", choice("points", {{"fraction", 0.2}, {"decay", decay}})},
                 {"centre", 0}})[0][0];
    const Tensor far = (at::arange(128) - 64).abs().gt(32).to(at::kFloat);
    const Tensor outside = 1 - (1 - far).unsqueeze(1) * (1 - far);
    return (mask * outside).sum().item<double>() / mask.sum().item<double>();
  };
  const double area = 1 - 65.0 * 65 / (128 * 128);
  EXPECT_NEAR(outer(0), area, 0.03) << "as likely everywhere";
  EXPECT_LT(outer(3), 0.6 * area);
}

TEST(Sampling, at_equal_distances_goes_through_frequency_0) {
  const Tensor rows =
      mask_of(
          {{"size", size(11, 3)}, {"pattern", choice("every", {{"step", 3}})}, {"centre", 0}})[0][0]
          .select(1, 0);
  EXPECT_TRUE(at::equal(rows, at::tensor({0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0}, at::kFloat)));
}

TEST(Sampling, of_everything_is_one_everywhere) {
  for (const char* pattern : {"lines", "points"}) {
    const Tensor mask = mask_of(
        {{"size", size(5, 7)}, {"pattern", choice(pattern, {{"fraction", 1.0}})}, {"centre", 1}});
    EXPECT_TRUE((mask == 1).all().item<bool>()) << pattern;
  }
}

TEST(Sampling, says_what_does_not_fit) {
  EXPECT_EQ(message_of<ConfigError>([] {
              mask_of({{"size", size(20, 30)}});
            }),
            "test.yaml:1:1: 'centre' must be at most 20 for a mask of 20x30, got 24");
  EXPECT_EQ(message_of<ConfigError>([] {
              mask_of({{"size", 40}});
            }),
            "test.yaml:1:1: 'centre' takes 24 and 'fraction' leaves 10; make one smaller or the "
            "other larger");
}

}  // namespace
}  // namespace pellucid
