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
  EXPECT_THAT(
      report_on(images("tile: [32, 32]", "shape: [1, 64, 64]") +
                "  e: {use: toy/invert, in: {x: d}}\n"),
      HasSubstr("p.yaml:7:12: node 'e' (toy/invert): items of 64x64 are to be cut into "
                "tiles, but this node needs the whole item (it declares no halo); where results "
                "near those of the whole item will do, say by 'overlap' how far it is to "
                "look beyond a tile\n"));
  EXPECT_THAT(report_on(images("tile: [32, 32]", "shape: [1, 64, 64]") +
                        "  e: {use: toy/mean, in: {x: d}}\n"),
              HasSubstr("a reducer is given whole items"));
  EXPECT_THAT(report_on("settings: {tile: [16, 16]}\nnodes:\n  p: {use: toy/pair}\n"
                        "  c: {use: toy/double, in: {x: p.left}}\n"),
              HasSubstr("items of 32x32 are to be cut into tiles, but this node makes whole items "
                        "(it declares no halo)"));
}

TEST(Tiles, overlap_where_a_stage_needs_whole_items_and_the_settings_say_how_far) {
  const Plan plan = plan_of(images("tile: [32, 32], overlap: [5, 9]", "shape: [1, 64, 64]") +
                            "  e: {use: toy/invert, in: {x: d}}\n");
  EXPECT_THAT(plan.nodes[node_named(plan, "e")].halo, ElementsAre(5, 9));
  EXPECT_THAT(plan.nodes[node_named(plan, "d")].halo, ElementsAre(3, 3)) << "which it declares";
  EXPECT_THAT(plan.nodes[node_named(plan, "c")].margin, ElementsAre(8, 12));
  EXPECT_THAT(report_on(images("tile: [32, 32], overlap: [5, 9, 1]", "")),
              HasSubstr("'overlap' must have a size for each of 'tile', expected 2, found 3"));
  EXPECT_THAT(report_on("settings: {tile: [16, 16], overlap: [4, 4]}\nnodes:\n"
                        "  p: {use: toy/pair}\n  c: {use: toy/double, in: {x: p.left}}\n"),
              HasSubstr("this node makes whole items (it declares no halo)"));
}

TEST(Tiles, have_no_tables_of_their_own) {
  const std::string nodes = images("tile: [32, 32], overlap: [5, 9]", "shape: [1, 64, 64]") +
                            "  e: {use: toy/iterate, in: {x: d}}\n  s: {use: toy/save, in: {y: e.y";
  const auto is_table = [](const PlannedResult& result) { return result.port == "history"; };
  const Plan whole =
      plan_of("settings: {tile: [64, 64]" + nodes.substr(nodes.find("}\nnodes")) + "}}\n");
  EXPECT_EQ(std::count_if(whole.results.begin(), whole.results.end(), is_table), 1);
  const Plan tiled = plan_of(nodes + "}}\n");
  EXPECT_EQ(std::count_if(tiled.results.begin(), tiled.results.end(), is_table), 0);
  EXPECT_THAT(report_on(nodes + ", history: e.history}}\n"),
              HasSubstr("node 'e' (toy/iterate): items of 64x64 are to be cut into tiles, but a "
                        "table ('history') is made from whole items"));
  EXPECT_THAT(report_on(nodes + "}}\n  q: {use: toy/score, in: {x: e.y}}\n"),
              HasSubstr("but a table ('table') is made from whole items"));
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
