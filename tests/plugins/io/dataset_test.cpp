// Arrays of files: which axis counts items, where channels go, what stays as it is.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"

namespace pellucid {
namespace {

using testing::message_of;
using testing::Settings;

/// A file with one array of (items, shape...), written as buffers are.
void write(const std::filesystem::path& file, const Tensor& array, const std::string& axes = "") {
  Spec spec;
  spec.items = array.size(0);
  spec.dtype = array.scalar_type();
  spec.axes = axes;
  spec.shape = array.sizes().slice(1).vec();
  DatasetWriter writer(file, {{"/x", spec}}, false);
  writer.write(0, 0, array);
  writer.close(true);
}

Tensor read(const std::string& path, Settings settings = {}, std::int64_t first = 0,
            std::int64_t count = -1) {
  settings.push_back({"path", path});
  const Outputs out = testing::run_stage("io/dataset", settings, {}, first, count);
  return out[Out<Tensor>{"items", ""}];
}

Spec spec_of_file(const std::string& path, Settings settings = {}) {
  settings.push_back({"path", path});
  const auto component = testing::load_component("io/dataset", settings);
  Specs out;
  dynamic_cast<const Worker&>(*component).infer({}, out);
  return std::get<Spec>(out.all().at("items"));
}

TEST(Dataset, gives_back_what_save_wrote_with_its_axes) {
  const TemporaryFolder folder;
  const Tensor x = at::rand({5, 3, 4, 6});
  write(folder / "x.h5", x, "chw");
  const Spec spec = spec_of_file(folder.text("x.h5:/x"));
  EXPECT_EQ(spec.items, 5);
  EXPECT_EQ(spec.axes, "chw");
  EXPECT_TRUE(at::equal(read(folder.text("x.h5:/x")), x));
  EXPECT_TRUE(at::equal(read(folder.text("x.h5:/x"), {}, 2, 2), x.narrow(0, 2, 2)));
}

TEST(Dataset, takes_the_item_axis_out_wherever_it_stands_and_moves_channels_to_the_front) {
  const TemporaryFolder folder;
  const Tensor x = at::rand({4, 5, 6, 3}, at::kDouble);
  write(folder / "x.npy", x);
  const Tensor items = read(folder.text("x.npy"), {{"axes", "hnwc"}});
  EXPECT_EQ(spec_of_file(folder.text("x.npy"), {{"axes", "hnwc"}}).axes, "chw");
  EXPECT_TRUE(at::equal(items, x.permute({1, 3, 0, 2})));
  const Tensor others = read(folder.text("x.npy"), {{"axes", "abcd"}, {"item", "d"}}, 1, 2);
  EXPECT_TRUE(at::equal(others, x.permute({3, 2, 0, 1}).narrow(0, 1, 2)));
}

TEST(Dataset, is_one_item_without_an_item_axis_and_grey_has_one_channel) {
  const TemporaryFolder folder;
  const Tensor x = at::rand({4, 5});
  write(folder / "x.npy", x);
  EXPECT_TRUE(at::equal(read(folder.text("x.npy")), x.view({1, 1, 4, 5})));
  EXPECT_EQ(spec_of_file(folder.text("x.npy"), {{"axes", "tf"}}).axes, "tf");
  const Tensor volume = at::rand({2, 3, 4});
  write(folder / "v.npy", volume);
  EXPECT_TRUE(
      at::equal(read(folder.text("v.npy"), {{"axes", "zyx"}}), volume.view({1, 1, 2, 3, 4})));
  EXPECT_TRUE(at::equal(read(folder.text("v.npy"), {{"axes", "nhw"}}), volume.view({2, 1, 3, 4})));
}

TEST(Dataset, gives_each_axis_the_spacing_that_the_file_says) {
  const TemporaryFolder folder;
  const auto spacing = [&](at::IntArrayRef shape, const std::vector<double>& given,
                           const std::string& axes) {
    Spec spec;
    spec.items = shape[0];
    spec.axes = std::string("abcdef").substr(0, shape.size() - 1);
    spec.shape = shape.slice(1).vec();
    spec.spacing = given;
    spec.spacing_unit = "um";
    DatasetWriter(folder / "x.h5", {{"/x", spec}}, false).close(true);
    return spec_of_file(folder.text("x.h5:/x"), {{"axes", axes}}).spacing;
  };
  using Values = std::vector<double>;
  EXPECT_EQ(spacing({2, 4, 5}, {3, 7}, "nhw"), (Values{1, 3, 7}));
  EXPECT_EQ(spacing({4, 5, 2}, {3, 7}, "hwn"), (Values{1, 3, 7}));
  EXPECT_EQ(spacing({4, 2, 5}, {3, 7}, "hnw"), (Values{1, 3, 7}));
  EXPECT_EQ(spacing({2, 4, 5, 3}, {3, 7, 9}, "nhwc"), (Values{9, 3, 7}));
  EXPECT_EQ(spacing({2, 4, 5, 3}, {3, 7}, "nhwc"), (Values{1, 3, 7}));
  EXPECT_EQ(spacing({2, 3, 4, 5}, {3, 7}, "nchw"), (Values{1, 3, 7}));
  EXPECT_EQ(spacing({2, 3, 4, 5}, {6, 9, 3, 7}, "nchw"), (Values{9, 3, 7}));
  EXPECT_EQ(spacing({2, 3, 4, 5}, {3}, "nchw"), Values{});
}

TEST(Dataset, keeps_the_dtype_unless_another_is_asked_for) {
  const TemporaryFolder folder;
  const Tensor x = at::arange(24, at::kByte).view({2, 3, 4});
  write(folder / "x.npy", x);
  EXPECT_EQ(read(folder.text("x.npy"), {{"axes", "nhw"}}).scalar_type(), at::kByte);
  const Tensor real = read(folder.text("x.npy"), {{"axes", "nhw"}, {"dtype", "float32"}});
  EXPECT_TRUE(at::equal(real, x.to(at::kFloat).view({2, 1, 3, 4})));
}

TEST(Dataset, gives_a_region_of_an_item) {
  const TemporaryFolder folder;
  const Tensor x = at::rand({2, 5, 6});
  write(folder / "x.npy", x);
  const auto component =
      testing::load_component("io/dataset", {{"path", folder.text("x.npy")}, {"axes", "nhw"}});
  Inputs in;
  in.set_block({1, 1, Region{{0, 1, 2}, {1, 3, 4}, {1, 5, 6}}});
  Outputs out;
  dynamic_cast<const Stage&>(*component).process(in, out, *testing::context());
  EXPECT_TRUE(at::equal(std::get<Tensor>(out.all().at("items"))[0][0],
                        x[1].narrow(0, 1, 3).narrow(1, 2, 4)));
}

TEST(Dataset, asks_for_axes_that_it_cannot_know) {
  const TemporaryFolder folder;
  write(folder / "x.npy", at::rand({2, 3, 4}));
  const std::string path = folder.text("x.npy");
  EXPECT_EQ(message_of<ConfigError>([&] { read(path); }),
            "test.yaml:1:1: the array of 2x3x4 has 3 axes without names; say what they are, e.g. "
            "axes: nhw, chw or zyx");
  EXPECT_EQ(message_of<ConfigError>([&] {
              read(path, {{"axes", "hw"}});
            }),
            "test.yaml:1:1: the array of 2x3x4 needs 3 letters in 'axes', got 'hw'");
  EXPECT_EQ(message_of<ConfigError>([&] {
              read(path, {{"axes", "hhw"}});
            }),
            "test.yaml:1:1: each letter of 'axes' must stand for one axis, got 'hhw'");
  EXPECT_EQ(message_of<ConfigError>([&] {
              read(path, {{"axes", "zyx"}, {"item", "t"}});
            }),
            "test.yaml:1:1: 'item' must be a letter of the axes 'zyx', got 't'");
}

TEST(Dataset, says_which_file_or_dataset_is_missing) {
  const TemporaryFolder folder;
  write(folder / "x.h5", at::rand({2, 3, 4}));
  EXPECT_NE(message_of<ConfigError>([&] { read(folder.text("x.h5:/y")); }).find("'/y'"),
            std::string::npos);
  EXPECT_NE(message_of<ConfigError>([&] { read(folder.text("none.npy")); }).find("none.npy"),
            std::string::npos);
}

}  // namespace
}  // namespace pellucid
