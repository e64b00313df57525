// Files written by save: read back by other readers, cut back, refused.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>

#include "base/temporary_folder.h"
#include "sink.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

using testing::message_of;

Tensor read(const fs::path& file, const std::string& dataset = "") {
  const DatasetReader reader({file, dataset});
  return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
}

Tensor images(const std::string& pattern) {
  const Outputs out = testing::run_stage("io/images", {{"path", pattern}}, {});
  return out[Out<Tensor>{"images", ""}];
}

std::string text_of(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

Saved scores(std::int64_t items) {
  const std::vector<Column> columns{{"psnr", Column::Type::real, "dB", 0, ""},
                                    {"kind", Column::Type::text, "", 8, ""},
                                    {"rank", Column::Type::integer, "", 0, ""}};
  Table table(columns);
  for (std::int64_t i = 0; i < items; ++i)
    table.add(i, {20.5 + double(i), "k" + std::to_string(i), i * i});
  return {"score", table, TableSpec{items, 1, columns}};
}

TEST(Save, writes_tensors_of_any_dtype_to_hdf5) {
  const TemporaryFolder folder;
  const Tensor mean = at::rand({5, 3, 4, 6}), count = at::arange(5 * 2, at::kInt).view({5, 2});
  save(folder.text("out.h5"), {saved("mean", mean, "chw", "photon"), saved("count", count, "k")});
  EXPECT_TRUE(at::equal(read(folder / "out.h5", "/mean"), mean));
  EXPECT_TRUE(at::equal(read(folder / "out.h5", "/count"), count));
  const DatasetReader reader({folder / "out.h5", "/mean"});
  EXPECT_EQ(reader.axes(), "chw");
  EXPECT_EQ(reader.unit(), "photon");
  EXPECT_FALSE(fs::exists(folder / "out.h5.part"));
}

TEST(Save, writes_a_tensor_with_one_item_once) {
  const TemporaryFolder folder;
  const Tensor many = at::rand({5, 1, 4, 4}), one = at::rand({1, 1, 3, 3});
  save(folder.text("out.h5"), {saved("many", many, "chw"), saved("one", one, "chw")});
  EXPECT_TRUE(at::equal(read(folder / "out.h5", "/one"), one));
}

TEST(Save, writes_a_table_to_hdf5_column_by_column) {
  const TemporaryFolder folder;
  save(folder.text("out.h5"), {saved("x", at::rand({3, 1, 2, 2}), "chw"), scores(3)});
  EXPECT_TRUE(at::equal(read(folder / "out.h5", "/score/item"), at::arange(3)));
  EXPECT_TRUE(at::equal(read(folder / "out.h5", "/score/psnr"), at::arange(3, at::kDouble) + 20.5));
  EXPECT_TRUE(at::equal(read(folder / "out.h5", "/score/rank"), at::arange(3).square()));
  EXPECT_EQ(DatasetReader({folder / "out.h5", "/score/psnr"}).unit(), "dB");
  const Tensor kind = read(folder / "out.h5", "/score/kind");
  EXPECT_EQ(kind.sizes(), at::IntArrayRef({3, 8}));
  EXPECT_EQ(kind[2][1].item<std::int64_t>(), '2');
}

TEST(Save, writes_a_table_beside_other_formats_as_text) {
  const TemporaryFolder folder;
  save(folder.text("out.npy"), {saved("x", at::rand({3, 1, 2, 2}), "chw"), scores(3)});
  EXPECT_EQ(text_of(folder / "out_score.csv"),
            "item,psnr [dB],kind,rank\n0,20.5,k0,0\n1,21.5,k1,1\n2,22.5,k2,4\n");
}

TEST(Save, writes_npy) {
  const TemporaryFolder folder;
  const Tensor x = at::randn({5, 2, 3}, at::kDouble);
  save(folder.text("x.npy"), {saved("x", x, "hw")});
  EXPECT_TRUE(at::equal(read(folder / "x.npy"), x));
}

TEST(Save, writes_tiff_pages_that_keep_their_values) {
  const TemporaryFolder folder;
  const Tensor colour = at::randn({3, 3, 5, 4}), grey = at::randn({3, 1, 5, 4}, at::kDouble);
  save(folder.text("out.tif"), {saved("colour", colour, "chw"), saved("grey", grey, "chw")});
  EXPECT_TRUE(at::equal(images(folder.text("out_colour.tif")), colour));
  EXPECT_TRUE(at::equal(images(folder.text("out_grey.tif")), grey));
  const Tensor many = at::randn({2, 5, 4, 4});
  save(folder.text("many.tif"), {saved("many", many, "chw")});
  EXPECT_TRUE(at::equal(images(folder.text("many.tif")), many));
}

TEST(Save, writes_png_beside_another_format) {
  const TemporaryFolder folder;
  const Tensor x = at::linspace(-0.2, 1.2, 2 * 3 * 4 * 5).view({2, 3, 4, 5});
  const auto sink = save(folder.text("out.h5"), {saved("mean", x, "chw")}, {{"png", true}});
  EXPECT_EQ(sink->files(),
            (std::vector<std::string>{folder.text("out.h5"), folder.text("out/mean_0000.png"),
                                      folder.text("out/mean_0001.png")}));
  // Half a grey level of rounding.
  EXPECT_LE((images(folder.text("out/*.png")) - x.clamp(0, 1)).abs().max().item<float>(),
            0.5 / 255 + 1e-6);
}

TEST(Save, scales_png_of_other_units_from_the_smallest_to_the_largest_value) {
  const TemporaryFolder folder;
  const Tensor x = at::linspace(-3, 9, 16).view({1, 1, 4, 4});
  save(folder.text("x.png"), {saved("x", x, "chw", "photon")});
  EXPECT_LE((images(folder.text("x.png")) - (x + 3) / 12).abs().max().item<float>(),
            0.5 / 255 + 1e-6);
}

TEST(Save, goes_on_where_an_earlier_process_stopped) {
  const TemporaryFolder folder;
  const std::vector<Saved> all{saved("x", at::rand({6, 1, 3, 3}), "chw"), scores(6)};
  for (const char* name : {"out.h5", "out.npy"}) {
    {
      const auto first = open_sink(folder.text(name), all);
      write(*first, all, 0, 2);
      write(*first, all, 2, 2);
      first->sync();
    }
    SinkStart start;
    start.resumed = true;
    start.first_item = 2;  // items 2 and 3 were not journalled
    const auto second = open_sink(folder.text(name), all, {}, start);
    const Tensor x = std::get<Tensor>(all[0].value);
    EXPECT_TRUE(at::equal(second->stored({0, 2, std::nullopt})[0], x.narrow(0, 0, 2)));
    for (const int item : {2, 4}) write(*second, all, item, 2);
    second->sync();
    second->close("{}");
    EXPECT_TRUE(at::equal(read(folder / name, name[4] == 'h' ? "/x" : ""), x)) << name;
  }
  EXPECT_EQ(text_of(folder / "out_score.csv"),
            "item,psnr [dB],kind,rank\n0,20.5,k0,0\n1,21.5,k1,1\n2,22.5,k2,4\n3,23.5,k3,9\n"
            "4,24.5,k4,16\n5,25.5,k5,25\n");
}

TEST(Save, takes_regions_of_an_item) {
  const TemporaryFolder folder;
  const Tensor x = at::rand({1, 1, 4, 6});
  const std::vector<Saved> all{saved("x", x, "chw")};
  const auto sink = open_sink(folder.text("out.h5"), all);
  EXPECT_TRUE(sink->takes_regions());
  for (const int left : {0, 3}) {
    const Region region{{0, 0, left}, {1, 4, 3}, {1, 4, 6}};
    Inputs in = inputs_of({{"x", x.narrow(3, left, 3), all[0].spec}}, 0, 1);
    in.set_block({0, 1, region});
    sink->write(in, *testing::context());
  }
  sink->close("{}");
  EXPECT_TRUE(at::equal(read(folder / "out.h5", "/x"), x));
}

TEST(Save, never_replaces_a_finished_file_unless_told_to) {
  const TemporaryFolder folder;
  const std::vector<Saved> all{saved("x", at::rand({1, 1, 3, 3}), "chw")};
  for (const char* name : {"out.h5", "out.npy", "out.tif", "out.png"}) {
    save(folder.text(name), all);
    EXPECT_EQ(message_of<Error>([&] { save(folder.text(name), all); }),
              "'" + folder.text(name) +
                  "' exists already; choose another name, or replace it with --overwrite");
    SinkStart start;
    start.overwrite = true;
    save(folder.text(name), all, {}, start);
  }
}

TEST(Save, refuses_what_a_format_cannot_hold) {
  const TemporaryFolder folder;
  const Tensor x = at::rand({1, 2, 3, 3});
  const auto message = [&](const char* name, std::vector<Saved> all) {
    return message_of<ConfigError>([&] { save(folder.text(name), all); });
  };
  EXPECT_EQ(message("out.png", {saved("x", x, "chw")}),
            "PNG files are grey or RGB: 'x' must be real with 1 or 3 channels, got 1 x float32 chw "
            "2x3x3 [1]");
  EXPECT_EQ(message("out.tif", {saved("x", x.to(at::kInt), "chw")}),
            "TIFF files hold uint8, float32 or float64, got int32; save to .h5 instead");
  EXPECT_EQ(message("out.npy", {saved("x", x, "chw"), saved("y", x, "chw")}),
            "an .npy file holds one tensor, got 2; save to .h5 instead");
  EXPECT_EQ(message("out.gif", {saved("x", x, "chw")}),
            "test.yaml:1:1: 'to' must end in .h5, .hdf5, .npy, .tif, .tiff or .png, got '" +
                folder.text("out.gif") + "'");
}

}  // namespace
}  // namespace pellucid
