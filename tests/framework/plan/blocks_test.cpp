// Blocks and tiles: sizes that follow from the specs and the settings alone.
#include "plan/blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string images(const std::string& settings, const std::string& with) {
  return "settings: {" + settings + "}\nnodes:\n  a: {use: toy/images, with: {" + with +
         "}}\n  b: {use: toy/blur}\n  c: {use: toy/convolve, in: {x: a, A: b}}\n"
         "  d: {use: toy/convolve, in: {x: c, A: b}}\n";
}

TEST(Blocks, hold_as_many_items_as_fill_16_MiB_of_the_largest_edge) {
  // 512 x 512 x 4 bytes = 1 MiB.
  EXPECT_EQ(plan_of(images("", "items: 100, shape: [1, 512, 512]")).block_items, 16);
  EXPECT_EQ(plan_of(images("block: 3 MiB", "items: 100, shape: [1, 512, 512]")).block_items, 3);
  EXPECT_EQ(plan_of(images("block: 1 KiB", "items: 100, shape: [1, 512, 512]")).block_items, 1);
  EXPECT_EQ(plan_of(images("block: 5", "items: 100, shape: [1, 512, 512]")).block_items, 5);
}

TEST(Blocks, have_one_size_whatever_window_threads_and_memory_there_are) {
  const std::string with = "items: 100, shape: [1, 512, 512]";
  PlanOptions window;
  window.items = {{7, 8}};
  EXPECT_EQ(plan_of(images("", with), window).block_items, 16);
  EXPECT_EQ(plan_of(images("threads: 1, workers: 3", with)).block_items, 16);
  EXPECT_EQ(plan_of(images("memory: 900 MiB", with)).block_items, 16);
}

TEST(Blocks, divide_the_items_of_a_stream) {
  const Plan plan = plan_of(images("block: 5", "items: 12"));
  const PlannedStream& stream = plan.streams[0];
  ASSERT_EQ(stream.blocks, 3);
  EXPECT_EQ(stream.block(0, 5), (Block{0, 5, {}}));
  EXPECT_EQ(stream.block(2, 5), (Block{10, 2, {}}));
}

TEST(Tiles, cut_the_last_axes_of_items_that_are_larger) {
  const Plan plan = plan_of(images("tile: [32, 48]", "items: 2, shape: [3, 64, 100]"));
  const PlannedStream& stream = plan.streams[0];
  ASSERT_EQ(stream.tiles.size(), 6);
  EXPECT_EQ(stream.tiles[0], (Region{{0, 0}, {32, 48}, {64, 100}}));
  EXPECT_EQ(stream.tiles[2], (Region{{0, 96}, {32, 4}, {64, 100}}));
  EXPECT_EQ(stream.tiles[5], (Region{{32, 96}, {32, 4}, {64, 100}}));
  EXPECT_EQ(stream.blocks, 12);
  EXPECT_EQ(stream.block(7, plan.block_items), (Block{1, 1, stream.tiles[1]}));
}

TEST(Tiles, leave_items_that_fit_in_one_as_they_are) {
  EXPECT_THAT(plan_of(images("tile: [64, 128]", "shape: [3, 64, 100]")).streams[0].tiles,
              IsEmpty());
}

TEST(Tiles, add_up_the_halos_of_what_follows) {
  const Plan plan = plan_of(images("tile: [32, 32]", "shape: [1, 64, 64]"));
  const PlannedNode& source = plan.nodes[node_named(plan, "a")];
  const PlannedNode& first = plan.nodes[node_named(plan, "c")];
  const PlannedNode& second = plan.nodes[node_named(plan, "d")];
  EXPECT_THAT(second.margin, ElementsAre(0, 0));
  EXPECT_THAT(second.halo, ElementsAre(3, 3));
  EXPECT_THAT(first.margin, ElementsAre(3, 3));
  EXPECT_THAT(source.margin, ElementsAre(6, 6));
  EXPECT_THAT(source.halo, ElementsAre(0, 0));
}

TEST(Tiles, name_the_node_that_needs_whole_items) {
  EXPECT_THAT(report_on(images("tile: [32, 32]", "shape: [1, 64, 64]") +
                        "  e: {use: toy/invert, in: {x: d}}\n"),
              HasSubstr("p.yaml:7:12: node 'e' (toy/invert): items of 64x64 are to be cut into "
                        "tiles, but this node needs the whole item (it declares no halo)\n"));
  EXPECT_THAT(report_on(images("tile: [32, 32]", "shape: [1, 64, 64]") +
                        "  e: {use: toy/mean, in: {x: d}}\n"),
              HasSubstr("a reducer is given whole items"));
  EXPECT_THAT(report_on("settings: {tile: [16, 16]}\nnodes:\n  p: {use: toy/pair}\n"
                        "  c: {use: toy/double, in: {x: p.left}}\n"),
              HasSubstr("items of 32x32 are to be cut into tiles, but this node makes whole items "
                        "(it declares no halo)"));
}

TEST(Tiles, leave_a_small_kernel_alone) {
  const Plan plan = plan_of(R"(settings: {tile: [32, 32]}
nodes:
  volume: {use: toy/images, with: {items: 1, shape: [1, 256, 256]}}
  kernel: {use: toy/images, with: {items: 1, shape: [1, 7, 7]}}
  blur: {use: toy/blur, in: {kernel: kernel}}
  camera: {use: toy/convolve, in: {x: volume, A: blur}}
)");
  EXPECT_THAT(plan.streams[plan.nodes[node_named(plan, "kernel")].stream].tiles, IsEmpty());
  EXPECT_EQ(plan.streams[plan.nodes[node_named(plan, "camera")].stream].tiles.size(), 64);
}

TEST(Regions, grow_up_to_the_border) {
  const Region tile{{0, 32}, {32, 32}, {64, 70}};
  EXPECT_EQ(grown(tile, {3, 10}), (Region{{0, 22}, {35, 48}, {64, 70}}));
}

TEST(Regions, are_whole_along_the_axes_that_are_not_cut) {
  Spec spec;
  spec.axes = "chw";
  spec.shape = {3, 64, 70};
  EXPECT_EQ(region_of({{0, 32}, {32, 32}, {64, 70}}, spec),
            (Region{{0, 0, 32}, {3, 32, 32}, {3, 64, 70}}));
}

}  // namespace
}  // namespace pellucid::testing
