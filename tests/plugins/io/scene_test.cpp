// Synthetic pictures: in range, each item another, the same however they are cut into blocks.

#include <gtest/gtest.h>

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Settings;

const std::vector<const char*> kKinds{"dead_leaves", "star", "text"};

Tensor scene(Settings settings, std::int64_t first = 0, std::int64_t count = -1) {
  const Outputs out = testing::run_stage("io/scene", settings, {}, first, count);
  return out[Out<Tensor>{"images", ""}];
}

Value size(int h, int w) { return Value::list({h, w}); }

TEST(Scene, has_the_size_and_channels_asked_for_and_values_in_the_unit_range) {
  for (const char* kind : kKinds)
    for (const int channels : {1, 3}) {
      const Tensor x =
          scene({{"kind", kind}, {"items", 2}, {"size", size(40, 56)}, {"channels", channels}});
      EXPECT_EQ(x.sizes(), at::IntArrayRef({2, channels, 40, 56})) << kind;
      EXPECT_GE(x.min().item<float>(), 0);
      EXPECT_LE(x.max().item<float>(), 1);
      EXPECT_GT(x.std().item<float>(), 0.1) << kind;
    }
}

TEST(Scene, paints_each_item_anew_and_alike_in_every_block) {
  for (const char* kind : kKinds) {
    const Settings settings{{"kind", kind}, {"items", 5}, {"size", 48}};
    const Tensor all = scene(settings);
    EXPECT_FALSE(at::equal(all[0], all[1])) << kind;
    EXPECT_TRUE(at::equal(all.narrow(0, 3, 2), scene(settings, 3, 2))) << kind;
  }
}

TEST(Scene, of_grey_is_the_luminance_of_colour) {
  const Tensor colour = scene({{"size", 40}});
  const Tensor grey = scene({{"size", 40}, {"channels", 1}});
  const Tensor expected = 0.299 * colour[0][0] + 0.587 * colour[0][1] + 0.114 * colour[0][2];
  // Colours are clipped after the mean over samples, luminance before.
  EXPECT_LT((grey[0][0] - expected).abs().mean().item<float>(), 2e-3);
}

TEST(Scene, of_a_star_has_the_spokes_asked_for) {
  const Tensor x = scene({{"kind", Value::map({{"star", Value::map({{"spokes", 12}})}})},
                          {"size", 200},
                          {"channels", 1}})[0][0];
  int edges = 0;
  bool before = false;
  const float middle = (x.max() + x.min()).item<float>() / 2;
  for (int i = 0; i <= 3600; ++i) {
    const double angle = 2 * M_PI * i / 3600;
    const bool light =
        x[std::lround(100 + 70 * std::sin(angle))][std::lround(100 + 70 * std::cos(angle))]
            .item<float>() > middle;
    edges += i > 0 && light != before;
    before = light;
  }
  EXPECT_NEAR(edges, 24, 1);  // an edge may lie at angle 0
}

TEST(Scene, is_tiny_if_that_is_wanted) {
  for (const char* kind : kKinds)
    EXPECT_EQ(scene({{"kind", kind}, {"size", 1}}).numel(), 3) << kind;
}

TEST(Scene, refuses_two_channels_and_no_items) {
  EXPECT_EQ(testing::message_of<ConfigError>([] {
              scene({{"channels", 2}});
            }),
            "test.yaml:1:1: 'channels' must be 1 or 3, got 2");
  EXPECT_EQ(testing::message_of<ConfigError>([] {
              scene({{"items", 0}});
            }),
            "test.yaml:1:1: 'items' must be in [1, inf], got 0");
}

}  // namespace
}  // namespace pellucid
