#include <gtest/gtest.h>
#include <pellucid/spec.h>
#include <pellucid/testing.h>

#include <ATen/ATen.h>

namespace pellucid {
namespace {

using testing::message_of;

Spec images() {
  return {.items = 47,
          .dtype = at::kFloat,
          .axes = "chw",
          .shape = {3, 256, 192},
          .unit = "1",
          .spacing = {},
          .spacing_unit = ""};
}

TEST(Spec, counts_numbers_and_bytes_of_an_item_and_of_all) {
  EXPECT_EQ(images().item_numel(), 3 * 256 * 192);
  EXPECT_EQ(images().item_bytes(), 4 * 3 * 256 * 192);
  EXPECT_EQ(images().bytes(), std::int64_t{47} * 4 * 3 * 256 * 192);
}

TEST(Spec, of_a_number_an_item_has_one_number) {
  Spec scalar = images();
  scalar.axes = "";
  scalar.shape = {};
  EXPECT_EQ(scalar.item_numel(), 1);
}

TEST(Spec, reads_as_in_a_table) {
  EXPECT_EQ(images().text(), "47 x float32 chw 3x256x192 [1]");
  Spec unknown_unit = images();
  unknown_unit.unit = "";
  EXPECT_EQ(unknown_unit.text(), "47 x float32 chw 3x256x192");
}

TEST(Spec, knows_its_axes_by_letter) {
  EXPECT_EQ(images().size('h'), 256);
  EXPECT_EQ(message_of<ShapeError>([] { images().size('z'); }),
            "there must be an axis 'z', got the axes 'chw'");
}

TEST(Spec, compares_items_apart_from_their_number) {
  Spec other = images();
  other.items = 1;
  EXPECT_TRUE(images().same_item(other));
  EXPECT_FALSE(images() == other);
  other.shape[0] = 1;
  EXPECT_FALSE(images().same_item(other));
}

TEST(Dtype, has_a_name_both_ways) {
  for (const char* name :
       {"bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16",
        "bfloat16", "float32", "float64", "complex64", "complex128"}) {
    const auto dtype = dtype_of_name(name);
    ASSERT_TRUE(dtype) << name;
    EXPECT_EQ(dtype_name(*dtype), name);
  }
  EXPECT_EQ(dtype_of_name("float"), std::nullopt);
  EXPECT_EQ(dtype_name(at::kComplexFloat), "complex64");
}

TEST(Spec, is_made_from_a_tensor_of_items) {
  const Spec spec = spec_of(at::zeros({5, 1, 4, 3}, at::kDouble), "chw");
  EXPECT_EQ(spec.text(), "5 x float64 chw 1x4x3");
  EXPECT_EQ(message_of<ShapeError>([] {
              spec_of(at::zeros({4, 3}), "chw");
            }),
            "a tensor of items with the axes 'chw' must have 4 dimensions, got 4x3");
}

TEST(Requirements, say_what_is_needed_and_what_came) {
  EXPECT_NO_THROW(require_axes(images(), "hw"));
  EXPECT_EQ(message_of<ShapeError>([] { require_axes(images(), "zhw"); }),
            "the last axes must be 'zhw', got 'chw' (47 x float32 chw 3x256x192 [1])");

  Spec complex = images();
  complex.dtype = at::kComplexFloat;
  EXPECT_NO_THROW(require_floating(complex));
  EXPECT_EQ(message_of<ShapeError>([&] { require_real(complex); }),
            "values must be float32 or float64, got complex64 (47 x complex64 chw 3x256x192 [1])");

  Spec whole = images();
  whole.dtype = at::kByte;
  EXPECT_THROW(require_floating(whole), ShapeError);
}

TEST(Requirements, name_both_sides_where_two_must_agree) {
  Spec grey = images();
  grey.shape[0] = 1;
  EXPECT_NO_THROW(require_same(images(), "x", images(), "reference"));
  EXPECT_EQ(message_of<ShapeError>([&] { require_same(images(), "x", grey, "reference"); }),
            "'x' and 'reference' must have the same shape, got 3x256x192 and 1x256x192");
}

TEST(Requirements, name_both_units_where_they_are_known_and_differ) {
  Spec photons = images(), unknown = images();
  photons.unit = "photon";
  unknown.unit = "";
  EXPECT_NO_THROW(require_same(images(), "x", unknown, "reference"));
  EXPECT_NO_THROW(require_same(unknown, "x", photons, "reference"));
  EXPECT_EQ(message_of<ShapeError>([&] { require_same(images(), "x", photons, "reference"); }),
            "'x' and 'reference' must have the same unit, got [1] and [photon]");
}

TEST(Requirements, know_the_axes_of_images_and_volumes) {
  EXPECT_NO_THROW(require_spatial(images(), 2));
  EXPECT_EQ(message_of<ShapeError>([] { require_spatial(images(), 3); }),
            "the last axes must be 'zyx' or 'zhw', got 'chw' (47 x float32 chw 3x256x192 [1])");
  Spec volume = images();
  volume.axes = "zyx";
  EXPECT_NO_THROW(require_spatial(volume, 2));
  EXPECT_NO_THROW(require_spatial(volume, 3));
  Spec empty = images();
  empty.shape[1] = 0;
  EXPECT_EQ(message_of<ShapeError>([&] { require_spatial(empty, 2); }),
            "the last axes must have samples, got 47 x float32 chw 3x0x192 [1]");
}

TEST(LastAxes, are_counted_from_the_end) {
  EXPECT_EQ(last_sizes(images().shape, 2), (std::vector<std::int64_t>{256, 192}));
  EXPECT_EQ(last_axes(2), (std::vector<std::int64_t>{-2, -1}));
}

}  // namespace
}  // namespace pellucid
