#include "buffers/slab.h"

#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <pellucid/error.h>

namespace pellucid {
namespace {

using Stretches = std::vector<std::pair<std::int64_t, std::int64_t>>;

Stretches stretches(at::IntArrayRef shape, at::IntArrayRef offset, at::IntArrayRef size) {
  Stretches found;
  for_each_stretch(shape, offset, size, [&](std::int64_t first, std::int64_t count) {
    found.emplace_back(first, count);
  });
  return found;
}

TEST(Slab, the_whole_array_is_one_stretch) {
  EXPECT_EQ(stretches({2, 3, 4}, {0, 0, 0}, {2, 3, 4}), (Stretches{{0, 24}}));
}

TEST(Slab, rows_of_items_are_one_stretch) {
  EXPECT_EQ(stretches({5, 3, 4}, {1, 0, 0}, {2, 3, 4}), (Stretches{{12, 24}}));
}

TEST(Slab, a_region_has_a_stretch_a_row) {
  EXPECT_EQ(stretches({1, 4, 5}, {0, 1, 2}, {1, 2, 3}), (Stretches{{7, 3}, {12, 3}}));
}

TEST(Slab, an_empty_slab_has_none) { EXPECT_TRUE(stretches({4, 4}, {0, 0}, {0, 4}).empty()); }

TEST(Slab, stretches_visit_the_elements_that_slicing_gives) {
  const std::vector<std::int64_t> shape{3, 4, 5, 2};
  const at::Tensor places = at::arange(120).view(shape);
  for (const auto& [offset, size] :
       std::vector<std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>>{
           {{0, 1, 2, 0}, {3, 2, 3, 2}},
           {{1, 0, 0, 1}, {2, 4, 5, 1}},
           {{2, 3, 4, 1}, {1, 1, 1, 1}}}) {
    at::Tensor expected = places;
    for (std::int64_t axis = 0; axis < 4; ++axis)
      expected = expected.narrow(axis, offset[axis], size[axis]);
    std::vector<std::int64_t> visited;
    for (const auto& [first, count] : stretches(shape, offset, size))
      for (std::int64_t i = 0; i < count; ++i) visited.push_back(first + i);
    EXPECT_TRUE(at::equal(at::tensor(visited), expected.reshape(-1)));
  }
}

TEST(Slab, outside_of_the_array_is_an_error) {
  EXPECT_NO_THROW(require_slab({4, 4}, {1, 0}, {3, 4}, "x"));
  EXPECT_THROW(require_slab({4, 4}, {1, 0}, {4, 4}, "x"), ShapeError);
  EXPECT_THROW(require_slab({4, 4}, {-1, 0}, {1, 1}, "x"), ShapeError);
  EXPECT_THROW(require_slab({4, 4}, {0}, {1}, "x"), ShapeError);
}

TEST(Slab, values_of_a_region_may_carry_the_axis_of_their_item) {
  const Region region{{0, 1}, {2, 3}, {4, 4}};
  EXPECT_EQ(region_values(region, at::ones({1, 2, 3})).sizes(), (at::IntArrayRef{2, 3}));
  EXPECT_EQ(region_values(region, at::ones({2, 3})).sizes(), (at::IntArrayRef{2, 3}));
  EXPECT_THROW(region_values(region, at::ones({2, 2, 3})), ShapeError);
}

}  // namespace
}  // namespace pellucid
