// Simulated samples: of the volume, spacing and brightness asked for, between voxels, the same however
// they are cut into blocks.

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Settings;

constexpr Out<Tensor> kDensity{"density", ""};

Tensor specimen(Settings settings, std::int64_t first = 0, std::int64_t count = -1) {
  return testing::run_stage("io/specimen", settings, {}, first, count)[kDensity];
}

Value size(int z, int y, int x) { return Value::list({z, y, x}); }

Value beads(int count, double diameter) {
  return Value::map({{"beads", Value::map({{"count", count}, {"diameter", diameter}})}});
}

Value rods(int count, double diameter, double length) {
  return Value::map(
      {{"rods", Value::map({{"count", count}, {"diameter", diameter}, {"length", length}})}});
}

/// Centre of mass of a volume along each axis, in voxels.
std::vector<double> centre_of(const Tensor& volume) {
  std::vector<double> centre;
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    const Tensor profile = volume.to(at::kDouble).movedim(axis, 0).flatten(1).sum(1);
    const Tensor place = at::arange(profile.size(0), at::kDouble);
    centre.push_back(((profile * place).sum() / profile.sum()).item<double>());
  }
  return centre;
}

TEST(Specimen, holds_as_much_as_the_volumes_of_its_beads) {
  for (const double diameter : {80.0, 300.0, 900.0}) {
    const Tensor x = specimen({{"kind", beads(7, diameter)}, {"brightness", 50}});
    const double ball = std::numbers::pi / 6 * std::pow(diameter, 3);
    EXPECT_NEAR(x.sum().item<double>() / (7 * 50 * ball / (250.0 * 100 * 100)), 1, 0.03)
        << diameter;
    EXPECT_GE(x.min().item<float>(), 0);
  }
}

TEST(Specimen, of_rods_has_their_length_and_ends) {
  const double diameter = 400, length = 1500;
  const Tensor x = specimen({{"kind", rods(3, diameter, length)}, {"brightness", 2}});
  const double rod = std::numbers::pi / 4 * diameter * diameter * (length + 2.0 / 3 * diameter);
  EXPECT_NEAR(x.sum().item<double>(), 3 * 2 * rod / (250.0 * 100 * 100),
              0.02 * x.sum().item<double>());
}

TEST(Specimen, has_the_brightness_asked_for_within_a_bead_and_nothing_outside) {
  const Tensor x = specimen({{"kind", beads(1, 2000)}, {"brightness", 70}})[0][0];
  EXPECT_FLOAT_EQ(x.max().item<float>(), 70);
  const std::vector<double> centre = centre_of(x);
  const Tensor z = (at::arange(x.size(0)) - centre[0]) * 250,
               y = (at::arange(x.size(1)) - centre[1]) * 100,
               w = (at::arange(x.size(2)) - centre[2]) * 100;
  const Tensor distance =
      (z.square().view({-1, 1, 1}) + y.square().view({-1, 1}) + w.square()).sqrt();
  EXPECT_EQ(x.masked_select(distance.gt(1000 + 150)).numel() > 0, true);
  EXPECT_EQ(x.masked_select(distance.gt(1000 + 150)).max().item<float>(), 0);
  EXPECT_FLOAT_EQ(x.masked_select(distance.lt(1000 - 150)).min().item<float>(), 70);
}

TEST(Specimen, has_a_background_everywhere) {
  EXPECT_TRUE(
      at::allclose(specimen({{"size", 12}, {"background", 7}}), specimen({{"size", 12}}) + 7));
}

TEST(Specimen, lies_between_voxels_anywhere_in_the_volume) {
  std::vector<double> rests;
  for (const Tensor& item : specimen({{"kind", beads(1, 300)}, {"items", 12}}).unbind()) {
    EXPECT_EQ(item[0][0].max().item<float>() > 0 && item[0][-1].max().item<float>() > 0, false);
    for (const double place : centre_of(item[0])) rests.push_back(place - std::floor(place));
  }
  std::sort(rests.begin(), rests.end());
  for (std::size_t i = 0; i < rests.size(); ++i)
    EXPECT_NEAR(rests[i], (double(i) + 0.5) / double(rests.size()), 0.25) << "evenly spread";
}

TEST(Specimen, is_another_in_each_item_and_alike_in_every_block) {
  for (const Value& kind : {beads(5, 300), rods(2, 200, 900)}) {
    const Settings settings{{"kind", kind}, {"items", 4}, {"size", size(8, 20, 24)}};
    const Tensor all = specimen(settings);
    EXPECT_EQ(all.sizes(), at::IntArrayRef({4, 1, 8, 20, 24}));
    EXPECT_FALSE(at::equal(all[0], all[1]));
    EXPECT_TRUE(at::equal(all.narrow(0, 2, 2), specimen(settings, 2, 2)));
  }
}

TEST(Specimen, says_how_far_its_voxels_are_from_each_other) {
  const auto specimen =
      testing::load_component("io/specimen", {{"pixel", 65}, {"step", 200}, {"size", 9}});
  Specs specs;
  dynamic_cast<const Stage&>(*specimen).infer({}, specs);
  const Spec spec = specs[kDensity];
  EXPECT_EQ(spec.shape, (std::vector<std::int64_t>{1, 9, 9, 9}));
  EXPECT_EQ(spec.spacing, (std::vector<double>{1, 200, 65, 65}));
  EXPECT_EQ(spec.spacing_unit, "nm");
  EXPECT_EQ(spec.unit, "photon");
}

TEST(Specimen, is_tiny_if_that_is_wanted_and_larger_capsules_fill_it) {
  EXPECT_EQ(specimen({{"size", 1}}).numel(), 1);
  const Tensor filled = specimen({{"size", 2}, {"kind", beads(1, 1e6)}, {"brightness", 3}});
  EXPECT_EQ(filled.min().item<float>(), 3);
}

TEST(Specimen, refuses_two_sizes) {
  EXPECT_EQ(testing::message_of<ConfigError>([] {
              specimen({{"size", Value::list({3, 4})}});
            }),
            "test.yaml:1:1: 'size' must have one entry, or three: planes, height and width, got 2");
}

}  // namespace
}  // namespace pellucid
